"""Predictions: point estimates, and a file in the layout of qp's histograms."""

import os

import astropy.units as u
import h5py
import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.estimates import point_estimates
from pzbias_tf.predictions.predictions import Estimates, Predictions

EDGES = np.array([0.0, 0.1, 0.2, 0.3, 0.4])


def predictions():
  pdf = np.array([[0.1, 0.6, 0.3, 0.0], [0.25, 0.25, 0.25, 0.25]], np.float32)
  return Predictions.make(EDGES, pdf, id=np.array(["a", "bc"]), redshift=np.array([0.15, np.nan]),
                          r_mag=np.array([15.0, 16.0]))


class PredictionsTest(tf.test.TestCase):

  def test_point_estimates(self):
    estimates = point_estimates(EDGES, predictions().pdf)
    self.assertAllClose(estimates["zmode"], [0.15, 0.05])
    self.assertAllClose(estimates["zmean"], [0.17, 0.2])
    # Half of the probability: 0.1 + 4/6 of the second bin's 0.6.
    self.assertAllClose(estimates["zmedian"], [0.1 + 0.1 * 4 / 6, 0.2])

  def test_round_trip(self):
    path = os.path.join(self.create_tempdir().full_path, "p.hdf5")
    predictions().save(path)
    loaded = Predictions.load(path)
    self.assertAllClose(loaded.pdf, predictions().pdf)
    self.assertAllEqual(loaded.ancil["id"], ["a", "bc"])
    self.assertAllEqual(np.isnan(loaded.z_spec), [False, True])
    self.assertEqual(os.listdir(os.path.dirname(path)), ["p.hdf5"])

  def test_layout_of_qp(self):
    path = os.path.join(self.create_tempdir().full_path, "p.hdf5")
    predictions().save(path)
    with h5py.File(path) as file:
      self.assertEqual(file["meta/pdf_name"][0], b"hist")
      self.assertEqual(file["meta/pdf_version"][0], 0)
      self.assertEqual(file["meta/bins"].shape, (1, 5))
      self.assertAllClose(file["data/pdfs"][()].sum(1) * 0.1, [1.0, 1.0])  # densities
      self.assertEqual(file["ancil/id"][1], b"bc")

  def test_as_an_astropy_table(self):
    table = Predictions(EDGES, predictions().pdf, {
        "weight": np.ones(2), **predictions().ancil}).to_table()
    self.assertEqual(table.colnames[:4], ["id", "r_mag", "redshift", "zmode"])
    self.assertEqual(table.colnames[-1], "weight")  # nothing is known of that column
    self.assertAllClose(table["zmean"], [0.17, 0.2])
    self.assertEqual((table["r_mag"].unit, table["r_mag"].description), (u.mag, "r magnitude (AB)"))
    self.assertEqual(list(table["id"]), ["a", "bc"])
    self.assertLen(Estimates(predictions().ancil).to_table(), 2)

  def test_select(self):
    self.assertAllEqual(predictions().select(np.array([False, True])).ancil["id"], ["bc"])

  def test_bad_input(self):
    with self.assertRaisesRegex(ValueError, "column r_mag has 1 values for 2"):
      Predictions.make(EDGES, predictions().pdf, r_mag=np.array([1.0]))
    with self.assertRaisesRegex(ValueError, "the grid 4 bins"):
      Predictions(EDGES, np.ones((2, 3), np.float32), {})
    path = os.path.join(self.create_tempdir().full_path, "x.hdf5")
    with h5py.File(path, "w") as file:
      file["x"] = 1
    with self.assertRaisesRegex(ValueError, "is not a predictions file"):
      Predictions.load(path)


if __name__ == "__main__":
  tf.test.main()
