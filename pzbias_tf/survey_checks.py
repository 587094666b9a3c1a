"""Refuses values of a survey that do not make grids, or that cannot be names of folders."""

from __future__ import annotations

import math
import re
from typing import Any

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
_BAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+'*-]{0,29}")  # part of names of files and columns
_LARGEST = {"bins": 100_000, "image_size": 10_000, "balance_threshold": 10**9, "batch_size": 10**6,
            "batch_size_output": 10**6}
_MOST_ROWS = 1000
_RANGES = {"z_min": (-1, 100), "z_max": (-1, 100), "fit_z_min": (-1, 100),
           "r_min": (-100, 100), "r_max": (-100, 100), "r_step": (1e-12, 200),
           "flux_divisor": (1e-30, 1e30), "pixel_scale_arcsec": (1e-6, 1e6),
           "outlier_threshold": (1e-9, 100), "extend_left": (0, 10), "extend_right": (0, 10)}
"""{attribute: smallest and largest value that can be meant}."""


def check(survey: Any) -> None:
  """Checks all attributes of a `survey.Survey`, which calls this.

  Raises:
    ValueError: one of them has a wrong value; the message names it.
  """
  _check_words(survey)
  _check_values(survey)
  if not survey.z_min < survey.z_max or not survey.r_min < survey.r_max:
    raise ValueError(
        f"survey {survey.name}: z_min < z_max and r_min < r_max are required, got "
        f"[{survey.z_min}, {survey.z_max}] and [{survey.r_min}, {survey.r_max}]")
  steps = (survey.r_max - survey.r_min) / survey.r_step
  if abs(steps - round(steps)) > 1e-6 or steps > _MOST_ROWS:
    raise ValueError(
        f"survey {survey.name}: r_max - r_min = {survey.r_max - survey.r_min} must be a multiple "
        f"of r_step = {survey.r_step}, at most {_MOST_ROWS} times; change one of the three")


def _check_words(survey):
  """Refuses names that are no plain names: they become names of folders."""
  for name in ("name", "dataset"):
    value = getattr(survey, name)
    if not (isinstance(value, str) and _PLAIN_NAME.fullmatch(value)):
      raise ValueError(f"survey {survey.name}: {name} must be a plain name of letters, digits and "
                       f"_ . + -, got {value!r}")
  for name in ("field", "sample"):
    value = getattr(survey, name)
    if not isinstance(value, str):
      raise ValueError(f"survey {survey.name}: {name} must be a text, got {value!r}")
  if not isinstance(survey.bands, tuple) or not survey.bands:
    raise ValueError(f"survey {survey.name}: no bands are named; list at least one under bands, "
                     f"got {survey.bands!r}")
  wrong = [band for band in survey.bands if not (isinstance(band, str) and _BAND.fullmatch(band))]
  if wrong:
    raise ValueError(f"survey {survey.name}: a band must be a plain name of letters, digits and "
                     f"_ . + ' * -, got {wrong[0]!r}")
  if len(set(survey.bands)) < len(survey.bands):
    raise ValueError(f"survey {survey.name}: bands {', '.join(survey.bands)} name one twice")


def _check_values(survey):
  """Refuses values that do not make a grid."""
  for name, largest in _LARGEST.items():
    value = getattr(survey, name)
    lowest = 0 if name == "balance_threshold" else 1
    if not _is_whole(value) or not lowest <= value <= largest:
      raise ValueError(f"survey {survey.name}: {name} must be a whole number of at least {lowest} "
                       f"and at most {largest}, got {value!r}")
  for name, (low, high) in _RANGES.items():
    value = getattr(survey, name)
    if not _is_number(value) or not low <= value <= high:
      positive = "positive " * (0 < low < 1)
      raise ValueError(f"survey {survey.name}: {name} must be a {positive}number, from {low:g} "
                       f"to {high:g}, got {value!r}")
  if survey.max_r_mag is not None and not _is_number(survey.max_r_mag):
    raise ValueError(f"survey {survey.name}: max_r_mag must be a number, got {survey.max_r_mag!r}")
  for bins, sides in survey.extend_exceptions.items():
    if bins < 1 or len(sides) != 2 or not all(
        _is_whole(side) and 0 <= side <= _LARGEST["bins"] for side in sides):
      raise ValueError(f"survey {survey.name}: extend_exceptions must give two numbers of bins "
                       f"for a number of bins, e.g. 20 = [20, 20], got {bins} = {list(sides)}")


def _is_whole(value) -> bool:
  return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value) -> bool:
  """Whether a value is a finite number."""
  return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
