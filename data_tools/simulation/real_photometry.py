"""Real galaxies from a table: their redshifts and magnitudes, in place of templates.

Takes the place of `population`'s draw.  Size, shape and the colours of bulge and
disc, which a table of magnitudes does not tell, follow from the luminosity and the
rest-frame colour of the template mixture that is nearest in observed colours.
"""

from __future__ import annotations

import os

from absl import logging
from astropy.table import Table
import numpy as np

from data_tools.simulation import photometry
from data_tools.simulation.options import BANDS, PhotometryTable
from data_tools.simulation.population import R_BAND, Galaxies, Population

_REDSHIFTS = ("z_spec", "zspec", "zs", "redshift", "specz", "z_s")
_MAGNITUDES = ("{}", "mag_{}", "{}_mag", "dered_petro_{}", "dered_{}", "petroMag_{}",
               "modelMag_{}", "dered_model_{}")
_BRIGHTEST, _FAINTEST = 5.0, 32.0  # what a magnitude can be; -9999 and 99 say "none"
_COLOURS = np.linspace(1.0, 2.64, 42)
# Spread of galaxies around the sequence, mag: weights of the colours in the match.
_COLOUR_SPREAD = np.array([0.3, 0.12, 0.06, 0.08])


class RealGalaxies:
  """Galaxies of a table, taken in random order, round after round.

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
      seed: of the order of the rows.

    Raises:
      OSError: the file cannot be read.
      ValueError: a column is missing, or no row is usable.
    """
    columns = _columns(read_table(table.path), table)
    z, mag = columns[0], np.stack(columns[1:], axis=-1)
    usable = (z > 0) & (z <= z_max)
    usable &= np.all((mag > _BRIGHTEST) & (mag < _FAINTEST), axis=1)  # False for NaN
    if not usable.any():
      raise ValueError(f"{table.path}: none of {len(z)} rows has 0 < z <= {z_max:g} and "
                       "five magnitudes; look at the --photometry_..._column flags")
    if not usable.all():
      logging.warning("%s: %d of %d rows are left out: z outside (0, %g], or no magnitude",
                      table.path, np.sum(~usable), len(z), z_max)
    self.rows = np.flatnonzero(usable)
    self.z, self.mag = z[usable], mag[usable]
    self._seed = seed

  def order(self, index: np.ndarray) -> np.ndarray:
    """Which galaxy of the table the `index`-th simulated ones are, [n].

    Every round goes through all galaxies once, in an order of its own.
    """
    rounds, place = np.divmod(index, len(self.rows))
    chosen = np.empty(len(index), int)
    for number in np.unique(rounds):
      rng = np.random.default_rng([self._seed, int(number)])
      here = rounds == number
      chosen[here] = rng.permutation(len(self.rows))[place[here]]
    return chosen

  def galaxies(self, chosen: np.ndarray, population: Population) -> Galaxies:
    """Intrinsic properties of some galaxies of the table.

    Args:
      chosen: which of them, from `order`.
      population: gives distances, templates and units.
    """
    z, mag = self.z[chosen], self.mag[chosen]
    colour = _rest_colour(z, mag, population.grid)
    maggies = population.grid.mix(z, photometry.mean_shares(colour))
    mag_abs = mag[:, R_BAND] - population.modulus(z) + 2.5 * np.log10(maggies[:, R_BAND])
    flux = population.instrument.flux(mag)
    return Galaxies(z, mag_abs, colour, flux, population.red_flux(z, flux[:, R_BAND]))


def read_table(path: str) -> Table:
  """Reads a table whose format its name or its contents tell.

  Raises:
    OSError: it cannot be opened.
    ValueError: it cannot be understood.
  """
  if not os.path.isfile(path):
    raise FileNotFoundError(f"{path}: no such file; --photometry names a table")
  name = path.lower().removesuffix(".gz")
  form = "fits" if name.endswith((".fits", ".fit")) else (
      "ascii.csv" if name.endswith(".csv") else "ascii")
  try:
    return Table.read(path, format=form)
  except (ValueError, TypeError, IndexError) as error:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    raise ValueError(f"{path}: cannot be read as {form}: {reason}") from error


def _columns(table: Table, wanted: PhotometryTable) -> list[np.ndarray]:
  """Redshifts and the magnitudes u to z, each [rows] float64, NaN where masked."""
  redshift, *named = wanted.columns
  form = max(_MAGNITUDES, key=lambda form: _fitting(table, form, named))
  names = [name or form.format(band) for band, name in zip(BANDS, named)]
  # A lone column z is the z band where u, g, r and i are so named, else the redshift.
  lone = () if "z" in names else ("z",)
  candidates = (redshift,) if redshift else (*_REDSHIFTS, *lone)
  names = [next((name for name in candidates if name in table.colnames), candidates[0]), *names]
  for role, name in zip(("redshift", *BANDS), names):
    if name not in table.colnames:
      raise ValueError(f"{wanted.path}: no column {name!r} of {role}; the columns are "
                       f"{', '.join(table.colnames)}. Name it with --photometry_{role}_column")
  if len(set(names)) < len(names):
    raise ValueError(f"{wanted.path}: one column for two things ({', '.join(names)} for "
                     "redshift and ugriz); name them with --photometry_..._column")
  return [_numbers(table[name], wanted.path) for name in names]


def _fitting(table, form, named) -> int:
  """How many bands that the user has not named have a column of this form."""
  return sum(not name and form.format(band) in table.colnames
             for band, name in zip(BANDS, named))


def _numbers(column, path) -> np.ndarray:
  try:
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
  except (TypeError, ValueError) as error:
    raise ValueError(f"{path}: column {column.name!r} holds no numbers: {error}") from error


def _rest_colour(z, mag, grid) -> np.ndarray:
  """Rest-frame u - r of the point of the template sequence nearest in colours, [n]."""
  best, colour = np.full(len(z), np.inf), np.empty(len(z))
  observed = -np.diff(mag, axis=1)
  for value in _COLOURS:
    shares = photometry.mean_shares(np.full(len(z), value))
    model = 2.5 * np.diff(np.log10(np.maximum(grid.mix(z, shares), 1e-30)), axis=1)
    # A dropout's colour says no more than that it is red.
    distance = np.sum(np.clip((observed - model) / _COLOUR_SPREAD, -10, 10) ** 2, axis=1)
    nearer = distance < best
    best, colour = np.where(nearer, distance, best), np.where(nearer, value, colour)
  return colour
