"""The command and its output folder."""

from __future__ import annotations

import glob
import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from data_tools import simulate as simulate_lib
from data_tools.simulation import layouts
from tests import programs


class SimulateTest(parameterized.TestCase, tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.parent = tempfile.mkdtemp(dir=self.get_temp_dir())
    self.out = os.path.join(self.parent, "out")

  def test_same_simulation_is_reused_and_another_one_refused(self):
    simulate_lib.simulate("sdss", 3, 1, self.out)
    with mock.patch.object(simulate_lib, "Observation", side_effect=AssertionError("ran again")):
      self.assertEqual(simulate_lib.simulate("sdss", 3, 1, self.out), self.out)
    for settings in (("sdss", 4, 1), ("sdss", 3, 2), ("cfhtls", 3, 1)):
      with self.assertRaisesRegex(FileExistsError, "name another folder"):
        simulate_lib.simulate(*settings, self.out)

  @parameterized.parameters("cube.npy", "notes.txt")
  def test_other_files_are_not_touched(self, name):
    os.makedirs(self.out)
    path = os.path.join(self.out, name)
    with open(path, "w", encoding="utf-8") as file:
      file.write("precious")
    with self.assertRaisesRegex(FileExistsError, "did not write"):
      simulate_lib.simulate("sdss", 3, 1, self.out)
    with open(path, encoding="utf-8") as file:
      self.assertEqual(file.read(), "precious")

  def test_failed_run_leaves_nothing(self):
    os.makedirs(self.out)
    with mock.patch.object(layouts, "public_labels", side_effect=OSError("disk full")):
      with self.assertRaisesRegex(OSError, "disk full"):
        simulate_lib.simulate("sdss", 3, 1, self.out)
    self.assertEmpty(os.listdir(self.out))
    self.assertEmpty(glob.glob(os.path.join(self.parent, ".*")))
    simulate_lib.simulate("sdss", 3, 1, self.out)  # an empty folder counts as absent

  def test_mount_point_is_refused_before_the_simulation(self):
    os.makedirs(self.out)
    with mock.patch.object(os.path, "ismount", return_value=True):
      with self.assertRaisesRegex(ValueError, "name a folder inside it"):
        simulate_lib.simulate("sdss", 3, 1, self.out)

  @parameterized.parameters(
      (dict(survey_name="hst", num=3, seed=1), "no survey 'hst'"),
      (dict(survey_name="sdss", num=0, seed=1), "num must be positive"),
      (dict(survey_name="sdss", num=3, seed=-1), "seed not negative"),
      (dict(survey_name="sdss", num=3, seed=1, layout="cubes"), "choose one of public_npy"))
  def test_bad_settings(self, settings, message):
    with self.assertRaisesRegex(ValueError, message):
      simulate_lib.simulate(**settings, output=self.out)
    self.assertFalse(os.path.exists(self.out))

  def test_command_line(self):
    command = ["-m", "data_tools.simulate", f"--output={self.out}", "--num=2"]
    done = programs.run(*command, "--layout=cubes")
    self.assertEqual(done.returncode, 1)
    self.assertIn("Error: no layout 'cubes' of sdss", done.stderr)
    self.assertNotIn("Traceback", done.stderr)
    done = programs.run(*command)
    done.check_returncode()
    self.assertIn("2 of 2 galaxies", done.stderr)
    self.assertTrue(os.path.exists(os.path.join(self.out, "labels.npy")))


if __name__ == "__main__":
  tf.test.main()
