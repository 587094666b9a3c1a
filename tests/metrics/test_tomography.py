"""n(z) of tomographic bins."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics.tomography import equal_number_edges, tomography
from pzbias_tf.survey import SDSS


def _sample(num=4000, shift=0.0, extended=False):
  """PDFs of width 0.02 around z_photo; z_spec drawn from them, then shifted."""
  rng = np.random.default_rng(0)
  z_photo = rng.uniform(0.1, 0.3, num)
  pdf = np.exp(-0.5 * ((SDSS.centers(extended=extended) - z_photo[:, None]) / 0.02) ** 2)
  return (pdf / pdf.sum(axis=1, keepdims=True),
          z_photo + rng.normal(0.0, 0.02, num) + shift, z_photo)


class TomographyTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(False, True)
  def test_by_loops(self, extended):
    probability, z_spec, z_photo = _sample(300, extended=extended)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 300)
    edges = np.array([0.1, 0.17, 0.25])
    bins = tomography(probability, z_spec, z_photo, edges, SDSS, weights=weights)
    for index in range(2):
      own = (z_photo >= edges[index]) & (z_photo < edges[index + 1])
      self.assertEqual(bins.galaxies[index], own.sum())
      w = weights[own] / weights[own].sum()
      stacked = sum(weight * pdf for weight, pdf in zip(w, probability[own])) / SDSS.bin_width
      self.assertAllClose(bins.stacked[index], stacked)
      self.assertAllClose(bins.true[index], np.histogram(
          z_spec[own], bins.z_edges, weights=w)[0] / SDSS.bin_width)
      center = 0.5 * (bins.z_edges[1:] + bins.z_edges[:-1])
      self.assertAllClose(bins.mean_z_pdf[index], np.sum(stacked * center) * SDSS.bin_width)
      self.assertAllClose(bins.mean_z_spec[index], np.sum(w * z_spec[own]))
    self.assertAllClose(bins.shift, bins.mean_z_pdf - bins.mean_z_spec)

  def test_true_pdfs_have_no_shift_and_shifted_ones_show_theirs(self):
    for shift in (0.0, 0.005):
      probability, z_spec, z_photo = _sample(shift=shift)
      bins = tomography(probability, z_spec, z_photo, equal_number_edges(z_photo), SDSS)
      self.assertAllLess(np.abs(bins.shift + shift) / bins.error, 4.0)
      self.assertAllClose(bins.error, np.full(5, 0.02 / np.sqrt(800)), rtol=0.1)
      self.assertAllEqual(bins.galaxies, np.full(5, 800))

  def test_bins_without_galaxies_are_nan_without_a_warning(self):
    probability, z_spec, z_photo = _sample(1)
    with np.errstate(all="raise"):
      bins = tomography(probability, z_spec, z_photo, [0.0, 0.05, 0.4], SDSS)
    self.assertAllEqual(bins.galaxies, [0, 1])
    self.assertAllEqual(np.isnan(bins.shift), [True, False])
    self.assertAllEqual(np.isnan(bins.error), [True, True])
    self.assertAllEqual(np.isnan(bins.stacked[:, 0]), [True, False])

  def test_edges_of_equal_estimates(self):
    self.assertAllEqual(equal_number_edges(np.full(9, 0.1)), [0.1, np.nextafter(0.1, 1.0)])
    self.assertLen(equal_number_edges(np.arange(10.0), 3), 4)

  def test_bad_input_is_refused(self):
    probability, z_spec, z_photo = _sample(5)
    for edges, pdfs, message in (
        ([0.2, 0.1], probability, "edges must rise"), ([0.2], probability, "at least two"),
        ([0.1, 0.3], probability[:4], r"shape \[4, 180\] for 5 galaxies"),
        ([0.1, 0.3], probability[:, :9], r"shape \[5, 9\]")):
      with self.assertRaisesRegex(ValueError, message):
        tomography(pdfs, z_spec, z_photo, edges, SDSS)


if __name__ == "__main__":
  tf.test.main()
