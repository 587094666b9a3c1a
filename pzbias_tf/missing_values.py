"""Tells numbers that stand for no measurement, and columns of fluxes or velocities."""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np

LOWEST = -90.0
"""Missing are -99, -999, -9999 and the like; no magnitude and no colour is as low."""
NINES = (99.0, 99.9, 99.99, 999.0, 999.9, 9999.0)
"""Other numbers that stand for no measurement."""
SENTINELS = (-9999.0, -999.0, -99.0, *NINES)
"""Numbers that stand for a missing redshift or magnitude, besides all from LOWEST down."""

FILL = 1e15
"""Missing are 1e20, 9.96921e36 and the like; nothing that is measured here is as large."""

NO_BRIGHTNESS = 0.0
"""A magnitude of exactly this is a placeholder: no galaxy is as bright."""

BRIGHTEST, FAINTEST = 0.0, 40.0
"""Ends of what can be a magnitude; other numbers are fluxes, or wrong."""
NO_MAGNITUDE = f"outside of {BRIGHTEST:g} to {FAINTEST:g}, so no magnitude"
TOO_MANY = 0.1
"""Share of such numbers in a column, beyond which it holds something else."""

LARGEST_EBV = 10.0
"""Mag: no galaxy is seen through as much dust; larger numbers are something else."""

HIGHEST = 20.0
"""No redshift of a galaxy is above; velocities, percentages and the like are."""
_BRIGHTEST_MEDIAN = 9.0  # no sample of galaxies is as bright; fluxes of faint ones are 0 to 40, too
_LARGEST_ERROR = 2.0  # median of errors, mag
_FEWEST_ZEROS, _ZEROS = 3, 0.005  # redshifts and their share; those of stars are seldom exactly 0
_FEWEST_LONE, _LONE_GAP = 3, 2.0  # rows of one number; its distance from others, mag or redshift
_MEDIAN_OF = 10  # magnitudes, of which a median tells something
_LOWEST_REDSHIFT = -1.0  # at which 1 + z is 0
_FEW = 3  # different numbers above HIGHEST, which stand for no redshift rather than are velocities


def find_missing(values: np.ndarray, *, redshifts: bool,
                 further: Sequence[float] = ()) -> tuple[np.ndarray, dict[str, int]]:
  """Finds missing values: SENTINELS, NaN, infinite ones, and impossible redshifts and magnitudes.

  A magnitude of exactly 0 stands for none; a redshift of 0 is that of a star.

  Args:
    values: a column, [n] float64; masked values are NaN.
    redshifts: whether they are redshifts, of which -1 and below are impossible.
    further: numbers that stand for a missing value as well.

  Returns:
    Which values are missing, [n] bool, and {reason: number of values}.
  """
  with np.errstate(over="ignore"):
    single = values.astype(np.float32)  # as which a column may have been stored
  missing, found = np.zeros(values.shape, bool), {}
  lowest = _LOWEST_REDSHIFT if redshifts else LOWEST
  # One at a time, since columns may be long.
  placeholders = (*SENTINELS, *further, *(() if redshifts else (NO_BRIGHTNESS,)))
  for number in placeholders:
    own = single == np.float32(number)
    found[f"{number:g}"] = int(own.sum())
    missing |= own
  for reason, rule in (("NaN", np.isnan), ("infinite", np.isinf)):
    own = rule(values)
    found[reason] = int(own.sum())
    missing |= own
  for reason, own in ((f"{FILL:g} or above", values >= FILL),
                      (f"{lowest:g} or below", values <= lowest)):
    own &= ~missing
    found[reason] = int(own.sum())
    missing |= own
  return missing, {reason: number for reason, number in found.items() if number}


def many_zeros(redshifts: np.ndarray) -> str:
  """A warning where many redshifts [n] are exactly 0, which may stand for none; "" else."""
  zeros = int(np.sum(redshifts == 0.0))
  if zeros < _FEWEST_ZEROS or zeros < _ZEROS * redshifts.size:
    return ""
  return (f"{zeros} of {redshifts.size} redshifts are exactly 0, and are taken for redshifts; if 0 "
          "stands for none")


def lone_largest(values: np.ndarray) -> str:
  """What a placeholder looks like, in words; "" where there is none.

  Several rows have the same number, which is the largest and far from all others, as 37.5 is among
  magnitudes and 9.99 among redshifts.

  Args:
    values: redshifts or magnitudes [n]; NaN where missing.
  """
  known = np.isfinite(values)
  largest = np.max(values, initial=-np.inf, where=known)
  number = np.count_nonzero(values == largest)
  if number < _FEWEST_LONE:
    return ""
  next_smaller = np.max(values, initial=-np.inf, where=known & (values < largest))
  if not _LONE_GAP <= largest - next_smaller < np.inf:
    return ""
  return (f"{number} of {np.count_nonzero(known)} values are exactly {largest:g}, the next smaller "
          f"one is {next_smaller:.4g}, and they are taken for measurements; if they stand for none")


