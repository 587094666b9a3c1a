"""A run that is cut off, however, ends with the very weights of an undisturbed one."""

import glob
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

from pzbias_tf.training.interruption import Interrupted, StopRequest
from pzbias_tf.training.loop import Loop, Pace
from tests.small_data import make_dataset
from tests.training.test_stages import request, weights
from train import main as train_main

ITERATIONS = 300
STAGES = ("baseline", "step1", "step2", "step3")
# Several stages in one process: starting TensorFlow takes longer than training one.
TRAIN = """
import sys
from tests.training.test_stages import request
from train import main as train_main
data, runs, whole, *numbers = sys.argv[1:]
for number in map(int, numbers):
  train_main.run(request(number, data, runs, iterations=%d, checkpoint_minutes=0.0,
                         steps_per_loop=10, init_from=whole if number == 3 else ""))
""" % ITERATIONS
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class KilledTest(tf.test.TestCase, parameterized.TestCase):
  """SIGKILL, in a process of its own."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    make_dataset(os.path.join(cls.folder, "data"), num=300)
    cls.train("whole", 0, 1, 2, 3)

  @classmethod
  def start(cls, name, *numbers):
    step1 = os.path.join(cls.folder, "whole", "sdss_net5_ne1", "step1")
    words = [os.path.join(cls.folder, "data"), os.path.join(cls.folder, name), step1,
             *map(str, numbers)]
    return subprocess.Popen([sys.executable, "-c", TRAIN, *words], cwd=ROOT,
                            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})

  @classmethod
  def train(cls, name, *numbers):
    if cls.start(name, *numbers).wait():
      raise RuntimeError("training failed")

  @classmethod
  def stage(cls, name, number):
    return os.path.join(cls.folder, name, "sdss_net5_ne1", STAGES[number])

  def kill(self, name, number, rng):
    """Kills a stage at a random moment after its first checkpoint; returns the iteration."""
    process = self.start(name, number)
    folder = os.path.join(self.stage(name, number), "checkpoints")
    enough = rng.randint(1, ITERATIONS - 100)
    while process.poll() is None and _newest(folder) < enough:
      time.sleep(0.01)
    time.sleep(rng.uniform(0.0, 0.1))
    process.kill()
    self.assertEqual(process.wait(), -signal.SIGKILL)
    self.assertFalse(os.path.exists(os.path.join(folder, "weights.h5")))
    return _newest(folder)

  def check(self, seed, numbers):
    rng, name = random.Random(seed), f"cut{seed}"
    cut = {number: self.kill(name, number, rng) for number in numbers}
    self.train(name, *numbers)
    for number in numbers:
      expected, found = weights(self.stage("whole", number)), weights(self.stage(name, number))
      for key, value in expected.items():
        self.assertAllEqual(value, found[key], f"{STAGES[number]} killed at {cut[number]}: {key}")

  def test_killed_once(self):
    self.check(0, (0, 1, 3))

  @pytest.mark.slow
  def test_killed_ten_times(self):
    for seed in range(1, 11):
      self.check(seed, (random.Random(seed).choice((0, 1, 3)),))


def _newest(folder):
  paths = glob.glob(os.path.join(folder, "ckpt-*.index"))
  return max((int(path.rsplit("-", 1)[1].removesuffix(".index")) for path in paths), default=0)


class StoppedTest(tf.test.TestCase, parameterized.TestCase):
  """Signals, damaged checkpoints and losses that are not finite."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    make_dataset(os.path.join(cls.folder, "data"), num=300)

  def train(self, name, **settings):
    return train_main.run(request(
        settings.pop("number", 1), os.path.join(self.folder, "data"),
        os.path.join(self.folder, name), **{"iterations": 120, "steps_per_loop": 10, **settings}))

  def stop(self, name, at=110, **settings):
    """Trains until a signal comes at an iteration."""
    after = Loop._after

    def signalling(loop, step, progress):
      after(loop, step, progress)
      if step == at:
        os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch.object(Loop, "_after", signalling), self.assertRaises(Interrupted) as raised:
      self.train(name, **settings)
    return raised.exception

  @parameterized.parameters(1, 2)
  def test_sigterm_saves_and_the_run_goes_on(self, devices):
    whole, cut = f"whole{devices}", f"cut{devices}"
    for number in (1, 2, 3):
      settings = {"number": number, "num_devices": devices}
      stage = self.train(whole, **settings)
      interrupted = self.stop(cut, **settings)
      self.assertEqual(interrupted.number, signal.SIGTERM)
      self.assertRegex(str(interrupted), "stopped at iteration 110 of 120.*ckpt-110.*goes on")
      resumed = self.train(cut, **settings)
      for name, value in weights(stage).items():
        self.assertAllEqual(value, weights(resumed)[name])

  def test_the_scale_of_the_loss_is_kept(self):
    stage = self.train("half", precision="mixed_float16")
    self.stop("half_cut", precision="mixed_float16")
    resumed = self.train("half_cut", precision="mixed_float16")
    for name, value in weights(stage).items():
      self.assertAllEqual(value, weights(resumed)[name])

  def test_on_another_number_of_devices(self):
    self.stop("moved", num_devices=2)
    moved, stage = weights(self.train("moved", num_devices=1)), weights(self.train("stayed"))
    for name, value in stage.items():
      # Adam magnifies rounding: a few weights differ by more.
      self.assertLess(np.mean(np.abs(value - moved[name])), 2e-3, name)

  def test_handlers_are_put_back(self):
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as wish:
      self.assertEqual(wish.number, 0)
      os.kill(os.getpid(), signal.SIGINT)
      self.assertEqual(wish.number, signal.SIGINT)
      self.assertIs(signal.getsignal(signal.SIGINT), before)  # a second one ends the process
    self.assertIs(signal.getsignal(signal.SIGINT), before)

  @parameterized.parameters("cut short", "flipped", "removed")
  def test_a_damaged_checkpoint_is_left_out(self, damage):
    name = damage.replace(" ", "_")
    whole = self.train("undamaged")
    self.stop(name)
    (path,) = glob.glob(os.path.join(
        self.folder, name, "*", "step1", "checkpoints", "ckpt-110.data*"))
    _damage(path, damage)
    with self.assertLogs(level="ERROR") as logs:
      resumed = self.train(name)
    self.assertRegex(logs.output[0], "ckpt-110 is damaged and left out")
    for key, value in weights(whole).items():
      self.assertAllEqual(value, weights(resumed)[key])

  def test_nothing_starts_afresh_in_silence(self):
    self.stop("lost")
    for path in glob.glob(os.path.join(self.folder, "lost", "*", "step1", "checkpoints", "*data*")):
      _damage(path, "cut short")
    with self.assertRaisesRegex(OSError, "no checkpoint can be read; delete that folder"):
      self.train("lost")

  def test_a_loss_that_is_not_finite_names_its_iteration(self):
    with self.assertRaisesRegex(
        FloatingPointError, r"the loss of iteration \d+ is not finite.*--learning_rate"):
      self.train("diverges", learning_rate=1e30)
    self.assertFalse(glob.glob(os.path.join(self.folder, "diverges", "*", "*", "*", "weights.h5")))


class PaceTest(tf.test.TestCase):

  def test_calls_take_some_seconds(self):
    pace = Pace(call_s=5.0)
    self.assertEqual(pace.steps(None), 1)
    self.assertEqual(pace.steps(0.01), 500)
    self.assertEqual(pace.steps(60.0), 1)
    self.assertEqual(Pace(steps_per_loop=7).steps(0.01), 7)
    together = {pace.steps(time_s, alone=False) for time_s in (None, 0.01, 0.7, 60.0)}
    self.assertLen(together, 1)


def _damage(path, how):
  if how == "removed":
    os.remove(path)
    return
  with open(path, "r+b") as file:
    size = os.path.getsize(path)
    if how == "cut short":
      file.truncate(size // 2)
    else:
      file.seek(size // 2)
      byte = file.read(1)
      file.seek(size // 2)
      file.write(bytes([byte[0] ^ 1]))


if __name__ == "__main__":
  tf.test.main()
