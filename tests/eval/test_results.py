"""The study's results: measured from runs, and the page and pictures made from them."""

import copy
import json
import os
import shutil

import numpy as np
import tensorflow as tf

from eval import results as eval_results
from eval.study.sections import SECTIONS
from eval.study.study_page import render
from pzbias_tf.metrics.stage_metrics import Bootstrap, summarize
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from pzbias_tf.training.run_folder import EXPERIMENT_RECORD, PREDICTIONS_TEST
from tests.compare_pictures import different_pixels
from tests.eval.small_run import small_run
from tests.report.unrendered import unrendered
from train.study_items import STUDY_ITEMS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEPT = os.path.join(ROOT, "results")
FEW = Bootstrap(number=3, seed=0)
MOVED_PIXELS = 100
"""A curve's point that moves by a tenth of its range changes more."""


def kept(name: str) -> dict:
  with open(os.path.join(KEPT, f"{name}.json"), encoding="utf-8") as file:
    return json.load(file)


class CollectTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.run = small_run()
    self.folder = self.create_tempdir().full_path
    self.workdir = os.path.join(self.folder, "runs", "sdss")
    shutil.copytree(self.run.workdir, self.workdir)
    self.record("sdss_main", ["sdss_net5_ne1/step1", "sdss_net5_ne1/step3"])

  def record(self, name, stages):
    with open(os.path.join(self.workdir, name + EXPERIMENT_RECORD), "w", encoding="utf-8") as file:
      json.dump({"experiment": name, "title": "t", "varies": "", "scale": "small", "seed": 0,
                 "command": "c",
                 "variants": [{"value": "", "stages": stages, "trained": stages}]}, file)

  def measure(self, *names):
    eval_results.measure(self.workdir, self.folder, list(names), FEW)
    with open(os.path.join(self.folder, "sdss", "sdss_main.json"), encoding="utf-8") as file:
      return json.load(file)

  def test_numbers_are_those_of_the_predictions(self):
    before = sorted(os.listdir(os.path.join(self.workdir, "sdss_net5_ne1")))
    result = self.measure()
    (variant,) = result["variants"]
    self.assertEqual(list(variant["stages"]), ["step1", "step3", "step4", "step4_smoothed"])
    predictions = Predictions.load(os.path.join(self.run.stage("step1"), PREDICTIONS_TEST))
    expected = summarize(predictions, SDSS, FEW)
    found = variant["stages"]["step1"]
    self.assertEqual(found["galaxies"], len(predictions))
    for key in ("sigma_mad", "outlier_fraction", "rms_residual_z_photo"):
      self.assertNear(found[key], expected[key], 1e-4 * expected[key])
    self.assertNear(found["total_variation"]["mean"], expected["total_variation"].mean, 1e-4)
    self.assertNotIn("by_magnitude", found)
    run = os.path.join(self.workdir, "sdss_net5_ne1")  # it keeps the calibration that it has
    self.assertEqual(sorted(os.listdir(run)), before)
    self.assertGreater(variant["training_s"]["sdss_net5_ne1/step1"], 0)
    self.assertEqual(result["data"]["survey"], "sdss")
    self.assertGreater(result["data"]["train"], 100)
    with open(os.path.join(self.folder, "sdss", "sdss_main.json"), encoding="utf-8") as file:
      self.assertNotIn(self.folder, file.read())

  def test_a_study_item_that_is_not_complete_is_left_out_or_refused(self):
    self.record("folds", ["sdss_net5_ne2/step1"])
    with self.assertLogs(level="WARNING") as logged:
      self.measure()
    self.assertIn("folds is left out, it is not complete", "".join(logged.output))
    self.assertFalse(os.path.exists(os.path.join(self.folder, "sdss", "folds.json")))
    with self.assertRaisesRegex(FileNotFoundError, "folds is not complete, sdss_net5_ne2/step1"):
      self.measure("folds")
    with self.assertRaisesRegex(FileNotFoundError, "python -m train.experiments --run=NAME"):
      eval_results.measure(self.folder, self.folder, [], FEW)
    os.rename(self.workdir, os.path.join(self.folder, "mine"))
    with self.assertRaisesRegex(ValueError, "for the samples cfhtls, real_sdss, .*, sdss_ph"):
      eval_results.measure(os.path.join(self.folder, "mine"), self.folder, [], FEW)


class PageTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, "results")
    shutil.copytree(KEPT, self.folder, ignore=shutil.ignore_patterns("figures"))

  def changed_pixels(self, name):
    """Pixels of a figure that differ from those of the kept one."""
    return different_pixels(*(os.path.join(folder, "figures", f"{name}.png")
                              for folder in (self.folder, KEPT)))

  def write(self, name, content):
    with open(os.path.join(self.folder, f"{name}.json"), "w", encoding="utf-8") as file:
      json.dump(content, file)

  def test_the_kept_page_is_what_the_kept_results_give(self):
    with open(os.path.join(ROOT, "RESULTS.md"), encoding="utf-8") as file:
      self.assertEqual(file.read(), render(self.folder))
    figures = sorted(os.listdir(os.path.join(KEPT, "figures")))
    self.assertEqual(figures, sorted(os.listdir(os.path.join(self.folder, "figures"))))
    for name in figures:
      self.assertLess(self.changed_pixels(name.removesuffix(".png")), MOVED_PIXELS, name)

  def test_another_number_is_another_page_and_picture(self):
    result = kept("sdss/sdss_main")
    step3 = result["variants"][0]["stages"]["step3"]
    step3["sigma_mad"] = 0.0987
    step3["residual_z_spec"]["mean"][20] += 0.001
    self.write("sdss/sdss_main", result)
    with unrendered("sdss_sdss_main", "cfhtls_cfhtls_wide"):
      page = render(self.folder)
    self.assertIn("| 0.0987 +- ", page)
    with open(os.path.join(ROOT, "RESULTS.md"), encoding="utf-8") as file:
      self.assertNotEqual(file.read(), page)
    self.assertGreater(self.changed_pixels("sdss_sdss_main"), MOVED_PIXELS)
    self.assertEqual(self.changed_pixels("cfhtls_cfhtls_wide"), 0)

  def test_folds_are_averaged(self):
    main = kept("sdss/sdss_main")
    values = (0.02, 0.03, 0.07)
    variants = []
    for number, value in enumerate(values, 1):
      stages = copy.deepcopy(main["variants"][0]["stages"])
      stages["step1"]["outlier_fraction"] = value
      variants.append({"value": str(number), "stages": stages, "training_s": {}})
    self.write("remarks", {**kept("remarks"), "sdss_folds": ["As expected."]})
    self.write("sdss/folds", {**main, "experiment": "folds", "varies": "ne", "variants": variants})
    with unrendered():
      self.assertIn(f"| {np.mean(values):.4f} +- {np.std(values, ddof=1):.4f} |",
                    render(self.folder))

  def test_another_scale_is_refused(self):
    self.write("sdss/hard_labels", {**kept("sdss/hard_labels"), "scale": "full"})
    with unrendered(), self.assertRaisesRegex(
        ValueError, "sdss/hard_labels was made with scale full"):
      render(self.folder)

  def test_results_need_remarks(self):
    remarks = kept("remarks")
    remarks.pop("sdss_sdss_main")
    self.write("remarks", remarks)
    with unrendered(), self.assertRaisesRegex(
        ValueError, "says nothing about sdss_sdss_main"):
      render(self.folder)
    with self.assertRaisesRegex(ValueError, "holds no results of sdss/sdss_main"):
      render(self.create_tempdir().full_path)

  def test_every_study_item_has_a_place_on_the_page(self):
    shown = {name.split("/")[1].removesuffix("_cfhtls_wide").removesuffix("_cfhtls_deep")
             for section in SECTIONS for name in section.results}
    self.assertEqual(shown, set(STUDY_ITEMS))


if __name__ == "__main__":
  tf.test.main()
