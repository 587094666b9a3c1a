"""Runs side by side: what is compared, and what cannot be."""

import json
import os

from absl.testing import parameterized
from matplotlib.figure import Figure
import tensorflow as tf

from eval.evaluation.compare import compare
from pzbias_tf.report.figures.comparison import draw_comparison
from tests.eval.evaluated_runs import evaluated
from tests.report.sample_results import make_results

_SIMULATED, _REAL = {"kind": "simulated", "source": ""}, {"kind": "real", "source": "images of a"}


class CompareTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def test_last_stages_and_step_4_stand_in_the_table(self):
    runs = [evaluated(self.folder, "first"),
            evaluated(self.folder, "second", ("baseline", "step1", "reference"), seed=1)]
    path = os.path.join(runs[1], "metrics.json")
    with open(path, encoding="utf-8") as file:
      renamed = file.read().replace('"reference"', '"reference_zphot"')
    with open(path, "w", encoding="utf-8") as file:
      file.write(renamed)
    text = compare(runs)
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    self.assertEqual(rows, ["run", "first: Step 3", "first: Step 4", "second: Step 1"])
    (result,) = make_results("step1", num=300, seed=1)
    spread, error = result.summary["sigma_mad"], result.summary["errors"]["sigma_mad"]
    self.assertIn(f"| {spread:.4f} +- {error:.4f} |", text)
    self.assertNotIn("Not the same", text)
    with open(os.path.join(self.folder, "comparison", "index.html"), encoding="utf-8") as file:
      page = file.read()
    for word in ("Comparison of 2 runs", "first: Step 4", "data:image/png"):
      self.assertIn(word, page)
    self.assertNotIn(self.folder, page)

  def test_other_galaxies_are_told(self):
    text = compare([evaluated(self.folder, "first"), evaluated(self.folder, "second", num=200)],
                   os.path.join(self.folder, "elsewhere"))
    self.assertIn("Not the same test galaxies: first 300 galaxies of sdss, second 200", text)
    self.assertTrue(os.path.exists(os.path.join(self.folder, "elsewhere", "table.md")))

  def test_a_folder_of_others_keeps_its_files(self):
    runs = [evaluated(self.folder, "first"), evaluated(self.folder, "second")]
    with self.assertRaisesRegex(FileExistsError, "for one.*name another --output"):
      compare(runs, self.folder)
    self.assertCountEqual(os.listdir(self.folder), ["first", "second"])
    compare(runs)
    compare(runs)  # its own files are replaced

  def page_of(self, *origins):
    """The page of runs whose metrics.json has these origins; None for an older one."""
    runs = []
    for place, origin in enumerate(origins):
      runs.append(evaluated(self.folder, f"run{place}", seed=place))
      path = os.path.join(runs[-1], "metrics.json")
      with open(path, encoding="utf-8") as file:
        metrics = json.load(file)
      with open(path, "w", encoding="utf-8") as file:
        json.dump({**metrics, **({"origin": origin} if origin else {})}, file)
    compare(runs)
    with open(os.path.join(self.folder, "comparison", "index.html"), encoding="utf-8") as file:
      return file.read()

  @parameterized.parameters(
      ((_SIMULATED, _SIMULATED), "Simulated galaxies", ""),
      ((_REAL, _REAL), "Real galaxies", ""),
      ((_SIMULATED, _REAL), "Galaxies of several kinds",
       "The runs differ: run0: Simulated galaxies; run1: Real galaxies."),
      ((_SIMULATED, None), "Not known whether real or simulated",
       "The metrics of run1 do not say; evaluate again"))
  def test_the_page_says_what_the_galaxies_are(self, origins, headline, note):
    page = self.page_of(*origins)
    self.assertIn(f"<strong>{headline}</strong>", page)
    self.assertIn(note, page)

  def test_the_page_begins_with_the_runs_compared(self):
    page = self.page_of(_SIMULATED, _SIMULATED)
    self.assertIn("run1: Step 3 after run0: Step 3: ", page)

  def test_runs_of_one_name_are_told_apart(self):
    runs = [evaluated(self.folder, os.path.join(part, "run")) for part in ("a", "b")]
    self.assertIn("| b/run: Step 3 ", compare(runs))

  def test_what_cannot_be_compared(self):
    run = evaluated(self.folder, "first")
    with self.assertRaisesRegex(ValueError, "name two runs or more"):
      compare([run])
    with self.assertRaisesRegex(ValueError, "each once"):
      compare([run, run + "/"])
    with self.assertRaisesRegex(FileNotFoundError, "python -m eval.main --run=.*nothing"):
      compare([run, os.path.join(self.folder, "nothing")])

  def test_figure_has_every_run_in_every_panel(self):
    first, second = make_results("step3", "step4", num=300)
    figure = draw_comparison({"one": ("step3", first.summary), "two": ("step4", second.summary)})
    self.assertIsInstance(figure, Figure)
    axes = {ax.get_xlabel(): ax for ax in figure.axes}
    spread = next(ax for label, ax in axes.items() if "MAD" in label)
    self.assertAllClose([line.get_xdata()[0] for line in spread.lines[:2]],
                        [first.summary["sigma_mad"], second.summary["sigma_mad"]])
    self.assertLen(axes, 9)
    self.assertLen(axes["CRPS"].lines, 1)  # Step 4 has no p(z)


if __name__ == "__main__":
  tf.test.main()
