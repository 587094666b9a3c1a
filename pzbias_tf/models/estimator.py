"""A trained stage as a SavedModel that needs TensorFlow alone.

Pixels or magnitudes, E(B-V) and extra columns go in, p(z) and point estimates come out; the model
itself crops the images and scales the flux.  Where a pixel or another number is not finite, all
that comes out is NaN; magnitudes that may be missing are no such numbers.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pzbias_tf.compat.keras import plain_variable
from pzbias_tf.data.magnitudes import PhotometryInput, with_nan_in_graph
from pzbias_tf.models.network import INPUTS, input_columns, input_size, redshift_pdf
from pzbias_tf.survey import Survey

_TINY = 1.2e-38  # of float32, as p(z) is


class Estimator(tf.Module):
  """What is saved: `estimate`, which is also the default signature, and the grid.

  Attributes:
    edges: edges of the redshift bins [bins + 1] float64.
    estimate: (image [n, height, width, band] float32, pixels as the survey
      delivers them; ebv [n] float32, mag; only of a network with extra columns,
      extra [n, columns] float32, as measured) -> {"pdf": probability of each bin
      [n, bins] float32; "zmode", "zmean", "zmedian": [n] float64}.  Of photometry, magnitudes
      and, where the network takes them, errors [n, band] float32 replace the image.
  """

  def __init__(self, network: tf.keras.Model, survey: Survey, *, extended: bool,
               photometry: PhotometryInput | None = None):
    """Wraps a network.

    Args:
      network: of `build_network`, with its trained weights.
      survey: gives bands, flux divisor and redshift grid.
      extended: whether the network's grid is the extended one.
      photometry: what the network makes of magnitudes; None for images.
    """
    super().__init__()
    self.edges = tf.Variable(survey.edges(extended=extended), dtype=tf.float64, trainable=False)
    self._weights = [plain_variable(weight) for weight in network.weights]  # saved with it
    size, names = input_size(network), [name for name in INPUTS if name in network.input]
    shapes = {"image": [None, None, None, len(survey.bands)], "ebv": [None],
              "magnitudes": [None, len(survey.bands)], "errors": [None, len(survey.bands)],
              "extra": [None, len(input_columns(network))]}

    def estimates(*values):
      inputs = dict(zip(names, values))
      if photometry is None:
        inputs["image"] = _central(inputs["image"], size) / survey.flux_divisor
      else:
        inputs.update(_cleaned(inputs, photometry))
      pdf = redshift_pdf(network(inputs))
      pdf = tf.where(_all_finite(inputs)[:, tf.newaxis], pdf, np.nan)
      return {"pdf": pdf, **estimates_in_graph(self.edges.value(), tf.cast(pdf, tf.float64))}

    self.estimate = tf.function(_with_names(estimates, names), input_signature=[
        tf.TensorSpec(shapes[name], tf.float32, name) for name in names])

  def save(self, folder: str) -> None:
    """Writes the SavedModel into an empty folder."""
    tf.saved_model.save(self, folder, signatures={"serving_default": self.estimate})


def estimates_in_graph(edges: tf.Tensor, pdf: tf.Tensor) -> dict[str, tf.Tensor]:
  """Three of `predictions.estimates.point_estimates`, in TensorFlow operations.

  Args:
    edges: edges of the redshift bins [bins + 1] float64.
    pdf: probability of each bin [n, bins] float64.

  Returns:
    "zmode", "zmean" and "zmedian", [n] float64; NaN where p(z) is not finite.
  """
  centers = 0.5 * (edges[:-1] + edges[1:])
  cdf = tf.cumsum(pdf, axis=-1)
  half = 0.5 * cdf[:, -1]
  upper = tf.argmax(tf.cast(cdf >= half[:, tf.newaxis], tf.int32), axis=-1)
  here = lambda columns: tf.gather(columns, upper, axis=1, batch_dims=1)
  inside = tf.maximum(here(pdf), _TINY)
  fraction = 1.0 - (here(cdf) - half) / inside
  width = tf.gather(edges[1:] - edges[:-1], upper)
  finite = tf.math.is_finite(cdf[:, -1])  # argmax takes NaN for the first bin
  return {name: tf.where(finite, values, np.nan) for name, values in {
      "zmode": tf.gather(centers, tf.argmax(pdf, axis=-1)),
      "zmean": tf.linalg.matvec(pdf, centers),
      "zmedian": tf.gather(edges, upper) + fraction * width}.items()}


def _all_finite(inputs):
  """Whether all numbers of each galaxy are finite, [n] bool; magnitudes may be missing."""
  finite = [tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, len(values.shape))))
            for name, values in inputs.items() if name not in ("magnitudes", "errors")]
  return tf.reduce_all(tf.stack(finite), axis=0)


def _with_names(function, names):
  """A function whose arguments have names, which those of the SavedModel become.

  Args:
    function: of as many arguments as there are names.
    names: of `INPUTS`, in order.
  """
  return {
      ("image", "ebv"): lambda image, ebv: function(image, ebv),
      ("image", "ebv", "extra"): lambda image, ebv, extra: function(image, ebv, extra),
      ("magnitudes", "ebv"): lambda magnitudes, ebv: function(magnitudes, ebv),
      ("magnitudes", "ebv", "extra"):
          lambda magnitudes, ebv, extra: function(magnitudes, ebv, extra),
      ("magnitudes", "errors", "ebv"):
          lambda magnitudes, errors, ebv: function(magnitudes, errors, ebv),
      ("magnitudes", "errors", "ebv", "extra"):
          lambda magnitudes, errors, ebv, extra: function(magnitudes, errors, ebv, extra),
  }[tuple(names)]


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
