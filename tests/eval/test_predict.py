"""eval.predict: any galaxies, one network or several, files that are whole or absent."""

import dataclasses
import json
import os
import shutil
from unittest import mock

from absl import flags
from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers import ReaderOptions
from eval import predict as eval_predict
from eval.evaluation.calibrations import fit_step4, step4_result
from eval.prediction.members import misfits
from eval.prediction.request import Request, define_flags, read_request
from eval.prediction.temporary_data_set import Cutouts
from eval.run import EvaluatedStage, own_part
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.bias.pdf_calibration import KNOTS, PdfCalibration
from pzbias_tf.data.data_set_facts import R_FROM_IMAGE
from pzbias_tf.data.galaxy_origin import read_mark
from pzbias_tf.guards import json_files
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.predictions import predictor as predictor_lib
from pzbias_tf.predictions import sharded
from pzbias_tf.predictions.combination import combine_pdfs
from pzbias_tf.predictions.domain import FLAGS
from pzbias_tf.predictions.estimates import modes
from pzbias_tf.predictions.point_catalog import can_write_parquet
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.predictions.predictions_file import LEVELS, PdfFormat
from pzbias_tf.predictions.predictor import Predictor
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from tests.eval.small_run import other_fold, small_run
from tests.small_data import SIZE, make_cube, make_dataset
from tests.small_runs import SMALL_SDSS, small_config

BANDS = ("u", "g", "r", "i", "z")


class PredictTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.data_dir = small_run().data
    cls.baseline, cls.step3 = (small_run().stage(name) for name in ("baseline", "step3"))

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "out.hdf5")

  def predict(self, *stages, **settings):
    """Runs the command; returns what it says."""
    settings = {**({} if "cutouts" in settings else {"data": self.data_dir}), **settings}
    return eval_predict.run(Request(
        stage_dirs=stages, **{"output": self.path, **settings}))

  def test_agrees_with_training(self):
    text = self.predict(self.step3)
    found, own = (Predictions.load(path) for path in (
        self.path, os.path.join(self.step3, "predictions_test.hdf5")))
    self.assertAllClose(found.pdf, own.pdf, atol=1e-6)
    for name in ("id", "row", "redshift", "r_mag"):
      self.assertAllEqual(found.ancil[name], own.ancil[name])
    self.assertRegex(text, r"(?m)^\d+ galaxies predicted in [\d.]+ s, [\d.e+]+/s, on 1 CPU device")
    self.assertCountEqual(os.listdir(os.path.dirname(self.path)), [
        "out.hdf5", "out.fits", "out.parquet", "out_calibration.json"])

  def test_adds_calibrated_estimates(self):
    step4_result(EvaluatedStage(self.step3), small_run().run, Bootstrap(number=2))
    catalog = Table.read(os.path.join(small_run().run, "calibrated_test.fits"))
    for refit in (True, False):  # these galaxies are those that the run's was fitted to
      text = self.predict(self.step3, refit=refit)
      self.assertIn("zmode_calibrated", text)
      self.assertEqual("out_calibration.json" in text, refit)
      self.assertAllClose(Predictions.load(self.path).ancil["zmode_calibrated"],
                          catalog["z_photo_calibrated"])
    self.assertNotIn("zmode_calibrated", self.predict(self.baseline))

  def test_step_4_is_fitted_to_the_surveys_own_galaxies(self):
    estimates = Estimates({"zmode": np.arange(4.0), "r_mag": np.arange(4.0),
                           "field": np.array(["W", "D", "W", "W"]),
                           "sample": np.array(["HQ", "HQ", "LR", "HQ"])})
    self.assertAllEqual(own_part(estimates, CFHTLS_WIDE).z_photo, [0.0, 3.0])
    self.assertAllEqual(own_part(estimates, SMALL_SDSS).z_photo, estimates.z_photo)

  def test_step_4_is_fitted_anew_to_the_galaxies_that_are_predicted(self):
    self.predict(self.step3, split="validation")
    found = Predictions.load(self.path)
    balanced = Predictions.load(os.path.join(self.step3, "predictions_balanced.hdf5"))
    own = fit_step4(balanced, found, SMALL_SDSS)
    self.assertAllClose(found.ancil["zmode_calibrated"], own.apply(found.z_photo, found.r_mag))
    saved = Calibration.load(self.path.replace(".hdf5", "_calibration.json"), SMALL_SDSS)
    self.assertAllEqual(saved.offset, own.offset)
    test = Predictions.load(os.path.join(self.step3, "predictions_test.hdf5"))
    self.assertNotAllClose(fit_step4(balanced, test, SMALL_SDSS).offset, own.offset)

  def test_step_4_refuses_the_balanced_predictions_of_other_weights(self):
    step3 = os.path.join(self.create_tempdir().full_path, "step3")
    shutil.copytree(self.step3, step3)
    balanced = os.path.join(step3, "predictions_balanced.hdf5")
    Predictions.load(balanced).save(balanced, weights_digest="another")
    with self.assertRaisesRegex(ValueError, "predicted with other weights.*python -m train.main"):
      self.predict(step3, split="validation")

  def test_an_ensemble_is_the_mean_of_its_pdfs(self):
    self.predict(self.baseline, other_fold())
    single = [Predictions.load(os.path.join(folder, "predictions_test.hdf5")).pdf
              for folder in (self.baseline, other_fold())]
    self.assertGreater(np.abs(single[0] - single[1]).max(), 1e-3)
    self.assertAllClose(Predictions.load(self.path).pdf, np.mean(single, 0), atol=1e-6)

  def test_a_harmonic_mean_of_its_pdfs(self):
    with self.assertNoLogs("absl", "WARNING"):
      text = self.predict(self.baseline, other_fold(), combine="harmonic", num_devices=2)
    self.assertRegex(text, r"(?m)^harmonic mean of p\(z\); 0 of \d+ galaxies have the mean$")
    single = [Predictions.load(os.path.join(folder, "predictions_test.hdf5")).pdf
              for folder in (self.baseline, other_fold())]
    found = Predictions.load(self.path)
    self.assertAllClose(found.pdf, combine_pdfs(single, "harmonic"), atol=1e-6)
    self.assertNotAllClose(found.pdf, np.mean(single, 0), atol=1e-4)
    self.assertAllClose(found.z_photo, modes(found.edges, found.pdf))
    self.assertAllEqual(found.ancil["combined_by_mean"], np.zeros(len(found), bool))
    self.assertIn("combined_by_mean", Table.read(self.path.replace(".hdf5", ".fits")).colnames)

  def test_the_file_tells_how_runs_were_combined(self):
    for stages, combine, expected in (((self.baseline,), "mean", ""),
                                      ((self.baseline, other_fold()), "mean", "mean"),
                                      ((self.baseline, other_fold()), "harmonic", "harmonic")):
      self.predict(*stages, combine=combine)
      with h5py.File(self.path) as file:
        self.assertEqual(file.attrs["combination"], expected)
        self.assertEqual("combined_by_mean" in file["ancil"], expected == "harmonic")

  def test_galaxies_on_which_runs_contradict_each_other_have_the_mean(self):
    def sure(logits):
      """One network alternates between the first two bins, the other is sure of the first."""
      shape = tf.shape(logits["z_logits"])
      sure.calls += 1
      bins = tf.range(shape[0]) % 2 * (sure.calls % 2)
      return tf.one_hot(bins, shape[2])

    sure.calls = 0
    with (mock.patch.object(predictor_lib, "redshift_pdf", sure),
          self.assertLogs("absl", "WARNING") as logs):
      text = self.predict(self.baseline, other_fold(), combine="harmonic")
    found = Predictions.load(self.path)
    by_mean = found.ancil["combined_by_mean"]
    self.assertAllClose(found.pdf[by_mean][:, :2], np.full([by_mean.sum(), 2], 0.5))
    self.assertAllClose(found.pdf[~by_mean][:, 0], np.ones((~by_mean).sum()))
    self.assertAllInRange(by_mean.sum() / len(found), 0.4, 0.6)
    self.assertIn(f"; {by_mean.sum()} of {len(found)} galaxies have the mean", text)
    self.assertIn(f"p(z) of {by_mean.sum()} galaxies by these runs nowhere overlap",
                  "".join(logs.output))

  def test_views_are_averaged_before_runs_are_combined(self):
    views = []
    for stage in (self.baseline, other_fold()):
      self.predict(stage, tta=True)
      views.append(Predictions.load(self.path).pdf)
    self.predict(self.baseline, other_fold(), tta=True, combine="harmonic")
    self.assertAllClose(Predictions.load(self.path).pdf, combine_pdfs(views, "harmonic"), atol=1e-6)

  def test_flags_of_several_runs(self):
    values = flags.FlagValues()
    define_flags(values)
    values(["eval.predict", "--ensemble=a,b", "--data=d", "--combine=harmonic"])
    found = read_request(values)
    self.assertEqual((found.combine, found.stage_dirs), ("harmonic", ("a/step3", "b/step3")))
    self.assertEqual(found.path, "a/step3/predictions_d_test_ensemble_harmonic.hdf5")
    values(["eval.predict", "--combine=mean"])
    self.assertEqual(read_request(values).path, "a/step3/predictions_d_test_ensemble.hdf5")
    with self.assertRaisesRegex(flags.IllegalFlagValueError, "should be one of <mean|harmonic>"):
      values(["eval.predict", "--combine=median"])

  def test_ensembles_that_do_not_fit_together_are_refused(self):
    with self.assertRaisesRegex(ValueError, "trained with stage='step3', .* with 'baseline'"):
      self.predict(self.baseline, self.step3)
    coarse = os.path.join(self.create_tempdir().full_path, "baseline")
    shutil.copytree(other_fold(), coarse)
    path = os.path.join(coarse, "config.json")
    with open(path, encoding="utf-8") as file:
      config = json.load(file)
    config["settings"]["survey"]["bins"] = 90
    with open(path, "w", encoding="utf-8") as file:
      json.dump(config, file)
    json_files.seal(path)
    with self.assertRaisesRegex(ValueError, "bins=90.*combine runs of the same survey"):
      self.predict(self.baseline, coarse, combine="harmonic")
    with self.assertRaisesRegex(ValueError, "name each run once"):
      self.predict(self.baseline, self.baseline)

  def test_tta_does_not_see_how_an_image_is_turned(self):
    turned = os.path.join(self.create_tempdir().full_path, "turned")
    make_dataset(turned, num=20, split=(0, 0, 1), turn=3)
    upright = os.path.join(self.create_tempdir().full_path, "upright")
    make_dataset(upright, num=20, split=(0, 0, 1))
    pdf = {}
    for tta in (False, True):
      for data in (turned, upright):
        text = self.predict(self.step3, data=data, tta=tta)
        pdf[tta, data] = Predictions.load(self.path).pdf
      self.assertEqual(tta, "Step 4 corrects the estimates of one network and view" in text)
    self.assertNotAllClose(pdf[False, turned], pdf[False, upright], atol=1e-4)
    self.assertAllClose(pdf[True, turned], pdf[True, upright], atol=1e-5)

  def test_several_devices_give_the_same(self):
    for devices in (1, 2):
      text = self.predict(self.baseline, num_devices=devices)
      self.assertIn(f"on {devices} CPU device", text)
      own = Predictions.load(os.path.join(self.baseline, "predictions_test.hdf5"))
      found = Predictions.load(self.path)
      self.assertAllEqual(found.ancil["id"], own.ancil["id"])
      self.assertAllClose(found.pdf, own.pdf, atol=1e-6)

  def test_a_prediction_that_was_cut_off_goes_on(self):
    data = os.path.join(self.create_tempdir().full_path, "data")
    shards = len(make_dataset(data, num=100, split=(0, 0, 1),
                              shard_size_mb=0.2).manifest.split_shards("test"))
    self.assertGreater(shards, 2)
    predicted, calls = Predictor._of_shard, []

    def cut_off(*arguments, **settings):
      calls.append(arguments)
      if len(calls) == 3:
        raise KeyboardInterrupt
      return predicted(*arguments, **settings)

    with mock.patch.object(Predictor, "_of_shard", cut_off), self.assertRaises(KeyboardInterrupt):
      self.predict(self.baseline, data=data)
    self.assertFalse(os.path.exists(self.path))
    with mock.patch.object(Predictor, "_of_shard", autospec=True,
                           side_effect=predicted) as again:
      text = self.predict(self.baseline, data=data)
    self.assertEqual(again.call_count, shards - 2)
    self.assertRegex(text, "(?s)Baseline: 100 galaxies .*\n[1-9][0-9]? galaxies predicted in")
    found = Predictions.load(self.path)
    self.predict(self.baseline, data=data)
    self.assertAllEqual(found.pdf, Predictions.load(self.path).pdf)
    self.assertAllEqual(found.ancil["row"], np.arange(100))

  def test_what_was_predicted_otherwise_is_not_used(self):
    folder = self.create_tempdir().full_path
    sharded.begin(folder, {"tta": False})
    part = os.path.join(folder, "test-00000-of-00001.tfrecord.hdf5")
    for key, stays in (({"tta": False}, True), ({"tta": True}, False)):
      open(part, "w", encoding="utf-8").close()
      sharded.begin(folder, key)
      self.assertEqual(os.path.exists(part), stays)

  def test_p_of_z_is_written_as_asked(self):
    full = Predictions.load(os.path.join(self.baseline, "predictions_test.hdf5"))
    self.predict(self.baseline, pdf_format=PdfFormat(dtype="float16"))
    with h5py.File(self.path) as file:
      self.assertEqual(file["data/pdfs"].dtype, np.float16)
    half = Predictions.load(self.path)
    self.assertAllClose(half.pdf, full.pdf, atol=1e-4)
    self.assertAllClose(half.pdf.sum(1), np.ones(len(half)), atol=1e-5)
    self.predict(self.baseline, pdf_format=PdfFormat(kind="quantiles"))
    with h5py.File(self.path) as file:
      self.assertEqual(file["data/locs"].shape, (len(full), len(LEVELS)))
      self.assertAllClose(file["data/locs"][:, LEVELS.index(0.5)], full.ancil["zmedian"])
      self.assertAllEqual(np.diff(file["data/locs"][()], axis=1) >= 0, np.full(
          (len(full), len(LEVELS) - 1), True))
    self.predict(self.baseline, pdf_format=PdfFormat(kind="none"))
    with h5py.File(self.path) as file:
      self.assertEqual(list(file), ["ancil"])
      self.assertAllClose(file["ancil/zmode"], full.z_photo)

  def test_p_of_z_is_calibrated_as_the_run_tells(self):
    plain = Predictions.load(os.path.join(self.step3, "predictions_test.hdf5"))
    levels = np.linspace(0.0, 1.0, KNOTS + 1)
    calibration = PdfCalibration(  # as if true redshifts lay high in p(z)
        survey=SMALL_SDSS, quantiles=np.tile(levels**0.5, (SMALL_SDSS.rows, 1)),
        count=np.ones(SMALL_SDSS.rows, int))
    run = self.copied_run()
    with self.assertRaisesRegex(OSError, "pdf_calibration.json is missing: python -m eval.main"):
      self.predict(os.path.join(run, "step3"), calibrate_pdf=True)
    calibration.save(os.path.join(run, "pdf_calibration.json"),
                     weights_digest=file_digest(StageFiles(self.step3).last))
    self.predict(os.path.join(run, "step3"), calibrate_pdf=True)
    found = Predictions.load(self.path)
    self.assertAllClose(found.pdf, calibration.apply(plain.pdf, plain.r_mag), atol=1e-5)
    self.assertAllClose(found.z_photo, plain.z_photo)
    self.assertAllGreater(found.ancil["zmean"] - plain.ancil["zmean"], 0.0)
    with h5py.File(self.path) as file:
      self.assertTrue(file.attrs["pdf_calibrated"])
    with self.assertRaisesRegex(ValueError, "pdf_calibration.json"):  # of Step 3
      self.predict(os.path.join(run, "baseline"), calibrate_pdf=True)

  def copied_run(self):
    """The small run with Baseline and Steps 2 and 3, in a folder of its own."""
    run = os.path.join(self.create_tempdir().full_path, "run")
    for stage in (self.baseline, self.step3):
      shutil.copytree(stage, os.path.join(run, os.path.basename(stage)))
    step2 = os.path.join(os.path.dirname(self.step3), "step2")
    shutil.copytree(step2, os.path.join(run, "step2"))
    return run

  def test_target_galaxies_need_no_redshift(self):
    data = os.path.join(self.create_tempdir().full_path, "data")
    make_dataset(data, num=30, columns={"z_spec": np.full(30, np.nan)})
    self.predict(self.step3, data=data, split="target")
    self.assertAllEqual(np.isnan(Predictions.load(self.path).z_spec), np.full(30, True))
    with self.assertRaisesRegex(ValueError, "no galaxy of the split test is left.* has target"):
      self.predict(self.step3, data=data)

  def predict_redshifts(self, **columns):
    """Predicts 6 galaxies; returns what the command says, and the redshifts by id."""
    path = os.path.join(self.create_tempdir().full_path, "new.npz")
    np.savez(path, cube=make_cube(np.full(6, 0.1), len(BANDS)), id=np.arange(6),
             r=np.full(6, 16.0), **{"ebv": np.zeros(6), **columns})
    text = self.predict(self.step3, cutouts=Cutouts(path=path))
    found = Predictions.load(self.path)
    return text, found.z_spec[np.argsort(found.ancil["id"].astype(int))]

  @parameterized.parameters(-99.0, -1.0, -9999.0, 9.99, 0.9)
  def test_a_redshift_that_is_none_decides_nothing(self, value):
    text, z_spec = self.predict_redshifts(z=np.append(np.full(5, value), 0.1))
    self.assertAllEqual(z_spec, [np.nan] * 5 + [0.1])
    self.assertNotIn("rejected", text)

  @parameterized.parameters(
      {}, {"z": np.full(6, -99.0)}, {"z": np.array(["unknown"] * 6)},
      {"z": np.full(6, 0.1), "z_spec": np.full(6, 0.2)})
  def test_redshifts_are_not_needed(self, **columns):
    _, z_spec = self.predict_redshifts(**columns)
    self.assertAllEqual(z_spec, [np.nan] * 6)

  def test_galaxies_that_are_left_out_are_counted(self):
    text, z_spec = self.predict_redshifts(ebv=np.array([0, 0, -1, 0, 0, np.nan]), z=np.full(6, 0.1))
    self.assertLen(z_spec, 4)
    self.assertRegex(text, r"2 of 6 galaxies rejected \(.*out_rejected.csv\): 2 x E\(B-V\) neg")

  def test_several_photo_z_of_the_source_are_carried(self):
    folder = self.create_tempdir().full_path
    own = np.array([0.1, np.nan, -99.0, 0.2])
    path = os.path.join(folder, "new.npz")
    np.savez(path, cube=make_cube(np.full(4, 0.1), len(BANDS)), z=np.full(4, 0.1),
             r=np.full(4, 16.0), ebv=np.zeros(4), B=own, A=own[::-1])
    self.predict(self.step3, cutouts=Cutouts(
        path=path, options=ReaderOptions(columns={"z_photo": "B,A"})))
    found = Predictions.load(self.path).ancil
    row = found["id"].astype(int)
    self.assertAllEqual(found["z_photo_ref_B"], own[row])
    self.assertAllEqual(found["z_photo_ref_A"], own[::-1][row])
    self.assertNotIn("z_photo_ref", found)
    self.assertContainsSubset(["z_photo_ref_A", "z_photo_ref_B"],
                              Table.read(self.path.replace(".hdf5", ".fits")).colnames)

  def test_straight_from_cutouts(self):
    folder = self.create_tempdir().full_path
    z = np.where(np.arange(12) % 3, 0.1, np.nan)
    images = make_cube(np.full(12, 0.1), len(BANDS))
    images[5, 0, 0, 0] = np.nan
    np.savez(os.path.join(folder, "new.npz"), cube=images, name=[f"n{i}" for i in range(12)], z=z,
             r=np.full(12, 16.0), ebv=np.zeros(12))
    cutouts = Cutouts(path=os.path.join(folder, "new.npz"))
    self.predict(self.step3, cutouts=cutouts)
    found = Predictions.load(self.path)
    self.assertCountEqual(found.ancil["id"], [f"n{i}" for i in range(12) if i != 5])
    self.assertAllEqual(np.isnan(found.z_spec), [
        int(name[1:]) % 3 == 0 for name in found.ancil["id"]])
    rejected = Table.read(self.path.replace(".hdf5", "_rejected.csv"), format="ascii.csv")
    self.assertEqual(list(rejected["id"]), ["n5"])
    self.assertNotIn(".out.hdf5.unfinished", os.listdir(os.path.dirname(self.path)))

  def test_columns_that_the_conversion_named(self):
    """A run of --r_column=petro_r takes petro_r of new files, too, or says that there is none."""
    folder, rng = self.create_tempdir().full_path, np.random.default_rng(0)
    columns = {"cube": make_cube(np.full(6, 0.1), len(BANDS)), "id": np.arange(6),
               "z": np.full(6, 0.1), "r": np.full(6, 16.0), "petro_r": rng.uniform(16.2, 17, 6),
               "ebv": np.zeros(6), "sfd": rng.uniform(0.1, 0.2, 6)}
    path = os.path.join(folder, "new.npz")
    np.savez(path, **columns)
    source = readers.read(path, SDSS, ReaderOptions(columns={"r": "petro_r", "ebv": "sfd"}))
    self.assertEqual(source.description["named_columns"], {"r": "petro_r", "ebv": "sfd"})
    self.assertNotIn("named_columns", readers.read(path, SDSS).description)
    stage = os.path.join(folder, "run", "baseline")
    shutil.copytree(self.baseline, stage)
    settings = os.path.join(stage, "config.json")

    def found(named, options=ReaderOptions(), file=path):
      with open(settings, encoding="utf-8") as config:
        fields = json.load(config)
      fields["provenance"]["data_set"]["named_columns"] = named
      fields.pop(json_files.DIGEST)
      json_files.write(settings, fields)
      self.predict(stage, cutouts=Cutouts(path=file, options=options))
      ancil = Predictions.load(self.path).ancil
      order = np.argsort(ancil["id"].astype(int))
      return ancil["r_mag"][order], ancil["ebv"][order]

    named = {"r": "petro_r", "ebv": "sfd"}
    self.assertAllClose(found({}), [columns["r"], columns["ebv"]])
    self.assertAllClose(found(named), [columns["petro_r"], columns["sfd"]])
    self.assertAllClose(found(named, ReaderOptions(columns={"r": "r"}, ebv=0.05)),
                        [columns["r"], np.full(6, 0.05)])
    from_image = found({"r": R_FROM_IMAGE})[0]
    self.assertAllClose(from_image, found({}, ReaderOptions(r_from_image=True))[0])
    self.assertNotAllClose(from_image, columns["r"])
    other = os.path.join(folder, "other.npz")
    np.savez(other, **{name: own for name, own in columns.items() if name != "petro_r"})
    with self.assertRaisesRegex(ValueError, "no column 'petro_r', named by --r_column.*The run was "
                                "trained with this column; name that of this table with --r_col"):
      found(named, file=other)

  @parameterized.parameters(True, False)
  def test_predictions_of_simulated_galaxies_are_marked(self, simulated):
    folder = self.create_tempdir().full_path
    np.savez(os.path.join(folder, "new.npz"), cube=make_cube(np.full(12, 0.1), len(BANDS)),
             name=[f"n{i}" for i in range(12)], z=np.full(12, 0.1), r=np.full(12, 16.0),
             ebv=np.zeros(12))
    if simulated:
      with open(os.path.join(folder, "simulation.json"), "w", encoding="utf-8") as file:
        file.write('{"num": 12}')
    self.predict(self.baseline, cutouts=Cutouts(path=os.path.join(folder, "new.npz")))
    suffixes = [".hdf5", ".fits", *[".parquet"] * can_write_parquet()]
    for suffix in suffixes:
      self.assertEqual(read_mark(self.path.replace(".hdf5", suffix)), "galaxies" * simulated)

  def test_galaxies_outside_of_the_training_domain_are_flagged(self):
    folder = self.create_tempdir().full_path
    z, r_mag = np.append(np.full(7, 0.15), 0.37), np.full(8, 16.0)
    images = make_cube(z, len(BANDS))
    images[0] = np.roll(images[0], 6, axis=0)
    images[1, 6:10, 6:10, 2] = images[1].max() + 1
    images[2, ..., 1] *= 20
    r_mag[3] = 9.0
    np.savez(os.path.join(folder, "new.npz"), cube=images, name=[f"n{i}" for i in range(8)],
             z=z, r=r_mag, ebv=np.zeros(8))
    text = self.predict(self.baseline, cutouts=Cutouts(path=os.path.join(folder, "new.npz")))
    self.assertRegex(text, r"(?m)^outside of the training domain: \d of 8 galaxies .*saturated 1")
    found = Predictions.load(self.path).ancil
    flags = dict(zip(found["id"], found["flags"]))
    for name, reason in (("n0", "off-centre"), ("n1", "saturated"), ("n2", "colour"),
                         ("n3", "magnitude")):
      self.assertTrue(flags[name] & FLAGS[reason], name)
      self.assertFalse(flags["n6"] & FLAGS[reason], name)
    self.assertAllEqual(Table.read(self.path.replace(".hdf5", ".fits"))["flags"], found["flags"])

  def test_a_stage_without_a_domain_flags_nothing_and_says_so(self):
    stage = os.path.join(self.create_tempdir().full_path, "baseline")
    shutil.copytree(self.baseline, stage)
    os.remove(os.path.join(stage, "domain.json"))
    self.assertIn("no flags: the stage has no domain.json", self.predict(stage))
    self.assertNotIn("flags", Predictions.load(self.path).ancil)

  @parameterized.named_parameters(
      ("survey", dict(survey=CFHTLS_WIDE), "holds 'cfhtls' galaxies, the survey is"),
      ("bands", dict(survey=dataclasses.replace(SDSS, bands=("g", "u", "r", "i", "z"))),
       "has the bands"),
      ("flux", dict(survey=dataclasses.replace(SDSS, flux_divisor=1000.0)),
       "flux divided by 1000, the run was trained on flux divided by 1"),
      ("size", dict(survey=SDSS, size=SIZE - 4), "images of 12 x 12 pixels, .* trained on 16"))
  def test_data_that_do_not_fit_need_force(self, settings, message):
    data = os.path.join(self.create_tempdir().full_path, "data")
    make_dataset(data, num=30, split=(0, 0, 1), **settings)
    with self.assertRaisesRegex(ValueError, f"(?s){message}.*--force"):
      self.predict(self.baseline, data=data)
    self.assertEmpty(os.listdir(os.path.dirname(self.path)))
    self.predict(self.baseline, data=data, force=True)
    self.assertLen(Predictions.load(self.path), 30)

  def test_float16_images_that_were_divided_before_fit_the_run(self):
    survey = dataclasses.replace(SDSS, flux_divisor=1000.0)
    data = make_dataset(self.create_tempdir().full_path, num=30, split=(0, 0, 1), survey=survey,
                        dtype="float16")
    self.assertEqual(data.manifest.flux_divisor, 1.0)
    self.assertEmpty(misfits(data, small_config(survey=survey)))
    self.assertLen(misfits(data, small_config()), 1)

  def test_other_bands_cannot_be_forced(self):
    data = os.path.join(self.create_tempdir().full_path, "data")
    make_dataset(data, num=30, split=(0, 0, 1), survey=dataclasses.replace(
        SDSS, bands=("g", "r", "i")))
    with self.assertRaisesRegex(ValueError, "images of 3 bands, the run was trained on 5"):
      self.predict(self.baseline, data=data, force=True)

  def test_requests_that_contradict_themselves(self):
    for settings, message in (
        (dict(data="a", cutouts=Cutouts(path="b")), "one of --data .* and --input"),
        (dict(cutouts=Cutouts(path="b"), split="test"), "--split=test is for --data"),
        (dict(data="a", combine="harmonic"), "--combine=harmonic is for .* several runs"),
        (dict(data="a", calibrate_pdf=True, tta=True), "leave out --tta and --ensemble"),
        (dict(data="a", stage_dirs=()), "one of --run and --ensemble")):
      with self.assertRaisesRegex(ValueError, message):
        Request(**{"stage_dirs": ("s",), **settings})
    for settings in (dict(kind="half"), dict(dtype="int8"), dict(kind="none", dtype="float16")):
      with self.assertRaises(ValueError):
        PdfFormat(**settings)


if __name__ == "__main__":
  tf.test.main()
