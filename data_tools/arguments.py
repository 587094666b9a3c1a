"""The argument of commands that look at a data set: `COMMAND DIR`, or `COMMAND --data=DIR`."""

from __future__ import annotations

from typing import Sequence

from absl import app, flags


def define_data_flag(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines --data."""
  flags.DEFINE_string("data", "", "Folder of the data set; may also stand alone, without --data=.",
                      flag_values=values)


def data_folder(argv: Sequence[str], data: str) -> str:
  """The data set's folder.

  Args:
    argv: the command and what remains after its flags.
    data: value of --data.

  Raises:
    app.UsageError: none is named, or more than one.
  """
  named = [*argv[1:], *([data] if data else [])]
  if len(named) != 1:
    raise app.UsageError(f"name one folder of a data set, got {' '.join(named) or 'none'}")
  return named[0]
