"""Real cutouts of another survey: from files with the bands first to estimates.

The folder named by PZBIAS_REAL_DATA holds legacysurvey/cube.npy, 35 cutouts [band, y, x] of the
Legacy Surveys in g, r, i and z, and legacysurvey/catalog.fits with redshifts and fluxes.  They are
too few to train a network well; what is tested is that each command takes them.
"""

import os
import tempfile
import unittest

from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools.conversion.command_line.conversion_config import ConversionConfig
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.readers import ReaderOptions
from pzbias_tf import load_run
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import load_survey
from tests.small_runs import request
from train import main as train_main

FOLDER = os.path.join(os.environ.get("PZBIAS_REAL_DATA", ""), "legacysurvey")
SURVEY = """
bands = ["g", "r", "i", "z"]
image_size = 23
pixel_scale_arcsec = 0.262
z_max = 0.6
bins = 30
r_min = 14.0
r_max = 22.0
balance_threshold = 4
outlier_threshold = 0.1
fit_z_min = 0.2
"""


def setUpModule():
  if not os.path.exists(FOLDER):
    raise unittest.SkipTest("PZBIAS_REAL_DATA names no folder with cutouts of the Legacy Surveys")


class RealCutoutsTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.survey = os.path.join(cls.folder, "legacy.toml")
    with open(cls.survey, "w", encoding="utf-8") as file:
      file.write(SURVEY)
    cls.cube = np.load(os.path.join(FOLDER, "cube.npy"))
    table = Table.read(os.path.join(FOLDER, "catalog.fits"))
    table["r"] = 22.5 - 2.5 * np.log10(table["dered_flux_r"])  # nanomaggies
    table = table["id", "z", "r"]
    table.write(os.path.join(cls.folder, "table.fits"))
    cls.table = table
    cls.data_dir = os.path.join(cls.folder, "data")
    make_tfrecords.run(ConversionConfig(
        survey=cls.survey, input=os.path.join(FOLDER, "cube.npy"), output=cls.data_dir,
        options=ReaderOptions(ebv=0.0, table=os.path.join(cls.folder, "table.fits")),
        settings=ConversionSettings(split=(0.6, 0.1, 0.3))))

  def test_pixels_are_those_of_the_files(self):
    data = Dataset.open(self.data_dir)
    self.assertEqual(data.manifest.image_shape, (23, 23, 4))
    self.assertLen(data.catalog, 35)
    rows = {str(name): row for row, name in enumerate(self.table["id"])}
    seen = 0
    for split in sorted(set(data.column("split"))):
      keep = data.column("split") == split
      ids = data.column("id")[keep]
      images = [batch["image"].numpy() for batch in ordered_batches(
          data, split, keep=keep, labels=None, batch_size=5, image_size=23)]
      for name, image in zip(ids, np.concatenate(images)):
        self.assertAllClose(image, np.moveaxis(self.cube[rows[str(name)]], 0, -1))
        seen += 1
    self.assertEqual(seen, 35)

  def test_training_and_prediction(self):
    survey = load_survey(self.survey)
    for number in range(4):
      stage = train_main.run(request(number, self.data_dir, os.path.join(self.folder, "runs"),
                                     survey=survey, iterations=30))
    test = Predictions.load(os.path.join(stage, "predictions_test.hdf5"))
    chosen = [list(self.table["id"]).index(name) for name in test.ancil["id"].astype(str)]
    model = load_run(os.path.dirname(stage))
    table = model.predict(np.moveaxis(self.cube[chosen], 1, -1), ebv=np.zeros(len(chosen)),
                          r_mag=np.asarray(self.table["r"][chosen], float))
    self.assertAllClose(table.ancil["zmode"], test.ancil["zmode"])
    self.assertAllClose(table.pdf, test.pdf, atol=1e-5)


if __name__ == "__main__":
  tf.test.main()
