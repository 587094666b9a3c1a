"""RAIL's informer and estimator with a column of images in place of magnitudes."""

import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import pzbias_tf as pz
from pzbias_tf.data.dataset import Dataset
from tests.eval.small_run import small_run
from tests.rail.rail_samples import MAGNITUDES, estimator, make_galaxies, stages
from tests.small_data import SIZE, make_cube

# isort: split
# Only where the import above did not skip these tests.
from pzbias_tf.rail import bundle_model


class ImagesTest(tf.test.TestCase, parameterized.TestCase):

  SETTINGS = {"image_col": "image", "r_col": "r", "ebv_col": "ebv", "extra_cols": []}

  def galaxies(self, num):
    rng = np.random.default_rng(num)
    z_spec = rng.beta(2, 4, num) * 0.38 + 0.01
    return {"object_id": np.arange(num), "redshift": z_spec, "r": rng.uniform(14.0, 17.7, num),
            "ebv": rng.uniform(0.0, 0.2, num), "image": make_cube(z_spec, 5)}

  def test_numbers_of_a_run_of_images(self):
    table, run = self.galaxies(30), small_run().run
    table["image"][7, 0, 0, 0] = np.nan
    found = estimator("images", run, **self.SETTINGS).estimate(table)()
    good = np.arange(30) != 7
    wanted = pz.load_run(run).predict(table["image"][good], ebv=table["ebv"][good],
                                      r_mag=table["r"][good])
    self.assertAllEqual(found.ancil["estimated"], good)
    self.assertTrue(np.isnan(found.ancil["zmode"][7]))
    self.assertAllClose(found.ancil["zmean"][good], wanted.ancil["zmean"], atol=2e-5)

  def test_a_run_of_images_needs_them(self):
    with self.assertRaisesRegex(ValueError, "trained on images; name their column with image_col"):
      estimator("no_images", small_run().run, bands=MAGNITUDES[:5]).estimate(make_galaxies(5, 1))

  def test_training_on_images(self):
    folder, table = self.create_tempdir().full_path, self.galaxies(200)
    informer = stages.PzbiasInformer.make_stage(
        name="inform_images", hdf5_groupname="", survey="sdss", output_mode="return",
        workdir=folder, **self.SETTINGS, train_flags=[
            "--net=5", f"--image_size={SIZE}", "--iterations=12", "--batch_size=16", "--fth=5"])
    model = informer.inform(table)
    trained = bundle_model.trained_from(model(), "test")
    self.assertEqual((trained.stage, trained.predictor.size), ("step3", SIZE))
    data = Dataset.open(os.path.join(folder, "data"))
    self.assertEqual(data.manifest.galaxies["written"], 200)
    row = int(np.flatnonzero(data.column("id") == "17")[0])
    for name, own in (("z_spec", "redshift"), ("r_mag", "r"), ("ebv", "ebv")):
      self.assertAllClose(data.column(name)[row], table[own][17], rtol=1e-6)


if __name__ == "__main__":
  tf.test.main()
