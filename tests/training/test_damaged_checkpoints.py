"""Checkpoints that are damaged and losses that are not finite: nothing goes on in silence."""

import glob
import os
import shutil

from absl.testing import parameterized
import tensorflow as tf

from tests.small_runs import weights
from tests.training import stopped_runs


class DamagedTest(stopped_runs.StoppedRunsTest, parameterized.TestCase):

  def stopped(self, name):
    """A copy of a run that a signal stopped, which is trained once."""
    if not os.path.exists(os.path.join(self.folder, "stopped")):
      self.stop("stopped")
    shutil.copytree(os.path.join(self.folder, "stopped"), os.path.join(self.folder, name))

  @parameterized.parameters("cut short", "flipped", "removed")
  def test_a_damaged_checkpoint_is_left_out(self, damage):
    name = damage.replace(" ", "_")
    whole = self.train("undamaged")
    self.stopped(name)
    (path,) = glob.glob(os.path.join(
        self.folder, name, "*", "step1", "checkpoints", "ckpt-110.data*"))
    _damage(path, damage)
    with self.assertLogs(level="ERROR") as logs:
      resumed = weights(self.train(name))
    self.assertRegex(logs.output[0], "ckpt-110 is damaged and left out")
    for key, value in weights(whole).items():
      self.assertAllEqual(value, resumed[key])

  def test_nothing_starts_afresh_in_silence(self):
    self.stopped("lost")
    for path in glob.glob(os.path.join(self.folder, "lost", "*", "step1", "checkpoints", "*data*")):
      _damage(path, "cut short")
    with self.assertRaisesRegex(OSError, "no checkpoint can be read; delete that folder"):
      self.train("lost")

  def test_a_loss_that_is_not_finite_names_its_iteration(self):
    with self.assertRaisesRegex(
        FloatingPointError, r"the loss of iteration \d+ is not finite.*--learning_rate"):
      self.train("diverges", learning_rate=1e30)
    self.assertFalse(glob.glob(os.path.join(self.folder, "diverges", "*", "*", "*", "weights.h5")))


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
