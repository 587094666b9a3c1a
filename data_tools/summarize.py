"""Shows the contents of a data set: counts, distributions, pixel statistics and pictures.

  python -m data_tools.summarize data/sdss
  python -m data_tools.summarize --data=data/sdss --output=pictures

Prints tables and writes distribution.png, distribution.svg and contact_sheet.png to the
folder `summary` of the data set, or to --output.
"""

from __future__ import annotations

from absl import flags

from pzbias_tf.command_line import command, command_flags


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  data = command_flags.FlagGroup(values, "Data")
  data.text("data", "", "Folder of the data set; may also be given without --data=.")
  data.text("output", "", "Folder of the pictures; default: the data set's folder summary.")
  data.integer("sample", 1000, "Approximate number of images for the pixel statistics.",
               lower_bound=1)


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import os

import numpy as np

from data_tools.conversion.command_line import report_text
from data_tools.summary import distribution_figure, summary_tables
from data_tools.summary.galaxy_table import Galaxies
from data_tools.summary.image_sample import read_sample
from data_tools.summary.pixel_statistics import band_statistics
from pzbias_tf import pictures, storage
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.guards import own_folders
from pzbias_tf.report.figures import save_figure
from pzbias_tf.survey import load_survey, survey_names

_NUM_PICTURES = 24
_DISTRIBUTION, _CONTACT_SHEET = "distribution", "contact_sheet.png"


def summarize(folder: str, output: str = "", *, sample: int = 1000) -> list[str]:
  """Prints a summary of a data set and draws it.

  Args:
    folder: the data set's folder.
    output: folder of the pictures; "" is the folder `summary` of the data set.
    sample: approximate number of images for the pixel statistics.

  Returns:
    The files that were written.

  Raises:
    OSError: a file is missing, or the folder of the pictures holds files of others.
    ValueError: the data set is damaged.
  """
  data, output = Dataset.open(folder), output or os.path.join(folder, "summary")
  if storage.is_remote(output):
    raise ValueError(f"{output}: pictures are written to local folders; name one with --output")
  galaxies = Galaxies.of(data)
  images, rows = (np.empty(0), np.empty(0)) if data.manifest.photometry else read_sample(
      data, sample)
  print(summary_text(data, galaxies, images), flush=True)
  with own_folders.output_folder(output, (f"{_DISTRIBUTION}.*", _CONTACT_SHEET)):
    paths = save_figure(distribution_figure.draw_distribution(galaxies), output, _DISTRIBUTION)
    sheet = os.path.join(output, _CONTACT_SHEET)
    if not data.manifest.photometry:
      paths.append(sheet)
      draw_contact_sheet(data, images, rows, sheet)
    elif os.path.exists(sheet):  # of another data set
      os.remove(sheet)
  print(f"wrote {', '.join(paths)}")
  return paths


def summary_text(data: Dataset, galaxies: Galaxies, images: np.ndarray) -> str:
  """The tables, each with a heading; `images` are not used of photometry."""
  manifest = data.manifest
  return "\n".join([
      f"{data.folder}: {manifest.survey}, {_what(manifest)}, "
      f"from {manifest.source.get('path', 'elsewhere')}",
      "", *report_text.count_lines(manifest),
      "", f"Splits ({manifest.split_rule})", summary_tables.split_table(galaxies, manifest),
      "", "Galaxies with z_spec by r magnitude and redshift", summary_tables.cell_table(galaxies),
      "", *(_magnitude_lines(data) if manifest.photometry else _pixel_lines(manifest, images)), ""])


def _what(manifest) -> str:
  """What the data set holds of each galaxy."""
  bands = " ".join(manifest.bands)
  if manifest.photometry:
    return f"magnitudes{' and errors' * bool(manifest.photometry.errors)} in {bands}"
  height, width, _ = manifest.image_shape
  return f"{height} x {width} pixels in {bands}, {manifest.dtype}"


def _pixel_lines(manifest, images) -> list[str]:
  return [f"Pixels of {len(images)} galaxies, as stored: noise of a pixel at the border, median "
          "flux of an image, percentiles",
          summary_tables.band_table(manifest.bands, band_statistics(images))]


def _magnitude_lines(data) -> list[str]:
  magnitudes, errors = data.photometry()
  return ["Magnitudes: number of galaxies without a measurement, percentiles, median error",
          summary_tables.magnitude_table(data.manifest.bands, magnitudes, errors)]


def draw_contact_sheet(data: Dataset, images: np.ndarray, rows: np.ndarray, path: str) -> None:
  """Draws galaxies of all magnitudes, bright ones first, with z and r below each.

  Args:
    data: the data set.
    images: [n, height, width, band], a sample.
    rows: [n], rows of these galaxies in the catalogue.
    path: PNG file to write.
  """
  r_mag, z_spec = data.column("r_mag")[rows], data.column("z_spec")[rows]
  order = np.argsort(r_mag, kind="stable")
  chosen = order[np.unique(np.linspace(0, len(order) - 1, _NUM_PICTURES).astype(int))]
  manifest = data.manifest
  known = manifest.survey in survey_names()
  pictures.contact_sheet(
      images[chosen], [pictures.caption(r_mag[index], z_spec[index]) for index in chosen],
      manifest.bands, path, title=f"{manifest.survey}: {len(chosen)} of "
      f"{manifest.galaxies['written']} galaxies, bright to faint",
      scale_arcsec=load_survey(manifest.survey).pixel_scale_arcsec if known else 0.0)


def main(argv) -> None:
  """Summarizes; a user's mistake ends in one line, not in a traceback."""
  values = flags.FLAGS
  with command.one_line_errors():
    summarize(command.one_folder(argv, values.data), values.output, sample=values.sample)


if __name__ == "__main__":
  command.run(main, WORDS)
