"""Runs on a small data set that a signal stops at a chosen iteration, for the tests."""

import os
import signal
import tempfile
from unittest import mock

import tensorflow as tf

from pzbias_tf.training.interruption import Interrupted
from pzbias_tf.training.loop import Loop
from tests import small_runs
from tests.small_data import make_dataset


class StoppedRunsTest(tf.test.TestCase):
  """Trains stages of 120 iterations in this process, by name."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    make_dataset(os.path.join(cls.folder, "data"), num=300)

  def train(self, name: str, **settings) -> str:
    """Trains, or goes on; returns the stage's folder.  Step 2 alone predicts, for the next one."""
    number = settings.pop("number", 1)
    return small_runs.train(small_runs.request(
        number, os.path.join(self.folder, "data"), os.path.join(self.folder, name),
        **{"iterations": 120, "steps_per_loop": 10, "batch_size": 4, **settings}),
                            predict=number == 2)

  def stop(self, name: str, at: int = 110, **settings) -> Interrupted:
    """Trains until a signal comes at an iteration."""
    after = Loop._after

    def signalling(loop, step, log):
      after(loop, step, log)
      if step == at:
        os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch.object(Loop, "_after", signalling), self.assertRaises(Interrupted) as raised:
      self.train(name, **settings)
    return raised.exception
