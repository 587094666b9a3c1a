"""eval.catalog: the files of an output folder, and the report."""

import os

import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from tests.eval.catalogs.catalog_case import CatalogCase, columns


class EarlierFilesTest(CatalogCase):
  """An output folder holds the files of one command alone."""

  def left(self, output="out"):
    return sorted(name for name in os.listdir(self.path(output)) if name[0] != ".")

  def test_step_4_of_an_earlier_command_does_not_stay_beside_new_metrics(self):
    path = self.write(columns())
    self.run_on(path, z_photo=("photoZ", "other"), fit_fraction=0.5, apply=True)
    self.assertEqual(self.left(), ["calibrated.fits", "calibration_other.json",
                                   "calibration_photoZ.json", "metrics.json"])
    text, _ = self.run_on(path, fit_fraction=0.5)
    self.assertEqual(self.left(), ["calibration.json", "metrics.json"])
    for name in ("calibrated.fits", "calibration_other.json", "calibration_photoZ.json"):
      self.assertIn(f"removed {self.path(f'out/{name}')}, of an earlier command", text)
    text, _ = self.run_on(path)
    self.assertEqual(self.left(), ["metrics.json"])
    self.assertIn(f"removed {self.path('out/calibration.json')}", text)
    self.assertNotIn("removed", self.run_on(path)[0])

  def test_files_that_are_read_and_those_of_others_stay(self):
    path = self.write(columns())
    self.run_on(path, fit_fraction=0.5, apply=True)
    for name in ("notes.txt", "calibration_notes.json"):
      with open(self.path(f"out/{name}"), "w", encoding="utf-8") as file:
        file.write("{}")
    new = self.write(columns(seed=1), "new.fits")
    step4 = self.path("out/calibration.json")
    self.run_on(new, calibration=step4)
    self.assertEqual(self.left(), ["calibration.json", "calibration_notes.json", "metrics.json",
                                   "notes.txt"])
    self.run_on(new, calibration=step4, apply=True)
    self.run_on(self.path("out/calibrated.fits"))
    self.assertIn("calibrated.fits", self.left())
    with self.assertRaisesRegex(ValueError, "calibrated.fits would be written over.*--output"):
      self.run_on(self.path("out/calibrated.fits"), fit_fraction=0.5, apply=True)
    with self.assertRaisesRegex(ValueError, "calibrated.fits would be written over.*--output"):
      self.run_on(path, fit=self.path("out/calibrated.fits"), apply=True)

  def test_a_step_4_that_is_read_is_not_written_over(self):
    table = columns()
    path = self.write({**table, "photoZ2": table["photoZ"]})
    self.run_on(path, fit_fraction=0.5)
    _, metrics = self.run_on(self.write(columns(seed=1), "new.fits"),
                             calibration=self.path("out/calibration.json"))
    self.assertIn("calibration.json", metrics["step4"]["fitted_on"])


class ReportTest(CatalogCase):

  draws = True

  def test_figures_of_an_earlier_command_do_not_stay(self):
    path = self.write(columns())
    self.run_on(path, z_photo=("photoZ", "other"), fit_fraction=0.5)
    with open(self.path("out/report/mine.png"), "wb"):
      pass
    self.run_on(path, columns={"r": "none"})
    self.assertEqual(self.pictures(), ["calibration", "density", "estimates", "mine"])
    new = {name: column for name, column in columns(seed=1).items() if name != "z"}
    self.run_on(path, fit_fraction=0.5)
    step4 = self.path("step4.json")
    os.replace(self.path("out/calibration.json"), step4)
    self.run_on(self.write(new, "new.fits"), apply=True, calibration=step4)
    self.assertEqual(os.listdir(self.path("out/report")), ["mine.png"])

  def page(self):
    with open(self.path("out/report/index.html"), encoding="utf-8") as file:
      return file.read()

  def pictures(self):
    return sorted(name[:-4] for name in os.listdir(self.path("out/report")) if ".png" in name)

  def test_estimates_and_their_step_4(self):
    table = columns()
    text, _ = self.run_on(self.write(table), z_photo=("photoZ", "other"), fit_fraction=0.5)
    self.assertEqual(self.pictures(), [
        "calibration_1", "calibration_2", "density", "estimates", "residual_map_1",
        "residual_map_2"])
    self.assertIn("(c) Scatter", self.page())
    self.assertIn("photoZ, Step 4", self.page())
    self.assertIn("Left out", self.page())
    for name in ("table.md", "index.html"):
      self.assertIn(f"wrote {self.path(f'out/report/{name}')}", text)

  def test_without_magnitudes_and_without_corrections(self):
    table = columns(bias=0.0)
    table.pop("r")
    table["photoZ"], table["z"] = table["z"], table["photoZ"]
    self.run_on(self.write(table), fit_fraction=0.5)
    self.assertEqual(self.pictures(), ["calibration", "density", "estimates"])
    self.assertNotIn("Scatter sigma", self.page())
    self.assertIn("nothing to correct", self.page())
    self.assertNotIn("CRPS", self.page())

  def test_p_of_z(self):
    pdf = np.random.default_rng(0).dirichlet(np.ones(20), 200)
    Predictions.make(SDSS.with_bins(20).edges(), pdf, redshift=np.linspace(0.05, 0.3, 200),
                     r_mag=np.full(200, 16.0)).save(self.path("own.hdf5"))
    self.run_on(self.path("own.hdf5"))
    self.assertIn("pdfs", self.pictures())
    self.assertIn("CRPS", self.page())


if __name__ == "__main__":
  tf.test.main()
