"""The command's status and output."""

import contextlib
import io
import os

from absl import app
import tensorflow as tf

from data_tools import verify as verify_lib
from data_tools.verification import all_checks
from pzbias_tf.command_line import command
from pzbias_tf.data.manifest import Manifest
from tests.small_data import make_dataset


class VerifyTest(tf.test.TestCase):

  def run_command(self, folder):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      status = verify_lib.verify(folder)
    return status, printed.getvalue()

  def test_status_and_output(self):
    folder = os.path.join(self.get_temp_dir(), "set")
    make_dataset(folder, num=40)
    status, printed = self.run_command(folder)
    self.assertEqual(status, 0)
    self.assertRegex(printed, rf"^{folder}: OK: 3 shards, 40 records, 0\.2 MB, 40 galaxies.*\n$")
    os.remove(os.path.join(folder, Manifest.load(folder).shards[0].name))
    os.remove(os.path.join(folder, "rejected.csv"))
    status, printed = self.run_command(folder)
    self.assertEqual(status, 1)
    self.assertLen(printed.splitlines(), 2)

  def test_missing_folder(self):
    status, printed = self.run_command("/nonexistent/set")
    self.assertEqual(status, 1)
    self.assertIn("/nonexistent/set/manifest.json is missing", printed)

  def test_unknown_file_system(self):
    with self.assertRaisesRegex(OSError, "nosuch://set.*: TensorFlow knows no such file system"):
      all_checks.verify("nosuch://set")

  def test_folder_is_named_once(self):
    self.assertEqual(command.one_folder(["verify", "a"], ""), "a")
    self.assertEqual(command.one_folder(["verify"], "a"), "a")
    for argv, data in ((["verify"], ""), (["verify", "a"], "b"), (["verify", "a", "b"], "")):
      with self.assertRaisesRegex(app.UsageError, "name one folder"):
        command.one_folder(argv, data)


if __name__ == "__main__":
  tf.test.main()
