"""Predicting straight from a survey's own files: they become a data set that is deleted again.

Files are images with their table, or a table of photometry.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil

from data_tools import readers
from data_tools.conversion.convert import ConversionSettings, convert
from pzbias_tf.data.manifest import REJECTED_NAME
from pzbias_tf.files import whole_file
from pzbias_tf.survey import Survey
from pzbias_tf.training.config import TrainConfig

DATA_SET = "data-"
"""How its name begins."""

SPLITS = ("test", "target")
"""Where the galaxies stand in that data set: with redshifts, and without."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cutouts:
  """Images and labels, or photometry, as `make_tfrecords` reads them.

  Attributes:
    path: file or folder.
    layout: a key of readers.READERS, or "auto".
    options: how the reader finds columns.
  """

  path: str
  layout: str = readers.AUTO
  options: readers.ReaderOptions = readers.ReaderOptions()

  def for_run(self, config: TrainConfig) -> Cutouts:
    """The same, with the extra columns of a run and, of photometry, its columns unless named."""
    options = dataclasses.replace(self.options, extra_columns=config.extra_columns.names)
    if config.photometry:
      columns = config.photometry.columns
      options = dataclasses.replace(
          options, magnitude_columns=options.magnitude_columns or columns.magnitudes,
          error_columns=_errors(options, columns),
          missing_magnitudes=options.missing_magnitudes or columns.missing)
    return dataclasses.replace(self, options=options)


def _errors(options, columns):
  """The user's columns of errors, those of the run, or none where the run takes none."""
  return columns.errors and (options.error_columns or columns.errors)


def convert_cutouts(cutouts: Cutouts, survey: Survey, folder: str, rejected: str) -> str:
  """Converts cutouts to a data set; one that was cut off goes on.

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
  source = readers.read(cutouts.path, survey, cutouts.options, layout=cutouts.layout)
  name = hashlib.sha256(repr((os.path.abspath(cutouts.path), cutouts)).encode()).hexdigest()[:16]
  output = os.path.join(folder, f"{DATA_SET}{name}")
  convert(source, survey, output, settings=ConversionSettings(split=(0.0, 0.0, 1.0)))
  with whole_file(rejected) as hidden:  # not through a link of that name
    shutil.copyfile(os.path.join(output, REJECTED_NAME), hidden)
  return output
