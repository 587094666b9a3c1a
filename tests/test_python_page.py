"""docs/python.md: its code runs as it is, and its list of public names is complete."""

import contextlib
import os
import re
import shutil

import numpy as np
import tensorflow as tf

from eval.evaluation.calibrations import step4_result
from eval.run import EvaluatedStage
import pzbias_tf as pz
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from tests.eval.small_run import small_run
from tests.small_data import make_cube
from tests.small_runs import SMALL_SDSS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "python.md")
RUN = os.path.join("runs", "quickstart", "sdss_net5_ne1")
NUM = 30


def page() -> str:
  with open(PAGE, encoding="utf-8") as file:
    return file.read()


def give_estimates(stage, name):
  """Replaces a stage's predictions, which hardly differ between galaxies after few iterations."""
  path = os.path.join(stage, name)
  old = pz.Predictions.load(path)
  z = old.z_spec + np.random.default_rng(0).normal(0.0, 0.02, len(old))
  pdf = np.exp(-0.5 * ((SMALL_SDSS.centers(extended=True) - z[:, np.newaxis]) / 0.02) ** 2)
  pz.Predictions.make(old.edges, pdf / pdf.sum(1, keepdims=True), **{
      column: old.ancil[column] for column in ("id", "redshift", "r_mag")}).save(
          path, weights_digest=file_digest(StageFiles(stage).last))


class PythonPageTest(tf.test.TestCase):

  def test_the_code_runs(self):
    with contextlib.chdir(self.create_tempdir().full_path):
      shutil.copytree(small_run().run, RUN)
      for name in ("predictions_test.hdf5", "predictions_balanced.hdf5"):
        give_estimates(os.path.join(RUN, "step3"), name)
      step4_result(EvaluatedStage(os.path.join(RUN, "step3")), RUN, Bootstrap(number=2))
      np.savez("cutouts.npz", images=make_cube(np.linspace(0.05, 0.35, NUM), 5),
               ebv=np.zeros(NUM), r_mag=np.full(NUM, 16.0))
      blocks = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)
      names = {}
      for block in blocks:
        exec(compile(block, PAGE, "exec"), names)  # pylint: disable=exec-used
      self.assertGreater(len(blocks), 3)
      self.check_results(names)

  def check_results(self, names):
    """The code gives what the page says."""
    table = names["table"]
    self.assertEqual(table.pdf.shape, (NUM, len(names["model"].edges) - 1))
    self.assertContainsSubset({"flags", "zmode_calibrated", *re.findall(
        r"`(z\w+)`", page().split("`table.ancil`")[1].split("All\nnumbers")[0])} - {"z_photo"},
                              table.ancil)
    self.assertAllClose(pz.Predictions.load("photo_z.hdf5").pdf, table.pdf)
    self.assertTrue(os.path.exists("photo_z.fits"))
    self.assertLess(len(names["bright"]), len(names["test"]))
    self.assertLen(names["catalog"], len(names["test"]))
    self.assertEqual(len(names["fitted"]) + len(names["others"]), len(names["catalog"]))
    # Step 4 on the page is that of eval.main, for the same galaxies.
    run = pz.Calibration.load(os.path.join(RUN, "calibration.json"), SMALL_SDSS)
    self.assertAllEqual(names["z_calibrated"], run.apply(names["test"].z_photo,
                                                         names["test"].r_mag))

  def test_all_public_names_are_listed(self):
    rows = re.findall(r"^\| (`.*?) \|", page(), re.MULTILINE)
    self.assertCountEqual(re.findall(r"`(\w+)`", " ".join(rows)), pz.__all__)

  def test_the_page_is_short(self):
    self.assertLess(len(page().encode()), 7500)


if __name__ == "__main__":
  tf.test.main()
