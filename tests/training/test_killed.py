"""A run that is killed ends with the very weights of an undisturbed one."""

import glob
import os
import random
import signal
import tempfile
import time

import pytest
import tensorflow as tf

from tests import programs
from tests.small_data import make_dataset
from tests.small_runs import weights

ITERATIONS = 150
STAGES = ("baseline", "step1", "step2", "step3")
# Several stages in one process: starting TensorFlow takes longer than training one.  With "held"
# it waits after its last iteration, so that there is always something to kill.
TRAIN = """
import signal
import sys
from pzbias_tf.training.loop import Loop
from tests.small_runs import request
from train import main as train_main
data, runs, whole, held, *numbers = sys.argv[1:]
after = Loop._after
def hold(loop, step, log):
  after(loop, step, log)
  if step == loop._config.iterations:
    signal.pause()
if held == "held":
  Loop._after = hold
for number in map(int, numbers):
  train_main.run(request(number, data, runs, iterations=ITERATIONS, checkpoint_minutes=0.0,
                         steps_per_loop=10, init_from=whole if number == 3 else ""))
""".replace("ITERATIONS", str(ITERATIONS))


class KilledTest(tf.test.TestCase):
  """SIGKILL, in a process of its own."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    make_dataset(os.path.join(cls.folder, "data"), num=300)
    cls.train("whole", 0, 1, 2, 3)

  @classmethod
  def start(cls, name, *numbers, held=False):
    step1 = os.path.join(cls.folder, "whole", "sdss_net5_ne1", "step1")
    words = [os.path.join(cls.folder, "data"), os.path.join(cls.folder, name), step1,
             "held" if held else "", *map(str, numbers)]
    return programs.Program("-c", TRAIN, *words)

  @classmethod
  def train(cls, name, *numbers):
    cls.start(name, *numbers).wait().check_returncode()

  @classmethod
  def stage(cls, name, number):
    return os.path.join(cls.folder, name, "sdss_net5_ne1", STAGES[number])

  def kill(self, name, number, rng):
    """Kills a stage at a random moment after its first checkpoint; returns the iteration."""
    process = self.start(name, number, held=True)
    folder = os.path.join(self.stage(name, number), "checkpoints")
    enough = rng.randint(1, ITERATIONS - 50)
    while process.poll() is None and _newest(folder) < enough:
      time.sleep(0.01)
    time.sleep(rng.uniform(0.0, 0.1))
    process.kill()
    self.assertEqual(process.wait().returncode, -signal.SIGKILL)
    self.assertFalse(os.path.exists(os.path.join(folder, "weights.h5")))
    return _newest(folder)

  def check(self, seed, numbers):
    rng, name = random.Random(seed), f"cut{seed}"
    cut = {number: self.kill(name, number, rng) for number in numbers}
    self.train(name, *numbers)
    for number in numbers:
      expected, resumed = (weights(self.stage(run, number)) for run in ("whole", name))
      for key, value in expected.items():
        self.assertAllEqual(value, resumed[key], f"{STAGES[number]} killed at {cut[number]}: {key}")

  def test_killed_once(self):
    self.check(0, (0, 1, 3))

  @pytest.mark.slow
  def test_killed_ten_times(self):
    for seed in range(1, 11):
      self.check(seed, (random.Random(seed).choice((0, 1, 3)),))


def _newest(folder):
  paths = glob.glob(os.path.join(folder, "ckpt-*.index"))
  return max((int(path.rsplit("-", 1)[1].removesuffix(".index")) for path in paths), default=0)


if __name__ == "__main__":
  tf.test.main()
