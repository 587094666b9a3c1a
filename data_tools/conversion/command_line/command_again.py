"""The command that makes a data set again, from its manifest.

The manifest keeps what the bytes depend on, so the command needs not to be recorded: it would
differ between conversions that give the same bytes.
"""

from __future__ import annotations

import os
import shlex
from typing import Any, Iterator, Mapping

from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.readers.parts.columns import ROLES
from pzbias_tf.data.manifest import REJECT, Manifest

_READER = ("image_template", "extension", "image_dataset")  # in the source and as flags
_SIMULATION = ("num", "image_size", "neighbours", "fwhm_arcsec")
_CONSTANT = "constant "  # before E(B-V) of --ebv


def conversion_command(manifest: Manifest, *, source: str, output: str) -> str:
  """The command, as text.

  Args:
    manifest: of the data set.
    source: path of the file or folder that was converted; not used where it was simulated along.
    output: folder of the data set.
  """
  own = _simulated_along(manifest)
  flags = {"survey": manifest.survey, "output": output,
           **(_of_simulation(own) if own else {"input": source, **_of_source(manifest)}),
           **_of_settings(manifest)}
  return shlex.join(["python", "-m", "data_tools.make_tfrecords", *_words(flags)])


def _simulated_along(manifest) -> Mapping[str, Any] | None:
  """The simulation, where make_tfrecords had no --input; the record of another one has a layout."""
  record = manifest.source.get("simulated")
  return record if record and "seed" in record and "layout" not in record else None


def _of_simulation(record):
  table = record.get("photometry")
  return {**{name: record[name] for name in _SIMULATION if name in record},
          **({"photometry": os.path.join("/path/to", table["file"])} if table else {})}


def _of_source(manifest) -> dict[str, Any]:
  """How the reader finds what it reads."""
  source, photometry = manifest.source, manifest.photometry
  flags = {"layout": source.get("layout", ""),
           **{name: source[name] for name in _READER if name in source},
           "extra_columns": list(manifest.extra_columns), "extra_fill": source.get("extra_fill"),
           **_of_columns(source.get("columns", {}), bool(photometry))}
  if photometry:
    flags |= {"magnitude_columns": photometry.magnitudes, "error_columns": photometry.errors,
              "missing_magnitudes": photometry.missing * (photometry.missing != REJECT),
              "r_column": photometry.r}
  return flags


def _of_columns(columns, photometry):
  """Flags of the columns; of several tables with columns of their own, names are the layout's."""
  flags: dict[str, Any] = {}
  for role, name in columns.items():
    if role not in ROLES or photometry and role.removesuffix("_err") in ("r", "i"):
      continue
    if role == "ebv" and name.startswith(_CONSTANT):
      flags["ebv"] = name.removeprefix(_CONSTANT)
    elif role == "r" and name.startswith("sum of "):
      flags["r_from_image"] = True
    else:
      flags[f"{role}_column"] = name
  return flags


def _of_settings(manifest) -> dict[str, Any]:
  """The settings that differ from the defaults, and the limit of the sample."""
  settings, usual = dict(manifest.source.get("settings", {})), ConversionSettings().recorded()
  limit = settings.pop("max_r_mag", None)
  flags = {name: value for name, value in settings.items() if value != usual.get(name)}
  if not _simulated_along(manifest):
    flags["max_r_mag"] = "none" if limit is None else limit
    if manifest.preset:
      flags["preset"] = "cpu"
  elif not manifest.preset:
    flags["preset"] = "none"
  return flags


def _words(flags: Mapping[str, Any]) -> Iterator[str]:
  for name, value in flags.items():
    if isinstance(value, (list, tuple)):
      value = ",".join(map(str, value))
    if value is True:
      yield f"--{name}"
    elif value not in ("", None):
      yield f"--{name}={value}"
