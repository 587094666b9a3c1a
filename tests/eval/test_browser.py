"""The pages in a real browser: no error on the console, no overflow, whole pictures."""

import dataclasses
import os
import unittest

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval.evaluation.compare import compare
from pzbias_tf.report.catalog_report import write_catalog_report
from pzbias_tf.report.figures import Outliers
from pzbias_tf.report.run_report import write_report
from pzbias_tf.survey import SDSS
from tests.eval import browser
from tests.eval.evaluated_runs import evaluated
from tests.report.sample_results import DESCRIPTION, LAWS, make_result, make_results


@unittest.skipIf(not browser.CHROMIUM, "no Chromium is installed")
class BrowserTest(tf.test.TestCase, parameterized.TestCase):

  def check(self, path, width):
    seen = browser.look_at(path, width)
    self.assertEqual((seen.window, seen.broken, seen.console), (width, 0, []))
    self.assertLessEqual(seen.page, width)
    if width == browser.PHONE:
      self.assertGreaterEqual(seen.letters, 9)
      self.assertGreater(seen.scrolled, 1)
      self.assertEqual(seen.silent, 0)

  @parameterized.parameters(*browser.WIDTHS)
  def test_report(self, width):
    outliers = Outliers(
        title="Step 3", ids=[f"{i:019d}" for i in range(7)], bands=SDSS.bands, seen=8,
        images=np.random.default_rng(0).normal(size=(7, 16, 16, 5)), z_spec=np.full(7, 0.1),
        z_photo=np.full(7, 0.3), r_mag=np.full(7, 17.0))
    paths = write_report(self.create_tempdir().full_path, make_results(*LAWS, num=300), SDSS,
                         DESCRIPTION, outliers)
    self.check(paths[-1], width)

  @parameterized.parameters(*browser.WIDTHS)
  def test_catalog(self, width):
    before, after = (dataclasses.replace(
        make_result(stage, num=300), name=name, title=f"a_rather_long_name_of_a_column{suffix}")
        for stage, name, suffix in (("step2", "estimate1", ""), ("step4", "step4", ", Step 4")))
    paths = write_catalog_report(self.create_tempdir().full_path, [(before, after)], SDSS,
                                 DESCRIPTION, {})
    self.check(paths[-1], width)

  @parameterized.parameters(*browser.WIDTHS)
  def test_comparison(self, width):
    folder = self.create_tempdir().full_path
    compare([evaluated(folder, "first"), evaluated(folder, "a_rather_long_name_of_the_second")])
    self.check(os.path.join(folder, "comparison", "index.html"), width)

  def test_what_is_wrong_is_seen(self):
    path = os.path.join(self.create_tempdir().full_path, "bad.html")
    with open(path, "w", encoding="utf-8") as file:
      file.write('<html><body><img src="data:image/png;base64,AA"><div style="width: 3000px">wide'
                 "</div><script>nothing();</script></body></html>")
    seen = browser.look_at(path, 1280)
    self.assertGreater(seen.page, 3000)
    self.assertEqual(seen.broken, 1)
    self.assertIn("nothing is not defined", seen.console[0])


if __name__ == "__main__":
  tf.test.main()
