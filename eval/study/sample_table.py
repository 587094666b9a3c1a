"""Which galaxies the results page is about, as a table: one row per sample."""

from __future__ import annotations

import os
from typing import Any, Mapping

from pzbias_tf.survey import Survey, load_survey, survey_names

_SAMPLES = {
    "SDSS photometry, r < 17.8, first of three splits": "real_sdss/sdss_main",
    "SDSS photometry, r < 18": "real_sdss_r18/folds",
    "zCOSMOS photometry": "real_zcosmos/label_width",
    "SDSS": "sdss/sdss_main",
    "SDSS, simulated images of real galaxies": "sdss_photometry/sdss_main",
    "CFHTLS-WIDE": "cfhtls/cfhtls_wide",
    "CFHTLS-DEEP": "cfhtls/cfhtls_deep"}
"""{name of a sample: a results file of it}."""

_NETWORKS = {"photometry": "Net_C", "small": "Net_Q"}
"""{scale of a results file: the network of its items, but for the item that varies it}."""

_OWN_SURVEYS = os.path.join(os.path.dirname(__file__), "..", "..", "docs")
"""Folder of the surveys that have no name."""


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
  """The table in Markdown.

  Args:
    results: {name of a results file: its content}; missing samples have no row.
  """
  lines = ["| sample | galaxies | training split | tested | redshift grid | network |",
           "|---|---|---|---|---|---|"]
  for title, name in _SAMPLES.items():
    if name in results:
      result = results[name]
      lines.append(f"| {title} | {_origin(result['data']['simulated'])} | "
                   f"{result['data']['train']:,} | {tested(result):,} | "
                   f"{_grid(_survey(result['data']['survey']))} | {_NETWORKS[result['scale']]} |")
  return "\n".join(lines)


def tested(result: Mapping[str, Any]) -> int:
  """Number of test galaxies of a results file's last stage."""
  return list(result["variants"][-1]["stages"].values())[-1]["galaxies"]


def _origin(simulated: Mapping[str, Any] | None) -> str:
  """What is real of the galaxies; `simulated`: how they were made, None for real ones."""
  if simulated is None:
    return "real magnitudes"
  return "simulated images of real galaxies" if "photometry" in simulated else "simulated images"


def _survey(name: str) -> Survey:
  """The survey of a results file, which names it as its own file does."""
  named = name in survey_names()
  return load_survey(name if named else os.path.join(_OWN_SURVEYS, f"{name}.toml"))


def _grid(survey: Survey) -> str:
  return f"{survey.bins} bins to z = {survey.z_max:g}"
