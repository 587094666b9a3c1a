"""Labels on the device agree with the tables; losses agree with numpy."""

from absl.testing import parameterized
import numpy as np
import scipy.special
import tensorflow as tf

from pzbias_tf.bias import channels
from pzbias_tf.bias.soft_labels import fit_label_model
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from pzbias_tf.training import losses


def galaxies(survey, num=300, seed=0):
  rng = np.random.default_rng(seed)
  z = rng.beta(2, 5, num) * survey.z_max
  r = rng.uniform(survey.r_min - 0.3, survey.r_max + 0.3, num)
  z_photo = np.clip(0.1 * survey.z_max + 0.7 * z + rng.normal(0, 0.03 * survey.z_max, num),
                    survey.z_min, survey.z_max)
  return z, r, z_photo


def bins_and_rows(survey, z, r):
  return (tf.constant(survey.redshift_bin(z), tf.int32),
          tf.constant(survey.magnitude_row(r), tf.int32))


class LossesTest(tf.test.TestCase, parameterized.TestCase):

  def test_single_output_targets(self):
    z, r, _ = galaxies(SDSS)
    targets = losses.single_output_targets(SDSS)(*bins_and_rows(SDSS, z, r))
    self.assertAllEqual(np.argmax(targets[:, 0], -1), SDSS.redshift_bin(z))
    self.assertAllEqual(np.sum(targets, (1, 2)), np.ones(len(z)))

  def test_hard_targets(self):
    z, r, _ = galaxies(SDSS)
    targets = losses.hard_targets(SDSS)(*bins_and_rows(SDSS, z, r))
    self.assertAllClose(targets, channels.hard_targets(z, r, SDSS))

  @parameterized.product(survey=[SDSS, CFHTLS_WIDE.with_bins(200)], soften=[True, False],
                         shift=[True, False])
  def test_soft_targets(self, survey, soften, shift):
    z, r, z_photo = galaxies(survey)
    model = fit_label_model(z, z_photo, r, survey)
    on_device = tf.function(losses.soft_targets(model, soften=soften, shift=shift))
    targets = on_device(*bins_and_rows(survey, z, r))
    self.assertAllClose(targets, model.targets(z, r, soften=soften, shift=shift), atol=1e-4)

  def test_redshift_loss(self):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 6, 180)).astype(np.float32)
    targets = scipy.special.softmax(rng.normal(size=(4, 6, 180)), -1).astype(np.float32)
    expected = -np.sum(targets * scipy.special.log_softmax(logits.astype(float), -1), (1, 2))
    self.assertAllClose(losses.redshift_loss(logits, targets), expected, rtol=1e-5)

  def test_magnitude_loss(self):
    logits = np.array([[1.0, 2.0, 0.0, 0.0, 0.0, 0.0]], np.float32)
    log_p = scipy.special.log_softmax(logits[0].astype(float))
    own = losses.magnitude_loss(logits, tf.constant([0]), SDSS)  # row 0 is output 0's alone
    shared = losses.magnitude_loss(logits, tf.constant([1]), SDSS)  # row 1 is shared
    self.assertAllClose(own, [-log_p[0]])
    self.assertAllClose(shared, [-0.5 * (log_p[0] + log_p[1])])


if __name__ == "__main__":
  tf.test.main()
