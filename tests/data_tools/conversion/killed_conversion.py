"""A conversion that is killed by SIGKILL at a chosen event, for the tests.

  python -m tests.data_tools.conversion.killed_conversion INPUT OUTPUT WORKERS EVENT

Events are counted in the main process, before and after each call that changes the disk,
each record and each shard.  Prints the ids of its worker processes.
"""

import contextlib
import functools
import itertools
import multiprocessing
import os
import shutil
import signal
import sys
from unittest import mock

from data_tools import readers
from data_tools.conversion import rejects, shard_file
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from pzbias_tf.survey import SDSS

_CALLS = ((os, "replace"), (os, "fsync"), (shutil, "rmtree"), (shard_file.ShardFile, "write"),
          (rejects.Rejects, "add"))


def settings(workers: int) -> ConversionSettings:
  """Shards of a few records of 8 x 8 x 5 pixels."""
  return ConversionSettings(num_workers=workers, shard_size_mb=0.01, augment_copies=2)


@contextlib.contextmanager
def counted_events(at_event):
  """Calls `at_event(number)` at each event; yields the counter."""
  numbers = itertools.count(1)

  def counting(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
      at_event(next(numbers))
      value = function(*args, **kwargs)
      at_event(next(numbers))
      return value
    return call

  with contextlib.ExitStack() as stack:
    for owner, name in _CALLS:
      stack.enter_context(mock.patch.object(owner, name, counting(getattr(owner, name))))
    yield numbers


class KillingImages:
  """Images by row; reading one of them kills the worker process."""

  def __init__(self, images, row):
    self._images, self._row = images, row

  def __call__(self, row):
    if row == self._row and multiprocessing.parent_process() is not None:
      os.kill(os.getpid(), signal.SIGKILL)
    return self._images(row)


def main(path, output, workers, event):
  """Converts until the event."""

  def kill(number):
    if number == int(event):
      print(*(process.pid for process in multiprocessing.active_children()), flush=True)
      os.kill(os.getpid(), signal.SIGKILL)

  with counted_events(kill):
    convert(readers.read(path, SDSS), SDSS, output, settings=settings(int(workers)))


if __name__ == "__main__":
  main(*sys.argv[1:])
