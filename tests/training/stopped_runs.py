"""Runs on a small data set that a signal stops at a chosen iteration, for the tests."""

import os
import signal
import tempfile
from unittest import mock

import tensorflow as tf

from pzbias_tf.training.interruption import Interrupted
from pzbias_tf.training.loop import Loop
from tests.small_data import make_dataset
from tests.small_runs import request
from train import main as train_main


class StoppedRunsTest(tf.test.TestCase):
  """Trains stages of 120 iterations in this process, by name."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    make_dataset(os.path.join(cls.folder, "data"), num=300)

  def train(self, name: str, **settings) -> str:
    """Trains, or goes on; returns the stage's folder."""
    return train_main.run(request(
        settings.pop("number", 1), os.path.join(self.folder, "data"),
        os.path.join(self.folder, name), **{"iterations": 120, "steps_per_loop": 10, **settings}))

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
