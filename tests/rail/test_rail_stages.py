"""The stages of RAIL, in a pipeline of ceci and in Python, give the numbers of the commands."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf
import yaml

from eval import predict as eval_predict
from eval.prediction.request import Request
from eval.prediction.temporary_data_set import Cutouts
import pzbias_tf as pz
from pzbias_tf.survey import load_survey
from tests.eval.small_run import small_run
from tests.small_data import SIZE, make_cube

try:
  import qp
  from rail.core.stage import RailStage

  from pzbias_tf import rail as stages
  from pzbias_tf.rail import bundle_model
except ImportError as error:
  raise unittest.SkipTest(
      f"pz-rail-base, which needs Python 3.12 or 3.13, is not installed ({error})") from error

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BANDS = "ugrizy"
MAGNITUDES = [f"mag_{band}_lsst" for band in BANDS]
ERRORS = [f"mag_err_{band}_lsst" for band in BANDS]
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


def make_galaxies(num: int, seed: int) -> dict[str, np.ndarray]:
  """A table as RAIL has them, whose colours tell the redshift; some bands are not measured."""
  rng = np.random.default_rng(seed)
  redshift, r_mag = rng.beta(2, 4, num) * 1.5 + 0.01, rng.uniform(20.0, 24.0, num)
  slopes = np.array([3.0, 1.5, 0.0, -1.0, -1.5, -1.8])
  errors = rng.uniform(0.01, 0.03, (num, 6))
  magnitudes = r_mag[:, None] + slopes * (1.0 + 0.5 * redshift[:, None]) + rng.normal(0, errors)
  magnitudes[::9, 0] = 99.0  # RAIL's number for what was not detected
  magnitudes[4::9, 5] = np.nan
  return {"object_id": np.arange(num) + 1000 * seed, "redshift": redshift,
          **dict(zip(MAGNITUDES, magnitudes.T)), **dict(zip(ERRORS, errors.T))}


def write(path: str, table: dict[str, np.ndarray]) -> None:
  with h5py.File(path, "w") as file:
    for name, values in table.items():
      file[f"photometry/{name}"] = values


def estimator(name: str, model, **settings):
  """An estimator in Python, whose table is no group of a file."""
  return stages.PzbiasEstimator.make_stage(
      name=name, model=model, hdf5_groupname="", output_mode="return", **settings)


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
    data = pz.data.dataset.Dataset.open(os.path.join(folder, "data"))
    self.assertEqual(data.manifest.galaxies["written"], 200)
    row = int(np.flatnonzero(data.column("id") == "17")[0])
    for name, own in (("z_spec", "redshift"), ("r_mag", "r"), ("ebv", "ebv")):
      self.assertAllClose(data.column(name)[row], table[own][17], rtol=1e-6)


class Step4Test(tf.test.TestCase, parameterized.TestCase):
  """Step 4 of an estimator that is not of this package."""

  def sample(self, num, seed):
    """A table, and an ensemble whose estimates are too large by 0.05 beyond z = 0.2."""
    rng = np.random.default_rng(seed)
    z_spec = rng.uniform(0.02, 0.38, num)
    table = {"redshift": z_spec, "mag_r_lsst": rng.uniform(14.5, 17.5, num)}
    z_photo = z_spec + rng.normal(0, 0.005, num) + 0.05 * (z_spec > 0.2)
    ensemble = qp.Ensemble(qp.stats.norm, data={"loc": z_photo[:, None], "scale": np.full(
        (num, 1), 0.01)})
    ensemble.set_ancil({"zmode": z_photo[:, None], "zmean": z_photo})
    return table, ensemble

  def stage(self, **settings):
    return stages.PzbiasStep4.make_stage(**{**dict(
        name="step4", survey="sdss", hdf5_groupname="", output_mode="return"), **settings})

  @parameterized.parameters((50, "zmode"), (1000, "zmode"), (70, "zmean"))
  def test_residuals_are_removed(self, chunk_size, estimate):
    (table, ensemble), (truth, reference) = self.sample(300, 0), self.sample(2000, 1)
    found = self.stage(chunk_size=chunk_size, point_estimate=estimate).calibrate(
        ensemble, table, reference, truth)()
    self.assertEqual(found.npdf, 300)
    far = table["redshift"] > 0.25
    residual = found.ancil[f"{estimate}_calibrated"] - table["redshift"]
    self.assertLess(abs(np.mean(residual[far])), 0.02)
    self.assertGreater(np.mean(np.ravel(found.ancil[estimate])[far] - table["redshift"][far]), 0.04)
    self.assertAllClose(found.mean().ravel(), ensemble.mean().ravel())

  def test_files(self):
    folder = self.create_tempdir().full_path
    paths = {}
    for name, (table, ensemble) in (("a", self.sample(120, 0)), ("b", self.sample(500, 1))):
      paths[name] = os.path.join(folder, f"{name}.hdf5")
      write(paths[name], table)
      ensemble.set_ancil({"zmode": np.ravel(ensemble.ancil["zmode"])})
      ensemble.write_to(os.path.join(folder, f"{name}_pz.hdf5"))
    stage = self.stage(hdf5_groupname="photometry", output_mode="default", chunk_size=50,
                       output=os.path.join(folder, "out.hdf5"))
    for tag, name in (("input", "a_pz"), ("photometry", "a"), ("reference", "b_pz"),
                      ("truth", "b")):
      stage.set_data(tag, None, path=os.path.join(folder, f"{name}.hdf5"), do_read=False)
    stage.run()
    stage.finalize()
    in_memory = self.stage(name="again").calibrate(
        self.sample(120, 0)[1], self.sample(120, 0)[0], self.sample(500, 1)[1],
        self.sample(500, 1)[0])()
    found = qp.read(os.path.join(folder, "out.hdf5"))
    self.assertAllClose(found.ancil["zmode_calibrated"], in_memory.ancil["zmode_calibrated"])
    self.assertAllClose(found.mean().ravel(), in_memory.mean().ravel())

  @parameterized.parameters(99.0, -99.0, np.nan)
  def test_galaxies_without_r(self, value):
    (table, ensemble), (truth, reference) = self.sample(100, 0), self.sample(500, 1)
    table["mag_r_lsst"][4] = value
    found = self.stage().calibrate(ensemble, table, reference, truth)()
    self.assertAllEqual(np.isnan(found.ancil["zmode_calibrated"]), np.arange(100) == 4)
    self.assertEqual(found.ancil["zmode_corrected"][4], 0)

  @parameterized.parameters(
      (dict(point_estimate="zbest"), {}, "no ancillary column zbest, only zmode, zmean; let its"),
      (dict(r_col="r"), {}, "no column r, only redshift, mag_r_lsst"),
      ({}, {"redshift": np.zeros(3), "mag_r_lsst": np.zeros(3)}, "of 100 and 3 galaxies"))
  def test_what_does_not_fit(self, settings, table, message):
    (own, ensemble), (truth, reference) = self.sample(100, 0), self.sample(500, 1)
    with self.assertRaisesRegex(ValueError, message):
      self.stage(**settings).calibrate(ensemble, table or own, reference, truth)


class RegisteredTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("PzbiasInformer", "PzbiasEstimator", "PzbiasStep4")
  def test_rail_finds_the_stages(self, name):
    self.assertIs(RailStage.get_stage(name, "pzbias_tf.rail"), getattr(stages, name))
    self.assertEqual(getattr(stages, name).name, name)


if __name__ == "__main__":
  tf.test.main()
