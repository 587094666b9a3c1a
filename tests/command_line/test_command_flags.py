"""--help of every command, and mistyped flags, each in a process of its own without TensorFlow."""

import functools
import os
import re
import subprocess
import sys
import tempfile

from absl import flags
from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from pzbias_tf.command_line import command_flags
from pzbias_tf.command_line.command_flags import COMMANDS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW = ("tensorflow", "astropy", "matplotlib")
# Runs a module as python -m does, and says on a last line which slow packages it imported.
RUN = f"""
import runpy, sys
sys.argv = sys.argv[1:]
try:
  runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
finally:
  print("imported:", *(name for name in {SLOW} if name in sys.modules), flush=True)
"""


def run(*words: str) -> subprocess.CompletedProcess:
  """What a command says in a new process."""
  with tempfile.TemporaryDirectory() as folder:
    return subprocess.run([sys.executable, "-c", RUN, *words], cwd=folder, capture_output=True,
                          text=True, check=False, env={**os.environ, "PYTHONPATH": ROOT})


@functools.cache
def help_of(module: str) -> subprocess.CompletedProcess:
  return run(module, "--help")


class HelpTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*COMMANDS.values())
  def test_it_ends_well_and_imports_nothing_slow(self, module):
    said = help_of(module)
    self.assertEqual((said.returncode, said.stderr), (0, ""))
    self.assertEndsWith(said.stdout, "imported:\n")

  @parameterized.parameters(*COMMANDS.items())
  def test_synopsis_usage_and_examples(self, name, module):
    lines = help_of(module).stdout.splitlines()
    self.assertEqual(lines[0][-1] + lines[1], ".")
    self.assertIn(f"Usage: pzbias {name} [--FLAG=VALUE ...]", lines)
    examples = [line for line in lines if line.startswith(f"  python -m {module}")]
    self.assertGreaterEqual(len(examples), 2)

  @parameterized.parameters(
      ("train.main", ("Published flags", "Data and folders", "Training", "Hardware",
                      "Checkpoints and monitoring")),
      ("eval.predict", ("Model", "Data", "Columns of the input", "Output", "Hardware")),
      ("data_tools.make_tfrecords", ("Data", "Columns of the input", "Simulation", "Hardware")))
  def test_flags_stand_in_groups(self, module, groups):
    lines = help_of(module).stdout.splitlines()
    for group in groups:
      self.assertIn(f"{group}:", lines)

  @parameterized.parameters(*COMMANDS.values())
  def test_its_own_flags_alone(self, module):
    """Each belongs to a group with a name in words, and none is one of absl's or TensorFlow's."""
    text = help_of(module).stdout
    titles = re.findall(r"^(\S.*):\n  --", text, re.MULTILINE)
    self.assertNotEmpty(titles)
    for title in titles:
      self.assertRegex(title, r"^[A-Z][a-z0-9 ]+$")
    names = set(re.findall(r"^  --(?:\[no\])?(\w+)", text, re.MULTILINE))
    self.assertEmpty(names & set(flags.FLAGS))

  @parameterized.parameters(*COMMANDS.values())
  def test_it_fits_a_terminal(self, module):
    text = help_of(module).stdout
    first_flag = text.index("\n  --")
    for line in text[first_flag:].splitlines():
      if not line.startswith("  --"):  # the choices of a flag are not broken into lines
        self.assertLessEqual(len(line), 80)

  def test_values_of_a_flag_and_its_default(self):
    def define(values):
      group = command_flags.FlagGroup(values, "Some")
      group.integer("num", 0, "Number.")
      group.choice("kind", "", ["", "a", "b"], "Kind.")
      group.switch("fast", False, "Fast.")
      group.words("names", ["x", "y"], "Names.")
      group.text("folder", "", "Folder. Default: here.")
    text = command_flags.help_text("some.command", define, "Does it.\n\n  example\n")
    self.assertEndsWith(text.partition("Also:")[0], """Some:
  --num=INTEGER
      Number. Default: 0.
  --kind=a|b
      Kind.
  --[no]fast
      Fast.
  --names=A,B,...
      Names. Default: x,y.
  --folder=TEXT
      Folder. Default: here.

""")
    self.assertStartsWith(text, "Does it.\n\nUsage: python -m some.command [--FLAG=VALUE ...]\n")


class MistakesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (("train.main", "--tstpe=1"), "Unknown command line flag 'tstpe'. Did you mean: tstep ?"),
      (("train.main", "--net=many"), "flag --net=many: value should be one of net_p,"),
      (("eval.main", "--seed=-1"), "flag --seed=-1: -1 is not a non-negative integer"),
      (("eval.export",), "--run is missing"),
      (("data_tools.simulate", "--survey=ska", "--output=a"), "should be one of <cfhtls|sdss>"))
  def test_one_line_without_tensorflow(self, words, message):
    said = run(*words)
    self.assertEqual((said.returncode, said.stdout), (1, "imported:\n"))
    self.assertLen(said.stderr.splitlines(), 1)
    self.assertStartsWith(said.stderr, "Error: ")
    self.assertIn(message, said.stderr)
    self.assertEndsWith(said.stderr, f"see python -m {words[0]} --help\n")

  @parameterized.parameters("eval.main", "data_tools.simulate")
  def test_words_that_are_no_flags(self, module):
    given = ["--output=a"] if module == "data_tools.simulate" else []
    said = run(module, *given, "what")
    self.assertEqual(said.returncode, 1)
    self.assertEndsWith(said.stderr, "Error: unexpected arguments what; give flags only\n")


class CatalogTest(tf.test.TestCase, parameterized.TestCase):
  """A catalogue is measured, with figures and page, without the seconds that TensorFlow takes."""

  @parameterized.parameters("catalog.csv", "catalog.fits", "catalog.ecsv")
  def test_without_tensorflow(self, name):
    folder = self.create_tempdir().full_path
    z = np.linspace(0.01, 0.35, 60)
    Table({"id": np.arange(60), "z_spec": z, "z_photo": z + 0.01, "r": np.full(60, 17.0)}).write(
        f"{folder}/{name}")
    said = run("eval.catalog", f"--input={folder}/{name}", f"--output={folder}/out",
               "--fit_fraction=0.5", "--num_bootstrap=2")
    self.assertIn(f"wrote {folder}/out/report/index.html", said.stdout)
    self.assertEqual(said.stdout.splitlines()[-1], "imported: astropy matplotlib")


if __name__ == "__main__":
  tf.test.main()
