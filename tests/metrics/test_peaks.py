"""Peaks of p(z), and estimates that do not depend on single bins."""

import numpy as np
import tensorflow as tf

from pzbias_tf.metrics import peaks
from pzbias_tf.survey import SDSS

EDGES = np.linspace(SDSS.z_min, SDSS.z_max, SDSS.bins + 1)
CENTERS = 0.5 * (EDGES[:-1] + EDGES[1:])


def normal(means, width):
  """Gaussian p(z), [n, bins]."""
  pdf = np.exp(-0.5 * ((CENTERS - np.asarray(means)[:, np.newaxis]) / width) ** 2)
  return pdf / pdf.sum(axis=1, keepdims=True)


class PeaksTest(tf.test.TestCase):

  def test_low_peaks_and_flat_stretches_do_not_count(self):
    pdf = np.array([[0.0, 1.0, 0.0, 0.4, 0.1, 0.2, 0.0, 0.5],
                    [0.2, 0.5, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2],
                    [0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    self.assertAllEqual(peaks.peak_numbers(pdf), [3, 0, 1])

  def test_p_of_z_that_is_not_finite_has_no_smoothed_mode(self):
    pdf = normal([0.2, 0.2], 0.02)
    pdf[1, 3] = np.nan
    self.assertAllEqual(np.isnan(peaks.smoothed_modes(EDGES, pdf)), [False, True])

  def test_smoothed_mode_is_that_of_the_broad_peak(self):
    pdf = normal([0.2], 0.02)
    pdf[0, 20] += 2 * pdf.max()  # one bin far away
    modes = peaks.smoothed_modes(EDGES, pdf)
    self.assertAllClose(modes, [0.2], atol=0.002)
    self.assertLess(CENTERS[np.argmax(pdf)], 0.1)

  def test_pile_up_of_peaks_is_distinguished_from_that_of_the_whole_pdf(self):
    rng = np.random.default_rng(0)
    z_spec = rng.uniform(0.1, 0.3, 4000)
    pdf = normal(z_spec + rng.normal(0, 0.005, 4000), 0.02)
    pdf[:, ::6] *= 1.5  # what a network has learned about single bins
    summary = peaks.summarize_peaks(EDGES, pdf, z_spec, SDSS, num_bootstrap=20, seed=0)
    piled_up = peaks.total_variation(z_spec, CENTERS[np.argmax(pdf, axis=1)], SDSS)
    self.assertGreater(summary["peaks"], 3)
    self.assertGreater(piled_up.mean, 0.5)
    self.assertLess(summary["total_variation_smoothed"].mean, 0.2)
    self.assertLess(summary["total_variation_median"].mean, 0.2)


if __name__ == "__main__":
  tf.test.main()
