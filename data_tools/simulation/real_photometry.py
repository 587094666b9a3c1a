"""Real galaxies from a table: their redshifts and magnitudes, instead of a simulated population.

Replaces the draw of `population`.  Size, shape and the colours of bulge and disc, which are
not in a table of magnitudes, follow from the luminosity and the rest-frame colour of the
template mixture that is nearest in observed colours.
"""

from __future__ import annotations

import os

from absl import logging
import numpy as np

from data_tools.readers.parts import table_files
from data_tools.simulation import photometry
from data_tools.simulation.options import BANDS, PhotometryTable
from data_tools.simulation.population import R_BAND, Galaxies, Population
from pzbias_tf import table_columns
from pzbias_tf.tables import TableColumns

_REDSHIFTS = ("z_spec", "zspec", "zs", "redshift", "specz", "z_s")
_MAGNITUDES = ("{}", "mag_{}", "{}_mag", "dered_petro_{}", "dered_{}", "petroMag_{}",
               "modelMag_{}", "dered_model_{}")
_BRIGHTEST, _FAINTEST = 5.0, 32.0  # range of possible magnitudes; -9999 and 99 mean "none"
_COLOURS = np.linspace(1.0, 2.64, 42)
# Spread of galaxies around the sequence, mag; its inverse weights the colours in the match.
_COLOUR_SPREAD = np.array([0.3, 0.12, 0.06, 0.08])


class RealGalaxies:
  """Galaxies of a table in random order, repeated in rounds.

  Attributes:
    rows: rows of the table that can be rendered, [n], counted from 0.
    z: their redshifts, [n].
    mag: their dereddened AB magnitudes, [n, bands].
  """

  def __init__(self, table: PhotometryTable, *, z_max: float, seed: int):
    """Reads the table.

    Args:
      table: file and columns.
      z_max: largest redshift that can be rendered.
      seed: seed of the order of the rows.

    Raises:
      OSError: the file cannot be read.
      ValueError: a column is missing, or no row is usable.
    """
    columns = _columns(_read(table.path), table)
    z, mag = columns[0], np.stack(columns[1:], axis=-1)
    usable = (z > 0) & (z <= z_max)
    usable &= np.all((mag > _BRIGHTEST) & (mag < _FAINTEST), axis=1)  # False for NaN
    if not usable.any():
      raise ValueError(f"{table.path}: none of {len(z)} rows has 0 < z <= {z_max:g} and "
                       "five magnitudes; check the --photometry_..._column flags")
    if not usable.all():
      logging.warning("%s: %d of %d rows are not used: z is outside (0, %g], or a magnitude is "
                      "missing", table.path, np.sum(~usable), len(z), z_max)
    self.rows = np.flatnonzero(usable)
    self.z, self.mag = z[usable], mag[usable]
    self._seed = seed

  def order(self, index: np.ndarray) -> np.ndarray:
    """The galaxies of the table for the simulated galaxies `index`, as indices of `rows`, [n].

    Every round uses all galaxies once, in its own order.
    """
    rounds, place = np.divmod(index, len(self.rows))
    chosen = np.empty(len(index), int)
    for number in np.unique(rounds):
      rng = np.random.default_rng([self._seed, int(number)])
      inside = rounds == number
      chosen[inside] = rng.permutation(len(self.rows))[place[inside]]
    return chosen

  def galaxies(self, chosen: np.ndarray, population: Population) -> Galaxies:
    """Intrinsic properties of some galaxies of the table.

    Args:
      chosen: their indices, from `order`.
      population: gives distances, templates and units.
    """
    z, mag = self.z[chosen], self.mag[chosen]
    colour = _rest_colour(z, mag, population.grid)
    maggies = population.grid.mix(z, photometry.mean_shares(colour))
    mag_abs = mag[:, R_BAND] - population.modulus(z) + 2.5 * np.log10(maggies[:, R_BAND])
    flux = population.instrument.flux(mag)
    return Galaxies(z, mag_abs, colour, flux, population.red_flux(z, flux[:, R_BAND]))


def _read(path: str) -> TableColumns:
  if not os.path.isfile(path):
    raise FileNotFoundError(f"{path}: no such file; give an existing table with --photometry")
  return table_files.columns_of(path)


def _columns(table: TableColumns, wanted: PhotometryTable) -> list[np.ndarray]:
  """Redshifts and the magnitudes u to z, each [rows] float64, NaN if masked."""
  redshift, *named = wanted.columns
  form = max(_MAGNITUDES, key=lambda form: _fitting(table, form, named))
  names = [name or form.format(band) for band, name in zip(BANDS, named)]
  # A column z is the z band if the other bands are columns u, g, r and i, else the redshift.
  lone = () if "z" in names else ("z",)
  candidates = (redshift,) if redshift else (*_REDSHIFTS, *lone)
  names = [next((name for name in candidates if name in table), candidates[0]), *names]
  for role, name in zip(("redshift", *BANDS), names):
    if name not in table:
      raise ValueError(f"{wanted.path}: no column {name!r} of {role}; the columns are "
                       f"{table_columns.listing(table)}. Name it with --photometry_{role}_column")
  if len(set(names)) < len(names):
    raise ValueError(f"{wanted.path}: one column has two meanings ({', '.join(names)} for "
                     "redshift and ugriz); name the columns with --photometry_..._column")
  for name in names:
    table_columns.check_unit(table, name, "redshifts" if name == names[0] else "magnitudes",
                             wanted.path)
  logging.info("%s: columns %s", wanted.path, ", ".join(
      f"{role} = {name}" for role, name in zip(("redshift", *BANDS), names)))
  return [table_columns.number_column(table, name, wanted.path) for name in names]


def _fitting(table, form, named) -> int:
  """Number of bands without a name from the user that have a column of this form."""
  return sum(not name and form.format(band) in table
             for band, name in zip(BANDS, named))


def _rest_colour(z, mag, grid) -> np.ndarray:
  """Rest-frame u - r of the point on the template sequence that is nearest in colours, [n]."""
  best, colour = np.full(len(z), np.inf), np.empty(len(z))
  observed = -np.diff(mag, axis=1)
  for value in _COLOURS:
    shares = photometry.mean_shares(np.full(len(z), value))
    model = 2.5 * np.diff(np.log10(np.maximum(grid.mix(z, shares), 1e-30)), axis=1)
    # The colour of a dropout only shows that it is red.
    distance = np.sum(np.clip((observed - model) / _COLOUR_SPREAD, -10, 10) ** 2, axis=1)
    nearer = distance < best
    best, colour = np.where(nearer, distance, best), np.where(nearer, value, colour)
  return colour
