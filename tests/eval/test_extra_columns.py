"""Runs with extra columns: every way to predict gives the same numbers, or says what is missing."""

import csv
import dataclasses
import json
import os
import tempfile

import numpy as np
import tensorflow as tf

from data_tools.readers.parts.cutout_source import ReaderOptions
from eval import export as eval_export
from eval import predict as eval_predict
from eval.evaluation.description import stage_settings
from eval.prediction.request import Request
from eval.prediction.temporary_data_set import Cutouts
import pzbias_tf as pz
from pzbias_tf.data import schema
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.survey import CFHTLS_WIDE
from pzbias_tf.training.checkpoints import StageFiles, save_weights
from pzbias_tf.training.config import save_config
from pzbias_tf.training.one_stage import make_network
from tests.small_data import SIZE, make_dataset
from tests.small_runs import small_config

# Images are stored at 1000 times their flux.
SURVEY = dataclasses.replace(CFHTLS_WIDE, name="small", dataset="small", bins=30,
                             image_size=SIZE, field="", sample="")
NUM = 50
NAMES = ("mag_H", "mag_J")  # not the order of the data set
COLUMNS = ExtraColumns(NAMES, (19.0, 20.0), (1.5, 0.5))


def make_stage(run, seed=0, columns=COLUMNS, **settings):
  """Writes a Step 1 of random weights; returns its folder."""
  stage = os.path.join(run, "step1")
  config = small_config(survey=SURVEY, extra_columns=columns, **settings)
  tf.keras.utils.set_random_seed(seed)
  save_config(config, stage, provenance={})
  save_weights(make_network(config), StageFiles(stage).last)
  return stage


class ExtraColumnsTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    rng = np.random.default_rng(2)
    extra = {"mag_J": rng.uniform(18, 22, NUM), "mag_H": rng.uniform(17, 21, NUM)}
    cls.data = make_dataset(os.path.join(cls.folder, "data"), num=NUM, survey=SURVEY, extra=extra,
                            split=(0, 0, 1), shard_size_mb=0.1)
    cls.run_folder = os.path.join(cls.folder, "run")
    cls.stage = make_stage(cls.run_folder)
    records = [record for shard in cls.data.manifest.shards for record in
               tf.data.TFRecordDataset(os.path.join(cls.data.folder, shard.name))]
    cls.images = schema.parse_batch(tf.stack(records), image_shape=(SIZE, SIZE, 5))["image"].numpy()
    cls.ebv = cls.data.column("ebv")
    cls.extra = {name: cls.data.column(name) for name in NAMES}
    cls.expected = cls.command("data.hdf5", data=cls.data.folder)

  @classmethod
  def command(cls, name, *stages, **settings):
    """Predictions of eval.predict, in the order of the data set."""
    output = os.path.join(cls.folder, name)
    eval_predict.run(Request(stage_dirs=stages or (cls.stage,), output=output, **settings))
    found = pz.Predictions.load(output)
    order = {name: place for place, name in enumerate(cls.data.column("id"))}
    return found.select(np.argsort([order[name] for name in found.ancil["id"]]))

  def write_input(self, name, **changes):
    """A file of the galaxies of the data set, as a survey delivers them."""
    columns = {"cube": self.images, "id": self.data.column("id"), "z": self.data.column("z_spec"),
               "r": self.data.column("r_mag"), "ebv": self.ebv, **self.extra, **changes}
    path = os.path.join(self.folder, name)
    np.savez(path, **{key: np.asarray(values) for key, values in columns.items()
                      if values is not None})
    return path

  def test_several_shards_and_galaxies_that_differ_by_their_columns(self):
    self.assertGreater(len(self.data.manifest.shards), 1)
    swapped = pz.load_run(self.run_folder).predict(self.images, ebv=self.ebv, extra={
        name: values[::-1] for name, values in self.extra.items()})
    self.assertGreater(np.abs(swapped.pdf - self.expected.pdf).max(), 1e-3)

  def test_arrays(self):
    model = pz.load_run(self.run_folder)
    table = model.predict(self.images, ebv=self.ebv, extra=self.extra, batch_size=7)
    self.assertAllClose(table.pdf, self.expected.pdf, atol=1e-6, rtol=0)
    self.assertEqual(model.extra_columns, NAMES)
    self.assertIn("16 x 16 pixels of u g r i z and mag_H mag_J, ", repr(model))
    with self.assertRaisesRegex(ValueError, "extra lacks mag_H, lacks mag_J; this run takes"):
      model.predict(self.images, ebv=self.ebv)

  def test_the_exported_model(self):
    folder = os.path.join(self.folder, "saved")
    eval_export.export(self.stage, folder)
    folder = os.path.join(folder, eval_export.SAVED_MODEL)
    model = tf.saved_model.load(folder)
    with open(os.path.join(folder, eval_export.ABOUT), encoding="utf-8") as file:
      self.assertEqual(json.load(file)["extra_columns"], list(NAMES))
    given = dict(image=tf.constant(self.images), ebv=tf.constant(self.ebv, tf.float32),
                 extra=tf.constant(np.stack([self.extra[name] for name in NAMES], 1), tf.float32))
    for found in (model.estimate(*given.values()), model.signatures["serving_default"](**given)):
      self.assertAllClose(found["pdf"], self.expected.pdf, atol=1e-6, rtol=0)

  def test_files_of_a_survey(self):
    found = self.command("input.hdf5", cutouts=Cutouts(path=self.write_input("new.npz")))
    self.assertAllClose(found.pdf, self.expected.pdf, atol=1e-6, rtol=0)
    with self.assertRaisesRegex(ValueError, "new_without.npz: no extra column 'mag_H'; the columns "
                                "are .*mag_J"):
      path = self.write_input("new_without.npz", mag_H=None)
      self.command("none.hdf5", cutouts=Cutouts(path=path))

  def test_files_of_a_survey_with_missing_values(self):
    mag_j = self.extra["mag_J"].copy()
    mag_j[5] = -99.0
    path = self.write_input("new_missing.npz", mag_J=mag_j)
    found = self.command("missing.hdf5", cutouts=Cutouts(path=path))
    self.assertLen(found, NUM - 1)
    with open(os.path.join(self.folder, "missing_rejected.csv"), encoding="utf-8") as file:
      self.assertEqual(list(csv.reader(file))[1:], [
          [self.data.column("id")[5], "no value in extra column mag_J"]])
    options = ReaderOptions(extra_fill=float(self.extra["mag_J"][5]))
    found = self.command("filled.hdf5", cutouts=Cutouts(path=path, options=options))
    self.assertAllClose(found.pdf, self.expected.pdf, atol=1e-6, rtol=0)

  def test_data_sets_without_the_columns_are_refused(self):
    other = os.path.join(self.folder, "other")
    make_dataset(other, num=20, survey=SURVEY, split=(0, 0, 1),
                 extra={"mag_J": np.linspace(18, 20, 20)})
    for force in (False, True):
      with self.assertRaisesRegex(ValueError, f"{other} has no extra column mag_H; it has mag_J. "
                                  "Convert it with --extra_columns=mag_H,mag_J"):
        self.command("other.hdf5", data=other, force=force)

  def test_views_and_several_runs_are_averaged(self):
    # The same columns under another scale.
    second = make_stage(os.path.join(self.folder, "second"), 1, dataclasses.replace(
        COLUMNS, mean=(18.0, 19.0)))
    one, two = self.expected, self.command("second.hdf5", second, data=self.data.folder)
    both = self.command("both.hdf5", self.stage, second, data=self.data.folder)
    self.assertAllClose(both.pdf, (one.pdf + two.pdf) / 2, atol=1e-6, rtol=0)
    views = self.command("tta.hdf5", data=self.data.folder, tta=True)
    turned = [pz.load_run(self.run_folder).predict(
        np.rot90(images, turn, (1, 2)), ebv=self.ebv, extra=self.extra).pdf
              for images in (self.images, self.images[:, :, ::-1]) for turn in range(4)]
    self.assertAllClose(views.pdf, np.mean(turned, 0), atol=1e-6, rtol=0)

  def test_runs_of_other_columns_are_not_averaged(self):
    for name, columns in (("swapped", ExtraColumns(NAMES[::-1], (20.0, 19.0), (0.5, 1.5))),
                          ("none", ExtraColumns())):
      other = make_stage(os.path.join(self.folder, name), columns=columns)
      with self.assertRaisesRegex(ValueError, "combine runs of the same extra_columns.names"):
        self.command("refused.hdf5", self.stage, other, data=self.data.folder)

  def test_a_run_that_takes_none_predicts_data_with_columns(self):
    stage = make_stage(os.path.join(self.folder, "plain"), 3, ExtraColumns())
    found = self.command("plain.hdf5", stage, data=self.data.folder)
    model = pz.load_run(os.path.dirname(stage))
    self.assertEqual(model.extra_columns, ())
    self.assertAllClose(found.pdf, model.predict(self.images, ebv=self.ebv).pdf, atol=1e-6, rtol=0)
    with self.assertRaisesRegex(ValueError, "extra has mag_H, has mag_J; this run takes no extra"):
      model.predict(self.images, ebv=self.ebv, extra=self.extra)

  def test_the_report_names_them(self):
    self.assertEqual(stage_settings(small_config(extra_columns=COLUMNS))["extra columns"],
                     "mag_H, mag_J")
    self.assertNotIn("extra columns", stage_settings(small_config()))


if __name__ == "__main__":
  tf.test.main()
