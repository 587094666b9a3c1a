"""Two ways to combine runs, predicted and measured by the commands of docs/prediction.md."""

import contextlib
import os
import re
import shutil

from astropy.table import Table
import numpy as np
import tensorflow as tf

from eval.evaluation.predictions_files import measure_files
from pzbias_tf.metrics.pdf import crps, pit, pit_distances
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.predictions.combination import combine_pdfs
from pzbias_tf.predictions.predictions import Predictions
from tests import programs
from tests.eval.small_run import other_fold, small_run
from tests.small_runs import SMALL_SDSS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BOOTSTRAP = Bootstrap(number=3)


def run_command(*words, fails=False):
  """Runs python -m ...; returns what it prints, or the error where it shall fail."""
  result = programs.run("-m", *words)
  if (result.returncode != 0) != fails:
    raise AssertionError(f"{' '.join(words)} gave {result.returncode}:\n{result.stderr}")
  return result.stderr if fails else result.stdout


def rows(text):
  """{first cell: the other cells by heading} of the table in a text."""
  cells = [[cell.strip() for cell in line.strip("|").split("|")]
           for line in text.splitlines() if line.startswith("| ")]
  return {row[0]: dict(zip(cells[0], row)) for row in cells[1:]}


class PredictionsFilesTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def path(self, name):
    return os.path.join(self.folder, name)

  def test_the_commands_of_the_page(self):
    runs = [small_run().run, os.path.dirname(other_fold())]
    for how in ("mean", "harmonic"):
      run_command("eval.predict", f"--ensemble={','.join(runs)}", "--stage=baseline",
                  f"--data={small_run().data}", f"--combine={how}",
                  f"--output={self.path(how)}.hdf5")
    names = [self.path("mean.hdf5"), self.path("harmonic.hdf5")]
    table = rows(run_command("eval.main", f"--run={runs[0]}", f"--predictions={','.join(names)}",
                             "--num_bootstrap=3"))
    self.assertEqual(list(table), names)
    single = [Predictions.load(os.path.join(run, "baseline", "predictions_test.hdf5"))
              for run in runs]
    for how, name in zip(("mean", "harmonic"), names):
      pdf = combine_pdfs([one.pdf for one in single], how)
      expected = crps(pdf, single[0].z_spec, SMALL_SDSS)
      self.assertStartsWith(table[name]["CRPS"], f"{expected:.4f} +- ")
      self.assertRegex(table[name]["PIT-KS"], r"^0\.\d{3} \+- 0\.\d{3}$")
      self.assertRegex(table[name]["TV"], r"^\d\.\d{3} \+- \d\.\d{3}$")

  def test_runs_and_files_are_not_compared_in_one_command(self):
    self.assertIn("Error: --compare is for runs, --predictions for files", run_command(
        "eval.main", "--compare=a,b", "--predictions=c.hdf5", fails=True))

  def test_the_code_of_the_page_combines_files_of_folds(self):
    with open(os.path.join(ROOT, "docs", "prediction.md"), encoding="utf-8") as file:
      (code,) = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
    stages = [small_run().stage("baseline"), *[other_fold()] * 4]
    with contextlib.chdir(self.folder):
      for fold, stage in enumerate(stages, 1):
        os.makedirs(f"runs/sdss_net0_ne{fold}/step3")
        shutil.copy(os.path.join(stage, "predictions_test.hdf5"), f"runs/sdss_net0_ne{fold}/step3")
      exec(compile(code, "prediction.md", "exec"), {})  # pylint: disable=exec-used
    pdfs = [Predictions.load(os.path.join(stage, "predictions_test.hdf5")).pdf for stage in stages]
    for how in ("mean", "harmonic"):
      self.assertAllClose(Predictions.load(self.path(f"{how}.hdf5")).pdf, combine_pdfs(pdfs, how))
    measure_files([self.path("mean.hdf5"), self.path("harmonic.hdf5")], SMALL_SDSS, BOOTSTRAP)

  def saved(self, name, **columns):
    """A file of 200 galaxies, p(z) of every second one shifted; returns its path."""
    rng = np.random.default_rng(0)
    z_spec = rng.uniform(0.02, 0.38, 200)
    center = z_spec + 0.02 * (np.arange(200) % 2)
    pdf = np.exp(-0.5 * ((SMALL_SDSS.centers() - center[:, np.newaxis]) / 0.02) ** 2)
    Predictions.make(SMALL_SDSS.edges(), (pdf / pdf.sum(1, keepdims=True)).astype(np.float32), **{
        "id": np.array([f"g{row}" for row in range(200)]), "redshift": z_spec,
        "r_mag": rng.uniform(13, 17, 200), **columns}).save(self.path(name))
    return self.path(name)

  def test_numbers_are_those_of_the_files(self):
    path = self.saved("a.hdf5")
    found = Predictions.load(path)
    text = measure_files([path, self.saved("b.hdf5")], SMALL_SDSS, BOOTSTRAP)
    distance = pit_distances(pit(found.pdf, found.z_spec, SMALL_SDSS)).ks
    self.assertStartsWith(rows(text)[path]["PIT-KS"], f"{distance:.3f} ")
    self.assertIn("Better: ", text)
    weights = Table({"id": found.ancil["id"], "weight": (np.arange(200) % 2).astype(float)})
    half = measure_files([path], SMALL_SDSS, BOOTSTRAP, weights)
    odd = found.select(np.arange(200) % 2 == 1)
    self.assertStartsWith(rows(half)[path]["CRPS"],
                          f"{crps(odd.pdf, odd.z_spec, SMALL_SDSS):.4f} ")
    self.assertNotEqual(rows(half)[path]["CRPS"][:6], rows(text)[path]["CRPS"][:6])

  def test_files_that_cannot_be_compared(self):
    path = self.saved("a.hdf5")
    other = self.saved("other.hdf5", redshift=np.linspace(0.1, 0.3, 200))
    unknown = self.saved("unknown.hdf5", redshift=np.full(200, np.nan))
    for paths, error, message in (
        ([path, path], ValueError, "name each file once"),
        ([path, other], ValueError, "other.hdf5 predicted other galaxies than .*a.hdf5"),
        ([unknown], ValueError, "unknown.hdf5: z_spec is not finite"),
        ([self.path("nothing.hdf5")], OSError, "nothing.hdf5")):
      with self.assertRaisesRegex(error, message):
        measure_files(paths, SMALL_SDSS, BOOTSTRAP)


if __name__ == "__main__":
  tf.test.main()
