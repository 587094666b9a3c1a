"""Losses in closed form, and their gradients, agree with dense labels in numpy."""

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


def loss_and_gradient(loss_fn, logits, bins, rows):
  with tf.GradientTape() as tape:
    tape.watch(logits)
    loss = loss_fn(logits, bins, rows)
  return loss, tape.gradient(loss, logits)


def reference(logits, targets):
  """Cross-entropies of dense labels summed over the outputs, and their gradients; float64."""
  log_p = scipy.special.log_softmax(logits.astype(float), -1)
  return -np.sum(targets * log_p, (1, 2)), np.exp(log_p) - targets


class LossesTest(tf.test.TestCase, parameterized.TestCase):

  def assert_agrees(self, loss_fn, survey, z, r, targets):
    """Losses and gradients of random logits are those of dense labels, also under XLA."""
    logits = np.random.default_rng(1).normal(0, 2, targets.shape).astype(np.float32)
    expected = reference(logits, targets)
    for xla in (False, True):
      run = tf.function(loss_and_gradient, jit_compile=xla)
      loss, gradient = run(loss_fn, tf.constant(logits), *bins_and_rows(survey, z, r))
      self.assertAllClose(loss, expected[0], rtol=1e-5)
      self.assertAllClose(gradient, expected[1], atol=1e-5)

  def test_single_output(self):
    z, r, _ = galaxies(SDSS)
    targets = np.eye(SDSS.bins)[SDSS.redshift_bin(z)][:, np.newaxis]
    self.assert_agrees(losses.single_output_loss, SDSS, z, r, targets)

  @parameterized.parameters(SDSS, CFHTLS_WIDE.with_bins(200))
  def test_hard_labels(self, survey):
    z, r, _ = galaxies(survey)
    self.assert_agrees(losses.hard_label_loss(survey), survey, z, r,
                       channels.hard_targets(z, r, survey))

  @parameterized.product(survey=[SDSS, CFHTLS_WIDE.with_bins(200)], soften=[True, False],
                         shift=[True, False])
  def test_soft_labels(self, survey, soften, shift):
    z, r, z_photo = galaxies(survey)
    model = fit_label_model(z, z_photo, r, survey)
    targets = model.targets(z, r, soften=soften, shift=shift)
    labels = losses.own_labels(model, soften=soften, shift=shift)(*bins_and_rows(survey, z, r))
    own = losses.own_outputs_of_rows(survey)[survey.magnitude_row(r)]
    self.assertAllClose(labels, targets[np.arange(len(z))[:, np.newaxis], own], atol=1e-4)
    # The device's labels, made from means in float32, instead of float64 ones.
    np.put_along_axis(targets, own[:, :, np.newaxis], labels.numpy(), axis=1)
    self.assert_agrees(losses.soft_label_loss(model, soften=soften, shift=shift), survey, z, r,
                       targets)

  def test_half_precision_logits_give_a_float32_loss(self):
    z, r, _ = galaxies(SDSS)
    logits = np.random.default_rng(1).normal(size=(len(z), 6, 180)).astype(np.float16)
    loss = losses.hard_label_loss(SDSS)(tf.constant(logits), *bins_and_rows(SDSS, z, r))
    self.assertEqual(loss.dtype, tf.float32)
    expected, _ = reference(logits, channels.hard_targets(z, r, SDSS))
    self.assertAllClose(loss, expected, rtol=1e-5)

  def test_magnitude_loss(self):
    logits = np.array([[1.0, 2.0, 0.0, 0.0, 0.0, 0.0]], np.float32)
    log_p = scipy.special.log_softmax(logits[0].astype(float))
    own = losses.magnitude_loss(logits, tf.constant([0]), SDSS)  # row 0 is output 0's alone
    shared = losses.magnitude_loss(logits, tf.constant([1]), SDSS)  # row 1 is shared
    self.assertAllClose(own, [-log_p[0]])
    self.assertAllClose(shared, [-0.5 * (log_p[0] + log_p[1])])


if __name__ == "__main__":
  tf.test.main()
