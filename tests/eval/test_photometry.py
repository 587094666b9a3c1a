"""Runs of photometry: every way to predict gives the same numbers, or says what is missing."""

import csv
import dataclasses
import json
import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.readers import ReaderOptions
from eval import export as eval_export
from eval import predict as eval_predict
from eval.evaluation.description import stage_settings
from eval.evaluation.worst_outliers import worst_outliers
from eval.prediction.request import Request
from eval.prediction.temporary_data_set import Cutouts
import pzbias_tf as pz
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.predictions.training_domain import training_domain
from pzbias_tf.survey import SDSS
from pzbias_tf.training.checkpoints import StageFiles, save_weights
from pzbias_tf.training.config import save_config
from pzbias_tf.training.one_stage import make_network
from tests.small_data import make_dataset
from tests.small_photometry import BANDS, ERRORS, make_photometry, make_table
from tests.small_runs import small_config

NUM = 60
EXTRA = ExtraColumns(("mag_J",), (16.0,), (1.5,))


def make_stage(run, data, seed=0, *, errors=True, missing="limit", extra=EXTRA):
  """Writes a Step 1 of random weights; returns its folder."""
  stage = os.path.join(run, "step1")
  columns = dataclasses.replace(data.manifest.photometry, magnitudes=tuple(BANDS),
                                errors=ERRORS if errors else (), missing=missing)
  magnitudes, sigma = data.photometry()
  photometry = PhotometryInput.fit(BANDS, columns, magnitudes, sigma if errors else None,
                                   data.column("ebv"))
  config = small_config(survey=SDSS, net=6, image_size=0, photometry=photometry,
                        extra_columns=extra)
  tf.keras.utils.set_random_seed(seed)
  save_config(config, stage, provenance={})
  save_weights(make_network(config), StageFiles(stage).last)
  training_domain(data, 0, os.path.join(stage, "domain.json"))
  return stage


class PhotometryTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.table = make_table(NUM)
    cls.table["u"][::7] = -99.0
    cls.data = make_photometry(os.path.join(cls.folder, "data"), cls.table, split=(0.5, 0, 0.5),
                               missing_magnitudes="limit", extra_columns=("mag_J",))
    cls.run_folder = os.path.join(cls.folder, "run")
    cls.stage = make_stage(cls.run_folder, cls.data)
    cls.expected = cls.command("table.hdf5", cutouts=Cutouts(path=cls.data.folder + ".fits"))

  @classmethod
  def command(cls, name, *stages, **settings):
    """Predictions of eval.predict, sorted by id."""
    output = os.path.join(cls.folder, name)
    eval_predict.run(Request(stage_dirs=stages or (cls.stage,), output=output, **settings))
    found = pz.Predictions.load(output)
    return found.select(np.argsort(found.ancil["id"]))

  @classmethod
  def arrays(cls):
    """What `predict` takes, in the order of the table, which is sorted by id."""
    table = cls.table
    return {"magnitudes": np.stack([table[band] for band in BANDS], 1),
            "errors": np.stack([table[name] for name in ERRORS], 1),
            "ebv": np.asarray(table["ebv"]), "extra": {"mag_J": np.asarray(table["mag_J"])}}

  def test_the_table_gives_all_galaxies_each_its_own_numbers(self):
    self.assertAllEqual(self.expected.ancil["id"], self.table["id"])
    self.assertGreater(np.abs(np.diff(self.expected.pdf, axis=0)).max(), 1e-4)
    self.assertIn("flags", self.expected.ancil)

  def test_the_data_set(self):
    found = self.command("data.hdf5", data=self.data.folder)
    own = np.isin(self.expected.ancil["id"], found.ancil["id"])
    self.assertEqual(own.sum(), self.data.manifest.records("test"))
    self.assertAllClose(found.pdf, self.expected.pdf[own], atol=1e-6, rtol=0)
    self.assertAllEqual(found.ancil["flags"], self.expected.ancil["flags"][own])

  def test_arrays(self):
    model = pz.load_run(self.run_folder)
    table = model.predict(**self.arrays(), r_mag=np.asarray(self.table["r"]), batch_size=7)
    self.assertAllClose(table.pdf, self.expected.pdf, atol=1e-6, rtol=0)
    self.assertAllEqual(table.ancil["flags"], self.expected.ancil["flags"])
    self.assertIn("Net_C, sdss, magnitudes and errors of u g r i z and mag_J", repr(model))

  def test_the_exported_model(self):
    folder = os.path.join(self.folder, "saved")
    eval_export.export(self.stage, folder)
    folder = os.path.join(folder, eval_export.SAVED_MODEL)
    model = tf.saved_model.load(folder)
    with open(os.path.join(folder, eval_export.ABOUT), encoding="utf-8") as file:
      self.assertEqual(json.load(file)["photometry"]["bands"], list(BANDS))
    arrays = self.arrays()
    given = {name: tf.constant(arrays[name], tf.float32) for name in ("magnitudes", "errors",
                                                                      "ebv")}
    given["extra"] = tf.constant(arrays["extra"]["mag_J"][:, np.newaxis], tf.float32)
    for found in (model.estimate(*given.values()), model.signatures["serving_default"](**given)):
      self.assertAllClose(found["pdf"], self.expected.pdf, atol=1e-6, rtol=0)
    r_mag = tf.constant(np.asarray(self.table["r"]), tf.float32)
    flagged = model.estimate_with_flags(*given.values(), r_mag)
    self.assertAllEqual(flagged["flags"], self.expected.ancil["flags"])
    self.assertAllEqual(flagged["pdf"], model.estimate(*given.values())["pdf"])
    bundle = pz.load_bundle(os.path.dirname(folder)).predict(**arrays, r_mag=np.asarray(r_mag))
    self.assertAllClose(bundle.pdf, self.expected.pdf, atol=1e-6, rtol=0)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "are they fluxes"):
      model.estimate(**{**given, "magnitudes": 100.0 + given["magnitudes"]})

  def test_a_model_without_errors_and_extra_columns(self):
    stage = make_stage(os.path.join(self.folder, "plain"), self.data, 4, errors=False,
                       extra=ExtraColumns())
    # A data set with more than the network takes.
    expected = self.command("plain.hdf5", stage, data=self.data.folder)
    arrays = self.arrays()
    own = np.isin(self.table["id"], expected.ancil["id"])
    magnitudes, ebv = arrays["magnitudes"][own], arrays["ebv"][own]
    folder = os.path.join(self.folder, "saved_plain")
    eval_export.export(stage, folder)
    saved = tf.saved_model.load(os.path.join(folder, eval_export.SAVED_MODEL))
    found = saved.estimate(tf.constant(magnitudes, tf.float32), tf.constant(ebv, tf.float32))
    self.assertAllClose(found["pdf"], expected.pdf, atol=1e-6, rtol=0)
    model = pz.load_run(os.path.dirname(stage))
    self.assertAllClose(model.predict(magnitudes=magnitudes, ebv=ebv).pdf, expected.pdf,
                        atol=1e-6, rtol=0)
    with self.assertRaisesRegex(ValueError, "trained without errors; leave errors out"):
      model.predict(magnitudes=magnitudes, errors=arrays["errors"][own], ebv=ebv)

  def test_a_table_with_other_names(self):
    table = self.table.copy()
    for band in BANDS:
      table.rename_column(band, f"psf_{band}")
    path = os.path.join(self.folder, "renamed.csv")
    table.write(path)
    options = ReaderOptions(magnitude_columns=tuple(f"psf_{band}" for band in BANDS))
    found = self.command("renamed.hdf5", cutouts=Cutouts(path=path, options=options))
    self.assertAllClose(found.pdf, self.expected.pdf, atol=1e-6, rtol=0)

  def test_columns_that_the_conversion_named(self):
    """A run of --r_column=petro_r takes petro_r of a table, or says that there is none."""
    folder = tempfile.mkdtemp()
    table = self.table.copy()
    table["petro_r"], table["sfd"] = table["r"] + 0.5, table["ebv"] + 0.1
    data = make_photometry(os.path.join(folder, "data"), table, split=(0.5, 0, 0.5),
                           missing_magnitudes="limit", extra_columns=("mag_J",),
                           columns={"r": "petro_r", "ebv": "sfd"})
    self.assertEqual((data.manifest.photometry.r, data.manifest.photometry.ebv),
                     ("petro_r", "sfd"))
    self.assertEqual(Manifest.load(data.folder), data.manifest)
    stage = make_stage(os.path.join(folder, "run"), data)
    path = data.folder + ".fits"
    found = self.command("petro.hdf5", stage, cutouts=Cutouts(path=path))
    self.assertAllClose(found.r_mag, table["petro_r"])
    self.assertAllClose(found.ancil["ebv"], table["sfd"])
    given = self.command("given.hdf5", stage, cutouts=Cutouts(
        path=path, options=ReaderOptions(columns={"r": "r", "ebv": "ebv"})))
    self.assertAllClose(given.r_mag, table["r"])
    self.assertAllClose(given.ancil["ebv"], table["ebv"])
    constant = self.command("constant.hdf5", stage, cutouts=Cutouts(
        path=path, options=ReaderOptions(ebv=0.25)))
    self.assertAllClose(constant.ancil["ebv"], np.full(NUM, 0.25))
    for name, flag in (("petro_r", "--r_column"), ("sfd", "--ebv_column")):
      other = os.path.join(folder, f"no_{name}.fits")
      table[[own for own in table.colnames if own != name]].write(other)
      with self.assertRaisesRegex(ValueError, f"no column '{name}', named by {flag}.*The run was "
                                  f"trained with this column; name that of this table with {flag}"):
        self.command("none.hdf5", stage, cutouts=Cutouts(path=other))

  def test_a_run_of_before_takes_the_surveys_own_r(self):
    self.assertEqual(self.data.manifest.photometry.r, "")
    self.assertNotIn("r", self.data.manifest.photometry.to_json())
    self.assertAllClose(self.expected.r_mag, self.table["r"])

  def test_a_network_that_needs_all_bands_rejects_galaxies_without(self):
    stage = make_stage(os.path.join(self.folder, "strict"), self.data, 5, missing="reject")
    found = self.command("strict.hdf5", stage, cutouts=Cutouts(path=self.data.folder + ".fits"))
    missing = np.asarray(self.table["u"]) < 0
    self.assertAllEqual(found.ancil["id"], self.table["id"][~missing])
    with open(os.path.join(self.folder, "strict_rejected.csv"), encoding="utf-8") as file:
      self.assertEqual(dict(list(csv.reader(file))[1:]), dict.fromkeys(
          self.table["id"][missing], "no measurement in u"))
    with self.assertRaisesRegex(ValueError, "the run was trained without; convert it with "
                                "--missing_magnitudes=reject"):
      self.command("refused.hdf5", stage, data=self.data.folder)
    with self.assertRaisesRegex(ValueError, r"magnitudes\[0\] has no measurement in u"):
      pz.load_run(os.path.dirname(stage)).predict(**self.arrays())

  def test_several_runs_are_averaged(self):
    second = make_stage(os.path.join(self.folder, "second"), self.data, 1)
    other = self.command("second.hdf5", second, cutouts=Cutouts(path=self.data.folder + ".fits"))
    both = self.command("both.hdf5", self.stage, second,
                        cutouts=Cutouts(path=self.data.folder + ".fits"))
    self.assertAllClose(both.pdf, (self.expected.pdf + other.pdf) / 2, atol=1e-6, rtol=0)
    without = make_stage(os.path.join(self.folder, "without"), self.data, 2, errors=False)
    with self.assertRaisesRegex(ValueError, "combine runs of the same photometry.with_errors"):
      self.command("refused.hdf5", self.stage, without, data=self.data.folder)

  def test_views_are_refused(self):
    with self.assertRaisesRegex(ValueError, "--tta averages over rotations .*; photometry has one"):
      self.command("tta.hdf5", data=self.data.folder, tta=True)

  def test_images_and_photometry_do_not_mix(self):
    images = make_dataset(os.path.join(self.folder, "images"), num=20, split=(0, 0, 1))
    for force in (False, True):
      with self.assertRaisesRegex(ValueError, "holds images, the run was trained on photometry"):
        self.command("refused.hdf5", data=images.folder, force=force)
    config, stage = small_config(), os.path.join(self.folder, "of_images", "step1")
    save_config(config, stage, provenance={})
    save_weights(make_network(config), StageFiles(stage).last)
    with self.assertRaisesRegex(ValueError, "holds photometry, the run was trained on images"):
      self.command("refused.hdf5", stage, data=self.data.folder)
    with self.assertRaisesRegex(ValueError, "this run was trained on images; pass images"):
      pz.load_run(os.path.dirname(stage)).predict(**self.arrays())

  @parameterized.parameters(
      (dict(errors=None), "this run was trained with errors; pass errors"),
      (dict(magnitudes=None), "trained on photometry; pass magnitudes"),
      (dict(images=np.zeros((1, 16, 16, 5))), "trained on photometry; pass magnitudes"),
      (dict(magnitudes=np.full((NUM, 4), 18.0)), r"magnitudes must have the shape \[n, 5\]"),
      (dict(magnitudes=np.full((NUM, 5), 900.0)), r"magnitudes\[0\] is 900 in u, outside of 0 to"),
      (dict(magnitudes=np.full((NUM, 5), -99.0)), r"magnitudes\[0\] has no measurement in any"),
      (dict(errors=np.full((2, 5), 0.1)), r"errors must have the shape \[n, 5\]"))
  def test_bad_arrays(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      pz.load_run(self.run_folder).predict(**{**self.arrays(), **changes})

  def test_the_report(self):
    config = pz.load_run(self.run_folder).config
    self.assertEqual(stage_settings(config)["input"], "magnitudes in u g r i z with errors")
    self.assertNotIn("pixels", stage_settings(config))
    outliers, why_not = worst_outliers(mock.Mock(config=config))
    self.assertIsNone(outliers)
    self.assertIn("trained on photometry", why_not)


if __name__ == "__main__":
  tf.test.main()
