"""The door for JSON files: size, encoding, depth, digest and types are checked on reading.

A file ends with the SHA-256 of everything before it, so that a flipped bit does not pass for
another number.  Files of older versions have none and are read without this check.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from typing import Any, Mapping, NamedTuple

from pzbias_tf.files import write_text
from pzbias_tf.guards import plain_files

DIGEST = "sha256"
"""The last key."""

_LARGEST_BYTES = 256 << 20


class Each(NamedTuple):
  """Schema of a table with any keys.

  Attributes:
    of: schema of each value.
  """

  of: Any


ANYTHING = object()
"""Schema of a value that is not looked at."""

NUMBER_OR_INF = (float, "infinite")
"""Schema of a number that may be infinite or NaN."""

_WORDS = {str: "a text", int: "a whole number", float: "a finite number", bool: "true or false",
          None: "null", "infinite": "a number"}


def write(path: str | os.PathLike, fields: Mapping[str, Any]) -> None:
  """Writes fields and their digest, whole or not at all."""
  write_text(path, json.dumps({**fields, DIGEST: _digest(fields)}, indent=1) + "\n")


def read(path: str | os.PathLike, schema: Any, wrong: str) -> dict[str, Any]:
  """Reads what `write` wrote.

  Args:
    path: the file.
    schema: what it must hold: a type (str, int, float for any finite number, bool), None for
      null, [schema of each item], {key: schema}, where a key with ? at its end may be missing,
      `Each`, ANYTHING, or a tuple of alternatives.
    wrong: the message about other contents, with {problem}; it names the file and the remedy.

  Raises:
    FileNotFoundError: there is no such file.
    OSError: it cannot be read.
    ValueError: it holds something else, or has changed since it was written.
  """
  return parse(plain_files.read_bytes(path, _LARGEST_BYTES), path, schema, wrong)


def parse(data: bytes, path: str | os.PathLike, schema: Any, wrong: str, *,
          own_digest: bool = True) -> dict[str, Any]:
  """The fields in the bytes of a file; arguments as those of `read`.

  Args:
    own_digest: False leaves the key DIGEST in place, unchecked.
  """
  try:
    fields = json.loads(data)
  except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    raise ValueError(wrong.replace("{problem}", reason)) from error
  check(fields, schema, wrong)
  if own_digest:
    digest = fields.pop(DIGEST, None)
    if digest is not None and digest != _digest(fields):
      raise changed(path)
  return fields


def check(fields: Any, schema: Any, wrong: str) -> None:
  """Refuses fields that are not as the schema says; arguments as those of `read`.

  Raises:
    ValueError: something is missing, or of another type.
  """
  text = _problem(fields, schema, "")
  if text:
    raise ValueError(wrong.replace("{problem}", text))


def seal(path: str) -> None:
  """Gives a file the digest of what it holds now.

  Raises:
    OSError: it cannot be read.
    ValueError: it is not JSON.
  """
  fields = parse(plain_files.read_bytes(path, _LARGEST_BYTES), path, {},
                 f"{path}: not JSON ({{problem}})", own_digest=False)
  fields.pop(DIGEST, None)
  write(path, fields)


def changed(path: str | os.PathLike) -> ValueError:
  """The error about a file that is not as it was written."""
  return ValueError(
      f"{os.fspath(path)} has changed since it was written: its SHA-256 differs. Restore it, or "
      "make it again; if the change is your own, accept it with\n"
      f"  python -m data_tools.verify --accept={os.fspath(path)}")


def _digest(fields: Mapping[str, Any]) -> str:
  """Of the values, not of blanks and the order of keys."""
  plain = json.loads(json.dumps(fields))  # keys that are numbers become texts
  return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _problem(value, schema, place):
  """What is wrong with a value, in words; "" for nothing."""
  if schema is ANYTHING:
    return ""
  if isinstance(schema, Each):
    schema = dict.fromkeys(value, schema.of) if isinstance(value, dict) else {}
  if isinstance(schema, dict):
    return _problem_of_table(value, schema, place)
  if isinstance(schema, list):
    if not isinstance(value, list):
      return _other(value, "a list", place)
    return next(filter(None, (_problem(item, schema[0], f"{place}[{number}]")
                              for number, item in enumerate(value))), "")
  if isinstance(schema, tuple):
    problems = [_problem(value, one, place) for one in schema]
    return "" if "" in problems else problems[0]
  return "" if _is(value, schema) else _other(value, _WORDS[schema], place)


def _problem_of_table(value, schema, place):
  if not isinstance(value, dict):
    return _other(value, "a table", place)
  for name, inner in schema.items():
    key = name.removesuffix("?")
    where = f"{place}.{key}" if place else key
    if key not in value:
      if not name.endswith("?"):
        return f"{where} is missing"
      continue
    text = _problem(value[key], inner, where)
    if text:
      return text
  return ""


def _is(value, kind):
  if kind is None:
    return value is None
  if isinstance(value, bool) or kind is bool:
    return kind is bool and isinstance(value, bool)
  if kind == "infinite":
    return isinstance(value, float)
  if kind is float:
    return isinstance(value, (int, float)) and abs(value) < 1e308 and math.isfinite(value)
  return isinstance(value, kind) and (kind is not int or abs(value) < 1 << 63)


def _other(value, wanted, place):
  shown = json.dumps(value)
  return f"{place or 'the file'} must be {wanted}, got {shown[:60]}{'...' * (len(shown) > 60)}"
