"""eval.main: metrics of every stage of a run, Step 4, the calibrated catalogue."""

import dataclasses
import gzip
import html
import json
import os
import re
import shutil
import tempfile
from unittest import mock
import warnings

from absl.testing import parameterized
from astropy.table import MaskedColumn, Table
import h5py
import numpy as np
import tensorflow as tf

from eval import main as eval_main
from eval import run as eval_run
from eval.evaluation import calibrations
from eval.evaluation import worst_outliers as eval_outliers
from eval.evaluation.weight_table import WeightTable
from eval.evaluation.worst_outliers import read_images
from eval.run import EvaluatedRun, EvaluatedStage
from pzbias_tf.bias import pdf_calibration
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.bias.pdf_calibration import PdfCalibration
from pzbias_tf.bias.soft_labels import LabelModel
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.galaxy_origin import read_mark
from pzbias_tf.guards import json_files
from pzbias_tf.metrics.pdf import crps
from pzbias_tf.metrics.stage_metrics import Bootstrap, summarize, to_json
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import CFHTLS_WIDE
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import load_config
from tests.eval.small_run import small_run
from tests.report.unrendered import unrendered
from tests.small_runs import SMALL_SDSS, request
from train import main as train_main

BOOTSTRAP = Bootstrap(number=5)


def evaluate(*args) -> str:
  """eval.main's, for tests that look at no picture."""
  with unrendered():
    return eval_main.evaluate(*args)


class EvaluateTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    trained = small_run()
    cls.data_dir, cls.runs, cls.run_dir = trained
    cls.variant = os.path.dirname(
        train_main.run(request(3, cls.data_dir, cls.runs, shiftlabel=False)))
    cls.text = eval_main.evaluate(cls.run_dir, BOOTSTRAP)

  def metrics(self, run=None):
    with open(os.path.join(run or self.run_dir, "metrics.json")) as file:
      return json.load(file)

  def test_table_has_every_stage(self):
    titles = re.findall(r"^\| (\w+(?: \d)?) +\| \d+ ", self.text, re.MULTILINE)
    self.assertEqual(titles, ["Baseline", "Step 1", "Step 2", "Step 3", "Step 4", "reference"])
    self.assertIn("Better: ", self.text)

  def test_metrics_agree_with_the_predictions(self):
    predictions = Predictions.load(os.path.join(self.run_dir, "step3", "predictions_test.hdf5"))
    dz = (predictions.z_photo - predictions.z_spec) / (1 + predictions.z_spec)
    metrics = self.metrics()["stages"]["step3"]
    self.assertAllClose(metrics["mean_residual"], dz.mean())
    self.assertAllClose(metrics["outlier_fraction"], np.mean(np.abs(dz) > 0.05))
    self.assertLen(metrics["residual_z_spec"]["mean"], 40)
    with open(os.path.join(self.run_dir, "step3", "metrics.json")) as file:
      own = json.load(file)
    own.pop(json_files.DIGEST)
    self.assertEqual(own, metrics)

  def test_residual_curves_carry_the_weights_of_the_runs_labels(self):
    """One set of weights for all stages, so that their slopes can be compared."""
    path = os.path.join(self.run_dir, "step3", "label_model.npz")
    sigma_disp = LabelModel.load(path, SMALL_SDSS).sigma_disp
    stages = self.metrics()["stages"]
    for name, stage in stages.items():
      self.assertAllClose(stage["sigma_disp_bins"], sigma_disp, msg=name)
    test = Predictions.load(os.path.join(self.run_dir, "step1", "predictions_test.hdf5"))
    own = to_json(summarize(test, SMALL_SDSS, BOOTSTRAP))
    self.assertNotAllClose(own["sigma_disp_bins"], sigma_disp)
    self.assertNotEqual(own["residual_z_spec"], stages["step1"]["residual_z_spec"])
    self.assertEqual(stages["step1"]["residual_z_spec"], to_json(summarize(
        test, SMALL_SDSS, BOOTSTRAP, sigma_disp=sigma_disp))["residual_z_spec"])

  def test_step_4_is_fitted_saved_and_applied(self):
    step3 = os.path.join(self.run_dir, "step3")
    test = Predictions.load(os.path.join(step3, "predictions_test.hdf5"))
    calibration = Calibration.load(os.path.join(self.run_dir, "calibration.json"), SMALL_SDSS)
    catalog = Table.read(os.path.join(self.run_dir, "calibrated_test.fits"))
    self.assertAllEqual(catalog["z_photo"], test.z_photo)
    self.assertAllClose(catalog["z_photo_calibrated"],
                        calibration.apply(test.z_photo, test.r_mag))
    self.assertGreater(np.abs(catalog["z_photo_calibrated"] - catalog["z_photo"]).max(), 0.0)
    self.assertAllEqual(np.nan_to_num(catalog["calibration_error"]),
                        np.nan_to_num(calibration.correct(test.z_photo, test.r_mag).error))
    self.assertNotIn("crps", self.metrics()["stages"]["step4"])

  def test_step_4_never_sees_the_redshifts_of_the_test_set(self):
    """Permuted in the file that eval.main reads, they change no byte of the calibration."""
    run = os.path.join(self.create_tempdir().full_path, os.path.basename(self.run_dir))
    shutil.copytree(self.run_dir, run, ignore=shutil.ignore_patterns("features", "report"))
    path = os.path.join(run, "step3", "predictions_test.hdf5")
    test = Predictions.load(path)
    permuted = np.random.default_rng(0).permutation(test.z_spec)
    dataclasses.replace(test, ancil={**test.ancil, "redshift": permuted}).save(path)
    calibrations.step4_result(EvaluatedStage(os.path.join(run, "step3")), run, BOOTSTRAP)
    found = [open(os.path.join(folder, "calibration.json"), encoding="utf-8").read()
             for folder in (self.run_dir, run)]
    self.assertEqual(found[0], found[1])
    moved = dataclasses.replace(test, ancil={**test.ancil, "zmode": test.z_photo[::-1]})
    moved.save(path)
    calibrations.step4_result(EvaluatedStage(os.path.join(run, "step3")), run, BOOTSTRAP)
    with open(os.path.join(run, "calibration.json"), encoding="utf-8") as file:
      self.assertNotEqual(file.read(), found[0])  # estimates do matter

  def test_calibration_tells_where_it_comes_from(self):
    with open(os.path.join(self.run_dir, "calibration.json"), encoding="utf-8") as file:
      origin = json.load(file)["provenance"]
    step3 = os.path.join(self.run_dir, "step3")
    for name in ("test", "balanced"):
      self.assertLen(Predictions.load(os.path.join(step3, f"predictions_{name}.hdf5")),
                     origin["target_galaxies" if name == "test" else "balanced_galaxies"])
    self.assertEqual((origin["stage"], origin["seed"], origin["smoothing_wide_bins"]),
                     ("step3", 0, 0.0))
    self.assertIn("tensorflow", origin["versions"])

  def test_cells_of_step_4_are_shrunk_if_asked_for(self):
    run = os.path.join(self.create_tempdir().full_path, os.path.basename(self.run_dir))
    shutil.copytree(os.path.join(self.run_dir, "step3"), os.path.join(run, "step3"))
    evaluate(run, BOOTSTRAP, eval_main.Options(shrunk=True))
    found = [Calibration.load(os.path.join(folder, "calibration.json"), SMALL_SDSS)
             for folder in (self.run_dir, run)]
    self.assertLess(np.abs(found[1].offset).sum(), np.abs(found[0].offset).sum())
    with open(os.path.join(run, "calibration.json"), encoding="utf-8") as file:
      self.assertTrue(json.load(file)["provenance"]["shrunk"])

  def test_pdfs_are_calibrated_on_validation_galaxies(self):
    self.assertNotIn("calibrated_pdfs", self.metrics()["stages"]["step3"])
    run = os.path.join(self.create_tempdir().full_path, os.path.basename(self.run_dir))
    shutil.copytree(os.path.join(self.run_dir, "step3"), os.path.join(run, "step3"))
    path = os.path.join(run, "step3", "predictions_validation.hdf5")
    with (mock.patch.object(pdf_calibration, "FEWEST", 10),
          mock.patch.object(calibrations, "FEWEST", 10)):
      text = evaluate(run, BOOTSTRAP)
    self.assertIn("pdf_calibration.json", text)
    found = PdfCalibration.load(os.path.join(run, "pdf_calibration.json"), SMALL_SDSS)
    held_out, test = (Predictions.load(os.path.join(run, "step3", f"predictions_{name}.hdf5"))
                      for name in ("validation", "test"))
    self.assertAllEqual(found.count, np.full(SMALL_SDSS.rows, len(held_out)))
    metrics = self.metrics(run)["stages"]["step3"]
    mended = found.apply(test.pdf, test.r_mag)
    self.assertAllClose(metrics["calibrated_pdfs"]["crps"], crps(mended, test.z_spec, SMALL_SDSS))
    self.assertAllClose(metrics["crps"], crps(test.pdf, test.z_spec, SMALL_SDSS))
    digest = file_digest(StageFiles(os.path.join(run, "step3")).last)
    test.save(path, weights_digest=digest)
    with (mock.patch.object(pdf_calibration, "FEWEST", 10),
          mock.patch.object(calibrations, "FEWEST", 10),
          self.assertRaisesRegex(ValueError, "galaxies of the test set.*must not see those")):
      evaluate(run, BOOTSTRAP)
    Predictions.load(path).save(path, weights_digest="another")
    with self.assertRaisesRegex(ValueError, "predicted with other weights.*python -m train.main"):
      evaluate(run, BOOTSTRAP)

  def test_too_few_validation_galaxies_are_told_in_a_line(self):
    held_out = Predictions.load(
        os.path.join(self.run_dir, "step3", "predictions_validation.hdf5"))
    self.assertRegex(self.text, "(?m)^p.z. is not calibrated: that takes 500 validation galaxies, "
                     f"and there are {len(held_out)}$")
    self.assertFalse(os.path.exists(os.path.join(self.run_dir, "pdf_calibration.json")))

  def test_a_run_without_validation_predictions_is_evaluated_in_silence(self):
    run = os.path.join(self.create_tempdir().full_path, "without")
    shutil.copytree(os.path.join(self.run_dir, "step3"), os.path.join(run, "step3"))
    os.remove(os.path.join(run, "step3", "predictions_validation.hdf5"))
    self.assertNotIn("p(z) is not calibrated", evaluate(run, BOOTSTRAP))

  def test_each_file_is_read_once(self):
    """Predictions of every stage, and its weights, whatever parts need them."""
    run = os.path.join(self.create_tempdir().full_path, os.path.basename(self.run_dir))
    shutil.copytree(self.run_dir, run, ignore=shutil.ignore_patterns("features", "report"))
    with (mock.patch.object(pdf_calibration, "FEWEST", 10),
          mock.patch.object(calibrations, "FEWEST", 10),
          mock.patch.object(Predictions, "load", side_effect=Predictions.load) as loaded,
          mock.patch.object(eval_run, "file_digest", side_effect=file_digest) as hashed):
      evaluate(run, BOOTSTRAP)
    self.assertCountEqual([os.path.relpath(call.args[0], run) for call in loaded.call_args_list], [
        *(f"{stage}/predictions_test.hdf5" for stage in ("baseline", "step1", "step2", "step3")),
        "step3/predictions_validation.hdf5", "step3/predictions_balanced.hdf5"])
    hashed.assert_called_once()

  def test_galaxies_are_weighed_by_a_table(self):
    run = os.path.join(self.create_tempdir().full_path, "weighed")
    shutil.copytree(os.path.join(self.run_dir, "step3"), os.path.join(run, "step3"))
    test = Predictions.load(os.path.join(run, "step3", "predictions_test.hdf5"))
    weight = np.where(np.arange(len(test)) % 3, 0.0, 2.0)
    table = os.path.join(run, "weights.csv")
    Table({"id": test.ancil["id"][::-1], "weight": weight[::-1]}).write(table)
    self.assertIn("Step 4", evaluate(run, BOOTSTRAP, eval_main.Options(weights=table)))
    metrics = self.metrics(run)
    self.assertEqual(metrics["options"]["weights"], table)
    own = summarize(test.select(weight > 0), SMALL_SDSS, BOOTSTRAP)
    for name in ("mean_residual", "crps", "errors"):
      self.assertAllClose(metrics["stages"]["step3"][name], own[name])
    with open(os.path.join(run, "report", "index.html"), encoding="utf-8") as file:
      self.assertIn("weighted by weights.csv", file.read())

  def test_tables_of_weights_that_do_not_fit_are_refused(self):
    step3 = os.path.join(self.run_dir, "step3")
    ids = Predictions.load(os.path.join(step3, "predictions_test.hdf5")).ancil["id"]
    for table, message in (
        (Table({"id": ids[1:], "weight": np.ones(len(ids) - 1)}), "1 of .* are not in the table"),
        (Table({"id": ids, "w": np.ones(len(ids))}), "has no column weight, only id, w")):
      with self.assertRaisesRegex(ValueError, message):
        self.assertIsNone(EvaluatedStage(step3, weights=table).test)

  def test_calibrations_of_an_earlier_evaluation_are_told(self):
    run = os.path.join(self.create_tempdir().full_path, "mine")
    for name in ("baseline", "step1"):
      shutil.copytree(small_run().stage(name), os.path.join(run, name))
    for name in ("calibration.json", "calibrated_test.fits"):
      with open(os.path.join(run, name), "w", encoding="utf-8"):
        pass
    text = evaluate(run, Bootstrap(number=2))
    for name in ("calibration.json", "calibrated_test.fits"):
      self.assertIn(f"{os.path.join(run, name)} is of an earlier evaluation, and does not", text)

  def test_stages_that_do_not_belong_together_are_told(self):
    run = os.path.join(self.create_tempdir().full_path, "mine")
    shutil.copytree(small_run().run, run)
    path, step1 = os.path.join(run, "step2", "config.json"), os.path.join(run, "step1")
    with open(path, encoding="utf-8") as file:
      fields = json.load(file)
    fields["provenance"]["init_from"] = step1
    del fields[json_files.DIGEST]
    json_files.write(path, fields)
    self.assertEqual(EvaluatedRun.open(run).trained_anew, [])
    weights = os.path.join("checkpoints", "weights.h5")
    shutil.copy(os.path.join(run, "baseline", weights), os.path.join(step1, weights))
    (told,) = EvaluatedRun.open(run).trained_anew
    self.assertRegex(told, "Step 2 started from other weights than Step 1 has now, .*do not belong "
                     "together; delete .*step2 and later stages")

  def test_fill_values_are_no_weights(self):
    for number, message in ((-9999.0, "1 of 2 galaxies have no weight, 'b' the first"),
                            (-99.0, "1 of 2 galaxies have no weight, 'b' the first"),
                            (-1.0, r"negative, but 1 are, that of 'b' \(-1\) the first")):
      table = Table({"id": ["a", "b"], "weight": [1.0, number]})
      with self.assertRaisesRegex(ValueError, message):
        WeightTable.from_table(table).of(np.array(["a", "b"]))

  def test_a_galaxy_without_a_weight_is_named(self):
    step3 = os.path.join(self.run_dir, "step3")
    ids = Predictions.load(os.path.join(step3, "predictions_test.hdf5")).ancil["id"]
    folder = self.create_tempdir().full_path
    gaps = np.arange(len(ids)) == 2
    path = lambda name: os.path.join(folder, name)
    Table({"id": ids, "weight": MaskedColumn(np.ones(len(ids), int), mask=gaps)}).write(
        path("masked.fits"))
    for name, delimiter in (("gap.csv", ","), ("gap.tsv", "\t"), ("gap.csv.gz", ";")):
      with (gzip.open if name.endswith("gz") else open)(path(name), "wt") as file:
        file.write(f"id{delimiter}weight\n" + "".join(
            f"{key}{delimiter}{'' if gap else 1}\n" for key, gap in zip(ids, gaps)))
    for name in os.listdir(folder):
      with self.assertRaisesRegex(ValueError, f"{name}: 1 of .* have no weight, '{ids[2]}'"):
        self.assertIsNone(EvaluatedStage(step3, weights=WeightTable.read(path(name))).test)

  def test_rows_of_weights_without_an_id_are_left_out(self):
    path = os.path.join(self.create_tempdir().full_path, "weights.csv")
    with open(path, "w") as file:
      file.write("objID;Weight\n007;0,5\n;3\n;4\n")
    weights = WeightTable.read(path)
    self.assertEqual(weights.named(), f"{path}: columns id = objID, weight = Weight")
    self.assertAllEqual(weights.of(np.array(["007"])), [0.5])

  def test_the_catalogues_own_redshifts_are_measured_where_there_are_any(self):
    predictions = Predictions.load(os.path.join(self.run_dir, "step3", "predictions_test.hdf5"))
    known = predictions.ancil["z_photo_ref"] > -1
    dz = (0.1 - predictions.z_spec[known]) / (1 + predictions.z_spec[known])
    metrics = self.metrics()["stages"]["reference"]
    self.assertEqual(metrics["galaxies"], known.sum())
    self.assertLess(metrics["galaxies"], len(predictions))
    self.assertAllClose(metrics["mean_residual"], dz.mean())

  def test_several_redshifts_of_the_catalogue_are_told_by_name(self):
    run = os.path.join(self.create_tempdir().full_path, "several")
    shutil.copytree(os.path.join(self.run_dir, "step1"), os.path.join(run, "step1"),
                    ignore=shutil.ignore_patterns("features", "tensorboard"))
    path = os.path.join(run, "step1", "predictions_test.hdf5")
    with h5py.File(path, "a") as file:
      column = file["ancil"].pop("z_photo_ref")[()]
      file["ancil/z_photo_ref_zphot"] = column
      file["ancil/z_photo_ref_bpz"] = np.full(len(column), 0.2)
    text = evaluate(run, BOOTSTRAP)
    stages = self.metrics(run)["stages"]
    self.assertEqual(list(stages), ["step1", "reference_bpz", "reference_zphot"])
    self.assertEqual(stages["reference_zphot"]["galaxies"], np.sum(column > -1))
    self.assertEqual(stages["reference_bpz"]["galaxies"], len(column))
    self.assertRegex(text, r"(?s)\| Step 1 .*\| bpz .*\| zphot ")
    with open(os.path.join(run, "report", "index.html"), encoding="utf-8") as file:
      self.assertIn(f"(zphot: {np.sum(column > -1)})", file.read())

  def test_report_is_written_and_named(self):
    report = os.path.join(self.run_dir, "report")
    for name in ("index.html", "table.md", "stages.svg", "calibration.png", "density.svg"):
      self.assertTrue(os.path.exists(os.path.join(report, name)), name)
      self.assertIn(f"wrote {report}/{name}", self.text)
    with open(os.path.join(report, "table.md"), encoding="utf-8") as file:
      self.assertIn(file.read().strip(), self.text)
    with open(os.path.join(report, "index.html"), encoding="utf-8") as file:
      page = file.read()
    for word in ("<h1>sdss_net5_ne1</h1>", "180 redshift bins", "tensorflow 2.",
                 "<td>sqrt_whitened</td>", "<td>soft, shifted</td>", "reference: ",
                 "<dt>Outside of the training</dt>"):
      self.assertIn(word, page)
    self.assertNotIn(os.path.dirname(self.data_dir), page)

  def page(self, run=None):
    path = os.path.join(run or self.run_dir, "report", "index.html")
    with open(path, encoding="utf-8") as file:
      return file.read()

  def test_the_page_says_what_it_is_of(self):
    manifest = Dataset.open(self.data_dir).manifest
    train, written = manifest.records("train"), manifest.galaxies["written"]
    for word in ("Real galaxies", f"{os.path.basename(self.data_dir)}: {written} galaxies",
                 manifest.digest()[:16], f"<dt>Training galaxies</dt><dd>{train} (Step 2: ",
                 "<dt>Measured on</dt><dd>20", "pzbias_tf 0."):
      self.assertIn(word, self.page())
    recorded = load_config(os.path.join(self.run_dir, "step1"))[1]["data_set"]
    self.assertEqual(recorded["digest"], manifest.digest())
    metrics = self.metrics()
    self.assertEqual(metrics["origin"], {"kind": "real", "source": "images of memory"})
    self.assertEqual(metrics["data_set"]["digest"], manifest.digest())
    self.assertIn("data:application/json;base64,", self.page())

  def test_the_page_says_how_to_make_it_again(self):
    commands = self.metrics()["commands"]
    self.assertEqual([command.split()[2] for command in commands],
                     ["data_tools.make_tfrecords", *["train.main"] * 4, "eval.main"])
    self.assertEndsWith(commands[-1], "--num_bootstrap=5 --seed=0")
    for command in commands:
      self.assertIn(command, html.unescape(self.page()))

  def copied(self, **changes):
    """A copy of the run's Step 1 with changes of its config.json; returns the copy's folder."""
    run = os.path.join(self.create_tempdir().full_path, "copy")
    shutil.copytree(os.path.join(self.run_dir, "step1"), os.path.join(run, "step1"),
                    ignore=shutil.ignore_patterns("features"))
    path = os.path.join(run, "step1", "config.json")
    with open(path, encoding="utf-8") as file:
      config = json.load(file)
    config["provenance"] |= changes
    config["provenance"] = {key: value for key, value in config["provenance"].items()
                            if value is not None}
    config.pop(json_files.DIGEST)
    json_files.write(path, config)
    return run

  @parameterized.parameters(
      (True, False, "Simulated galaxies"), (False, False, "Not known whether real or simulated"),
      (True, True, "Simulated galaxies"))
  def test_a_run_outlives_its_data_set(self, recorded, readable, headline):
    facts = {**self.metrics()["data_set"], "simulated": {"num": 5}} if recorded else None
    run = self.copied(data_set=facts, **({} if readable else {"data_dir": "/nowhere/gone"}))
    evaluate(run, BOOTSTRAP)
    self.assertIn(f"<strong>{headline}</strong>", self.page(run))
    self.assertIn(f"<figcaption><strong>{headline}.</strong>", self.page(run))
    self.assertEqual("make_tfrecords" in self.page(run), readable)

  def test_runs_from_before_there_was_a_record(self):
    run = self.copied(data_set=None)
    evaluate(run, BOOTSTRAP)
    self.assertIn("<strong>Real galaxies</strong>", self.page(run))

  def test_the_calibrated_catalogue_carries_the_mark(self):
    path = os.path.join(self.create_tempdir().full_path, "catalog")
    os.makedirs(path)
    stage = EvaluatedStage(os.path.join(self.run_dir, "step3"))
    stage.__dict__["data_set"] = dataclasses.replace(stage.data_set, simulated={"num": 5})
    calibrations.step4_result(stage, path, BOOTSTRAP)
    self.assertEqual(read_mark(os.path.join(path, "calibrated_test.fits")), "galaxies")
    self.assertEqual(read_mark(os.path.join(self.run_dir, "calibrated_test.fits")), "")

  def test_worst_outliers_are_shown(self):
    test = Predictions.load(os.path.join(self.run_dir, "step3", "predictions_test.hdf5"))
    dz = np.abs(test.z_photo - test.z_spec) / (1 + test.z_spec)
    found, _ = eval_outliers.worst_outliers(EvaluatedStage(os.path.join(self.run_dir, "step3")))
    self.assertLen(found.ids, 12)
    self.assertEqual(found.ids[0], test.ancil["id"][np.argmax(dz)])
    self.assertAllEqual(np.diff(np.abs(found.z_photo - found.z_spec) / (1 + found.z_spec)) <= 0,
                        [True] * 11)
    own = Dataset.open(self.data_dir)
    row = np.flatnonzero(own.column("id") == found.ids[0])
    self.assertAllEqual(found.images[:1], read_images(own, row))

  def test_outliers_without_their_data_set_are_told(self):
    step3 = os.path.join(self.create_tempdir().full_path, "step3")
    shutil.copytree(os.path.join(self.run_dir, "step3"), step3)
    path = os.path.join(step3, "config.json")
    with open(path, encoding="utf-8") as file:
      config = json.load(file)
    for name, value, reason in (("data_digest", "other", "is another data set now"),
                                ("data_dir", "nowhere", "nowhere/manifest.json is missing")):
      config["settings" if name == "data_digest" else "provenance"][name] = value
      with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
      json_files.seal(path)
      found, why = eval_outliers.worst_outliers(EvaluatedStage(step3))
      self.assertIsNone(found)
      self.assertRegex(why, f"^no pictures of outliers: .*{reason}")

  @parameterized.parameters((("step1",),), (("baseline", "step1", "step2"),))
  def test_any_stages(self, names):
    run = os.path.join(self.create_tempdir().full_path, "some")
    for name in names:
      shutil.copytree(os.path.join(self.run_dir, name), os.path.join(run, name),
                      ignore=shutil.ignore_patterns("features", "tensorboard"))
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      text = eval_main.evaluate(run, BOOTSTRAP)
    self.assertEqual(list(self.metrics(run)["stages"]), [*names, "reference"])
    self.assertNotIn("Step 4", text)
    self.assertFalse(os.path.exists(os.path.join(run, "calibration.json")))
    self.assertLen(os.listdir(os.path.join(run, "report")), 14)

  def test_a_variant_shows_the_stages_it_started_from(self):
    stages = eval_run.find_stages(self.variant)
    self.assertEqual(list(stages), ["baseline", "step1", "step2", "step3"])
    self.assertStartsWith(stages["step3"], self.variant)
    self.assertStartsWith(stages["baseline"], self.run_dir)
    before = os.path.getmtime(os.path.join(self.run_dir, "step1", "metrics.json"))
    evaluate(self.variant, BOOTSTRAP)
    self.assertEqual(list(self.metrics(self.variant)["stages"]),
                     ["baseline", "step1", "step2", "step3", "step4", "reference"])
    self.assertEqual(os.path.getmtime(os.path.join(self.run_dir, "step1", "metrics.json")), before)

  def test_newest_run_is_the_default(self):
    self.assertEqual(eval_run.newest_run(self.runs), self.variant)
    with self.assertRaisesRegex(FileNotFoundError, "python -m train.main"):
      eval_run.newest_run(os.path.join(self.folder, "nothing"))
    with self.assertRaisesRegex(FileNotFoundError, "holds no stage"):
      evaluate(os.path.join(self.folder, "nothing"), BOOTSTRAP)


