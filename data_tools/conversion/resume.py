"""The shards of a conversion that is not complete yet, in OUTPUT/.unfinished/<key>/.

Each finished shard has a record of progress beside it.  The key is a digest of all that
the shards depend on: a conversion that was killed goes on with the shards of its own key
and no other.  Shards move to OUTPUT together, at the end.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import Sequence

from absl import logging

from data_tools.conversion import shard_file
from data_tools.conversion.record_plan import SHARD_NAME
from data_tools.conversion.shard_writer import ShardResult, ShardTask, write_shard
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE
from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.files import flush_folder

FOLDER = ".unfinished"
OWNER = "owner"
"""The file in it that says whose a remote folder is: see `ownership`."""

# Not the names of whole single files: these are replaced, and in a folder that is input and output
# at once, catalog.fits may be the input.
_LEFT_OVER = re.compile(
    rf"\.?{SHARD_NAME.pattern}(\.\S+\.tmp)?|catalog-\d{{5,}}-of-\d{{5,}}\.fits"
    r"|\.(catalog\S*\.fits|rejected\.csv|manifest\.json)\.\S+\.tmp")


def begin(output: str, key: str) -> str:
  """The folder of the unfinished conversion `key`, cleared of all that is not finished.

  Args:
    output: the data set's folder, without a manifest, that is this process's own.
    key: digest of what the shards depend on.
  """
  parent = os.path.join(output, FOLDER)
  folder = os.path.join(parent, key)
  storage.make_folders(folder)
  _remove((os.path.join(parent, name) for name in storage.names(parent)
           if name not in (key, OWNER)),
          "the unfinished conversion of another source or other settings")
  _remove((os.path.join(folder, name) for name in storage.names(folder) if name.endswith(".tmp")),
          "what was being written when a conversion was cut off")
  finished = _take_back(output, folder)
  if finished:
    logging.info("%s: going on with an unfinished conversion, %d shards are there", output,
                 finished)
  _remove((os.path.join(output, name) for name in storage.names(output)
           if _LEFT_OVER.fullmatch(name)), "a file of an unfinished conversion")
  return folder


def finish_shard(task: ShardTask) -> ShardResult:
  """The result of a task that is finished already, else writes the shard."""
  return _kept(task) or renew_shard(task)


def renew_shard(task: ShardTask) -> ShardResult:
  """Writes a shard and its record of progress, in place of what is there."""
  result = write_shard(task)
  storage.write_text(_progress_path(task.folder, task.name), json.dumps(dataclasses.asdict(result)))
  return result


def publish(folder: str, output: str, shards: Sequence[manifest_lib.Shard],
            others: Sequence[str] = ()) -> None:
  """Moves finished shards, and further files of theirs, to where they belong.

  Raises:
    OSError: one of them is not as it was finished; none is moved.
  """
  for shard in shards:
    path = os.path.join(folder, shard.name)
    size = storage.file_size(path)
    if size != shard.bytes:
      raise OSError(f"{path}: {size} bytes, finished with {shard.bytes}: another process has "
                    "written to it; end that, and give the same command again")
  for name in (*(shard.name for shard in shards), *others):
    storage.move(os.path.join(folder, name), os.path.join(output, name))
  if not storage.is_remote(output):
    flush_folder(output)


def end(output: str) -> None:
  """Removes the folder once the data set is complete."""
  storage.remove_tree(os.path.join(output, FOLDER))


def finished_bytes(folder: str) -> int:
  """Size of the shards that are there already."""
  return sum(storage.file_size(os.path.join(folder, name)) for name in storage.names(folder)
             if SHARD_NAME.fullmatch(name))


def finished(folder: str) -> set[str]:
  """Names of the shards that will be kept, as far as their records of progress tell."""
  names = (name.removesuffix(".json") for name in storage.names(folder) if name.endswith(".json"))
  return {name for name in names if _worth_keeping(folder, name)}


def recorded(folder: str, name: str) -> ShardResult:
  """What became of a shard, by the record of progress beside it.

  Raises:
    OSError: there is none.
    ValueError, TypeError, KeyError: it is damaged.
  """
  fields = json.loads(storage.read_bytes(_progress_path(folder, name)))
  return ShardResult(shard=manifest_lib.Shard(**fields.pop("shard")),
                     **{name: tuple(value) if isinstance(value, list) else value
                        for name, value in fields.items()})


def _kept(task: ShardTask) -> ShardResult | None:
  """The result of an earlier run, if its shard is there and has the right digest."""
  path, result = os.path.join(task.folder, task.name), _worth_keeping(task.folder, task.name)
  if result is None or not storage.is_file(path):
    return None
  if (storage.file_size(path), shard_file.digest(path)) != (
      result.shard.bytes, result.shard.sha256):
    logging.warning("%s: another size or SHA-256 than when it was finished; it is written again",
                    path)
    return None
  return result


def _worth_keeping(folder, name) -> ShardResult | None:
  """The record of progress of a shard; None where it is damaged, or images were not found."""
  try:
    result = recorded(folder, name)
  except FileNotFoundError:
    return None
  except (ValueError, TypeError, KeyError) as error:
    logging.warning("%s: %s; the shard is written again", _progress_path(folder, name), error)
    return None
  # A file that a file system did not show may be there by now.
  return None if REASON_NO_IMAGE in result.reasons else result


def _progress_path(folder, name):
  return os.path.join(folder, f"{name}.json")


def _take_back(output, folder) -> int:
  """Fetches shards that were moved before the manifest was written; number of shards."""
  names = [name.removesuffix(".json") for name in storage.names(folder) if name.endswith(".json")]
  for name in names:
    inside, outside = (os.path.join(place, name) for place in (folder, output))
    if not storage.is_file(inside) and storage.is_file(outside):
      storage.move(outside, inside)
  return len(names)


def _remove(paths, what):
  for path in list(paths):
    logging.warning("%s: %s; it is removed", path, what)
    storage.remove(path)
