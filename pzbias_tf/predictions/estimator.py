"""A trained stage as a SavedModel that needs TensorFlow alone.

Pixels or magnitudes, E(B-V) and extra columns go in, p(z) and point estimates come out; the model
itself crops the images and scales the flux.  Where a pixel or another number is not finite, all
that comes out is NaN; magnitudes that may be missing are no such numbers.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf.compat.keras import plain_variable
from pzbias_tf.data.apertures import measure_images
from pzbias_tf.data.magnitudes import PhotometryInput, with_nan_in_graph
from pzbias_tf.models.network import INPUTS, input_columns, input_size, redshift_pdf
from pzbias_tf.predictions.domain import TrainingDomain
from pzbias_tf.predictions.estimates_in_graph import estimates_in_graph, flags_in_graph
from pzbias_tf.survey import Survey

R_MAG = "r_mag"


class Estimator(tf.Module):
  """What is saved: `estimate`, which is also the default signature, and the grid.

  Attributes:
    edges: edges of the redshift bins [bins + 1] float64.
    estimate: (image [n, height, width, band] float32, pixels as the survey
      delivers them; ebv [n] float32, mag; only of a network with extra columns,
      extra [n, columns] float32, as measured) -> {"pdf": probability of each bin
      [n, bins] float32; the columns of `point_estimates`: [n] float64}.  Of photometry,
      magnitudes and, where the network takes them, errors [n, band] float32 replace the image.
    estimate_with_flags: the same with r_mag [n] float32, mag, as the last argument; adds
      "flags" [n] int32, see `flags_in_graph`.  Only where there is a training domain.
  """

  def __init__(self, network: tf.keras.Model, survey: Survey, *, extended: bool,
               photometry: PhotometryInput | None = None, domain: TrainingDomain | None = None):
    """Wraps a network.

    Args:
      network: of `build_network`, with its trained weights.
      survey: gives bands, flux divisor and redshift grid.
      extended: whether the network's grid is the extended one.
      photometry: what the network makes of magnitudes; None for images.
      domain: the ranges of its training galaxies; None flags none.
    """
    super().__init__()
    edges = survey.edges(extended=extended)
    self.edges = tf.Variable(edges, dtype=tf.float64, trainable=False)
    self._weights = [plain_variable(weight) for weight in network.weights]  # saved with it
    names = [name for name in INPUTS if name in network.input]
    shapes: dict[str, list[int | None]] = {
        "image": [None, None, None, len(survey.bands)], "ebv": [None], R_MAG: [None],
        "magnitudes": [None, len(survey.bands)], "errors": [None, len(survey.bands)],
        "extra": [None, len(input_columns(network))]}

    def estimates(**values):
      if photometry is None:
        image = _central(values["image"], input_size(network)) / survey.flux_divisor
        inputs = {**values, "image": image}
      else:
        inputs = {**values, **_cleaned(values, photometry)}
      pdf = redshift_pdf(network(inputs))  # not an attribute: Keras's own parts stay out
      pdf = tf.where(_all_finite(inputs)[:, tf.newaxis], pdf, np.nan)
      return {"pdf": pdf, **estimates_in_graph(edges, pdf)}, inputs

    self.estimate = _function(lambda **values: estimates(**values)[0], names, shapes)
    if domain is None:
      return

    def with_flags(r_mag, **values):
      found, inputs = estimates(**values)
      measured = ({**measure_images(inputs["image"]), "ebv": inputs["ebv"]} if photometry is None
                  else inputs)
      return {**found, "flags": flags_in_graph(domain, r_mag, measured, found["pdf"])}

    self.estimate_with_flags = _function(with_flags, [*names, R_MAG], shapes)

  def save(self, folder: str) -> None:
    """Writes the SavedModel into an empty folder."""
    signatures = {"serving_default": self.estimate}
    if hasattr(self, "estimate_with_flags"):
      signatures["with_flags"] = self.estimate_with_flags
    tf.saved_model.save(self, folder, signatures=signatures)


def _function(function: Callable[..., Any], names: Sequence[str],
              shapes: dict[str, list[int | None]]) -> Any:
  """A tf.function of arguments with names, which those of the SavedModel become.

  Args:
    function: takes them as keyword arguments.
    names: of the arguments, in order.
    shapes: {name: shape}.
  """
  parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                for name in names]

  def named(*values):
    return function(**dict(zip(names, values)))

  named.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
  return tf.function(named, input_signature=[
      tf.TensorSpec(shapes[name], tf.float32, name) for name in names])


def _all_finite(inputs):
  """Whether all numbers of each galaxy are finite, [n] bool; magnitudes may be missing."""
  finite = [tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, len(values.shape))))
            for name, values in inputs.items() if name not in ("magnitudes", "errors")]
  return tf.reduce_all(tf.stack(finite), axis=0)


def _cleaned(inputs, photometry):
  """Magnitudes and errors with NaN where missing, checked."""
  magnitudes, errors = with_nan_in_graph(inputs["magnitudes"], inputs.get("errors"),
                                         with_missing=photometry.with_missing)
  return {"magnitudes": magnitudes, **({} if errors is None else {"errors": errors})}


def _central(image, size):
  """The central size x size pixels of images of any size."""
  shape = tf.shape(image)
  enough = tf.debugging.assert_greater_equal(
      tf.reduce_min(shape[1:3]), size, f"images of at least {size} x {size} pixels are needed")
  with tf.control_dependencies([enough]):
    top, left = (shape[1] - size) // 2, (shape[2] - size) // 2
  return tf.ensure_shape(image[:, top:top + size, left:left + size],
                         [None, size, size, image.shape[-1]])
