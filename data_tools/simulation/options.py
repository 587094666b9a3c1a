"""The options of a simulation, and their flags.

`data_tools.simulate` and `data_tools.make_tfrecords` share them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import Any

from absl import flags

from pzbias_tf.command_line.command_flags import FlagGroup

BANDS = "ugriz"
MIN_IMAGE_SIZE, MAX_IMAGE_SIZE = 8, 256
"""Limits of a cutout's side, pixels: large enough for a PSF, small enough for the memory."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotometryTable:
  """A table of real galaxies: redshift and AB magnitudes in ugriz.

  The magnitudes are taken to be corrected for Galactic dust and free of errors; the simulation
  adds its own dust to the images, and its own errors to the catalogue.

  Attributes:
    path: ASCII, FITS or CSV file.
    columns: column names of the redshift and the magnitudes u, g, r, i, z; "" tries usual
      names.
  """

  path: str
  columns: tuple[str, ...] = ("",) * (1 + len(BANDS))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimulationOptions:
  """Options besides survey, number, seed and layout.

  Attributes:
    image_size: side of a cutout, pixels; 0 is the survey's.
    neighbours: density of other objects in units of the sky's; 0 for none.
    fwhm_arcsec: median PSF widths u to z; () is the survey's.
    photometry: real galaxies to render instead of a simulated population.
  """

  image_size: int = 0
  neighbours: float = 1.0
  fwhm_arcsec: tuple[float, ...] = ()
  photometry: PhotometryTable | None = None

  def __post_init__(self):
    if self.image_size and not MIN_IMAGE_SIZE <= self.image_size <= MAX_IMAGE_SIZE:
      raise ValueError(f"--image_size={self.image_size}: {MIN_IMAGE_SIZE} to "
                       f"{MAX_IMAGE_SIZE} pixels are possible, or 0 for the survey's size")
    if not 0 <= self.neighbours <= 100:
      raise ValueError(f"--neighbours={self.neighbours:g}: give 0 (none) to 100 times the "
                       "sky's density")
    if self.fwhm_arcsec and (len(self.fwhm_arcsec) != len(BANDS)
                             or not 0.3 <= min(self.fwhm_arcsec) <= max(self.fwhm_arcsec) <= 5):
      raise ValueError(f"--fwhm_arcsec={','.join(map(str, self.fwhm_arcsec))}: give five "
                       "widths, u to z, of 0.3 to 5 arcsec")

  def recorded(self) -> dict[str, Any]:
    """The options that differ from the defaults; a table is recorded by its name and SHA-256."""
    changed = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)
             if getattr(self, field.name) != field.default}
    if "fwhm_arcsec" in changed:
      changed["fwhm_arcsec"] = list(self.fwhm_arcsec)
    if self.photometry:
      with open(self.photometry.path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
      changed["photometry"] = {"file": os.path.basename(self.photometry.path), "sha256": digest,
                             "columns": list(self.photometry.columns)}
    return changed


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the flags of a simulation."""
  define = FlagGroup(values, "Simulation")
  define.integer("image_size", 0, "Side of simulated cutouts, pixels; 0: the survey's size.")
  define.real("neighbours", 1.0, "Density of other galaxies and stars in simulated cutouts, in "
              "units of the density on the sky; 0: none.")
  define.words("fwhm_arcsec", [], "Median PSF widths (arcsec) of simulated cutouts, u to z, e.g. "
               "those of one field; default: the survey's.")
  define.text("photometry", "", "Table (ASCII, FITS, CSV) of real galaxies, with redshifts and "
              "dereddened ugriz magnitudes, to simulate images of.")
  define.text("photometry_redshift_column", "", "Column of redshifts in that table.")
  for band in BANDS:
    define.text(f"photometry_{band}_column", "", f"Column of {band} magnitudes in that table.")


def from_flags(values: flags.FlagValues) -> SimulationOptions:
  """The flags as one frozen object.

  Raises:
    ValueError: a flag's value does not fit.
  """
  names = ("redshift", *BANDS)
  columns = tuple(values[f"photometry_{name}_column"].value for name in names)
  if any(columns) and not values.photometry:
    raise ValueError("--photometry_..._column names a column of a table: give --photometry=FILE")
  try:
    fwhm = tuple(float(width) for width in values.fwhm_arcsec)
  except ValueError as error:
    raise ValueError(f"--fwhm_arcsec={','.join(values.fwhm_arcsec)}: {error}") from error
  return SimulationOptions(
      image_size=values.image_size, neighbours=values.neighbours, fwhm_arcsec=fwhm,
      photometry=(PhotometryTable(path=values.photometry, columns=columns)
                  if values.photometry else None))
