"""The folder of a simulation: complete or absent, and never overwritten."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, Iterator, Mapping

from absl import logging

import pzbias_tf
from pzbias_tf.data.galaxy_origin import SIMULATION_RECORD
from pzbias_tf.guards import json_files, own_folders

RECORD_NAME = SIMULATION_RECORD
"""The file of the settings; it is written last, so a folder with it is complete."""


def is_finished(output: str, settings: Mapping[str, Any]) -> bool:
  """True if the folder holds a simulation of these settings, False if it is free.

  Args:
    output: the folder.
    settings: the settings of the simulation.

  Raises:
    FileExistsError: the folder holds another simulation or other files.
    ValueError: the folder is a mount point, which a new folder cannot replace.
  """
  if not os.path.isdir(output):
    if os.path.lexists(output):
      raise FileExistsError(f"{output} is a file; name a folder that does not exist yet")
    return False
  path = os.path.join(output, RECORD_NAME)
  if not os.path.isfile(path):
    if os.listdir(output):
      raise FileExistsError(
          f"{output} holds files that the simulator did not write (no {RECORD_NAME}); "
          "name another folder, or empty this one")
    if os.path.ismount(output):  # no folder can be renamed to it
      raise ValueError(f"{output} is a mount point; name a folder inside it")
    return False
  _check_same(output, _read_record(path), settings)
  return True


@contextlib.contextmanager
def appearing(output: str, settings: Mapping[str, Any]) -> Iterator[str]:
  """A hidden folder beside `output` that becomes `output` at the end, or is removed on an error.

  Args:
    output: absolute path of the folder; absent or empty.
    settings: the settings, which are written last.

  Yields:
    The hidden folder to fill.
  """
  with own_folders.appearing(output, "simulating") as hidden:
    yield hidden
    with open(os.path.join(hidden, RECORD_NAME), "w", encoding="utf-8") as file:
      json.dump({**settings, "version": pzbias_tf.__version__}, file, indent=2)


def _check_same(output, recorded, settings):
  """Raises FileExistsError unless the recorded settings are the same."""
  names = [*settings, *(name for name in recorded if name not in settings and name != "version")]
  differing = [f"{name} is {recorded.get(name)!r}, not {settings.get(name)!r}"
               for name in names if recorded.get(name) != settings.get(name)]
  if differing:
    raise FileExistsError(
        f"{output} holds another simulation ({'; '.join(differing)}); "
        "name another folder, ask for the same settings, or remove this folder")
  if recorded.get("version") != pzbias_tf.__version__:
    logging.warning("%s was simulated by version %s, this is %s; remove the folder to "
                    "simulate it anew", output, recorded.get("version"), pzbias_tf.__version__)


def _read_record(path) -> dict[str, Any]:
  try:
    return json_files.read(path, {}, f"{path} is damaged: {{problem}}; remove the folder, or name "
                           "another")
  except ValueError as error:
    raise FileExistsError(str(error)) from error
