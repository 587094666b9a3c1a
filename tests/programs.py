"""Programs in processes of their own that need not import TensorFlow once more.

Each is a fork of a process that has imported it and computed nothing, and is otherwise as
`python -m` and `python -c` start one: with its own flags, folder, environment, signals and status.
Whether a command imports what it needs, processes that begin from nothing show (test_commands.py).
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import traceback
from typing import ContextManager, Mapping
from unittest import mock

from data_tools.conversion.executors import local

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.imported_once"])
"""Context of multiprocessing whose processes are such forks."""


class Program:
  """A running `python -m MODULE ...` or `python -c CODE ...`.

  Args:
    *words: what follows `python`.
    cwd: its folder.
    environment: what its environment has besides that of this process.
  """

  def __init__(self, *words: str, cwd: str = ROOT, environment: Mapping[str, str] | None = None):
    folder = pathlib.Path(tempfile.mkdtemp())
    self._paths, self._words = (folder / "stdout", folder / "stderr"), words
    self._process = FORKS.Process(target=_begin, args=(
        words, cwd, {**os.environ, **(environment or {})}, self._paths))
    with contextlib.chdir(ROOT):  # where the first one finds what to import
      self._process.start()

  @property
  def pid(self) -> int | None:
    """Its number."""
    return self._process.pid

  def poll(self) -> int | None:
    """The status, None while it runs; as of subprocess.Popen."""
    return self._process.exitcode

  def kill(self) -> None:
    """SIGKILL."""
    self._process.kill()

  def terminate(self) -> None:
    """SIGTERM."""
    self._process.terminate()

  def wait(self, timeout_s: float | None = None) -> subprocess.CompletedProcess:
    """Waits for the end; returns status, output and errors.

    Raises:
      subprocess.TimeoutExpired: it still runs; it is killed.
    """
    try:
      self._process.join(timeout_s)
    finally:  # also where the tests are interrupted
      late = self.poll() is None
      if late:
        self.kill()
    if late:
      raise subprocess.TimeoutExpired(list(self._words), timeout_s or 0.0)
    # One that is killed at once has no files yet.
    texts = [path.read_text(encoding="utf-8") if path.exists() else "" for path in self._paths]
    return subprocess.CompletedProcess(list(self._words), self.poll(), *texts)


def run(*words: str, **settings) -> subprocess.CompletedProcess:
  """A Program from its start to its end."""
  return Program(*words, **settings).wait()


def forked_workers() -> ContextManager:
  """A context in which the workers of a conversion or a check are such forks.

  Those that begin from nothing, as a user's do, are in test_resume.py.
  """
  return mock.patch.object(local.multiprocessing, "get_context", lambda method: FORKS)


def _begin(words, cwd, environment, paths):
  """Becomes the program."""
  for number, path in enumerate(paths, 1):
    with open(path, "w", encoding="utf-8") as file:
      os.dup2(file.fileno(), number)
  os.chdir(cwd)
  os.environ.clear()
  os.environ.update(environment)
  sys.path.insert(0, cwd)
  sys.argv = ["-c", *words[2:]] if words[0] == "-c" else list(words[1:])
  try:
    if words[0] == "-c":
      exec(compile(words[1], "<string>", "exec"),  # pylint: disable=exec-used
           {"__name__": "__main__"})
    else:
      runpy.run_module(words[1], run_name="__main__", alter_sys=True)
  except Exception:  # pylint: disable=broad-exception-caught
    traceback.print_exc()
    sys.exit(1)
  finally:
    atexit._run_exitfuncs()  # pylint: disable=protected-access
