"""The shards of an unfinished conversion, in OUTPUT/.unfinished/<key>/.

Each finished shard has a progress file beside it.  The key is a digest of all that the
shards depend on: a conversion that was killed continues with the shards of its own key
and no other.  All shards move to OUTPUT together, at the end.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Iterable, Sequence

from absl import logging

from data_tools.conversion.record_plan import SHARD_NAME
from data_tools.conversion.shard_writer import ShardResult, ShardTask, write_shard
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE
from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.files import flush_folder
from pzbias_tf.guards import own_folders

UNFINISHED = ".unfinished"
"""The folder's name in the output."""

OWNER_FILE = "owner"
"""The file in it that names the owner of a remote folder; see `lock`."""

# A single catalog.fits is not matched: a new one replaces it, and it may be the input in a folder
# that is input and output at once.  The same goes for rejected.csv and manifest.json.
_LEFT_OVER = re.compile(
    rf"\.?{SHARD_NAME.pattern}(\.\S+\.tmp)?|catalog-\d{{5,}}-of-\d{{5,}}\.fits"
    r"|\.(catalog\S*\.fits|rejected\.csv|manifest\.json)\.\S+\.tmp")


_KEY = re.compile(r"[0-9a-f]{16}")


def prepare_folder(output: str, key: str) -> str:
  """The folder of the unfinished conversion `key`, cleared of everything unfinished.

  Args:
    output: the data set's folder, which has no manifest and belongs to this process.
    key: digest of what the shards depend on.
  """
  parent = os.path.join(output, UNFINISHED)
  folder = os.path.join(parent, key)
  if not storage.is_remote(output):
    own_folders.refuse_link(parent)
    own_folders.refuse_link(folder)
  storage.make_folders(folder)
  _remove((os.path.join(parent, name) for name in storage.names(parent)
           if name not in (key, OWNER_FILE)),
          "an unfinished conversion of another source or with other settings")
  _remove((os.path.join(folder, name) for name in storage.names(folder) if name.endswith(".tmp")),
          "was being written when a conversion was interrupted")
  num_finished = _fetch_moved_shards(output, folder)
  if num_finished:
    logging.info("%s: continuing an unfinished conversion with %d finished shards", output,
                 num_finished)
  _remove((os.path.join(output, name) for name in storage.names(output)
           if _LEFT_OVER.fullmatch(name)), "a file of an unfinished conversion")
  return folder


def refuse_foreign(folder: str, remedy: str) -> None:
  """Refuses a folder of the name UNFINISHED that holds anything but what conversions put there.

  Raises:
    FileExistsError: it does.
  """
  names = [name for name in storage.names(folder)
           if not (_KEY.fullmatch(name) or name.startswith((OWNER_FILE, f".{OWNER_FILE}.")))]
  own_folders.refuse_foreign(folder, names, (), remedy)


def write_unless_finished(task: ShardTask) -> ShardResult:
  """Writes a shard, unless an earlier run finished it; returns its result either way."""
  return _finished_result(task) or rewrite(task)


def rewrite(task: ShardTask) -> ShardResult:
  """Writes a shard and its progress file, and replaces existing ones."""
  result = write_shard(task)
  # `dataclasses.asdict` would copy the reasons and marks of all records one by one.
  fields = {**vars(result), "shard": vars(result.shard)}
  storage.write_text(_progress_path(task.folder, task.name), json.dumps(fields))
  return result


def move_to_output(folder: str, output: str, shards: Sequence[manifest_lib.Shard],
                   others: Sequence[str] = ()) -> None:
  """Moves finished shards, and further files that belong to them, to the output.

  Raises:
    OSError: a shard has changed since it was finished; nothing is moved.
  """
  for shard in shards:
    path = os.path.join(folder, shard.name)
    size = storage.file_size(path)
    if size != shard.bytes:
      raise OSError(f"{path}: {size} bytes, finished with {shard.bytes}: another process has "
                    "written to it; end that process and give the same command again")
  for name in (*(shard.name for shard in shards), *others):
    storage.move(os.path.join(folder, name), os.path.join(output, name))
  if not storage.is_remote(output):
    flush_folder(output)


def remove_unfinished(output: str) -> None:
  """Removes the folder of unfinished shards."""
  storage.remove_tree(os.path.join(output, UNFINISHED))


def finished_bytes(folder: str) -> int:
  """Size of the finished shards."""
  return sum(storage.file_size(os.path.join(folder, name)) for name in storage.names(folder)
             if SHARD_NAME.fullmatch(name))


def finished_shards(folder: str) -> set[str]:
  """Names of the shards that will be kept, judging by their progress files alone."""
  return {name for name in _names_with_progress(folder) if _usable_progress(folder, name)}


def read_progress(folder: str, name: str) -> ShardResult:
  """The result of a shard, from the progress file beside it.

  Raises:
    OSError: there is no such file.
    ValueError, TypeError, KeyError: it is damaged.
  """
  fields = json.loads(storage.read_bytes(_progress_path(folder, name)))
  shard = manifest_lib.Shard(**fields.pop("shard"))
  values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                            for name, value in fields.items()}
  return ShardResult(shard=shard, **values)


def _finished_result(task: ShardTask) -> ShardResult | None:
  """The result of an earlier run, if its shard exists and has the right digest."""
  path, result = os.path.join(task.folder, task.name), _usable_progress(task.folder, task.name)
  if result is None or not storage.is_file(path):
    return None
  if (storage.file_size(path), storage.sha256(path)) != (
      result.shard.bytes, result.shard.sha256):
    logging.warning("%s: size or SHA-256 has changed since it was finished; it is written again",
                    path)
    return None
  return result


def _usable_progress(folder: str, name: str) -> ShardResult | None:
  """A shard's result from its progress file; None if that is damaged or images were missing."""
  try:
    result = read_progress(folder, name)
  except FileNotFoundError:
    return None
  except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
    logging.warning("%s: %s; the shard is written again", _progress_path(folder, name), error)
    return None
  # A file that the file system did not show then may exist by now.
  return None if REASON_NO_IMAGE in result.reasons else result


def _progress_path(folder: str, name: str) -> str:
  return os.path.join(folder, f"{name}.json")


def _names_with_progress(folder: str) -> list[str]:
  return [name.removesuffix(".json") for name in storage.names(folder) if name.endswith(".json")]


def _fetch_moved_shards(output: str, folder: str) -> int:
  """Moves shards back that were published without a manifest; returns how many are finished."""
  names = _names_with_progress(folder)
  for name in names:
    inside, outside = (os.path.join(place, name) for place in (folder, output))
    if not storage.is_file(inside) and storage.is_file(outside):
      storage.move(outside, inside)
  return len(names)


def _remove(paths: Iterable[str], what: str) -> None:
  for path in list(paths):
    logging.warning("%s: %s; it is removed", path, what)
    storage.remove(path)
