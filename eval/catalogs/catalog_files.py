"""What eval.catalog writes and says: metrics.json, the report, Step 4, the calibrated catalogue."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import json
import os
from typing import Sequence

import astropy
from astropy.table import Column
import numpy as np

from eval.catalogs.calibrated_table import write_table
from eval.catalogs.catalog_request import CatalogRequest
from eval.catalogs.catalog_source import Source
from eval.catalogs.catalog_steps import Measured, Step4
from eval.catalogs.fitted_galaxies import KEY, fitted_estimate, sample
import pzbias_tf
from pzbias_tf.bias.calibration import is_calibration
from pzbias_tf.data.galaxy_origin import (
  GalaxyOrigin,
  origin_of_record,
  simulation_record,
)
from pzbias_tf.files import write_text
from pzbias_tf.guards import own_folders
from pzbias_tf.metrics.distributions import off_grid
from pzbias_tf.metrics.stage_metrics import to_json
from pzbias_tf.photoz_catalog import Catalog, listed
from pzbias_tf.predictions.parts.part_folder import parts_digest
from pzbias_tf.report.catalog_report import catalog_table, how_to_read, write_catalog_report
from pzbias_tf.report.page_files import RunDescription, clear_page
from pzbias_tf.survey import Survey
from pzbias_tf.versions import file_digest, for_others, git_revision, made_with

REPORT = "report"
METRICS = "metrics.json"
CALIBRATED = "calibrated.fits"
STEP4_FILES = "calibration*.json"
WRITTEN = (METRICS, STEP4_FILES, CALIBRATED, REPORT)
"""Patterns of the names of what is written to --output."""

_SHOWN_DIGITS = 16  # of a digest
_MANY = 0.1  # so large a share of galaxies off the grid calls for another survey


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
  """All that is known when the files are written.

  Attributes:
    request: what was asked.
    source: the catalogue as it was read.
    survey: the survey.
    catalog: its galaxies that have all values.
    step4: the corrections.
    measured: the estimates; empty without spectroscopic redshifts.
  """

  request: CatalogRequest
  source: Source
  survey: Survey
  catalog: Catalog
  step4: Step4
  measured: Sequence[Measured]

  @functools.cached_property
  def origin(self) -> GalaxyOrigin:
    """Whether the galaxies are real."""
    records = [simulation_record(path) for path in (self.source.path, self.request.truth) if path]
    return origin_of_record(next((record for record in records if record is not None), None),
                            f"catalogue {os.path.basename(self.source.path)}")

  @property
  def facts(self) -> dict[str, str]:
    """What was measured and on what, in words."""
    return {**_about_input(self), **_about_grids(self), **_about_results(self)}


def _about_input(outcome):
  source, missing = outcome.source, listed(outcome.catalog.missing)
  left_out = f"{len(source) - len(outcome.catalog)} rows with missing values"
  of_what = parts_digest if os.path.isdir(source.path) else file_digest
  digest = of_what(source.path)[:_SHOWN_DIGITS]
  return {"Catalogue": f"{os.path.basename(source.path)}, {len(source)} rows",
          "Digest": f"SHA-256 {digest}", "Galaxies": outcome.origin.headline.lower(),
          "Columns": source.named(),
          "Left out": f"{left_out}: {missing}" if missing else left_out,
          **({"p(z)": source.pdf_kind} if source.pdf_kind else {})}


def _about_grids(outcome):
  survey, off = outcome.survey, off_grids(outcome)
  magnitudes = (f"r from {survey.r_min:g} to {survey.r_max:g} mag" if outcome.source.roles["r"]
                else "no magnitudes")
  many = [name for name, own in off.items() if sum(own.values()) > _MANY * len(outcome.catalog)]
  return {"Survey": f"{survey.name}: {survey.bins} redshift bins in [{survey.z_min:g}, "
                    f"{survey.z_max:g}], {magnitudes}",
          "Off the grid": "; ".join(f"{name} {own['below']} below, {own['above']} above"
                                    for name, own in off.items()) or "none",
          **({"Mind": f"much of {', '.join(many)} is off the grid of {survey.name}; name a "
                      "--survey that covers it"} if many else {})}


def _about_results(outcome):
  facts, bootstrap = {}, outcome.request.bootstrap
  if outcome.measured:
    facts["Measured"] = f"{len(outcome.step4.tested)} galaxies"
    facts["Errors"] = f"{bootstrap.number} bootstraps, seed {bootstrap.seed}"
  if outcome.step4.fitted_on:
    facts["Step 4"] = f"fitted on {outcome.step4.fitted_on}"
    facts |= _not_held_out(outcome) if outcome.measured else {}
    facts |= _other_estimate(outcome)
    facts["Corrections"] = "; ".join(_corrections(outcome.step4))
  if any(own.change for own in outcome.measured):
    facts["Residual against z_photo"] = ("root mean square, weighted by galaxies: "
                                         + "; ".join(_changes(outcome.measured)))
  return facts


def _not_held_out(outcome):
  """Whether Step 4 is measured on galaxies that it was fitted on, in words."""
  share = outcome.step4.share
  if share == 0.0:
    return {}
  if share is None:
    return {"Not held out": f"perhaps; {os.path.basename(outcome.request.calibration)} does not "
                            "tell its galaxies. Measure others than those it was fitted on"}
  return {"Not held out": f"about {share:.0%} of the measured galaxies are among those that Step 4 "
                          "was fitted on, so its numbers are too good; measure others"}


def _other_estimate(outcome):
  """Whether a Step 4 of before was fitted to another column, in words."""
  request, (name, *_) = outcome.request, outcome.step4.calibrations
  fitted = fitted_estimate(request.calibration) if request.calibration else ""
  if fitted in ("", name):
    return {}
  return {"Other estimate": f"Step 4 was fitted to {fitted}, and is applied to {name}: mind that "
                            "both are estimates of the same kind"}


def save_all(outcome: Outcome) -> list[str]:
  """Writes the files, and removes those of an earlier command; returns what was done, in words.

  Raises:
    OSError: the folder holds files of others, or another process is at work there.
    ValueError: a table that was read is a file that would be written over.
  """
  request = outcome.request
  for path in (request.input, request.truth, request.fit) if request.apply else ():
    if path and _same(path, os.path.join(request.output, CALIBRATED)):
      raise ValueError(f"{path} would be written over; name another --output")
  with own_folders.output_folder(request.output, WRITTEN):
    removed, written = _clear_earlier(request), _save(outcome)
  gone = [path for path in removed if path not in written
          and not path.startswith(os.path.join(request.output, REPORT) + os.sep)]
  return [*(f"wrote {path}" for path in written),
          *(f"removed {path}, of an earlier command" for path in gone)]


def _clear_earlier(request) -> list[str]:
  """Removes what an earlier command wrote, lest it be taken for a part of what follows.

  Files that this command reads stay.  Returns those that were removed.
  """
  folder, read = request.output, (request.input, request.truth, request.fit, request.calibration)
  names = [name for name in sorted(os.listdir(folder))
           if name in (METRICS, CALIBRATED) or fnmatch.fnmatchcase(name, STEP4_FILES)
           and is_calibration(os.path.join(folder, name))]
  earlier = [path for path in (os.path.join(folder, name) for name in names)
             if not any(_same(path, other) for other in read if other)]
  for path in earlier:
    os.remove(path)
  return earlier + clear_page(os.path.join(folder, REPORT))


def _same(path: str, other: str) -> bool:
  return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _save(outcome):
  folder = outcome.request.output
  written = [_save_metrics(outcome), *_save_calibrations(outcome)]
  if outcome.request.apply:
    written.append(_save_calibrated(outcome))
  if outcome.measured:
    written += write_catalog_report(
        os.path.join(folder, REPORT), [(own.before, own.after) for own in outcome.measured],
        outcome.step4.tested.survey, RunDescription(
            name=os.path.basename(outcome.source.path),
            facts={**outcome.facts, **made_with()}, settings={"Step 4": _settings(outcome.request)},
            origin=outcome.origin, commands=[for_others(outcome.request.command)],
            metrics=written[0], bootstraps=outcome.request.bootstrap.number),
        _changes_of(outcome))
  return written


def as_text(outcome: Outcome, saved: Sequence[str]) -> str:
  """What the command prints; `saved` is what `save_all` returns."""
  lines = [f"{name.lower()}: {words}" for name, words in outcome.facts.items()]
  summaries = {result.title: result.summary for own in outcome.measured
               for result in (own.before, own.after) if result}
  if summaries:
    lines += ["", catalog_table(summaries), "", how_to_read(summaries)]
  return "\n".join([*lines, "", *saved])


def _corrections(step4):
  """What Step 4 has to correct in each estimate, in words."""
  for name, calibration in step4.calibrations.items():
    cells = calibration.significant_cells
    yield f"{name}: " + (f"significant in {cells} cells" if cells else
                         "nothing to correct, no cell has a significant correction")


def _changes(measured):
  """What Step 4 did to the residual of each estimate, in words."""
  for own in measured:
    if own.change:
      before, after, change = own.change
      yield (f"{own.before.title}: {before:.5f} before, {after:.5f} after, change "
             f"{change.mean:+.5f} +- {change.error:.5f}")


def off_grids(outcome: Outcome) -> dict[str, dict[str, int]]:
  """{column: numbers of galaxies below and above the survey's grid}, where there are any."""
  catalog, survey, roles = outcome.catalog, outcome.survey, outcome.source.roles
  columns = {**({} if catalog.z_spec is None else {roles["z_spec"]: catalog.z_spec}),
             **catalog.z_photo}
  counts = {name: off_grid(z, survey)._asdict() for name, z in columns.items()}
  if catalog.r_mag is not None:
    counts[roles["r"]] = {"below": int(np.sum(catalog.r_mag < survey.r_min)),
                          "above": int(np.sum(catalog.r_mag > survey.r_max))}
  return {name: own for name, own in counts.items() if any(own.values())}


def _settings(request):
  """Settings of Step 4 for the end of the page."""
  if not (request.fit_fraction or request.fit):
    return {"from": request.calibration or "not fitted"}
  return {"cells": request.calibration_cells, "resampled": "yes" if request.resampled else "no",
          "share fitted on": f"{request.fit_fraction:g}" if request.fit_fraction else "-",
          "seed": str(request.bootstrap.seed)}


def _save_metrics(outcome):
  path, catalog = os.path.join(outcome.request.output, METRICS), outcome.catalog
  content = {
      "request": dataclasses.asdict(outcome.request),
      "columns": {**outcome.source.roles, "z_photo": list(outcome.source.z_photo)},
      "survey": to_json(dataclasses.asdict(outcome.survey)),
      "versions": {"pzbias_tf": pzbias_tf.__version__, "numpy": np.__version__,
                   "astropy": astropy.__version__},
      "revision": git_revision(), "origin": dataclasses.asdict(outcome.origin),
      "rows": len(outcome.source), "galaxies": len(catalog), "missing": dict(catalog.missing),
      "off_grid": off_grids(outcome),
      "step4": {"fitted_on": outcome.step4.fitted_on,
                "share_fitted_on": outcome.step4.share, "significant_cells": {
          name: own.significant_cells for name, own in outcome.step4.calibrations.items()},
                "residual_by_galaxies": to_json(_changes_of(outcome))},
      "estimates": {result.title: to_json(result.summary) for own in outcome.measured
                    for result in (own.before, own.after) if result}}
  write_text(path, json.dumps(content, indent=1) + "\n")
  return path


def _changes_of(outcome):
  """{estimate: what Step 4 changes of its residual against z_photo}."""
  return {own.before.title: own.change for own in outcome.measured if own.change}


def _save_calibrations(outcome):
  """calibration.json, or one file per estimate; none where it was fitted before."""
  request, step4 = outcome.request, outcome.step4
  if step4.fitted is None:
    return []
  paths, galaxies = [], sample(step4.fitted)
  for name, calibration in step4.calibrations.items():
    several = f"_{name}" if len(step4.calibrations) > 1 else ""
    paths.append(os.path.join(request.output, f"calibration{several}.json"))
    calibration.save(paths[-1], provenance={
        "catalogue": outcome.source.path, "z_photo": name, "fitted_on": step4.fitted_on,
        **_settings(request), KEY: galaxies})
  return paths


def _save_calibrated(outcome):
  """The catalogue with all its columns and the calibrated estimates; NaN where one is missing."""
  source, path = outcome.source, os.path.join(outcome.request.output, CALIBRATED)
  new: dict[str, Column] = {}
  for name, calibration in outcome.step4.calibrations.items():
    own = source.catalog(outcome.survey, missing=outcome.request.missing, only=name)
    corrected, filled = own.apply(calibration), np.full((2, len(source)), np.nan)
    filled[0, own.rows], filled[1, own.rows] = corrected.z_photo, corrected.error
    new |= {f"{name}_calibrated": Column(filled[0], description=f"{name} after Step 4"),
            f"{name}_calibration_error": Column(
                filled[1], description="standard error of Step 4's correction")}
  if outcome.step4.own.any():
    new["in_fit"] = Column(outcome.step4.own, description="whether Step 4 was fitted on the galaxy")
  write_table(path, source.columns, new, ids=source.roles["id"], mark=outcome.origin.mark,
              origin=source.path)
  return path
