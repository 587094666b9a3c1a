"""Limits of pickles, found without loading them: depth, and size with shared parts written out.

A pickle of a few hundred bytes can name one tuple 2^60 times, or nest so deeply that C code
crashes the process when it compares or frees what was loaded.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any, Iterator

DEEPEST = 64
"""Containers inside each other."""

MOST_PARTS = 50_000_000
"""With shared parts counted each time."""

_MARK: list = []
_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_TO_MARK = ("TUPLE", "LIST", "DICT", "FROZENSET", "INST", "OBJ")
_INTO = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}
_ALL_INTO = ("APPENDS", "SETITEMS", "ADDITEMS")
_NEW = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3, "STACK_GLOBAL": 2, "BINPERSID": 1}
_PUT, _GET = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")


def check(data: bytes) -> None:
  """Refuses a pickle whose contents are nested too deeply, or too large.

  Raises:
    pickle.UnpicklingError: it is, or it is damaged.
  """
  stack: list[list] = []
  memo: dict[int, list] = {}
  try:
    for name, argument in _instructions(data):
      _apply(name, argument, stack, memo)
      if name == "STOP":
        return
  except (IndexError, KeyError, ValueError) as error:
    raise pickle.UnpicklingError(f"damaged pickle: {error!r}") from error
  raise pickle.UnpicklingError("damaged pickle: cut short")


def _instructions(data: bytes) -> Iterator[tuple[str, Any]]:
  """(name, argument) of each instruction.

  Not `pickletools.genops`, which refuses the texts that Python 2 wrote.
  """
  file = io.BytesIO(data)
  while code := file.read(1):
    opcode = _OPCODES[code.decode("latin1")]
    if opcode.name in ("STRING", "UNICODE"):
      yield opcode.name, file.readline()
    else:
      yield opcode.name, opcode.arg.reader(file) if opcode.arg else None


def _apply(name: str, argument: Any, stack: list[list], memo: dict[int, list]) -> None:
  """One instruction; the stack and the memo hold [depth, size] in place of values."""
  if name in ("PROTO", "FRAME", "STOP", "READONLY_BUFFER"):
    return
  if name == "MARK":
    stack.append(_MARK)
  elif name in _TUPLES:
    stack.append(_around(_popped(stack, _TUPLES[name])))
  elif name in _TO_MARK:
    stack.append(_around(_to_mark(stack)))
  elif name in _INTO:
    _add(stack, _popped(stack, _INTO[name]))
  elif name in _ALL_INTO:
    _add(stack, _to_mark(stack))
  elif name in _NEW:
    stack.append(_around(_popped(stack, _NEW[name])))
  elif name in _PUT or name == "MEMOIZE":
    _remember(len(memo) if name == "MEMOIZE" else argument, stack[-1], memo)
  elif name in _GET:
    stack.append(memo[argument])
  elif name == "DUP":
    stack.append(stack[-1])
  elif name == "POP":
    stack.pop()
  elif name == "POP_MARK":
    _to_mark(stack)
  else:  # a text, a number, a name, an empty container
    stack.append([1, 1])


def _remember(number, value, memo):
  if number > len(memo) + DEEPEST:  # the unpickler would make room for all numbers below it
    raise pickle.UnpicklingError(f"value {number} is remembered as the {len(memo) + 1}th")
  memo[number] = value


def _popped(stack, count):
  values = stack[-count:]
  if len(values) < count or any(value is _MARK for value in values):
    raise IndexError("stack")
  del stack[-count:]
  return values


def _to_mark(stack):
  values = []
  while (value := stack.pop()) is not _MARK:
    values.append(value)
  return values


def _add(stack, values):
  """Values go into the container at the top."""
  container = stack[-1]
  container[:] = _checked([max(container[0], _depth(values)), container[1] + _size(values)])


def _around(values):
  return _checked([_depth(values), 1 + _size(values)])


def _depth(values):
  return 1 + max((depth for depth, _ in values), default=0)


def _size(values):
  return sum(size for _, size in values)


def _checked(value):
  if value[0] > DEEPEST:
    raise pickle.UnpicklingError(f"containers are nested deeper than {DEEPEST}; save the columns "
                                 "with numpy.savez instead")
  if value[1] > MOST_PARTS:
    raise pickle.UnpicklingError(f"more than {MOST_PARTS} values, shared ones counted each time; "
                                 "save the columns with numpy.savez instead")
  return value
