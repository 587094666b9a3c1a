"""`pzbias COMMAND`: the same modules, in any folder; the list of surveys."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
import tomllib

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf import __main__ as pzbias_main
from pzbias_tf import survey
from pzbias_tf.command_line.command_flags import COMMANDS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A user's own programs, whose names are those of packages here.
HIDING = ("train.py", "eval.py", "data_tools.py")
FROM_PYPROJECT = """
import importlib.metadata, sys
sys.argv = ["pzbias", *sys.argv[2:]]
importlib.metadata.EntryPoint("pzbias", %r, "console_scripts").load()()
"""


def script_of_pyproject() -> str:
  """What the console script `pzbias` calls."""
  with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
    return tomllib.load(file)["project"]["scripts"]["pzbias"]


def pzbias(*words: str, start=("-m", "pzbias_tf")) -> subprocess.CompletedProcess:
  """What `pzbias` says in a folder with a user's own train.py, eval.py and data_tools.py."""
  with tempfile.TemporaryDirectory() as folder:
    for name in HIDING:
      with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write("raise SystemExit('the user')\n")
    return subprocess.run([sys.executable, *start, *words], cwd=folder, capture_output=True,
                          text=True, check=False, env={**os.environ, "PYTHONPATH": ROOT})


WITHOUT_RAIL = "import sys; sys.modules['rail'] = None; from pzbias_tf.__main__ import main; main()"


class PzbiasTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*pzbias_main.RAIL_STAGES)
  def test_stages_of_rail_need_it(self, name):
    said = pzbias(name, "--config=config.yml", start=("-c", WITHOUT_RAIL))
    self.assertEqual(said.returncode, 1)
    self.assertRegex(said.stderr, r"Error: the stages of RAIL need pz-rail-base .*install it under "
                     r"Python 3.12 or 3.13 with pip install 'pzbias_tf\[rail\]'\n$")

  def test_it_lists_the_commands_and_what_they_do(self):
    said = pzbias("--help")
    self.assertEqual((said.returncode, said.stderr), (0, ""))
    for name in (*COMMANDS, "surveys", "completion"):
      self.assertRegex(said.stdout, rf"\n  {name} +[A-Z].*\.\n")
    self.assertIn("Trains one stage of the method and predicts with it.", said.stdout)
    self.assertEqual(pzbias().stdout, said.stdout)

  @parameterized.parameters(*COMMANDS.items())
  def test_help_is_that_of_the_module(self, name, module):
    said = pzbias(name, "--help")
    self.assertEqual((said.returncode, said.stderr), (0, ""))
    own = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True,
                         text=True, check=True)
    self.assertEqual(said.stdout, own.stdout)
    self.assertIn(f"Usage: pzbias {name} ", said.stdout)

  @parameterized.parameters(("--help",), ("surveys",), ("completion", "bash"), ("train", "--help"))
  def test_a_reader_that_stops_early(self, *words):
    reading, writing = os.pipe()
    os.close(reading)
    said = subprocess.run([sys.executable, "-m", "pzbias_tf", *words], cwd=ROOT, stdout=writing,
                          stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    self.assertEqual((said.returncode, said.stderr), (0, ""))

  def test_the_script_of_pyproject_is_the_same(self):
    self.assertIsNotNone(importlib.metadata.EntryPoint(
        "pzbias", script_of_pyproject(), "console_scripts").load())
    start = ("-c", FROM_PYPROJECT % script_of_pyproject(), "")
    for words in (("--help",), ("verify", "--help"), ("surveys",)):
      self.assertEqual(pzbias(*words, start=start).stdout, pzbias(*words).stdout)

  def test_a_command_runs_although_files_of_the_user_have_the_names_of_its_packages(self):
    said = pzbias("train", "--tstep=1", "--data_dir=nowhere")
    self.assertEqual(said.returncode, 1)
    self.assertIn("Error: nowhere", said.stderr)
    self.assertNotIn("the user", said.stderr)

  @parameterized.parameters(
      (("trian",), "no command 'trian'; did you mean train? pzbias --help"),
      (("zzz",), "no command 'zzz' pzbias --help"),
      (("completion",), "unexpected words after pzbias completion: none. completion: Prints"),
      (("completion", "fish"), "unexpected words after pzbias completion: fish"),
      (("surveys", "sdss"), "unexpected words after pzbias surveys: sdss"),
      (("train", "--tstpe=1"), "Did you mean: tstep ?"))
  def test_mistakes(self, words, message):
    said = pzbias(*words)
    self.assertEqual((said.returncode, said.stdout), (1, ""))
    self.assertLen(said.stderr.splitlines(), 1)
    self.assertIn(message, said.stderr)

  def test_surveys_are_listed(self):
    lines = pzbias("surveys").stdout.splitlines()
    for name in survey.survey_names():
      (line,) = [line for line in lines if line.split(" ")[0] == name]
      self.assertIn(" ".join(survey.load_survey(name).bands), line)


if __name__ == "__main__":
  tf.test.main()
