"""Damage in a run or a data set is noticed by whatever reads it next; edits can be accepted."""

import json
import os
import shutil

from absl.testing import parameterized
import h5py
import numpy as np
import tensorflow as tf

from data_tools.verification.accepted_edits import accept
from eval import export as eval_export
from eval import main as eval_main
from eval import predict as eval_predict
from eval.prediction.request import Request
from pzbias_tf.bias.soft_labels import LabelModel
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from pzbias_tf.training.checkpoints import StageFiles
from tests.eval.small_run import small_run

CHANGED = "has changed since it was written.*(?s:.*)verify --accept="


class DamageTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.run_dir = os.path.join(self.create_tempdir().full_path, "run")
    self.stage = os.path.join(self.run_dir, "baseline")
    shutil.copytree(small_run().stage("baseline"), self.stage)

  def predict(self, data=""):
    return eval_predict.run(Request(stage_dirs=(self.stage,), data=data or small_run().data,
                                    output=os.path.join(self.run_dir, "out.hdf5")))

  def edit(self, name, change):
    """Changes the fields of a JSON file, but not its digest."""
    path = os.path.join(self.stage, name)
    with open(path, encoding="utf-8") as file:
      fields = json.load(file)
    change(fields)
    with open(path, "w", encoding="utf-8") as file:
      json.dump(fields, file)
    return path

  def flip(self, path, values):
    """Flips a bit of some values where they stand in a file."""
    with open(path, "rb") as file:
      content = bytearray(file.read())
    content[content.index(np.ascontiguousarray(values).tobytes()) + 2] ^= 4
    with open(path, "wb") as file:
      file.write(content)

  @parameterized.parameters(
      ("config.json", lambda fields: fields["settings"].update(image_size=14)),
      ("config.json", lambda fields: fields["settings"]["survey"].update(z_max=0.5)),
      ("domain.json", lambda fields: fields["r_mag"].reverse()),
      ("domain.json", lambda fields: fields.update(peak_offset=9.5)))
  def test_settings_of_a_stage(self, name, change):
    path = self.edit(name, change)
    with self.assertRaisesRegex(ValueError, f"{name} {CHANGED}{path}"):
      self.predict()

  @parameterized.parameters("predict", "export")
  def test_weights(self, command):
    weights = StageFiles(self.stage).last
    with h5py.File(weights, "r") as file:
      names = []
      file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset)
                      and item.size > 20 else None)
      values = file[names[0]][()].ravel()[3:9]
    self.flip(weights, values)
    run = self.predict if command == "predict" else lambda: eval_export.export(self.stage)
    with self.assertRaisesRegex(ValueError, f"weights.h5 {CHANGED}"):
      run()
    self.assertIn("accepted as it is", accept(weights))
    run()

  @parameterized.parameters("zmode", "redshift", "r_mag")
  def test_predictions(self, column):
    path = os.path.join(self.stage, "predictions_test.hdf5")
    self.flip(path, Predictions.load(path).ancil[column][5:9])
    with self.assertRaisesRegex(ValueError, f"predictions_test.hdf5 {CHANGED}"):
      eval_main.evaluate(self.run_dir, Bootstrap(number=2))

  @parameterized.parameters("zmode", "id")
  def test_predictions_without_a_column(self, column):
    path = os.path.join(self.stage, "predictions_test.hdf5")
    with h5py.File(path, "r+") as file:
      del file[f"ancil/{column}"]
    with self.assertRaisesRegex(ValueError, f"no.* a predictions file: ancil/{column} is missing"):
      eval_main.evaluate(self.run_dir, Bootstrap(number=2))

  @parameterized.parameters("z_spec", "ebv", "r_mag")
  def test_catalogue(self, column):
    data = os.path.join(self.run_dir, "data")
    shutil.copytree(small_run().data, data)
    values = Dataset.open(data).column(column)
    path = os.path.join(data, "catalog.fits")
    self.flip(path, values[:1].astype(">f8"))
    with self.assertRaisesRegex(ValueError, f"catalog.fits {CHANGED}{path}"):
      self.predict(data)
    accept(path)
    self.assertNotAllEqual(Dataset.open(data).column(column), values)

  @parameterized.parameters(("flux_divisor", 2.0), ("seed", 5), ("bands", list("abcde")))
  def test_manifest(self, key, value):
    data = os.path.join(self.run_dir, "data")
    shutil.copytree(small_run().data, data)
    path = os.path.join(data, "manifest.json")
    with open(path, encoding="utf-8") as file:
      fields = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
      json.dump({**fields, key: value}, file)
    with self.assertRaisesRegex(ValueError, f"manifest.json {CHANGED}{path}"):
      Dataset.open(data)
    accept(path)
    Dataset.open(data)

  def test_label_model_of_another_fit(self):
    path = os.path.join(self.run_dir, "label_model.npz")
    tables = {"sigma_disp": np.ones(SDSS.outputs),
              "sigma_scatter": np.ones([SDSS.outputs, SDSS.bins]),
              "density": np.ones([SDSS.bins, SDSS.rows])}
    LabelModel(survey=SDSS, **tables).save(path, predictions_digest="a")
    for accepted in (None, "a"):
      LabelModel.load(path, SDSS, predictions_digest=accepted)
    with self.assertRaisesRegex(ValueError, "was fitted to other predictions of Step 2"):
      LabelModel.load(path, SDSS, predictions_digest="b")
    LabelModel(survey=SDSS, **tables).save(path)  # as older versions did
    LabelModel.load(path, SDSS, predictions_digest="b")


if __name__ == "__main__":
  tf.test.main()
