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
import shutil
from typing import Iterable

from absl import logging

from data_tools import shard_file
from data_tools.shard_writer import ShardResult, ShardTask, write_shard
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.files import flush_folder, write_text

FOLDER = ".unfinished"
_SHARD_NAME = re.compile(
    rf"\.?({'|'.join(manifest_lib.SPLITS)})-\d{{5}}-of-\d{{5}}\.tfrecord(\.\d+\.tmp)?")


def begin(output: str, key: str) -> str:
  """The folder of the unfinished conversion `key`, cleared of all that is not finished.

  Args:
    output: the data set's folder, without a manifest, locked by this process.
    key: digest of what the shards depend on.
  """
  folder = os.path.join(output, FOLDER, key)
  os.makedirs(folder, exist_ok=True)
  _remove((os.path.join(output, FOLDER, name) for name in os.listdir(os.path.dirname(folder))
           if name != key), "the unfinished conversion of another source or other settings")
  _remove((os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".tmp")),
          "what was being written when a conversion was cut off")
  finished = _take_back(output, folder)
  if finished:
    logging.info("%s: going on with an unfinished conversion, %d shards are there", output,
                 finished)
  _remove((os.path.join(output, name) for name in os.listdir(output)
           if _SHARD_NAME.fullmatch(name)), "a shard of an unfinished conversion")
  return folder


def finish_shard(task: ShardTask) -> ShardResult:
  """The result of a task that is finished already, else writes the shard."""
  return _kept(task) or renew_shard(task)


def renew_shard(task: ShardTask) -> ShardResult:
  """Writes a shard and its record of progress, in place of what is there."""
  result = write_shard(task)
  write_text(_progress_path(task.folder, task.name), json.dumps(dataclasses.asdict(result)))
  return result


def publish(folder: str, output: str, names: Iterable[str]) -> None:
  """Moves finished shards to where they belong."""
  for name in names:
    os.replace(os.path.join(folder, name), os.path.join(output, name))
  flush_folder(output)


def end(output: str) -> None:
  """Removes the folder once the data set is complete."""
  shutil.rmtree(os.path.join(output, FOLDER), ignore_errors=True)


def finished_bytes(folder: str) -> int:
  """Size of the shards that are there already."""
  return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)
             if _SHARD_NAME.fullmatch(name))


def recorded(folder: str, name: str) -> ShardResult:
  """What became of a shard, by the record of progress beside it.

  Raises:
    OSError: there is none.
    ValueError, TypeError, KeyError: it is damaged.
  """
  with open(_progress_path(folder, name), encoding="utf-8") as file:
    fields = json.load(file)
  return ShardResult(shard=manifest_lib.Shard(**fields.pop("shard")),
                     **{name: tuple(value) if isinstance(value, list) else value
                        for name, value in fields.items()})


def _kept(task: ShardTask) -> ShardResult | None:
  """The result of an earlier run, if its shard is there and has the right digest."""
  path = os.path.join(task.folder, task.name)
  try:
    result = recorded(task.folder, task.name)
    if (os.path.getsize(path), shard_file.digest(path)) != (
        result.shard.bytes, result.shard.sha256):
      raise ValueError("another size or SHA-256 than when it was finished")
  except FileNotFoundError:
    return None
  except (ValueError, TypeError, KeyError) as error:
    logging.warning("%s: %s; it is written again", path, error)
    return None
  return result


def _progress_path(folder, name):
  return os.path.join(folder, f"{name}.json")


def _take_back(output, folder) -> int:
  """Fetches shards that were moved before the manifest was written; number of shards."""
  names = [name.removesuffix(".json") for name in os.listdir(folder) if name.endswith(".json")]
  for name in names:
    inside, outside = (os.path.join(place, name) for place in (folder, output))
    if not os.path.exists(inside) and os.path.exists(outside):
      os.replace(outside, inside)
  return len(names)


def _remove(paths, what):
  for path in list(paths):
    logging.warning("%s: %s; it is removed", path, what)
    if os.path.isdir(path):
      shutil.rmtree(path)
    else:
      os.remove(path)
