"""What tells one unfinished conversion from another: the files of the input."""

import os
import shutil
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from data_tools.conversion import identity, record_plan


def write(path, text="x"):
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with open(path, "w", encoding="utf-8") as file:
    file.write(text)


class ResumeKeyTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.input, self.output = (os.path.join(self.folder, name) for name in ("in", "out"))
    write(os.path.join(self.input, "table.csv"))

  def key(self, output=None):
    plan = mock.create_autospec(record_plan.Plan, instance=True)
    plan.digest.return_value = "plan"
    return identity.DataSetRequest(
        output=output or self.output, description={"path": self.input}, preset={}
    ).resume_key(plan)

  def test_images_in_a_linked_folder_count(self):
    image = os.path.join(self.folder, "elsewhere", "0.npy")
    write(image)
    os.symlink(os.path.dirname(image), os.path.join(self.input, "data"))
    before = self.key()
    self.assertEqual(self.key(), before)
    write(image, "another")
    self.assertNotEqual(self.key(), before)

  def test_circular_links_end(self):
    os.symlink(self.input, os.path.join(self.input, "again"))
    self.assertEqual(self.key(), self.key())

  def test_broken_link(self):
    before = self.key()
    os.symlink(os.path.join(self.folder, "nothing"), os.path.join(self.input, "0.npy"))
    self.assertNotEqual(self.key(), before)

  @parameterized.parameters(".lock", os.path.join(".unfinished", "key", "train.tfrecord"),
                            os.path.join("pzbias-unpacked-1", "cube.npy"))
  def test_files_of_a_conversion_itself_do_not_count(self, name):
    before = self.key(self.input)
    write(os.path.join(self.input, name))
    self.assertEqual(self.key(self.input), before)
    write(os.path.join(self.input, "1.npy"))
    self.assertNotEqual(self.key(self.input), before)

  def test_linked_output_within_the_input_does_not_count(self):
    os.makedirs(self.output)
    os.symlink(self.output, os.path.join(self.input, "sets"))
    before = self.key()
    write(os.path.join(self.output, "train.tfrecord"))
    self.assertEqual(self.key(), before)
    shutil.rmtree(self.output)
    self.assertNotEqual(self.key(), before)  # the link is broken now


if __name__ == "__main__":
  tf.test.main()