def find_missing_weights(values: np.ndarray, *,
                         further: Sequence[float] = ()) -> tuple[np.ndarray, dict[str, int]]:
  """Finds missing weights: all of `find_missing` but 0, 99, 999 and the like, which may be weights.

  Args:
    values: a column, [n] float64; masked values are NaN.
    further: numbers that stand for a missing value as well.

  Returns:
    As `find_missing`.
  """
  weights = [number for number in (NO_BRIGHTNESS, *NINES) if number not in further]
  with np.errstate(over="ignore"):
    is_weight = np.isin(values.astype(np.float32), np.array(weights, np.float32))
  usual = next(number for number in range(1, len(further) + 2) if number not in further)
  return find_missing(np.where(is_weight, usual, values), redshifts=False, further=further)


def outside(magnitudes: np.ndarray) -> np.ndarray:
  """Where numbers are neither missing (NaN) nor magnitudes; bool, same shape."""
  return (magnitudes < BRIGHTEST) | (magnitudes > FAINTEST)


def check_no_velocities(values: np.ndarray, what: str) -> None:
  """Refuses a column of which more than TOO_MANY are too large for redshifts.

  A few different numbers may stand for no measurement, as 1e20 does.

  Args:
    values: what is not missing, [n].
    what: the column in words.

  Raises:
    ValueError: it may hold velocities.
  """
  wrong = values[values > HIGHEST]
  if wrong.size > TOO_MANY * values.size and np.unique(wrong).size > _FEW:
    raise ValueError(
        f"{what}: {wrong.size} of {values.size} numbers are above {HIGHEST:g}, so no redshifts, "
        f"e.g. {wrong[0]:g}. Turn velocities c z (km/s) into redshifts, or name another column")


def check_reddening(ebv: np.ndarray, id_of: Callable[[int], str], *, origin: str) -> None:
  """Refuses a column of which more than TOO_MANY are too large for E(B-V).

  Args:
    ebv: E(B-V), mag, [n]; NaN where missing.
    id_of: returns the id of a galaxy.
    origin: the file, for messages.

  Raises:
    ValueError: it may hold something else.
  """
  wrong = np.flatnonzero((ebv > LARGEST_EBV) & (ebv < FILL) & ~np.isin(ebv, NINES))
  if wrong.size > TOO_MANY * np.sum(np.isfinite(ebv)):
    raise ValueError(f"{origin}: E(B-V) is above {LARGEST_EBV:g} mag in {wrong.size} of {len(ebv)} "
                     f"galaxies, {ebv[wrong[0]]:g} in {id_of(wrong[0])!r} for one; name another "
                     "column with --ebv_column, or turn it into mag")


def check_no_fluxes(magnitudes: np.ndarray, what: str) -> None:
  """Refuses a column of which more than TOO_MANY are no magnitudes, or whose median is none.

  Args:
    magnitudes: what is not missing, [n].
    what: the column in words, such as "r magnitudes".

  Raises:
    ValueError: it may hold fluxes.
  """
  wrong = magnitudes[outside(magnitudes)]
  if wrong.size > TOO_MANY * magnitudes.size:
    raise ValueError(
        f"{wrong.size} of {magnitudes.size} {what} are {NO_MAGNITUDE}, e.g. {np.max(wrong):g}. If "
        "they are fluxes, turn them into magnitudes first, e.g. 22.5 - 2.5 log10(flux) from "
        "nanomaggies, or name another column with --r_column")
  if are_too_bright(magnitudes):
    raise ValueError(
        f"the {what} have the median {np.median(magnitudes):.3g}, and no sample of galaxies is as "
        "bright. If they are fluxes, turn them into magnitudes first, or name another column with "
        "--r_column")


def are_exchanged(magnitudes: np.ndarray, errors: np.ndarray) -> bool:
  """Whether the medians say that magnitudes and their errors, of any shapes, are exchanged."""
  medians = [np.median(values[np.isfinite(values)]) if np.isfinite(values).any() else np.nan
             for values in (magnitudes, errors)]
  return bool(medians[0] < _LARGEST_ERROR < _BRIGHTEST_MEDIAN < medians[1])


def are_too_bright(magnitudes: np.ndarray) -> bool:
  """Whether the median of magnitudes [n], NaN where missing, is that of no sample of galaxies."""
  known = magnitudes[np.isfinite(magnitudes)]
  return known.size >= _MEDIAN_OF and bool(np.median(known) < _BRIGHTEST_MEDIAN)
