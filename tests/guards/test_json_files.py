"""JSON files: damage, other contents and edits are noticed, files without a digest are read."""

import json
import os

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.guards import json_files
from pzbias_tf.guards.json_files import ANYTHING, Each

SCHEMA = {"name": str, "n": int, "x": float, "on": bool, "rows": [[float]], "by": Each(int),
          "any": ANYTHING, "maybe?": (str, None), "inner": {"z": [int]}}
GOOD = {"name": "ä", "n": 1, "x": 0.1, "on": True, "rows": [[1, 2.5]], "by": {"a": 1},
        "any": [None], "inner": {"z": []}}
WRONG = "FILE is none ({problem}); make it again"


class JsonFilesTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "a.json")

  def read(self):
    return json_files.read(self.path, SCHEMA, WRONG)

  def write(self, text):
    with open(self.path, "wb") as file:
      file.write(text if isinstance(text, bytes) else json.dumps(text).encode())

  def test_what_is_written_is_read(self):
    for fields in (GOOD, {**GOOD, "maybe": None}, {**GOOD, "maybe": "x", "further": 1}):
      json_files.write(self.path, fields)
      self.assertEqual(self.read(), fields)

  def test_file_without_a_digest_is_read(self):
    self.write(GOOD)
    self.assertEqual(self.read(), GOOD)

  def test_every_flipped_bit_is_noticed_or_harmless(self):
    json_files.write(self.path, GOOD)
    with open(self.path, "rb") as file:
      content = file.read()
    for place in range(0, len(content), 3):
      flipped = bytearray(content)
      flipped[place] ^= 1 << (place % 7)
      self.write(bytes(flipped))
      try:
        read = self.read()  # a flipped bit in the name of the digest itself does no harm
        self.assertEqual({key: read.get(key) for key in GOOD}, GOOD)
      except ValueError as error:
        self.assertRegex(str(error), "FILE is none|has changed since it was written")

  @parameterized.parameters(("n", 2), ("x", 0.2), ("rows", [[1, 2.6]]), ("name", "a"))
  def test_an_edit_is_accepted_when_somebody_says_so(self, key, value):
    json_files.write(self.path, GOOD)
    with open(self.path, encoding="utf-8") as file:
      fields = json.load(file)
    self.write({**fields, key: value})
    with self.assertRaisesRegex(ValueError, f"{self.path} has changed .*\n.*verify --accept="
                                            f"{self.path}$"):
      self.read()
    json_files.seal(self.path)
    self.assertEqual(self.read(), {**GOOD, key: value})

  @parameterized.parameters(
      ("name", None, "name must be a text, got null"), ("n", True, "n must be a whole number"),
      ("n", 1.0, "n must be a whole number, got 1.0"), ("x", "1", "x must be a finite number, got"),
      ("x", float("nan"), "x must be a finite number, got NaN"), ("x", 10**400, "finite number"),
      ("n", 10**30, "whole number"), ("on", 1, "on must be true or false"),
      ("rows", [[], 7], r"rows\[1\] must be a list, got 7"), ("rows", {}, "rows must be a list"),
      ("rows", [[1, None]], r"rows\[0\]\[1\] must be a finite number, got null"),
      ("by", {"a": "b"}, 'by.a must be a whole number, got "b"'), ("by", [], "by must be a table"),
      ("maybe", 7, "maybe must be a text"), ("inner", {}, "inner.z is missing"))
  def test_other_types(self, key, value, message):
    json_files.write(self.path, {**GOOD, key: value})
    with self.assertRaisesRegex(ValueError, rf"FILE is none \(.*{message}.*\); make it again"):
      self.read()

  @parameterized.parameters((b"",), (b"[]",), (b"7",), (b"{",), (b"\xff\xfe{}",),
                            (b"[" * 100_000 + b"]" * 100_000,), (b'{"a":' * 50_000,))
  def test_other_contents(self, content):
    self.write(content)
    with self.assertRaisesRegex(ValueError, "FILE is none"):
      self.read()

  def test_what_is_no_plain_file(self):
    os.mkfifo(self.path)
    with self.assertRaisesRegex(OSError, "is no plain file, but a FIFO"):
      self.read()
    os.remove(self.path)
    with self.assertRaises(FileNotFoundError):
      self.read()


if __name__ == "__main__":
  tf.test.main()
