"""The grid that a fitted model belongs to, written beside it and checked on loading.

A label model or a calibration is a table over a survey's bins and rows; on
another grid its numbers would be applied to the wrong galaxies without a sign.
"""

from __future__ import annotations

from typing import Mapping

from pzbias_tf.survey import Survey


def settings(survey: Survey) -> dict[str, float]:
  """The survey's redshift and magnitude grids as plain numbers."""
  left, right = survey.extension
  return {
      "z_min": float(survey.z_min), "z_max": float(survey.z_max), "bins": survey.bins,
      "bins_left": left, "bins_right": right,
      "r_min": float(survey.r_min), "r_max": float(survey.r_max),
      "r_step": float(survey.r_step),
  }


def check(stored: Mapping[str, float], survey: Survey, path: str) -> None:
  """Refuses a file that was made on another grid.

  Args:
    stored: what `settings` gave when the file was written.
    survey: the survey that the file is wanted for.
    path: the file, for the complaint.

  Raises:
    ValueError: a setting is missing or differs.
  """
  stored = stored if isinstance(stored, Mapping) else {}
  differing = [
      f"{key} is {stored.get(key)} in the file and {value} in the survey"
      for key, value in settings(survey).items() if stored.get(key) != value]
  if differing:
    raise ValueError(
        f"{path} was made on another grid than that of survey {survey.name!r}: "
        f"{'; '.join(differing)}; load it with the survey it was made for (the same "
        "--bins), or fit it again")
