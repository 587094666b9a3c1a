"""What every command shares: checks of its arguments, and mistakes reported in one line."""

from __future__ import annotations

import contextlib
import sys
from typing import Iterator, Sequence

from absl import app, logging

from pzbias_tf.guards import terminal


def refuse_words(argv: Sequence[str]) -> None:
  """Stops a command that was given arguments other than flags.

  Args:
    argv: the command, and what remains after its flags.

  Raises:
    app.UsageError: there is such an argument.
  """
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}; give flags only")


def one_folder(argv: Sequence[str], data: str) -> str:
  """The data set's folder, given as `COMMAND DIR` or `COMMAND --data=DIR`.

  Args:
    argv: the command, and what remains after its flags.
    data: value of --data, "" if it is not given.

  Returns:
    The folder.

  Raises:
    app.UsageError: no folder is named, or more than one.
  """
  named = [*argv[1:], *([data] if data else [])]
  if len(named) != 1:
    raise app.UsageError(f"name one folder of a data set, got {' '.join(named) or 'none'}")
  return named[0]


@contextlib.contextmanager
def one_line_errors(*further: type[Exception]) -> Iterator[None]:
  """Ends the command at a user's mistake with one line and status 1, without a traceback.

  Control characters in what it prints are spelt out.

  Args:
    *further: errors that count as user's mistakes, besides ValueError and OSError.

  Raises:
    SystemExit: there was such an error; --verbosity=1 shows its traceback.
  """
  try:
    with terminal.printed_plainly():
      yield
  except Exception as error:
    if not isinstance(error, (ValueError, OSError, *further)):
      raise
    logging.debug("", exc_info=True)
    sys.exit(f"Error: {terminal.printable(str(error))}")
