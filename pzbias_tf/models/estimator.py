"""A trained stage as a SavedModel that needs TensorFlow alone.

Pixels and E(B-V) go in, p(z) and point estimates come out; the model itself
crops the images and scales the flux.
"""

from __future__ import annotations

import tensorflow as tf

from pzbias_tf.compat.keras import plain_variable
from pzbias_tf.models.network import input_size, redshift_pdf
from pzbias_tf.survey import Survey

_TINY = 1.2e-38  # of float32, as p(z) is


class Estimator(tf.Module):
  """What is saved: `estimate`, which is also the default signature, and the grid.

  Attributes:
    edges: edges of the redshift bins [bins + 1] float64.
    estimate: (image [n, height, width, band] float32, pixels as the survey
      delivers them; ebv [n] float32, mag) -> {"pdf": probability of each bin
      [n, bins] float32; "zmode", "zmean", "zmedian": [n] float64}.
  """

  def __init__(self, network: tf.keras.Model, survey: Survey, *, extended: bool):
    """Wraps a network.

    Args:
      network: of `build_network`, with its trained weights.
      survey: gives bands, flux divisor and redshift grid.
      extended: whether the network's grid is the extended one.
    """
    super().__init__()
    self.edges = tf.Variable(survey.edges(extended=extended), dtype=tf.float64, trainable=False)
    self._weights = [plain_variable(weight) for weight in network.weights]  # saved with it
    size = input_size(network)

    @tf.function(input_signature=[
        tf.TensorSpec([None, None, None, len(survey.bands)], tf.float32, "image"),
        tf.TensorSpec([None], tf.float32, "ebv")])
    def estimate(image, ebv):
      flux = _central(image, size) / survey.flux_divisor
      pdf = redshift_pdf(network({"image": flux, "ebv": ebv}))
      return {"pdf": pdf, **estimates_in_graph(self.edges.value(), tf.cast(pdf, tf.float64))}

    self.estimate = estimate

  def save(self, folder: str) -> None:
    """Writes the SavedModel into an empty folder."""
    tf.saved_model.save(self, folder, signatures={"serving_default": self.estimate})


def estimates_in_graph(edges: tf.Tensor, pdf: tf.Tensor) -> dict[str, tf.Tensor]:
  """Three of `predictions.estimates.point_estimates`, in TensorFlow operations.

  Args:
    edges: edges of the redshift bins [bins + 1] float64.
    pdf: probability of each bin [n, bins] float64.

  Returns:
    "zmode", "zmean" and "zmedian", [n] float64.
  """
  centers = 0.5 * (edges[:-1] + edges[1:])
  cdf = tf.cumsum(pdf, axis=-1)
  half = 0.5 * cdf[:, -1]
  upper = tf.argmax(tf.cast(cdf >= half[:, tf.newaxis], tf.int32), axis=-1)
  here = lambda columns: tf.gather(columns, upper, axis=1, batch_dims=1)
  inside = tf.maximum(here(pdf), _TINY)
  fraction = 1.0 - (here(cdf) - half) / inside
  width = tf.gather(edges[1:] - edges[:-1], upper)
  return {"zmode": tf.gather(centers, tf.argmax(pdf, axis=-1)),
          "zmean": tf.linalg.matvec(pdf, centers),
          "zmedian": tf.gather(edges, upper) + fraction * width}


def _central(image, size):
  """The central size x size pixels of images of any size."""
  shape = tf.shape(image)
  enough = tf.debugging.assert_greater_equal(
      tf.reduce_min(shape[1:3]), size, f"images of at least {size} x {size} pixels are needed")
  with tf.control_dependencies([enough]):
    top, left = (shape[1] - size) // 2, (shape[2] - size) // 2
  return tf.ensure_shape(image[:, top:top + size, left:left + size],
                         [None, size, size, image.shape[-1]])
