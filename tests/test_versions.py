"""What made a result: the revision, digests, commands without the folders of a machine."""

import hashlib
import os

from absl.testing import parameterized
import tensorflow as tf

import pzbias_tf
from pzbias_tf import versions


class VersionsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(0, 10, 3_000_000)
  def test_digests(self, size):
    path = os.path.join(self.create_tempdir().full_path, "file")
    content = bytes(range(10)) * (size // 10)
    with open(path, "wb") as file:
      file.write(content)
    self.assertEqual(versions.file_digest(path), hashlib.sha256(content).hexdigest())

  def test_made_with(self):
    made = versions.made_with()
    self.assertRegex(made["Measured on"], r"^20\d\d-\d\d-\d\d, UTC$")
    self.assertStartsWith(made["Versions"], f"pzbias_tf {pzbias_tf.__version__}")
    self.assertIn(versions.git_revision(), made["Versions"])

  @parameterized.parameters(
      ("python -m eval.main --run=runs/a", "python -m eval.main --run=runs/a"),
      ("python -m eval.main --run=/home/me/runs/a", "python -m eval.main --run=/path/to/a"),
      ("python -m x --a '/home/my disk/b' -c", "python -m x --a /path/to/b -c"),
      ("python -m x '--word=a b'", "python -m x '--word=a b'"))
  def test_commands_for_others(self, command, expected):
    self.assertEqual(versions.for_others(command), expected)

  def test_paths_below_the_working_folder_become_relative(self):
    path = os.path.join(os.getcwd(), "runs", "a")
    self.assertEqual(versions.for_others(f"python -m x --run={path}"), "python -m x --run=runs/a")


if __name__ == "__main__":
  tf.test.main()
