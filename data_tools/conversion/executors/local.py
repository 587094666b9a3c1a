"""Local processes that share the work on a data set and end with the one that started them."""

from __future__ import annotations

import collections
from concurrent import futures
import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from typing import Callable, Iterable, Iterator

_AHEAD = 2  # tasks handed out per worker: more would only fill memory


@contextlib.contextmanager
def worker_map(num_workers: int) -> Iterator[Callable]:
  """Yields `map` for one worker, else an ordered map over that many processes.

  Processes are spawned, since a fork of a process that runs TensorFlow can hang.

  Raises:
    OSError: a process was killed while the map was used.
  """
  if num_workers <= 1:
    yield map
    return
  pool = futures.ProcessPoolExecutor(
      num_workers, multiprocessing.get_context("spawn"), initializer=_begin)
  try:
    yield functools.partial(_ordered, pool, _AHEAD * num_workers)
  finally:
    pool.shutdown(cancel_futures=True)


def _ordered(pool: futures.Executor, ahead: int, function: Callable, tasks: Iterable) -> Iterator:
  """Results in the order of the tasks, which are taken on demand."""
  waiting: collections.deque[futures.Future] = collections.deque()
  try:
    for task in tasks:
      waiting.append(pool.submit(function, task))
      if len(waiting) > ahead:
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()
  except futures.process.BrokenProcessPool as error:
    raise OSError(
        "a worker process was killed, perhaps because memory ran out; give the same command again, "
        "with fewer --num_workers: it keeps the finished shards") from error


def _begin() -> None:
  """Ties a worker to the process that started it."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it
  threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
  """Ends this process with its parent: nothing may write into the folder without its lock."""
  parent = multiprocessing.parent_process()
  if parent is not None:
    parent.join()
  os._exit(1)
