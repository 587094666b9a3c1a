"""Estimates and flags in TensorFlow operations are those of numpy."""

import dataclasses
import functools

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.apertures import measure_images
from pzbias_tf.predictions import estimates
from pzbias_tf.predictions.domain import FLAGS, TrainingDomain
from pzbias_tf.predictions.estimates_in_graph import (
  NO_ESTIMATE,
  estimates_in_graph,
  flags_in_graph,
)
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

GRIDS = {"sdss": SDSS.edges(), "sdss extended": SDSS.edges(extended=True),
         "cfhtls extended": CFHTLS_WIDE.with_bins(200).edges(extended=True),
         "uneven": np.cumsum(np.r_[0.0, np.linspace(0.001, 0.02, 90)])}


def pdfs(bins):
  """{kind: p(z) [n, bins] float32}."""
  rng = np.random.default_rng(0)
  gap = np.zeros((1, bins))
  gap[0, [3, bins - 4]] = 0.5  # the median lies on the edge of a gap
  return {
      "broad": rng.dirichlet(np.ones(bins), 20), "peaked": rng.dirichlet(np.full(bins, 0.01), 20),
      "one bin": np.eye(bins)[[0, 1, bins // 2, bins - 1]], "two bins": gap,
      "flat": np.full((2, bins), 1.0 / bins)}


def risk(edges, pdf, redshift):
  """Expected loss of estimates [n], in double precision."""
  truth = 0.5 * (edges[:-1] + edges[1:])
  dz = (redshift[:, np.newaxis] - truth) / (1.0 + np.maximum(truth, 0.0))
  return np.sum(pdf * (1.0 - 1.0 / (1.0 + (dz / estimates.LOSS_WIDTH) ** 2)), -1)


class EstimatesTest(tf.test.TestCase, parameterized.TestCase):

  def both(self, edges, pdf):
    pdf = np.asarray(pdf, np.float32)
    found = tf.function(functools.partial(estimates_in_graph, edges))(tf.constant(pdf))
    with np.errstate(invalid="ignore"):
      own = estimates.point_estimates(edges, pdf)
    self.assertCountEqual(found, own)
    return {name: values.numpy() for name, values in found.items()}, own

  @parameterized.product(grid=tuple(GRIDS), kind=tuple(pdfs(10)))
  def test_point_estimates(self, grid, kind):
    edges = GRIDS[grid]
    pdf = pdfs(len(edges) - 1)[kind]
    found, own = self.both(edges, pdf)
    self.assertAllEqual(found["zmode"], own["zmode"])
    for name in ("zmean", "zmedian", *estimates.INTERVALS):
      self.assertAllClose(found[name], own[name], rtol=0, atol=1e-9, msg=name)
    # Where the risk is flat within rounding, another bin is as good.
    self.assertAllClose(risk(edges, pdf, found["zbest"]), risk(edges, pdf, own["zbest"]),
                        rtol=0, atol=1e-6)
    if kind in ("peaked", "one bin"):
      self.assertAllClose(found["zbest"], own["zbest"], rtol=0, atol=1e-12)

  @parameterized.product(grid=("sdss", "sdss extended"), value=(np.nan, np.inf, -np.inf),
                         place=(slice(None), 0, 7, -1))
  def test_p_of_z_that_is_not_finite(self, grid, value, place):
    edges = GRIDS[grid]
    pdf = pdfs(len(edges) - 1)["broad"][:3].astype(np.float32)
    good, _ = self.both(edges, pdf)
    pdf[1, place] = value
    found, own = self.both(edges, pdf)
    for name, values in found.items():
      self.assertAllEqual(np.isnan(values), [False, True, False], name)
      self.assertAllEqual(np.isnan(own[name]), [False, True, False], name)
      self.assertAllEqual(values[[0, 2]], good[name][[0, 2]], name)


class FlagsTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(1)
    self.pdf = rng.dirichlet(np.full(180, 0.02), 200).astype(np.float32)
    self.r_mag = rng.uniform(12.0, 20.0, 200).astype(np.float32)

  def images(self):
    """Measurements of images, some shifted, saturated, or of another colour."""
    rng = np.random.default_rng(2)
    place = np.hypot(*np.meshgrid(np.arange(16) - 7.5, np.arange(16) - 7.5))
    images = (rng.uniform(20, 40, (200, 1, 1, 5)) * np.exp(-0.5 * (place / 2) ** 2)[..., None]
              + rng.normal(0, 0.1, (200, 16, 16, 5))).astype(np.float32)
    images[:20] = np.roll(images[:20], 6, axis=1)
    images[20:40] = np.minimum(images[20:40], 10.0)
    images[40:60, ..., 2] *= 8
    images[60:80, ..., 1] = 0.0
    self.r_mag = (20.0 - 2.5 * np.log10(images[..., 0].sum((1, 2)) / 1000)
                  + rng.normal(0, 0.1, 200)).astype(np.float32)
    self.r_mag[100:120] += np.linspace(-2, 2, 20)
    images[120:130] *= 30
    measured = measure_images(tf.constant(images))
    return {**{name: value.numpy() for name, value in measured.items()},
            "ebv": rng.uniform(0, 0.1, 200).astype(np.float32)}

  def check(self, domain, measured, reasons):
    own = domain.flags(self.r_mag.astype(np.float64), measured, self.pdf)
    found = tf.function(lambda: flags_in_graph(
        domain, tf.constant(self.r_mag), {name: tf.constant(value) for name, value
                                          in measured.items()}, tf.constant(self.pdf)))()
    self.assertAllEqual(found, own)
    for reason in reasons:
      flagged = int(np.count_nonzero(own & FLAGS[reason]))
      self.assertBetween(flagged, 1, 199, reason)

  def test_images(self):
    measured = self.images()
    good = slice(130, None)
    domain = TrainingDomain.fit(self.r_mag[good], {
        "r_mag": self.r_mag[good], **{name: value[good] for name, value in measured.items()}})
    measured["ebv"][140] = 3.0
    self.check(domain, measured, FLAGS)
    self.check(dataclasses.replace(domain, input={}), measured, ("magnitude",))
    self.check(dataclasses.replace(domain, peak_offset=5.5), measured, ("off-centre",))
    self.r_mag[::3] = np.nan
    self.check(domain, measured, ("magnitude",))

  def test_photometry(self):
    magnitudes = np.random.default_rng(3).normal(18.0, 1.0, (200, 5)).astype(np.float32)
    errors = np.random.default_rng(4).uniform(0.01, 0.1, (200, 5)).astype(np.float32)
    ebv = np.zeros(200, np.float32)
    domain = TrainingDomain.fit_photometry(
        np.linspace(13.0, 18.0, 100), magnitudes[100:], errors[100:], ebv[100:])
    errors[70:80], errors[80, 2], ebv[90], magnitudes[95:99] = 5.0, 0.0, 1.0, 8.0
    magnitudes[:30, 1], magnitudes[30:60, 3] = np.nan, 30.0
    measured = {"magnitudes": magnitudes, "errors": errors, "ebv": ebv}
    self.check(domain, measured, ("magnitude", "colour", "p(z) at edge", "other input"))
    self.check(domain, {"magnitudes": magnitudes}, ("other input",))
    endless = dataclasses.replace(domain, colours=((-np.inf, np.inf),) * 4)
    self.check(endless, measured, ("magnitude",))

  def test_a_galaxy_without_an_estimate_is_flagged(self):
    magnitudes = np.full((200, 5), 18.0, np.float32)
    domain = TrainingDomain.fit_photometry(self.r_mag, magnitudes)
    self.pdf[1], self.pdf[2, 5], self.pdf[3] = np.nan, np.inf, -np.inf
    found = flags_in_graph(domain, tf.constant(self.r_mag), {"magnitudes": magnitudes},
                           tf.constant(self.pdf))
    self.assertAllEqual(found[1:4], [NO_ESTIMATE] * 3)
    self.assertAllLess(tf.gather(found, [0, *range(4, 200)]), NO_ESTIMATE)
    self.assertNotIn(NO_ESTIMATE, FLAGS.values())


if __name__ == "__main__":
  tf.test.main()
