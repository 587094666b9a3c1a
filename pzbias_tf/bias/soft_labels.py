"""Labels of Step 3: softened by the dispersion, shifted against the drift.

Estimates drift towards crowded redshift bins and pile up in some of them.  Step 3
extends the redshift grid, spreads each label over neighbouring bins, and shifts
it by as much as the estimate would drift, in the opposite direction.

The label of a galaxy depends only on its (redshift bin, magnitude row), so a
`LabelModel` holds small tables.  A training step makes the labels on the device
from `LabelModel.shifted_means` and `LabelModel.sigma_disp`.

Source: Lin et al. 2022 (Step 3).
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile

import numpy as np

from pzbias_tf import arguments, fitted_models
from pzbias_tf.bias import channels, dispersion, scatter
from pzbias_tf.bias.dispersion import density, dispersion_cross_entropy
from pzbias_tf.files import whole_file
from pzbias_tf.guards import plain_files
from pzbias_tf.survey import Survey

__all__ = [
    "LabelModel", "MIN_SIGMA", "density", "dispersion_cross_entropy", "fit_label_model",
    "soft_labels"]

MIN_SIGMA = 0.1
"""A Gaussian label narrower than this, in bins, becomes a one-hot label."""

_TABLES = ("sigma_disp", "sigma_scatter", "density", "fitted_disp")
_PREDICTIONS = "predictions_sha256"


def soft_labels(
    mean: np.ndarray, sigma: float, bins: int, *, soften: bool = True) -> np.ndarray:
  """Labels around given means.

  Soft labels are exp(-(l - mean)^2 / 2 sigma^2) over the bins l, normalised in log
  space, so that a mean far off the grid gives a label on the edge bin instead of
  0/0.  Hard labels, and those with sigma < `MIN_SIGMA`, are one-hot at the
  integer part of the mean, clipped to the grid.

  Args:
    mean: positions in bins, [n], counted from the first of the `bins` bins.
    sigma: width in bins.
    bins: number of bins.
    soften: False gives hard labels.

  Returns:
    [n, bins] float32; each label sums to 1.
  """
  positions = np.arange(bins)
  if not soften or sigma < MIN_SIGMA:
    whole = np.clip(np.trunc(mean), 0, bins - 1)
    return (whole[:, None] == positions).astype(np.float32)
  log_label = -0.5 * ((positions - mean[:, None]) / sigma) ** 2
  label = np.exp(log_label - log_label.max(axis=1, keepdims=True))
  return (label / label.sum(axis=1, keepdims=True)).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LabelModel:
  """The tables from which Step 3 makes its labels, fitted on the estimates of Step 2.

  Attributes:
    survey: the survey whose grids the tables belong to.
    sigma_disp: width of each output's labels, in bins, [outputs] float64; as
      published, the dispersion of its estimates.
    sigma_scatter: scatter of the estimates by output and un-extended redshift
      bin, in bins, [outputs, bins] float64.
    density: fraction of the galaxies by redshift bin of z_spec and magnitude row,
      [bins, rows] float64.
    fitted_disp: dispersion of each output as fitted, [outputs] float64, where the
      labels have another width; else `sigma_disp`.

  Raises:
    ValueError: a table has another shape, or holds negative values or values that
      are not finite.
  """

  survey: Survey
  sigma_disp: np.ndarray
  sigma_scatter: np.ndarray
  density: np.ndarray
  fitted_disp: np.ndarray | None = None

  def __post_init__(self):
    survey = self.survey
    if self.fitted_disp is None:
      object.__setattr__(self, "fitted_disp", self.sigma_disp)
    shapes = ((survey.outputs,), (survey.outputs, survey.bins), (survey.bins, survey.rows),
              (survey.outputs,))
    for name, shape in zip(_TABLES, shapes):
      table = np.array(getattr(self, name), np.float64)
      if table.shape != shape:
        raise ValueError(
            f"{name} must have shape {list(shape)} for survey {survey.name!r} with "
            f"{survey.bins} bins, got {list(table.shape)}; use tables of the same grid")
      if not np.all(np.isfinite(table)) or np.any(table < 0):
        raise ValueError(f"{name} holds values that are negative or not finite; fit it again")
      table.flags.writeable = False
      object.__setattr__(self, name, table)

  def shifted_means(self, *, shift: bool = True) -> np.ndarray:
    """Where the label of each output, redshift bin and magnitude row is centred.

    mu = 2 i - c, where c, towards which the estimate would drift, is the mean of l
    weighted with density(l, magnitude row) x
    exp(-(l - i)^2 / 2 sigma_scatter(output, i)^2).  mu = i where these weights are
    all 0 (in float64: no galaxy of the magnitude row within about 38
    sigma_scatter), and where sigma_scatter is below `MIN_SIGMA`.

    A label on the device is then
    softmax(-(arange(bins_extended) - mu)^2 / 2 sigma_disp[output]^2).  Hard labels,
    and those with sigma_disp < `MIN_SIGMA`, are one-hot at
    clip(int(mu), 0, bins_extended - 1).  Outputs that the magnitude row does not
    belong to (`channels.row_membership`) get the flat label 1 / bins_extended.

    Args:
      shift: False gives mu = i.

    Returns:
      mu, [outputs, bins, rows] float64, in bins counted from the first bin of
      the extended grid.  The second axis is the un-extended redshift bin.  mu
      may lie off the extended grid.  Entries of outputs that a magnitude row does
      not belong to are finite and not used.
    """
    position = np.arange(self.survey.bins, dtype=np.float64)
    left, _ = self.survey.extension
    shape = (self.survey.outputs, self.survey.bins, self.survey.rows)
    own = np.broadcast_to(position[None, :, None], shape)
    if not shift:
      return own + left
    drifted = np.stack([self._drift(sigma, position) for sigma in self.sigma_scatter])
    return 2.0 * own - drifted + left

  def _drift(self, sigma, position):
    """c of one output, [bins, rows], counted on the un-extended grid."""
    narrow = sigma < MIN_SIGMA
    scaled = (position[None, :] - position[:, None]) / np.where(narrow, 1.0, sigma)[:, None]
    weight = np.exp(-0.5 * scaled ** 2)
    total = weight @ self.density
    moment = weight @ (self.density * position[:, None])
    vanishing = (total <= 0.0) | narrow[:, None]
    drifted = moment / np.where(vanishing, 1.0, total)
    return np.where(vanishing, position[:, None], drifted)

  def targets(
      self, z_spec: np.ndarray, r_mag: np.ndarray, *,
      soften: bool = True, shift: bool = True) -> np.ndarray:
    """Labels of galaxies for all outputs.

    Args:
      z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid, so
        that z = z_max falls into its last bin, not into the extension.
      r_mag: r magnitudes, [n].
      soften: False gives one-hot labels (the study's Step 3a).
      shift: False centres the labels on the bin of z_spec (the study's Step 3b).

    Returns:
      [n, outputs, bins_extended] float32; each label sums to 1, and is flat for
      outputs that the galaxy does not belong to.

    Raises:
      ValueError: the columns differ in length, are empty, or not finite.
    """
    z_spec, r_mag = arguments.columns(z_spec=z_spec, r_mag=r_mag)
    survey, bins = self.survey, self.survey.bins_extended
    redshift_bin, magnitude_row = survey.redshift_bin(z_spec), survey.magnitude_row(r_mag)
    members = channels.row_membership(survey)[magnitude_row] > 0
    mean = self.shifted_means(shift=shift)
    labels = np.full((z_spec.size, survey.outputs, bins), 1.0 / bins, np.float32)
    for output, sigma in enumerate(self.sigma_disp):
      own = np.flatnonzero(members[:, output])
      own_mean = mean[output, redshift_bin[own], magnitude_row[own]]
      labels[own, output] = soft_labels(own_mean, sigma, bins, soften=soften)
    return labels

  def save(self, path: str | os.PathLike, *, predictions_digest: str = "") -> None:
    """Writes the tables and their grid as one .npz file, completely or not at all.

    Args:
      path: the file, by convention ending in .npz.
      predictions_digest: SHA-256 of the predictions that it was fitted to.

    Raises:
      OSError: the file cannot be written.
    """
    tables = {name: getattr(self, name) for name in _TABLES}
    tables["grid"] = np.array(json.dumps(fitted_models.settings(self.survey)))
    tables[_PREDICTIONS] = np.array(predictions_digest)
    with whole_file(path) as hidden, open(hidden, "wb") as file:
      np.savez(file, **tables)  # to an open file, since savez adds .npz to a name

  @classmethod
  def load(cls, path: str | os.PathLike, survey: Survey, *,
           predictions_digest: str | None = None) -> LabelModel:
    """Reads what `save` wrote.

    Args:
      path: the file.
      survey: the survey whose labels are to be made.
      predictions_digest: SHA-256 of the predictions that it must have been fitted to;
        None accepts any, and so does a file of an older version.

    Returns:
      The model.

    Raises:
      ValueError: the file is not a label model, is damaged, or was made for a different grid
        or from other predictions.
      OSError: the file cannot be read.
    """
    plain_files.check(path)
    try:
      with np.load(path, allow_pickle=False) as file:
        tables = {name: file[name] for name in _TABLES if name in file or name != "fitted_disp"}
        stored = json.loads(str(file["grid"]))
        fitted_to = str(file[_PREDICTIONS]) if _PREDICTIONS in file else ""
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
      raise ValueError(
          f"{path} is not a label model ({error}); name a file written by "
          "LabelModel.save") from error
    fitted_models.check(stored, survey, os.fspath(path))
    if fitted_to and predictions_digest not in (None, fitted_to):
      raise ValueError(f"{path} was fitted to other predictions of Step 2 than those of this "
                       "stage; restore it, or train the stage again in another --experiment")
    return cls(survey=survey, **tables)


def fit_label_model(
    z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    sigma_disp: np.ndarray | None = None, dispersions: str = "published",
    width_factor: float = 1.0) -> LabelModel:
  """Fits the label model of Step 3 on the Step 2 estimates of the balanced subset.

  sigma_scatter(k, l) = sqrt(s2_k(l) + sigma_disp(k)^2), where s2_k(l) is the
  smoothed mean square residual, in bins squared, of the galaxies of output k in
  redshift bin l.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates of Step 2, [n].
    r_mag: r magnitudes, [n].
    survey: the survey.
    sigma_disp: widths of the labels in bins, [outputs]; unless given, the fitted
      dispersions times `width_factor`.
    dispersions: how they are fitted, one of `dispersion.SEARCHES`.
    width_factor: > 0; 1 is the published method.

  Returns:
    The label model; uncertain dispersions are logged.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or
      `sigma_disp` has another shape.
  """
  z_spec, z_photo, r_mag = arguments.columns(z_spec=z_spec, z_photo=z_photo, r_mag=r_mag)
  fitted = dispersion.fit_dispersions(z_spec, z_photo, r_mag, survey, search=dispersions)
  if sigma_disp is None:
    dispersion.warn_of_doubtful_dispersions(fitted, z_spec, z_photo, r_mag, survey)
    sigma_disp = width_factor * fitted
  sigma_disp = np.asarray(sigma_disp, np.float64)
  if sigma_disp.shape != (survey.outputs,):
    raise ValueError(
        f"sigma_disp must have shape [{survey.outputs}], one number per output, got "
        f"{list(sigma_disp.shape)}")
  squares = scatter.smoothed_squares(
      ((z_photo - z_spec) / survey.bin_width) ** 2, survey.redshift_bin(z_spec),
      channels.membership(r_mag, survey), sigma_disp, survey.bins)
  return LabelModel(
      survey=survey, sigma_disp=sigma_disp,
      sigma_scatter=np.sqrt(squares + sigma_disp[:, None] ** 2),
      density=density(z_spec, r_mag, survey), fitted_disp=fitted)
