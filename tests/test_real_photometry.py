"""Photometry of real galaxies, from their table to the report: what the four steps do to it.

The folder named by PZBIAS_REAL_DATA holds catalogs/sdss_specphoto.csv.gz, a table of SDSS galaxies
with spectroscopic redshifts and dereddened magnitudes.  docs/real_galaxies.md describes it.
"""

import json
import os
import tempfile
import unittest

import tensorflow as tf

from tests import programs

REAL_DATA = os.environ.get("PZBIAS_REAL_DATA", "")
TABLE = os.path.join(REAL_DATA, "catalogs", "sdss_specphoto.csv.gz")
# Fewer iterations than the defaults: the test takes about two minutes on two cores.
ITERATIONS = {0: 1500, 1: 1500, 2: 600, 3: 1500}


def setUpModule():
  if not os.path.exists(TABLE):
    raise unittest.SkipTest("PZBIAS_REAL_DATA names no folder with the photometry of galaxies")


class RealPhotometryTest(tf.test.TestCase):

  def run_command(self, module, *words):
    done = programs.run("-m", module, *words)
    self.assertEqual(done.returncode, 0, done.stderr)
    return done.stdout

  def test_from_the_table_to_the_report(self):
    folder = tempfile.mkdtemp()
    data, run = os.path.join(folder, "data"), os.path.join(folder, "run")
    names = [",".join(f"{kind}_{band}" for band in "ugriz") for kind in ("dered", "err")]
    self.run_command("data_tools.make_tfrecords", f"--input={TABLE}", f"--output={data}",
                     f"--magnitude_columns={names[0]}", f"--error_columns={names[1]}", "--ebv=0",
                     "--split=0.7,0.1,0.2")
    for step, iterations in ITERATIONS.items():
      self.run_command("train.main", f"--data_dir={data}", f"--workdir={folder}",
                       "--experiment=run", f"--tstep={step}", f"--iterations={iterations}")
    self.run_command("eval.main", f"--run={run}", "--num_bootstrap=20")
    with open(os.path.join(run, "metrics.json"), encoding="utf-8") as file:
      self.check(json.load(file)["stages"])

  def check(self, stages):
    """What held in all runs tried, with at least half of the difference as a margin."""
    tv = {name: stage["total_variation"]["mean"] for name, stage in stages.items()}
    expected = stages["step3"]["expected_total_variation"]["mean"]
    # Far better than 20 nearest neighbours: sigma_MAD 0.0184, CRPS 0.0116.
    self.assertLess(stages["baseline"]["sigma_mad"], 0.0155)
    self.assertLess(stages["baseline"]["crps"], 0.0108)
    for name in ("step1", "step2", "step3"):
      self.assertLess(stages[name]["sigma_mad"], 0.0175, name)
    # Mode collapse: strong in Baseline and Step 1; Step 2 takes some of it back, Step 3 most.
    self.assertGreater(tv["step1"], 2.0 * expected)
    self.assertLess(tv["step2"], tv["step1"])
    self.assertLess(tv["step3"], tv["step2"] - 0.04)
    self.assertLess(tv["step3"], expected + 0.08)
    # Step 4 makes the mean residual smaller.
    residual = {name: abs(stage["mean_residual"]) for name, stage in stages.items()}
    self.assertLess(residual["step4"], residual["step3"])


if __name__ == "__main__":
  tf.test.main()
