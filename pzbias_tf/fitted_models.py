"""Saved label models and calibrations: the grid they belong to, checked on loading.

A label model or a calibration is a table over a survey's redshift bins and
magnitude rows.  On a different grid its numbers would be applied to the wrong
galaxies without any warning.  So its file records the grid.
"""

from __future__ import annotations

import os
from typing import Any, Mapping

from pzbias_tf.guards import json_files
from pzbias_tf.survey import Survey


def settings(survey: Survey) -> dict[str, float]:
  """The survey's redshift and magnitude grids as plain numbers, {name: number}."""
  left, right = survey.extension
  return {
      "z_min": float(survey.z_min), "z_max": float(survey.z_max), "bins": survey.bins,
      "bins_left": left, "bins_right": right,
      "r_min": float(survey.r_min), "r_max": float(survey.r_max),
      "r_step": float(survey.r_step),
  }


def check(stored: Mapping[str, float], survey: Survey, path: str) -> None:
  """Refuses a file that was made for a different grid.

  Args:
    stored: what `settings` returned when the file was written.
    survey: the survey that the file is to be used for.
    path: the file, for the error message.

  Raises:
    ValueError: a setting is missing or differs.
  """
  stored = stored if isinstance(stored, Mapping) else {}
  differing = [
      f"{key} is {stored.get(key)} in the file and {value} in the survey"
      for key, value in settings(survey).items() if stored.get(key) != value]
  if differing:
    raise ValueError(
        f"{path} was made for a different grid than that of survey {survey.name!r}: "
        f"{'; '.join(differing)}; load it with the survey it was made for (the same "
        "--bins), or fit it again")


def read_model(path: str | os.PathLike, model_format: str, tables: Mapping[str, Any],
               survey: Survey, *, weights_digest: str | None) -> dict[str, Any]:
  """Reads a fitted model from JSON and checks its kind, grid and weights.

  Args:
    path: the file.
    model_format: the required value of "format".
    tables: schemas of the keys besides "format" and "grid", see `json_files.read`.
    survey: the survey that the model is to be used for.
    weights_digest: SHA-256 of the weights that the model must have been fitted
      for; None accepts any.

  Returns:
    The contents of the file.

  Raises:
    ValueError: the file holds something else, was made for a different grid or
      for other weights, or has changed since it was written.
    OSError: the file cannot be read.
  """
  what = model_format.removeprefix("pzbias_tf ").rstrip(" 0123456789")
  wrong = f"{path} is not a {what} ({{problem}}); name a file that was saved as one"
  content = json_files.read(path, {"format": str}, wrong)
  if content["format"] != model_format:
    raise ValueError(wrong.replace("{problem}", f"its format is {content['format']!r}"))
  json_files.check(content, {"grid": {}, **tables}, wrong)
  check(content["grid"], survey, os.fspath(path))
  if weights_digest not in (None, content.get("weights_sha256")):
    raise ValueError(f"{path} was fitted on the estimates of other weights; fit it again with "
                     "python -m eval.main")
  return content