class SummaryTest(tf.test.TestCase):

  def predictions(self, num):
    rng = np.random.default_rng(0)
    pdf = rng.random((num, 180)).astype(np.float32)
    return Predictions.make(
        SMALL_SDSS.edges(), pdf / pdf.sum(1, keepdims=True), redshift=rng.uniform(0, 0.1, num),
        r_mag=rng.uniform(13, 18, num))

  def test_what_a_small_sample_cannot_give_is_null(self):
    summary = to_json(summarize(self.predictions(20), SMALL_SDSS, BOOTSTRAP))
    self.assertIsNone(summary["slope_z_spec"]["slope"])  # no galaxy above z = 0.15
    self.assertIsNone(summary["residual_z_spec"]["mean"][39])
    self.assertIsNone(summary["residual_map"]["mean"][0][0])
    json.dumps(summary, allow_nan=False)

  def test_no_galaxy_at_all(self):
    with self.assertRaisesRegex(ValueError, "no galaxy of sdss"):
      summarize(self.predictions(20).select(np.zeros(20, bool)), SMALL_SDSS, BOOTSTRAP)

  def test_only_the_surveys_own_part_counts(self):
    folder = self.create_tempdir().full_path
    predictions = self.predictions(4)
    predictions = dataclasses.replace(predictions, ancil={
        **predictions.ancil, "id": np.array(list("abcd")), "field": np.array(["W", "D", "W", ""]),
        "sample": np.array(["HQ", "HQ", "LR", "LR"])})
    predictions.save(os.path.join(folder, "predictions_test.hdf5"))
    own = EvaluatedStage(folder, CFHTLS_WIDE).test
    self.assertAllEqual(own.r_mag, predictions.r_mag[:1])
    both_fields = EvaluatedStage(folder, CFHTLS_WIDE.whole_dataset()).test
    self.assertAllEqual(both_fields.r_mag, predictions.r_mag[:2])


if __name__ == "__main__":
  tf.test.main()
