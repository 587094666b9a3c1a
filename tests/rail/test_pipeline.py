"""A pipeline of ceci with the stages of RAIL gives the numbers of the commands."""

import os
import re
import subprocess
import sys
import tempfile

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf
import yaml

from eval import predict as eval_predict
from eval.prediction.request import Request
from eval.prediction.temporary_data_set import Cutouts
import pzbias_tf as pz
from pzbias_tf.survey import load_survey
from tests.rail.rail_samples import ERRORS, MAGNITUDES, estimator, make_galaxies, stages, write

# isort: split
# Only where the import above did not skip these tests.
import qp
from rail.core.stage import RailStage

from pzbias_tf.rail import bundle_model

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ESTIMATES = ("zmode", "zmean", "zmedian", "zbest", "z_low68", "z_high95", "zmode_calibrated",
             "flags")
SURVEY = """
bands = ["u", "g", "r", "i", "z", "y"]
pixel_scale_arcsec = 0.2
z_max = 2.0
bins = 100
r_min = 20.0
r_max = 24.0
balance_threshold = 20
outlier_threshold = 0.15
fit_z_min = 0.4
"""
"""A few cells of LSST: fewer numbers to train."""


class PipelineTest(tf.test.TestCase, parameterized.TestCase):
  """The pipeline of docs/rail.md, as it stands there."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.training, cls.galaxies = make_galaxies(300, 1), make_galaxies(90, 2)
    write(os.path.join(cls.folder, "training.hdf5"), cls.training)
    write(os.path.join(cls.folder, "galaxies.hdf5"), cls.galaxies)
    with open(os.path.join(ROOT, "docs", "rail.md"), encoding="utf-8") as file:
      pipeline, config = re.findall(r"```yaml\n(.*?)```", file.read(), re.DOTALL)
    config = yaml.safe_load(config)
    config["inform_pzbias"].update(survey="small.toml", train_flags=["--iterations=20",
                                                                    "--batch_size=16"])
    config["step4"]["survey"] = "small.toml"
    config["estimate_galaxies"]["chunk_size"] = 40
    for name, text in (("pipeline.yml", pipeline), ("config.yml", yaml.safe_dump(config)),
                       ("small.toml", SURVEY)):
      with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as file:
        file.write(text)
    cls.ceci("pipeline.yml")
    cls.run_folder = os.path.join(cls.folder, "pzbias", "runs", "model")
    cls.found = qp.read(os.path.join(cls.folder, "output", "galaxies_pz.hdf5"))

  @classmethod
  def ceci(cls, *words):
    """Runs ceci with this Python; a failure shows the logs of the stages."""
    done = subprocess.run(
        [sys.executable, "-c", "from ceci.main import main; main()", *words], cwd=cls.folder,
        check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={
            **os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])})
    logs = os.path.join(cls.folder, "logs")
    for name in os.listdir(logs) if done.returncode and os.path.isdir(logs) else ():
      with open(os.path.join(logs, name), encoding="utf-8") as file:
        done.stdout += f"\n{name}\n{file.read()}"
    if done.returncode:
      raise AssertionError(done.stdout[-4000:])

  def test_all_stages_were_trained(self):
    for stage in ("baseline", "step1", "step2", "step3"):
      self.assertTrue(os.path.exists(
          os.path.join(self.run_folder, stage, "checkpoints", "weights.h5")), stage)
    self.assertTrue(os.path.exists(os.path.join(self.run_folder, "calibration.json")))

  def test_numbers_of_eval_predict(self):
    folder = self.create_tempdir().full_path
    table, output = os.path.join(folder, "galaxies.fits"), os.path.join(folder, "found.hdf5")
    values = {name: np.where(column == 99.0, np.nan, column)
              for name, column in self.galaxies.items() if name != "redshift"}
    Table({**values, "ebv": np.zeros(90)}).write(table)
    eval_predict.run(Request(stage_dirs=(os.path.join(self.run_folder, "step3"),), output=output,
                             cutouts=Cutouts(path=table), refit=False))
    wanted = pz.Predictions.load(output)
    rows = wanted.ancil["id"].astype(int) - 2000
    self.assertLen(np.unique(rows), 90)
    for name in ESTIMATES:
      self.assertAllClose(self.found.ancil[name][rows], wanted.ancil[name], atol=2e-5, msg=name)
    centers = wanted.edges[:-1] + 0.5 * np.diff(wanted.edges)
    self.assertAllClose(self.found.pdf(centers)[rows], qp.read(output).pdf(centers), rtol=1e-3,
                        atol=1e-5)
    self.assertGreater(np.ptp(self.found.ancil["zmean"]), 1e-3)

  def test_ids_and_redshifts_are_those_of_the_table(self):
    self.assertAllEqual(self.found.ancil["id"], self.galaxies["object_id"])
    self.assertAllEqual(self.found.ancil["redshift"], self.galaxies["redshift"])
    self.assertAllEqual(self.found.ancil["estimated"], np.ones(90))

  def test_step4_of_the_pipeline(self):
    calibrated = qp.read(os.path.join(self.folder, "output", "calibrated_pz.hdf5"))
    reference = qp.read(os.path.join(self.folder, "output", "training_pz.hdf5"))
    self.assertAllEqual(calibrated.ancil["zmode"], self.found.ancil["zmode"])
    survey = load_survey(os.path.join(self.folder, "small.toml"))
    ours, target = (pz.Catalog.from_table(
        {"z": table["redshift"], "zmode": ensemble.ancil["zmode"], "r": table["mag_r_lsst"]},
        survey, z_photo="zmode", z_spec="z", r_mag="r")
                    for table, ensemble in ((self.training, reference),
                                            (self.galaxies, self.found)))
    corrected = target.apply(ours.fit(target=target))
    self.assertAllClose(calibrated.ancil["zmode_calibrated"], corrected.z_photo)
    self.assertAllClose(calibrated.ancil["zmode_calibration_error"], corrected.error)
    self.assertAllEqual(calibrated.ancil["zmode_corrected"], corrected.has_correction)
    self.assertGreater(np.abs(corrected.z_photo - target.z_photo["zmode"]).max(), 1e-3)

  @parameterized.parameters("run", "bundle", "file")
  def test_places_of_the_model(self, place):
    model = {"run": self.run_folder, "bundle": os.path.join(self.folder, "pzbias", "bundle"),
             "file": os.path.join(self.folder, "output", "pzbias_model.pkl")}[place]
    found = estimator(f"of_{place}", model).estimate(self.galaxies)()
    for name in ESTIMATES:
      self.assertAllClose(found.ancil[name], self.found.ancil[name], atol=2e-5)

  @parameterized.parameters(("no band", MAGNITUDES, np.nan), ("no band", MAGNITUDES, 99.0),
                            ("no magnitude", MAGNITUDES[:1], 55.0), ("no error", ERRORS, -1.0))
  def test_galaxies_that_cannot_be_estimated(self, _, columns, value):
    table = {name: column.copy() for name, column in self.galaxies.items()}
    for name in columns:
      table[name][[3, 60]] = value
    found = estimator("with_lost", self.run_folder).estimate(table)()
    lost = np.isin(np.arange(90), (3, 60))
    self.assertAllEqual(found.ancil["estimated"], ~lost)
    for name in ESTIMATES[:-1]:
      self.assertAllEqual(np.isnan(found.ancil[name]), lost)
      self.assertAllClose(found.ancil[name][~lost], self.found.ancil[name][~lost], atol=2e-5)
    flat = found.pdf(np.linspace(0.01, 1.9, 50))[lost]
    self.assertAllClose(flat, np.full_like(flat, flat[0, 0]))
    self.assertGreater(flat[0, 0], 0.0)

  @parameterized.parameters(99.0, -99.0, np.nan)
  def test_numbers_that_stand_for_no_measurement(self, value):
    table = dict(self.galaxies, mag_u_lsst=self.galaxies["mag_u_lsst"].copy())
    table["mag_u_lsst"][::9] = value
    found = estimator("with_numbers", self.run_folder).estimate(table)()
    self.assertAllClose(found.ancil["zmean"], self.found.ancil["zmean"], atol=2e-5)

  def test_without_r_there_is_no_step4(self):
    table = dict(self.galaxies, mag_r_lsst=self.galaxies["mag_r_lsst"].copy())
    table["mag_r_lsst"][5] = 99.0
    found = estimator("without_r", self.run_folder).estimate(table)()
    self.assertAllEqual(np.isnan(found.ancil["zmode_calibrated"]), np.arange(90) == 5)
    self.assertTrue(np.isfinite(found.ancil["zmode"]).all())

  @parameterized.parameters(
      (dict(bands=MAGNITUDES[:5]), "bands names 5 columns, the model has the bands u, g, r, "),
      (dict(err_bands=[]), "err_bands names 0 columns"),
      (dict(image_col="image"), "was trained on photometry; leave image_col out"),
      (dict(extra_cols=["mag_J"]), r"extra_cols is \['mag_J'\], the model takes \[\]"),
      (dict(r_col="mag_r"), "no column mag_r, only object_id, .*; name another one"),
      (dict(ebv_col="ebv"), "no column ebv, only"))
  def test_settings_that_do_not_fit(self, settings, message):
    with self.assertRaisesRegex(ValueError, message):
      estimator("misfit", self.run_folder, **settings).estimate(self.galaxies)

  @parameterized.parameters(
      ({"format": "another"}, "the model is dict, not one of PzbiasInformer"),
      (np.zeros(3), "the model is ndarray"),
      ({"format": "pzbias_tf bundle 1", "files": {"../a": b""}}, "outside of it"))
  def test_models_of_others(self, model, message):
    with self.assertRaisesRegex(ValueError, message):
      bundle_model.trained_from(model, "estimate")

  def test_a_model_that_was_changed(self):
    model = bundle_model.packed(os.path.join(self.folder, "pzbias", "bundle"))
    model["files"]["weights.h5"] = model["files"]["weights.h5"][:-1] + b"\0"
    with self.assertRaisesRegex(ValueError, "weights.h5"):
      bundle_model.trained_from(model, "estimate")

  def test_a_command_that_fails_tells_why(self):
    informer = stages.PzbiasInformer.make_stage(
        name="failing", hdf5_groupname="", bands=MAGNITUDES[:5], err_bands=ERRORS[:5])
    with self.assertRaisesRegex(RuntimeError, "make-tfrecords .*(?s:.*)5 columns, but survey lsst"):
      informer.inform(self.training)

  def test_a_table_without_redshifts(self):
    informer = stages.PzbiasInformer.make_stage(name="unknown", hdf5_groupname="")
    with self.assertRaisesRegex(KeyError, "columns are not found.*redshift"):
      informer.inform({name: values for name, values in self.training.items()
                       if name != "redshift"})


class RegisteredTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("PzbiasInformer", "PzbiasEstimator", "PzbiasStep4")
  def test_rail_finds_the_stages(self, name):
    self.assertIs(RailStage.get_stage(name, "pzbias_tf.rail"), getattr(stages, name))
    self.assertEqual(getattr(stages, name).name, name)


if __name__ == "__main__":
  tf.test.main()
