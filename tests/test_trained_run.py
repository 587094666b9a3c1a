"""pzbias_tf.load_run predicts arrays as eval.predict does, and its error messages help."""

import dataclasses
import os
import shutil
import tempfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval import predict as eval_predict
from eval.evaluation.calibrations import step4_result
from eval.prediction.request import Request
from eval.prediction.temporary_data_set import Cutouts
from eval.run import EvaluatedStage
import pzbias_tf as pz
from pzbias_tf.data import schema
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.predictions.domain import FLAGS
from pzbias_tf.predictions.predictor import Predictor, collect, predict
from pzbias_tf.survey import CFHTLS_WIDE
from pzbias_tf.training.checkpoints import StageFiles, save_weights
from pzbias_tf.training.config import save_config
from pzbias_tf.training.one_stage import make_network
from tests.eval.small_run import small_run
from tests.small_data import SIZE, make_cube, make_dataset
from tests.small_runs import SMALL_SDSS, small_config

NUM = 40


def galaxies(size=SIZE):
  """Columns of a .npz file of galaxies, some of which are unlike those of the training."""
  rng = np.random.default_rng(3)
  images = make_cube(rng.uniform(0.02, 0.35, NUM), 5, seed=4)
  images[0] = np.roll(images[0], 6, axis=0)
  images[1, ..., 1] *= 20
  margin = max(size - SIZE, 0) // 2
  images = np.pad(images, [(0, 0), (margin, margin), (margin, margin), (0, 0)], "edge")
  start = (SIZE + 2 * margin - size) // 2
  r_mag = rng.uniform(13.0, 18.0, NUM)
  r_mag[2] = 9.0
  return {"cube": images[:, start:start + size, start:start + size], "r": r_mag,
          "ebv": rng.uniform(0.0, 0.2, NUM), "name": [f"n{index:02d}" for index in range(NUM)],
          "z": np.full(NUM, 0.1)}


class TrainedRunTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.run_folder = os.path.join(tempfile.mkdtemp(), "sdss_net5_ne1")
    shutil.copytree(small_run().run, cls.run_folder)
    step4_result(EvaluatedStage(os.path.join(cls.run_folder, "step3")), cls.run_folder,
                 Bootstrap(number=2))

  def command(self, columns, stage):
    """Predictions of eval.predict, in the order of `columns`."""
    folder = self.create_tempdir().full_path
    path, output = os.path.join(folder, "new.npz"), os.path.join(folder, "out.hdf5")
    np.savez(path, **columns)
    eval_predict.run(Request(stage_dirs=(os.path.join(self.run_folder, stage),), output=output,
                             cutouts=Cutouts(path=path), refit=False, force=True))
    predictions = pz.Predictions.load(output)
    return predictions.select(np.argsort(predictions.ancil["id"]))

  @parameterized.product(stage=("baseline", "step3"), size=(SIZE, SIZE + 6, SIZE - 4))
  def test_the_numbers_are_those_of_eval_predict(self, stage, size):
    columns = galaxies(size)
    expected = self.command(columns, stage)
    margin = max(SIZE - size, 0) // 2  # as --force fills up smaller images
    images = np.pad(columns["cube"], [(0, 0), (margin, margin), (margin, margin), (0, 0)])
    table = pz.load_run(self.run_folder, stage).predict(
        images, ebv=columns["ebv"], r_mag=columns["r"], ids=columns["name"], batch_size=16)
    self.assertAllClose(table.pdf, expected.pdf, atol=1e-6, rtol=0)
    self.assertAllEqual(table.edges, expected.edges)
    self.assertContainsSubset({"z_low68", "z_high68", "z_low95", "z_high95", "zmean", "zmedian",
                               "zbest"}, table.ancil)
    self.assertEqual("zmode_calibrated" in table.ancil, stage == "step3")
    self.assertIn("zmode_calibrated" if stage == "step3" else "zmode", expected.ancil)
    for name in table.ancil:
      if name in ("id", "zmode", "flags", "r_mag", "ebv", "zmode_calibrated"):
        self.assertAllEqual(table.ancil[name], expected.ancil[name], name)
      elif name != "redshift":
        self.assertAllClose(table.ancil[name], expected.ancil[name], atol=1e-6, rtol=0)
    self.assertAllEqual(np.isnan(table.z_spec), np.full(NUM, True))
    for position, reason in ((0, "off-centre"), (1, "colour"), (2, "magnitude")):
      self.assertTrue(table.ancil["flags"][position] & FLAGS[reason], reason)
    self.assertNotAllEqual(table.ancil["flags"], np.full(NUM, table.ancil["flags"][0]))

  def test_without_magnitudes(self):
    columns, model = galaxies(), pz.load_run(self.run_folder)
    with self.assertLogs("absl", "WARNING") as logs:
      table = model.predict(columns["cube"], ebv=0.0)
    self.assertIn("without r_mag there are no flags", "".join(logs.output))
    self.assertNoCommonElements(table.ancil, ("r_mag", "flags", "zmode_calibrated"))
    known = model.predict(columns["cube"].astype(np.float64), ebv=np.zeros(NUM), r_mag=16.0)
    self.assertAllEqual(table.pdf, known.pdf)
    self.assertAllEqual(table.ancil["id"], np.arange(NUM).astype(str))

  def test_images_in_another_flux_unit_are_flagged_and_told(self):
    columns, model = galaxies(), pz.load_run(self.run_folder)
    given = dict(ebv=columns["ebv"], r_mag=columns["r"])
    table = model.predict(columns["cube"], **given)
    self.assertLess(np.mean(table.ancil["flags"] & FLAGS["other input"] > 0), 0.5)
    for factor in (100.0, 0.01):
      with self.assertLogs("absl", "WARNING") as logs:
        table = model.predict(factor * columns["cube"], **given)
      self.assertGreater(np.mean(table.ancil["flags"] & FLAGS["other input"] > 0), 0.9)
      self.assertRegex("".join(logs.output), f"{NUM} of {NUM} galaxies are outside of the training "
                       "domain, most often for .*Their redshifts may be wrong")

  def test_large_images_are_cropped_and_small_ones_refused(self):
    columns, model = galaxies(), pz.load_run(self.run_folder, "baseline")
    images, ebv = columns["cube"], columns["ebv"]
    margins = ((0, 0), (3, 3), (3, 3), (0, 0))
    self.assertAllClose(model.predict(np.pad(images, margins, constant_values=7.0), ebv=ebv).pdf,
                        model.predict(images, ebv=ebv).pdf, atol=1e-6)
    inner = images[:, 3:-3, 3:-3]
    with self.assertRaisesRegex(ValueError, "images have .* pixels, the network was trained on"):
      model.predict(inner, ebv=ebv)
    self.assertLen(model.predict(np.pad(inner, margins), ebv=ebv), len(inner))

  def test_a_table_for_astropy(self):
    columns = galaxies()
    table = pz.load_run(self.run_folder).predict(
        columns["cube"], ebv=columns["ebv"], r_mag=columns["r"])
    catalog = table.to_table()
    self.assertLen(catalog, NUM)
    self.assertAllEqual(catalog["zmode"], table.z_photo)
    self.assertEqual(str(catalog["r_mag"].unit), "mag")
    self.assertIn("Step 4", catalog["zmode_calibrated"].description)

  def test_the_surveys_flux_divisor_and_the_central_pixels(self):
    survey = dataclasses.replace(CFHTLS_WIDE, name="small", dataset="small", bins=30,
                                 image_size=SIZE, field="", sample="")
    folder = self.create_tempdir().full_path
    data = make_dataset(os.path.join(folder, "data"), num=30, survey=survey, split=(0, 0, 1))
    stage = os.path.join(folder, "run", "step3")
    config = small_config(stage="step3", survey=survey, image_size=SIZE - 4)
    network = make_network(config)
    save_config(config, stage, provenance={})
    save_weights(network, StageFiles(stage).last)
    expected = predict(network, data, "test", np.full(30, True), survey, extended=True)
    (shard,) = data.manifest.split_shards("test")
    records = list(tf.data.TFRecordDataset(os.path.join(data.folder, shard.name)))
    images = schema.parse_batch(tf.stack(records), image_shape=(SIZE, SIZE, 5))["image"].numpy()
    table = pz.load_run(os.path.join(folder, "run")).predict(
        images, ebv=data.column("ebv"), r_mag=data.column("r_mag"))
    self.assertAllClose(table.pdf, expected.pdf, atol=1e-6, rtol=0)
    self.assertNotIn("flags", table.ancil)  # this stage has no domain.json

  def test_arrays_are_divided_over_devices(self):
    model, columns = pz.load_run(self.run_folder), galaxies()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
      network = make_network(model.config)
      network.set_weights(model.predictor.networks[0].get_weights())
    both = Predictor([network], model.edges, strategy=strategy)
    for batch_size in (9, NUM):
      table = collect(model.edges, both.array_batches(
          columns["cube"], {"id": np.array(columns["name"]), "ebv": columns["ebv"]},
          flux_divisor=1.0, batch_size=batch_size))
      self.assertAllEqual(table.ancil["id"], columns["name"])
      self.assertAllClose(
          table.pdf, model.predict(columns["cube"], ebv=columns["ebv"]).pdf, atol=1e-6)

  def test_what_a_model_shows_about_itself(self):
    model = pz.load_run(self.run_folder)
    self.assertEqual((model.stage, model.survey.name), ("step3", "sdss"))
    self.assertAllEqual(model.edges, SMALL_SDSS.edges(extended=True))
    self.assertEqual(repr(model), f"<Step 3 of {self.run_folder}: Net_Q, sdss, 16 x 16 pixels of "
                     "u g r i z, 360 redshift bins, with Step 4>")
    self.assertEqual(pz.load_run(self.run_folder, stage="step2").stage, "step2")

  def test_the_last_stage_that_is_trained(self):
    run = os.path.join(self.create_tempdir().full_path, "run")
    for stage in ("baseline", "step2"):
      shutil.copytree(os.path.join(self.run_folder, stage), os.path.join(run, stage))
    os.makedirs(os.path.join(run, "step3"))
    shutil.copy(os.path.join(self.run_folder, "step3", "config.json"), os.path.join(run, "step3"))
    self.assertEqual(pz.load_run(run).stage, "step2")
    with self.assertRaisesRegex(FileNotFoundError, "(?s)no trained step3, only baseline, step2.*"
                                "python -m train.main .*--experiment=run --tstep=3 --multir"):
      pz.load_run(run, "step3")
    with self.assertRaisesRegex(ValueError, "no stage 'step7'; choose one of baseline, step1"):
      pz.load_run(run, "step7")

  def test_folders_without_a_trained_stage(self):
    folder = self.create_tempdir().full_path
    with self.assertRaisesRegex(FileNotFoundError, "there is no folder .*/none; .*--workdir"):
      pz.load_run(os.path.join(folder, "none"))
    with self.assertRaisesRegex(FileNotFoundError,
                                f"python -m train.main --workdir={os.path.dirname(folder)} "
                                f"--experiment={os.path.basename(folder)}"):
      pz.load_run(folder)
    with self.assertRaisesRegex(FileNotFoundError, "is a stage; name its run, .*stage='step3'"):
      pz.load_run(os.path.join(self.run_folder, "step3"))

  def test_step_4_of_other_weights_is_refused(self):
    run = os.path.join(self.create_tempdir().full_path, "run")
    shutil.copytree(self.run_folder, run)
    pz.Calibration.load(os.path.join(run, "calibration.json"), SMALL_SDSS).save(
        os.path.join(run, "calibration.json"), weights_digest="another")
    with self.assertRaisesRegex(ValueError, "other weights; fit it again with python -m eval.main"):
      pz.load_run(run)
    self.assertIsNone(pz.load_run(run, "step2").calibration)

  def test_bad_arrays_are_refused(self):
    model, images = pz.load_run(self.run_folder), galaxies()["cube"]
    for settings, message in (
        (dict(images=images), "ebv is needed"),
        (dict(images=images[..., :3], ebv=0.0), "5 bands on the last axis, u, g, r, i, z"),
        (dict(images=images, ebv=0.0, r_mag=[16.0]), "r_mag has 1 values for 40 galaxies"),
        (dict(images=images, ebv=0.0, r_mag=np.nan), "r_mag is not finite"),
        (dict(images=images, ebv=0.0, batch_size=0), "batch_size must be a whole number")):
      with self.assertRaisesRegex(ValueError, message):
        model.predict(**settings)


if __name__ == "__main__":
  tf.test.main()
