"""The steps of eval.catalog: choose galaxies, fit Step 4, measure before and after."""

from __future__ import annotations

import dataclasses
from typing import Mapping

from absl import logging
import numpy as np

from data_tools.conversion.hashing import hash_fractions
from eval.catalogs.catalog_request import CatalogRequest
from eval.catalogs.catalog_source import Source, read_source
from eval.catalogs.fitted_galaxies import share_fitted_on
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.metrics.held_out import ResidualChange, change_between
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.photoz_catalog import Catalog
from pzbias_tf.report.figures.style import ESTIMATES

STEP4 = "step4"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step4:
  """Where the corrections of a catalogue come from.

  Attributes:
    calibrations: {estimate: its Step 4}; empty without.
    fitted_on: how many galaxies it was fitted on, in words; "" without.
    tested: galaxies to measure, on none of which it was fitted.
    own: whether rows of the source were fitted on, [rows] bool.
    fitted: the galaxies that it was fitted on; None where it was fitted before.
    share: of the tested galaxies that it was fitted on before, about; None where this is not known.
  """

  calibrations: Mapping[str, Calibration]
  fitted_on: str
  tested: Catalog
  own: np.ndarray
  fitted: Catalog | None = None
  share: float | None = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
  """An estimate, measured.

  Attributes:
    before: as it was.
    after: after Step 4; None without.
    change: of the residual against z_photo; None without Step 4.
  """

  before: StageResult
  after: StageResult | None = None
  change: ResidualChange | None = None


def make_step4(request: CatalogRequest, source: Source, catalog: Catalog) -> Step4:
  """Fits or loads Step 4 of each estimate, and chooses the galaxies to measure it on.

  Raises:
    OSError, ValueError: a file cannot be read, or there are no galaxies to fit on.
  """
  none = np.zeros(len(source), bool)
  if request.calibration:
    share = 0.0 if catalog.z_spec is None else share_fitted_on(request.calibration, catalog)
    return Step4(calibrations=_loaded(request, source, catalog), tested=catalog, own=none,
                 fitted_on=f"the galaxies of {request.calibration}", share=share)
  if request.fit:
    fitted = _other_sample(request, source, catalog)
    return Step4(calibrations=_fits(request, fitted, catalog),
                 fitted_on=f"{len(fitted)} of {request.fit}", tested=catalog, own=none,
                 fitted=fitted)
  if not request.fit_fraction:
    return Step4(calibrations={}, fitted_on="", tested=catalog, own=none)
  if not source.roles["id"]:
    logging.warning("%s has no column of ids: which galaxies are fitted on follows from the order "
                    "of its rows", source.path)
  own = hash_fractions(catalog.ids, f"{request.bootstrap.seed}/step4") < request.fit_fraction
  if own.all() or not own.any():
    raise ValueError(f"{source.path}: --fit_fraction={request.fit_fraction:g} of {len(catalog)} "
                     "galaxies leaves none to fit on, or none to measure")
  fitted, tested = catalog.select(own), catalog.select(~own)
  rows = none.copy()
  rows[fitted.rows] = True
  return Step4(calibrations=_fits(request, fitted, tested), tested=tested, own=rows,
               fitted_on=f"{len(fitted)} galaxies of the catalogue", fitted=fitted)


def _fits(request, fitted, target):
  return {name: fitted.fit(name, target=target if request.resampled else None,
                           calibration_cells=request.calibration_cells, width=request.width,
                           seed=request.bootstrap.seed) for name in target.z_photo}


def _loaded(request, source, catalog):
  """The calibration of a file, which is that of a single estimate."""
  if len(catalog.z_photo) > 1:
    raise ValueError(f"--calibration={request.calibration} corrects one estimate; name it with "
                     "--z_photo_column")
  try:
    calibration = Calibration.load(request.calibration, catalog.survey)
  except ValueError as error:
    hint = "" if source.roles["r"] else (f" (without r magnitudes, {source.path} has a single "
                                         "magnitude row; name them with --r_column)")
    raise ValueError(f"{error}{hint}") from error
  return dict.fromkeys(catalog.z_photo, calibration)


def _other_sample(request, source, catalog):
  """The galaxies of --fit, none of which is in the catalogue."""
  other = read_source(request.fit, request.columns, source.z_photo)
  if bool(other.roles["r"]) != bool(source.roles["r"]):
    raise ValueError(f"r magnitudes are known in one of {source.path} and {request.fit} only; name "
                     "their column with --r_column, or give --r_column=none")
  if not other.roles["z_spec"]:
    raise ValueError(f"{request.fit}: no column of redshifts to fit on; name it with "
                     "--z_spec_column")
  fitted = other.catalog(catalog.survey, missing=request.missing)
  if source.roles["id"] and other.roles["id"]:
    shared = np.intersect1d(fitted.ids, catalog.ids)
    if shared.size:
      raise ValueError(f"{request.fit} and {source.path} share {shared.size} galaxies, such as "
                       f"{shared[0]}; leave them out of one, or fit with --fit_fraction")
  return fitted


def measure_estimates(request: CatalogRequest, step4: Step4) -> list[Measured]:
  """Measures each estimate before and after Step 4, on galaxies that it was not fitted on."""
  return [_measure(request, step4, name, style)
          for name, style in zip(step4.tested.z_photo, ESTIMATES)]


def _measure(request, step4, name, style):
  tested, bootstrap = step4.tested, request.bootstrap
  z_spec, z_photo = tested.z_spec, tested.z_photo[name]

  def result(kind, title, z, together, **replaced):
    return StageResult(name=kind, title=title, z_spec=z_spec, z_photo=z, summary=tested.measure(
        name, bootstrap=bootstrap, together=together, **replaced))

  if name not in step4.calibrations:
    return Measured(before=result(style, name, z_photo, None))
  z_after = tested.apply(step4.calibrations[name], name).z_photo
  both = tested.measure_together([z_photo, z_after], bootstrap=bootstrap)
  return Measured(
      before=result(style, name, z_photo, both[0]),
      after=result(STEP4, f"{name}, Step 4", z_after, both[1], z_photo=z_after),
      change=change_between(*(own.rms for own in both)))
