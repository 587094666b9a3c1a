"""A sealed folder is refused as soon as anything in it is another."""

import json
import os

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.guards.sealed_folder import SEAL, check_seal, seal


class SealedFolderTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    for name, content in (("weights.h5", b"\0\1\2"), ("README.md", b"card"),
                          ("model/variables/data", b"\3" * 10), ("model/empty", b"")):
      self.write(name, content)
    self.digest = seal(self.folder)

  def path(self, name):
    return os.path.join(self.folder, name)

  def write(self, name, content):
    os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
    with open(self.path(name), "wb") as file:
      file.write(content)

  def test_as_it_was_sealed(self):
    check_seal(self.folder)
    check_seal(self.folder + os.sep)
    self.assertLen(self.digest, 64)

  @parameterized.parameters(("weights.h5", b"\0\1\3"), ("README.md", b"card "),
                            ("model/variables/data", b"\3" * 9), ("model/empty", b"\n"))
  def test_a_changed_file(self, name, content):
    self.write(name, content)
    with self.assertRaisesRegex(ValueError, f"{self.path(name)} was changed: the bundle is not"):
      check_seal(self.folder)

  @parameterized.parameters("extra.txt", ".hidden", "model/variables/more", "model/.git",
                            "new/manifest.json")
  def test_an_added_file(self, name):
    self.write(name, b"")
    with self.assertRaisesRegex(ValueError, f"{self.path(name)} was added"):
      check_seal(self.folder)

  def test_an_added_link(self):
    for target, name in ((self.path("model"), "model/again"), ("nowhere", "lost")):
      os.symlink(target, self.path(name))
      with self.assertRaisesRegex(ValueError, f"{self.path(name)} was added"):
        check_seal(self.folder)
      os.remove(self.path(name))

  def test_files_may_be_links_to_the_same_content(self):
    os.rename(self.path("README.md"), self.folder + ".blob")  # as in the cache of Hugging Face
    os.symlink(self.folder + ".blob", self.path("README.md"))
    check_seal(self.folder)

  @parameterized.parameters("weights.h5", "README.md", "model/variables/data", "model/empty")
  def test_a_missing_file(self, name):
    os.remove(self.path(name))
    with self.assertRaisesRegex(ValueError, f"{self.path(name)} is missing"):
      check_seal(self.folder)

  @parameterized.parameters(".git/config", ".gitattributes", ".cache/huggingface/x", ".DS_Store")
  def test_what_copies_bring_along(self, name):
    self.write(name, b"x")
    check_seal(self.folder)
    self.assertEqual(seal(self.folder), self.digest)

  @parameterized.parameters(("", "is not the manifest"), ("[]", "is not the manifest"),
                            ('{"format": "another", "files": {}}', "its format is 'another'"),
                            ('{"format": "pzbias_tf bundle 1"}', "is not the manifest"),
                            ('{"format": "pzbias_tf bundle 1", "files": 1}', "is not the manifest"))
  def test_a_damaged_manifest(self, text, message):
    self.write(SEAL, text.encode())
    with self.assertRaisesRegex(ValueError, f"{self.path(SEAL)}.*{message}|{message}"):
      check_seal(self.folder)

  def test_a_manifest_that_names_files_elsewhere(self):
    with open(self.path(SEAL), encoding="utf-8") as file:
      content = json.load(file)
    content["files"]["../outside"] = "0"
    self.write(SEAL, json.dumps(content).encode())
    with self.assertRaisesRegex(ValueError, "outside is missing"):
      check_seal(self.folder)

  def test_another_folder(self):
    os.remove(self.path(SEAL))
    for folder in (self.folder, self.path("none")):
      with self.assertRaisesRegex(FileNotFoundError, f"{folder} is not a bundle; name a folder"):
        check_seal(folder)


if __name__ == "__main__":
  tf.test.main()
