"""Label widths of Step 3 from validation galaxies: as wide as costs next to nothing.

A wider label merges more peaks of p(z), and blurs it more.  What it will cost can
be told before Step 3 is trained: a network that learns labels of width sigma gives
about the p(z) of one that learns hard labels, blurred by sigma.  So the p(z) of
Step 2, on galaxies that it was not trained on, is blurred ever more, until its
CRPS has risen by `MARGIN`: for Gaussian p(z) of the right width, up to 0.68 of it.

This is not part of the published method, whose widths are in `bias.dispersion`.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pzbias_tf.bias import channels
from pzbias_tf.metrics.pdf import pdf_scores
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import Survey

MARGIN = 0.01
"""Largest rise of the mean CRPS, as a fraction of it."""

LEAST = 20
"""Galaxies that an output needs; with fewer, it takes the width of the nearest that has them."""

_MOST = 20_000  # galaxies that are blurred
_CHUNK = 2048  # at a time
_WIDTHS = 2.0 ** np.arange(-2.0, 8.01, 0.25)  # in bins


def widest_labels(validation: Predictions, survey: Survey) -> np.ndarray:
  """The width of each output's labels at which blurring p(z) costs `MARGIN` of the CRPS.

  Args:
    validation: predictions of Step 2 for validation galaxies, on the grid without
      extension.
    survey: the survey.

  Returns:
    Widths in bins, [outputs], on a grid of factors 2^(1/4) from 0.25 to at most a
    quarter of the redshift grid; the smallest where even that costs more.

  Raises:
    ValueError: no output has `LEAST` galaxies.
  """
  pdf, z_spec = validation.pdf[:_MOST], validation.z_spec[:_MOST]
  members = channels.membership(validation.r_mag[:_MOST], survey) > 0
  known = members.sum(axis=0) >= LEAST
  if not known.any():
    raise ValueError(f"{len(validation)} validation galaxies are too few to choose label widths: "
                     f"no output has {LEAST}; convert with a larger share of them, or leave "
                     "--label_width=auto out")
  widths = _WIDTHS[_WIDTHS <= max(_WIDTHS[0], survey.bins / 4)]
  before = _mean_crps(pdf, z_spec, members, survey, 0.0)
  chosen, going = np.full(survey.outputs, widths[0]), known.copy()
  for width in widths:
    going &= _mean_crps(pdf, z_spec, members, survey, width) <= (1.0 + MARGIN) * before
    chosen[going] = width
    if not going.any():
      break
  places = np.flatnonzero(known)
  nearest = places[np.abs(np.arange(survey.outputs)[:, None] - places).argmin(axis=1)]
  return chosen[nearest]


def _mean_crps(pdf, z_spec, members, survey, width):
  """Mean CRPS of the galaxies of each output after blurring by `width` bins, [outputs]."""
  scores = np.concatenate([
      pdf_scores(_blurred(pdf[start:start + _CHUNK], survey, width),
                 z_spec[start:start + _CHUNK], survey).crps
      for start in range(0, len(pdf), _CHUNK)])
  return (scores @ members) / np.maximum(members.sum(axis=0), 1)


def _blurred(pdf, survey, width):
  """p(z) on the extended grid, so that nothing is lost at its ends, after a Gaussian."""
  wide = np.pad(np.asarray(pdf, np.float64), ((0, 0), survey.extension))
  if width:
    wide = ndimage.gaussian_filter1d(wide, width, axis=1, mode="nearest")
  return wide / wide.sum(axis=1, keepdims=True)
