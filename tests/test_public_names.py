"""`import pzbias_tf` offers all public names, and imports each only when it is used."""

import importlib
import json
import os
import subprocess
import sys
import types

from absl.testing import parameterized
import tensorflow as tf

import pzbias_tf as pz

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAVY = ("tensorflow", "astropy", "matplotlib")
LIMIT_S = 0.5  # measured: 0.003 s
TELL = """
import json, sys, time
start_s = time.process_time()
import pzbias_tf as pz
took_s = time.process_time() - start_s
{use}
print(json.dumps({{"took_s": took_s, "modules": list(sys.modules)}}))
"""


def in_new_process(use: str = "") -> dict:
  """Imports the package and runs `use` in a new process; returns its time and loaded modules."""
  code = TELL.format(use=use)
  return json.loads(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True,
                                   text=True, check=True).stdout)


class PublicNamesTest(tf.test.TestCase, parameterized.TestCase):

  def test_the_import_loads_no_large_library(self):
    told = in_new_process()
    self.assertNoCommonElements(told["modules"], [*HEAVY, "numpy"])
    self.assertLess(told["took_s"], LIMIT_S)

  def test_names_without_networks_load_no_tensorflow(self):
    light = [name for name in pz.__all__
             if name not in ("load_run", "load_bundle", "build_network")]
    told = in_new_process("; ".join(f"pz.{name}" for name in light))
    self.assertNoCommonElements(told["modules"], HEAVY)

  @parameterized.parameters(*pz.__all__)
  def test_a_name_is_what_its_module_defines(self, name):
    self.assertEqual(getattr(pz, name), getattr(
        importlib.import_module(f"pzbias_tf.{pz._MODULE_OF[name]}"), name))  # pylint: disable=protected-access
    self.assertIn(name, dir(pz))
    self.assertTrue(getattr(pz, name).__doc__)

  def test_parts_are_modules_also_before_anything_is_imported(self):
    in_new_process("assert pz.survey.SDSS is pz.SDSS; import pzbias_tf.survey; "
                   "assert pzbias_tf.survey is pz.survey; assert pz.metrics.__doc__")
    self.assertIsInstance(pz.survey, types.ModuleType)

  @parameterized.parameters("pzbias_tf", "pzbias_tf.survey", "train.flags")
  def test_windows_is_told_of_wsl(self, module):
    said = subprocess.run(
        [sys.executable, "-c", "import importlib, shutil, sys; sys.platform = 'win32'; "
         f"importlib.import_module({module!r})"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    self.assertEqual(said.returncode, 1)
    self.assertRegex(said.stderr, r"ImportError: .*Linux and macOS; on Windows use WSL .*\n$")

  def test_an_unknown_name(self):
    with self.assertRaisesRegex(AttributeError, "'pzbias_tf' has no attribute 'sigma'"):
      getattr(pz, "sigma")  # noqa: B009
    with self.assertRaises(ImportError):
      from pzbias_tf import sigma  # noqa: F401


if __name__ == "__main__":
  tf.test.main()
