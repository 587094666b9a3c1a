"""Predicting straight from a survey's own files: they become a data set that is deleted again.

Files are images with their table, or a table of photometry.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil

from absl import logging
import numpy as np

from data_tools import readers
from data_tools.conversion.accepted import on_grid
from data_tools.conversion.convert import ConversionSettings, convert
from pzbias_tf.data.data_set_facts import R_FROM_IMAGE, DataSetFacts
from pzbias_tf.data.manifest import REJECTED_NAME, Manifest
from pzbias_tf.files import whole_file
from pzbias_tf.survey import Survey
from pzbias_tf.training.config import TrainConfig

DATA_SET = "data-"
"""How its name begins."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cutouts:
  """Images and labels, or photometry, as `make_tfrecords` reads them.

  Attributes:
    path: file or folder.
    layout: a key of readers.READERS, or "auto".
    options: how the reader finds columns.
    of_run: roles whose columns are named as those of the run's training galaxies.
  """

  path: str
  layout: str = readers.AUTO
  options: readers.ReaderOptions = readers.ReaderOptions()
  of_run: tuple[str, ...] = ()

  def for_run(self, config: TrainConfig, facts: DataSetFacts | None = None) -> Cutouts:
    """The same, with the columns of a run unless the user names others.

    These are its extra columns, r and E(B-V) where its conversion named them and, of photometry,
    magnitudes and errors.

    Args:
      config: settings of the run.
      facts: of the data set that it was trained on; None where nothing is known.
    """
    named = dict(facts.named_columns if facts else {})
    options = dataclasses.replace(self.options, extra_columns=config.extra_columns.names,
                                  optional=("z",))
    if config.photometry:
      columns = config.photometry.columns
      named |= {role: name for role, name in (("r", columns.r), ("ebv", columns.ebv)) if name}
      options = dataclasses.replace(
          options,
          magnitude_columns=options.magnitude_columns or columns.magnitudes,
          error_columns=_errors(options, columns),
          missing_magnitudes=options.missing_magnitudes or columns.missing)
    given = {*options.columns, *(["ebv"] if options.ebv is not None else []),
             *(["r"] if options.r_from_image else [])}
    own = {role: name for role, name in named.items() if role not in given}
    from_image = own.get("r") == R_FROM_IMAGE
    if from_image:
      del own["r"]
    options = dataclasses.replace(options, columns={**own, **options.columns},
                                  r_from_image=options.r_from_image or from_image)
    return dataclasses.replace(self, options=options, of_run=tuple(own))


def _errors(options, columns):
  """The user's columns of errors, those of the run, or none where the run takes none."""
  return columns.errors and (options.error_columns or columns.errors)


def convert_cutouts(cutouts: Cutouts, survey: Survey, folder: str, rejected: str) -> str:
  """Converts cutouts to a data set; one that was cut off goes on.

  Redshifts decide nothing: those outside of the survey's grid are left out, with a warning.

  Args:
    cutouts: the cutouts.
    survey: the run's survey.
    folder: a folder to make it in.
    rejected: where the list of galaxies that cannot be used goes.

  Returns:
    The data set's folder.

  Raises:
    OSError: a file is missing or cannot be read.
    ValueError: the files are not what the layout says.
  """
  try:
    source = readers.read(cutouts.path, survey, cutouts.options, layout=cutouts.layout)
  except ValueError as error:
    asked = [f"--{role}_column" for role in cutouts.of_run if f"--{role}_column" in str(error)]
    if not asked:
      raise
    raise ValueError(f"{error}. The run was trained with this column; name that of this table with "
                     f"{asked[0]}") from error
  _forget_redshifts(source.catalog, survey)
  name = hashlib.sha256(repr((os.path.abspath(cutouts.path), cutouts)).encode()).hexdigest()[:16]
  output = os.path.join(folder, f"{DATA_SET}{name}")
  convert(source, survey, output, settings=ConversionSettings(split=(0.0, 0.0, 1.0)))
  with whole_file(rejected) as hidden:  # not through a link of that name
    shutil.copyfile(os.path.join(output, REJECTED_NAME), hidden)
  return output


def _forget_redshifts(catalog, survey) -> None:
  """Sets z_spec to NaN where it is not on the grid, such as -99."""
  z = np.asarray(catalog["z_spec"])
  other = ~np.isnan(z) & ~on_grid(z, survey)
  if other.any():
    catalog["z_spec"] = np.where(other, np.nan, z)
    logging.warning("%d galaxies have a z_spec that stands for none, or is outside of the grid, "
                    "e.g. %g: they are predicted without it", other.sum(), z[other][0])


def rejected_line(manifest: Manifest, path: str) -> str:
  """How many galaxies could not be used, and why; "" for none.

  Args:
    manifest: of the data set.
    path: where they are listed.
  """
  galaxies = manifest.galaxies
  if not galaxies["rejected"]:
    return ""
  reasons = ", ".join(f"{number} x {reason}"
                      for reason, number in manifest.source["rejected"].items())
  return f"{galaxies['rejected']} of {galaxies['read']} galaxies rejected ({path}): {reasons}"
