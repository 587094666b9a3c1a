"""Label widths from validation galaxies."""

import dataclasses

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias import channels
from pzbias_tf.metrics.label_width import MARGIN, widest_labels
from pzbias_tf.metrics.pdf import crps
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS

SURVEY = dataclasses.replace(SDSS.with_bins(60), r_min=16.5)


def predictions(sigma: float, num: int = 1500, r_mag=None, seed: int = 0) -> Predictions:
  """Gaussian p(z) of width `sigma` bins around estimates with that scatter."""
  rng = np.random.default_rng(seed)
  z_spec = rng.uniform(0.1, 0.3, num)
  bins = np.arange(SURVEY.bins) + 0.5
  centre = z_spec / SURVEY.bin_width + rng.normal(0.0, sigma, num)
  pdf = np.exp(-0.5 * ((bins - centre[:, None]) / sigma) ** 2)
  r_mag = np.full(num, 17.2) if r_mag is None else r_mag
  return Predictions(
      edges=np.linspace(0.0, 0.4, SURVEY.bins + 1), pdf=pdf / pdf.sum(axis=1, keepdims=True),
      ancil={"id": np.arange(num).astype(str), "redshift": z_spec, "r_mag": r_mag,
             "zmode": (pdf.argmax(axis=1) + 0.5) * SURVEY.bin_width})


class LabelWidthTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(1.5, 3.0, 6.0)
  def test_width_grows_with_that_of_pdfs(self, sigma):
    """With f = width / sigma, the CRPS of right Gaussians rises by 1% at f = 0.68.

    It is (sqrt(2 (s^2 + sigma^2)) - s) / sqrt(pi) for p(z) of width s, here
    s^2 = (1 + f^2) sigma^2 (Gneiting & Raftery 2007, equation 21).
    """
    widths = widest_labels(predictions(sigma), SURVEY)
    self.assertLen(widths, SURVEY.outputs)
    own = channels.membership(np.array([17.2]), SURVEY)[0] > 0
    self.assertAllInRange(widths[own] / sigma, 0.68 * 2.0 ** -0.25, 0.69)

  def test_width_is_the_widest_that_costs_the_margin(self):
    sample = predictions(3.0)
    own = channels.membership(np.array([17.2]), SURVEY)[0] > 0
    width = widest_labels(sample, SURVEY)[own][0]
    bins = np.arange(SURVEY.bins)
    rise = []
    for trial in (width, width * 2.0 ** 0.25):
      kernel = np.exp(-0.5 * ((bins - bins[:, None]) / trial) ** 2)
      pdf = sample.pdf @ (kernel / kernel.sum(axis=1, keepdims=True))
      rise.append(np.mean(crps(pdf, sample.z_spec, SURVEY)) / np.mean(
          crps(sample.pdf, sample.z_spec, SURVEY)) - 1.0)
    self.assertLess(rise[0], MARGIN)
    self.assertGreater(rise[1], MARGIN)

  def test_output_of_few_galaxies_takes_the_nearest_width(self):
    faint, bright = predictions(6.0, 400), predictions(1.5, 400, np.full(400, 16.6), seed=1)
    few = predictions(20.0, 5, np.full(5, 17.8), seed=2)
    joined = Predictions(
        edges=faint.edges, pdf=np.concatenate([part.pdf for part in (bright, faint, few)]),
        ancil={name: np.concatenate([part.ancil[name] for part in (bright, faint, few)])
               for name in faint.ancil})
    widths = widest_labels(joined, SURVEY)
    self.assertLess(widths[0], widths[-1])
    self.assertEqual(widths[-1], widest_labels(faint, SURVEY)[-1])

  @parameterized.parameters(1, 10, 19)
  def test_too_few_galaxies_are_refused(self, num):
    with self.assertRaisesRegex(ValueError, f"{num} validation galaxies are too few"):
      widest_labels(predictions(2.0, num), SURVEY)


if __name__ == "__main__":
  tf.test.main()
