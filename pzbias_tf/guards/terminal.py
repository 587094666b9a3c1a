"""What goes to the terminal: ids and file names of others cannot steer it."""

from __future__ import annotations

import contextlib
import logging as python_logging
import os
import sys
from typing import Any, Iterator

from absl import logging

_STEERING = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPED = {code: ascii(chr(code))[1:-1] for code in _STEERING if chr(code) not in "\n\t"}


def printable(text: str) -> str:
  r"""The text with control characters spelt out, such as \x1b; line ends and tabs stay."""
  return text.translate(_ESCAPED)


def print_page(text: str) -> None:
  """Prints a text whose reader may stop early, as `head` does."""
  with _while_somebody_reads(sys.stdout):
    print(text, flush=True)


@contextlib.contextmanager
def printed_plainly() -> Iterator[None]:
  """Spells out control characters in all that is printed and logged.

  Where nobody reads what is printed any more, as behind `head`, the work goes on.
  """
  handler = logging.get_absl_handler()
  handler.addFilter(_spell_out)
  try:
    with contextlib.redirect_stdout(_Plain(sys.stdout)):
      yield
  finally:
    handler.removeFilter(_spell_out)
    with _while_somebody_reads(sys.stdout):
      sys.stdout.flush()


@contextlib.contextmanager
def _while_somebody_reads(stream: Any) -> Iterator[None]:
  """Sends what follows to nowhere once the reader of a pipe has gone."""
  try:
    yield
  except BrokenPipeError:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())  # what the stream still holds goes there, too
    os.close(nowhere)


class _Plain:
  """A stream that spells out control characters."""

  def __init__(self, stream: Any):
    self._stream = stream

  def write(self, text: str) -> int:
    """Writes a text."""
    with _while_somebody_reads(self._stream):
      self._stream.write(printable(text))
    return len(text)

  def flush(self) -> None:
    """Writes what is still held."""
    with _while_somebody_reads(self._stream):
      self._stream.flush()

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)


def _spell_out(record: python_logging.LogRecord) -> bool:
  message = record.getMessage()
  if printable(message) != message:
    record.msg, record.args = printable(message), ()
  return True
