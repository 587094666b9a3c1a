"""Two commands on one folder: the second one is told so, and changes nothing."""

import os
import shutil

from absl.testing import parameterized
import tensorflow as tf

from eval import export as eval_export
from eval import main as eval_main
from eval.evaluation.compare import compare
from pzbias_tf.files import hidden_name
from pzbias_tf.guards.locks import exclusive_folder, exclusive_path
from pzbias_tf.metrics.stage_metrics import Bootstrap
from tests.eval.evaluated_runs import evaluated
from tests.eval.small_run import small_run
from tests.report.unrendered import unrendered

BUSY = "another process is at work in .*; wait for it or end it"


class TwoAtOnceTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def copied_run(self):
    """A run with its Baseline alone, which is evaluated fast."""
    run = os.path.join(self.folder, "run")
    shutil.copytree(small_run().stage("baseline"), os.path.join(run, "baseline"))
    return run

  def test_two_evaluations(self):
    run = self.copied_run()
    with exclusive_folder(run):
      with self.assertRaisesRegex(OSError, BUSY):
        eval_main.evaluate(run, Bootstrap(number=2, seed=1))
    self.assertCountEqual(os.listdir(run), [".lock", "baseline"])

  def test_two_exports(self):
    output = os.path.join(self.folder, "saved")
    with exclusive_path(output):
      with self.assertRaisesRegex(OSError, BUSY):
        eval_export.export(small_run().stage("baseline"), output)
    self.assertEmpty(os.listdir(self.folder))

  def test_two_comparisons(self):
    runs, output = [evaluated(self.folder, name) for name in "ab"], os.path.join(self.folder, "out")
    with exclusive_folder(output):
      with self.assertRaisesRegex(OSError, BUSY):
        compare(runs, output)
    self.assertEqual(os.listdir(output), [".lock"])

  def test_what_a_killed_evaluation_left_goes(self):
    run = self.copied_run()
    os.makedirs(os.path.join(run, "report"))
    left = [hidden_name(os.path.join(run, name)) for name in (
        "metrics.json", "report/stages.svg", "baseline/metrics.json")]
    notes = os.path.join(run, "report", ".notes.tmp")
    for path in (*left, notes):
      with open(path, "w", encoding="utf-8") as file:
        file.write("half")
    with unrendered():
      eval_main.evaluate(run, Bootstrap(number=2))
    for path in left:
      self.assertFalse(os.path.exists(path), path)
    self.assertTrue(os.path.exists(notes))

  def test_what_a_killed_export_left_goes(self):
    output = os.path.join(self.folder, "saved")
    for number in range(3):
      os.makedirs(os.path.join(self.folder, f".saved.export-abcdefg{number}", "variables"))
    eval_export.export(small_run().stage("baseline"), output)
    self.assertEqual(os.listdir(self.folder), ["saved"])


if __name__ == "__main__":
  tf.test.main()
