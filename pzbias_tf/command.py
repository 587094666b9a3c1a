"""How every command begins and ends: no stray words, and mistakes told in one line."""

from __future__ import annotations

import contextlib
import sys
from typing import Iterator, Sequence

from absl import app, logging


def refuse_words(argv: Sequence[str]) -> None:
  """Stops a command that was given words which are no flags.

  Args:
    argv: the command, and what remains after its flags.

  Raises:
    app.UsageError: there is such a word.
  """
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")


def one_folder(argv: Sequence[str], data: str) -> str:
  """The folder of a command that is given as `COMMAND DIR` or `COMMAND --data=DIR`.

  Args:
    argv: the command, and what remains after its flags.
    data: value of --data.

  Raises:
    app.UsageError: none is named, or more than one.
  """
  named = [*argv[1:], *([data] if data else [])]
  if len(named) != 1:
    raise app.UsageError(f"name one folder of a data set, got {' '.join(named) or 'none'}")
  return named[0]


@contextlib.contextmanager
def one_line_errors(*further: type[Exception]) -> Iterator[None]:
  """Ends the command with one line and status 1 at a mistake of the user, without a traceback.

  Args:
    *further: errors that are mistakes of the user, besides ValueError and OSError.

  Raises:
    SystemExit: there was one; --verbosity=1 shows where it came from.
  """
  try:
    yield
  except Exception as error:
    if not isinstance(error, (ValueError, OSError, *further)):
      raise
    logging.debug("", exc_info=True)
    sys.exit(f"Error: {error}")
