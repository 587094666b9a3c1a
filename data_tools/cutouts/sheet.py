"""A picture of cutouts, bright galaxies first, to be looked at.

  python -m data_tools.cutouts.sheet --input=cutouts --output=sheet.png --r_column=r
"""

from __future__ import annotations

import os

from absl import app, flags
from astropy.table import Table
import numpy as np

from data_tools import pictures
from pzbias_tf import survey as survey_lib


def draw(folder: str, output: str, survey: survey_lib.Survey, *, r_column: str = "r",
         z_column: str = "z", z_label: str = "z", most: int = 24, title: str = "") -> int:
  """Draws the cutouts of a folder of `data_tools.make_cutouts`.

  Args:
    folder: holds cube.npy and catalog.fits.
    output: PNG file to write.
    survey: gives bands and pixel scale.
    r_column: column of magnitudes, for order and captions.
    z_column: column of redshifts, for captions.
    z_label: what kind of redshift that is.
    most: number of galaxies.
    title: words above the sheet.

  Returns:
    The number of galaxies drawn.

  Raises:
    ValueError: a column is missing.
  """
  table = Table.read(os.path.join(folder, "catalog.fits"))
  for name in (r_column, z_column):
    if name not in table.colnames:
      raise ValueError(f"{folder}: no column {name}; there are {', '.join(table.colnames)}")
  cube = np.load(os.path.join(folder, "cube.npy"), mmap_mode="r", allow_pickle=False)
  r_mag, z = (np.ma.filled(np.ma.asarray(table[name], np.float64), np.nan)
              for name in (r_column, z_column))
  rows = np.argsort(r_mag, kind="stable")[:most]
  captions = [pictures.caption(r_mag[row], z[row], z_label) for row in rows]
  pictures.contact_sheet(np.array(cube[rows]), captions, survey.bands, output, title=title,
                         scale_arcsec=survey.pixel_scale_arcsec)
  return len(rows)


def define_flags() -> None:
  """Defines the command line."""
  flags.DEFINE_string("input", None, "Folder of make_cutouts.", required=True)
  flags.DEFINE_string("output", None, "Picture to write, e.g. sheet.png.", required=True)
  flags.DEFINE_string("survey", "sdss", "sdss, cfhtls or FILE.toml: bands and pixel scale.")
  flags.DEFINE_string("r_column", "r", "Column of magnitudes.")
  flags.DEFINE_string("z_column", "z", "Column of redshifts.")
  flags.DEFINE_string("z_label", "z", "What kind of redshift that is.")
  flags.DEFINE_string("title", "", "Words above the sheet.")


def main(argv) -> None:
  """Draws."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")
  values = flags.FLAGS
  try:
    num = draw(values.input, values.output, survey_lib.load_survey(values.survey),
               r_column=values.r_column, z_column=values.z_column, z_label=values.z_label,
               title=values.title)
  except (ValueError, OSError) as error:
    raise SystemExit(f"sheet: {error}") from error
  print(f"wrote {values.output}: {num} galaxies")


if __name__ == "__main__":
  define_flags()
  app.run(main)
