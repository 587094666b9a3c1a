"""A run that a signal stops saves where it is, and ends with the weights of an undisturbed one."""

import functools
import os
import signal
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.training.interruption import StopRequest
from pzbias_tf.training.loop import Pace
from tests.small_runs import weights
from tests.training import stopped_runs


def grown_after(steps: int):
  """A loss whose scale doubles after so many steps, in place of 2000."""
  mixed_precision = tf.keras.mixed_precision
  return mock.patch.object(mixed_precision, "LossScaleOptimizer", functools.partial(
      mixed_precision.LossScaleOptimizer, dynamic_growth_steps=steps))


def loss_scale(stage_dir: str) -> tuple[float, int]:
  """The last scale of the loss, and the steps since it last changed."""
  path = tf.train.latest_checkpoint(os.path.join(stage_dir, "checkpoints"))
  scale, steps = (tf.train.load_variable(
      path, f"optimizer/loss_scale/{number}/.ATTRIBUTES/VARIABLE_VALUE") for number in (0, 1))
  return float(scale), int(steps)


class StoppedTest(stopped_runs.StoppedRunsTest, parameterized.TestCase):

  @parameterized.parameters(1, 2)
  def test_sigterm_saves_and_the_run_goes_on(self, devices):
    whole, cut = f"whole{devices}", f"cut{devices}"
    for number in (1, 2, 3):
      settings = {"number": number, "num_devices": devices}
      stage = self.train(whole, **settings)
      interrupted = self.stop(cut, **settings)
      self.assertEqual(interrupted.number, signal.SIGTERM)
      self.assertRegex(str(interrupted), "stopped at iteration 110 of 120.*ckpt-110.*goes on")
      resumed = weights(self.train(cut, **settings))
      for name, value in weights(stage).items():
        self.assertAllEqual(value, resumed[name])

  def test_the_scale_of_the_loss_is_kept(self):
    settings = {"precision": "mixed_float16", "iterations": 24, "steps_per_loop": 4}
    with grown_after(9):
      stage = self.train("half", **settings)
      self.stop("half_cut", at=20, **settings)
      resumed = self.train("half_cut", **settings)
    ended = weights(resumed)
    for name, value in weights(stage).items():
      self.assertAllEqual(value, ended[name])
    for folder in (stage, resumed):
      self.assertEqual(loss_scale(folder), (4 * 2.0**15, 24 - 2 * 9))

  def test_on_another_number_of_devices(self):
    self.stop("moved", num_devices=2)
    moved, stage = (weights(self.train(name, num_devices=1)) for name in ("moved", "whole1"))
    for name, value in stage.items():
      # Adam magnifies rounding: a few weights differ by more.
      self.assertLess(np.mean(np.abs(value - moved[name])), 2e-3, name)

  def test_handlers_are_put_back(self):
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as stop:
      self.assertEqual(stop.number, 0)
      os.kill(os.getpid(), signal.SIGINT)
      self.assertEqual(stop.number, signal.SIGINT)
      self.assertIs(signal.getsignal(signal.SIGINT), before)  # a second one ends the process
    self.assertIs(signal.getsignal(signal.SIGINT), before)


class PaceTest(tf.test.TestCase):

  def test_calls_take_some_seconds(self):
    pace = Pace(call_s=5.0)
    self.assertEqual(pace.steps(None), 1)
    self.assertEqual(pace.steps(0.01), 500)
    self.assertEqual(pace.steps(60.0), 1)
    self.assertEqual(Pace(steps_per_loop=7).steps(0.01), 7)
    together = {pace.steps(time_s, alone=False) for time_s in (None, 0.01, 0.7, 60.0)}
    self.assertLen(together, 1)


if __name__ == "__main__":
  tf.test.main()
