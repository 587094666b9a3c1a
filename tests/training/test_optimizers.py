"""Adam and LAMB against their formulas, and the learning rate."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.compat.keras import optimizer_state
from pzbias_tf.training.optimizers import LearningRate, make_optimizer
from tests.small_runs import small_config

STEPS = 5


def gradients(step):
  return [np.cos(np.arange(6.0) + step).reshape(2, 3), np.sin(np.arange(3.0) * step)]


def by_formula(weights, *, lamb, rate=1e-2):
  """Adam (Kingma & Ba 2015) and LAMB (You et al. 2019, algorithm 2, without weight decay)."""
  m, v = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
  for step in range(1, STEPS + 1):
    for k, gradient in enumerate(gradients(step)):
      m[k] = 0.9 * m[k] + 0.1 * gradient
      v[k] = 0.999 * v[k] + 0.001 * gradient**2
      update = m[k] / (1 - 0.9**step) / (np.sqrt(v[k] / (1 - 0.999**step)) + 1e-8)
      ratio = np.linalg.norm(weights[k]) / np.linalg.norm(update) if lamb else 1.0
      weights[k] = weights[k] - rate * ratio * update
  return weights, m, v


class OptimizersTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("adam", "lamb")
  def test_follows_its_formula(self, name):
    start = [np.linspace(1, 2, 6).reshape(2, 3), np.array([0.5, -1.0, 2.0])]
    variables = [tf.Variable(w, dtype=tf.float32) for w in start]
    optimizer = make_optimizer(small_config(optimizer=name, learning_rate=1e-2), variables)
    for step in range(1, STEPS + 1):
      optimizer.apply_gradients(
          [(tf.constant(g, tf.float32), v) for g, v in zip(gradients(step), variables)])
    weights, m, v = by_formula(start, lamb=name == "lamb")
    state = optimizer_state(optimizer, variables)
    self.assertAllClose(variables, weights, rtol=1e-4)
    self.assertAllClose(state["momentums"], m, rtol=1e-4, atol=1e-6)
    self.assertAllClose(state["velocities"], v, rtol=1e-4, atol=1e-6)
    self.assertEqual(int(state["iterations"].numpy()), STEPS)

  def test_unknown_optimizer(self):
    with self.assertRaisesRegex(ValueError, "--optimizer=sgd; choose one of adam, lamb"):
      make_optimizer(small_config(optimizer="sgd"), [tf.Variable(1.0)])

  def test_the_rate_falls_by_five(self):
    schedule = LearningRate(small_config(
        iterations=100, learning_rate=1e-3, lr_drops=(0.5, 0.9)))
    self.assertAllClose([schedule(step) for step in (0, 49, 50, 89, 90)],
                        [1e-3, 1e-3, 2e-4, 2e-4, 4e-5])
    constant = LearningRate(small_config(learning_rate=2e-5, lr_drops=()))
    self.assertAllClose(constant(10_000_000), 2e-5)

  def test_the_rate_warms_up(self):
    schedule = LearningRate(small_config(iterations=100, learning_rate=1e-3, warmup=4))
    self.assertAllClose([schedule(step) for step in range(6)],
                        [2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3])


if __name__ == "__main__":
  tf.test.main()
