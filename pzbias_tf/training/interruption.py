"""Turns SIGTERM and SIGINT into a request to stop, which the loop sees between two calls."""

from __future__ import annotations

import signal
import threading

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(Exception):
  """Training stopped because a signal asked for it; the message says where it resumes.

  Attributes:
    number: the signal's number.
  """

  def __init__(self, message: str, number: int):
    super().__init__(message)
    self.number = number


class StopRequest:
  """Notices the first SIGTERM or SIGINT; a second one ends the process as usual.

  Attributes:
    number: the signal that came, 0 for none.
  """

  def __init__(self):
    self.number = 0
    self._before = {}

  def __enter__(self) -> StopRequest:
    if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handler
      self._before = {number: signal.signal(number, self._notice) for number in _SIGNALS}
    return self

  def __exit__(self, *unused) -> None:
    self._restore()

  def _notice(self, number, unused_frame):
    self.number = number
    self._restore()

  def _restore(self):
    for number, handler in self._before.items():
      signal.signal(number, handler)
    self._before = {}
