"""The structure of the code: imports run one way, and flags stay in the entry points."""

import ast
import glob
import os

from absl.testing import parameterized
import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENTRY_POINTS = {"data_tools", "train", "eval", "tests"}
# Part of the library -> parts that it may import.
BELOW = {
    "survey": set(),
    "data": {"survey"},
    "models": {"survey", "data"},
    "bias": {"survey"},
    "evaluation": {"survey", "data", "models", "bias"},
    "training": {"survey", "data", "models", "bias", "evaluation"},
}


def library_files():
  return sorted(glob.glob(os.path.join(ROOT, "pzbias_tf", "**", "*.py"), recursive=True))


def imports(path):
  with open(path, encoding="utf-8") as file:
    for node in ast.walk(ast.parse(file.read())):
      if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
      elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{name.name}" for name in node.names)


class LayersTest(tf.test.TestCase, parameterized.TestCase):

  def test_the_library_is_found(self):
    self.assertGreater(len(library_files()), 20)

  @parameterized.parameters(*library_files())
  def test_arrows_run_one_way(self, path):
    part = os.path.relpath(path, os.path.join(ROOT, "pzbias_tf")).split(os.sep)[0]
    part = part.removesuffix(".py")
    for name in imports(path):
      words = name.split(".")
      self.assertNotIn(words[0], ENTRY_POINTS, name)
      if words[0] == "pzbias_tf" and part in BELOW and words[1] in BELOW:
        self.assertIn(words[1], BELOW[part] | {part}, name)

  @parameterized.parameters(*library_files())
  def test_no_flags_in_the_library(self, path):
    for name in imports(path):
      self.assertFalse(name.startswith("absl.flags"), name)

  def test_one_module_imports_tensorflow_addons(self):
    users = [path for path in library_files()
             if any(name.split(".")[0] == "tensorflow_addons" for name in imports(path))]
    self.assertEqual([os.path.basename(path) for path in users], ["addons.py"])

  def test_no_survey_is_named_outside_of_its_definition(self):
    for path in library_files():
      if os.path.basename(path) != "survey.py":
        for name in imports(path):
          self.assertNotIn(name.split(".")[-1], ("SDSS", "CFHTLS_WIDE", "CFHTLS_DEEP", "SURVEYS"))


if __name__ == "__main__":
  tf.test.main()
