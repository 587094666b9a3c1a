"""What every command shares: checks of its arguments, ~ in paths, and mistakes in one line."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Callable, Iterator, Sequence

from absl import app, logging

from pzbias_tf.guards import terminal


def run(main: Callable[[list[str]], Any], words: list[str]) -> None:
  """Runs a command whose flags `command_flags.read` has read, and ends the process.

  Args:
    main: takes the command and the words that are no flags; returns the exit status.
    words: those words.
  """
  def one_line(argv):
    try:
      return main(argv)
    except app.UsageError as error:
      sys.exit(f"Error: {error}")

  app.run(one_line, words)


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


def expand_home(values: Any) -> None:
  """Expands ~ at the beginning of texts, and of those in lists, in place.

  Args:
    values: the flags of a command; nothing happens before they have been read.
  """
  if not values.is_parsed():
    return
  for name in values:
    flag = values[name]
    if isinstance(flag.value, str):
      flag.value = _at_home(flag.value)
    elif isinstance(flag.value, list) and all(isinstance(value, str) for value in flag.value):
      flag.value = [_at_home(value) for value in flag.value]


def _at_home(text: str) -> str:
  return os.path.expanduser(text) if text.startswith("~") else text


@contextlib.contextmanager
def one_line_errors(*further: type[Exception]) -> Iterator[None]:
  """Ends the command at a user's mistake with one line and status 1, without a traceback.

  Before, ~ is expanded in all flags, which shells leave as it is behind `=`.  Control characters in
  what it prints are spelt out.

  Args:
    *further: errors that count as user's mistakes, besides ValueError and OSError.

  Raises:
    SystemExit: there was such an error; --verbosity=1 shows its traceback.
  """
  try:
    expand_home(app.flags.FLAGS)
    with terminal.printed_plainly():
      yield
  except Exception as error:
    if not isinstance(error, (ValueError, OSError, *further)):
      raise
    logging.debug("", exc_info=True)
    sys.exit(f"Error: {terminal.printable(str(error))}")
