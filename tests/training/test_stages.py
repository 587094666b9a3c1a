"""The stages in a row: what trains, what stays, what is resumed, what is refused."""

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval.run import EvaluatedStage
from pzbias_tf.bias.soft_labels import LabelModel, fit_label_model
from pzbias_tf.metrics.label_width import widest_labels
from pzbias_tf.predictions.domain import FLAGS, TrainingDomain
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from pzbias_tf.training import one_stage, problem
from pzbias_tf.training.checkpoints import load_weights, named_weights, save_weights
from pzbias_tf.training.config import check_same_settings, load_config
from pzbias_tf.training.one_stage import make_network
from tests import small_runs
from tests.small_data import make_dataset
from tests.small_runs import SMALL_SDSS, request, weights
from train import main as train_main
from train import settings as train_settings


class StagesTest(tf.test.TestCase, parameterized.TestCase):
  """One small run of all stages, and what it tells about them."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.data_dir = os.path.join(cls.folder, "data")
    cls.data = make_dataset(cls.data_dir, num=600)
    cls.stage = {number: cls.train(number) for number in range(4)}

  @classmethod
  def train(cls, number, workdir="runs", predict=True, **settings):
    return small_runs.train(request(number, cls.data_dir, os.path.join(cls.folder, workdir),
                                    **settings), predict=predict)

  def test_folders(self):
    for number, name in enumerate(("baseline", "step1", "step2", "step3")):
      self.assertEndsWith(self.stage[number], f"runs/sdss_net5_ne1/{name}")
      for file in ("config.json", "checkpoints/weights.h5", "best/weights.h5",
                   "predictions_test.hdf5", "predictions_validation.hdf5"):
        self.assertTrue(os.path.exists(os.path.join(self.stage[number], file)), file)
      self.assertEqual(number >= 2, os.path.exists(
          os.path.join(self.stage[number], "predictions_balanced.hdf5")))

  @parameterized.parameters(2, 3)
  def test_only_the_redshift_layers_move(self, number):
    before, after = weights(self.stage[1]), weights(self.stage[number])
    self.assertEqual(set(before), set(after))
    for name in before:
      if "/redshift/" in name:
        self.assertNotAllClose(np.sum(before[name]), np.sum(after[name]))
      else:
        self.assertAllEqual(before[name], after[name])

  def test_all_seeds_0_from_shards(self):
    """With a global seed of 0, TensorFlow compares the seeds of shuffles with 0."""
    folder = self.train(0, workdir="seeds0", predict=False, ne=0, augment="rotate", iterations=2)
    self.assertEqual(load_config(folder)[0].stage_seed, 0)
    self.assertNotEmpty(weights(folder))

  def test_step_1_trains_everything(self):
    tf.keras.utils.set_random_seed(load_config(self.stage[1])[0].stage_seed)
    first = make_network(load_config(self.stage[1])[0])
    after = weights(self.stage[1])
    for name, variable in named_weights(first):
      self.assertNotAllEqual(variable, after[name])

  def test_step_3_starts_its_redshift_layers_afresh(self):
    # After 12 iterations of 1e-3 a weight can have moved by 0.012 at most.
    step1, step3 = weights(self.stage[1]), weights(self.stage[3])
    kernel = "output_module/redshift/kernel"
    self.assertEqual(step3[kernel].shape, (512, 6 * 360))
    left = SDSS.extension[0]
    overlap = step3[kernel].reshape(512, 6, 360)[:, :, left:left + 180]
    self.assertGreater(np.abs(overlap - step1[kernel].reshape(512, 6, 180)).mean(), 0.02)

  def test_predictions_are_those_of_the_last_weights(self):
    """Step 3 included: the published code could not restore its layers for a test."""
    for number in (0, 1, 3):
      predictions = Predictions.load(os.path.join(self.stage[number], "predictions_test.hdf5"))
      test = self.data.column("split") == "test"
      self.assertAllEqual(predictions.ancil["id"], self.data.column("id")[test])
      self.assertAllEqual(predictions.z_spec, self.data.column("z_spec")[test])
      self.assertEqual(predictions.pdf.shape[1], 360 if number == 3 else 180)
      again = self.train(number, testphase=True)
      os.remove(os.path.join(again, "predictions_test.hdf5"))
      self.train(number, testphase=True)
      repeated = Predictions.load(os.path.join(again, "predictions_test.hdf5"))
      self.assertAllClose(repeated.pdf, predictions.pdf, atol=1e-6)

  def test_validation_galaxies_are_predicted(self):
    for number in (0, 3):
      path = os.path.join(self.stage[number], "predictions_validation.hdf5")
      self.assertAllEqual(Predictions.load(path).ancil["id"],
                          self.data.column("id")[self.data.column("split") == "validation"])

  def test_what_it_was_trained_on_is_measured(self):
    domain = TrainingDomain.load(os.path.join(self.stage[0], "domain.json"))
    train = self.data.column("split") == "train"
    self.assertEqual(domain.galaxies, train.sum())
    r_mag = self.data.column("r_mag")[train]
    self.assertAllClose(domain.r_mag, [r_mag.min(), r_mag.max()], atol=0.05)
    flags = Predictions.load(os.path.join(self.stage[0], "predictions_validation.hdf5")).ancil[
        "flags"]
    self.assertLess(np.mean(flags & ~FLAGS["p(z) at edge"] > 0), 0.1)

  def test_a_data_set_without_validation_galaxies_is_predicted_in_silence(self):
    data = os.path.join(self.folder, "no_validation")
    make_dataset(data, num=60, split=(0.7, 0, 0.3))
    with mock.patch.object(one_stage.logging, "warning") as warning:
      stage = train_main.run(request(0, data, os.path.join(self.folder, "no_validation_runs")))
    warning.assert_not_called()
    self.assertFalse(os.path.exists(os.path.join(stage, "predictions_validation.hdf5")))

  def test_balanced_subset_is_predicted(self):
    balanced = Predictions.load(os.path.join(self.stage[2], "predictions_balanced.hdf5"))
    cells = SDSS.redshift_bin(balanced.z_spec) * 11 + SDSS.magnitude_row(balanced.r_mag)
    self.assertLessEqual(np.bincount(cells).max(), 5)
    train = self.data.column("id")[self.data.column("split") == "train"]
    self.assertContainsSubset(set(balanced.ancil["id"]), set(train))

  def test_label_model_is_fitted_on_the_whole_balanced_subset(self):
    step2 = Predictions.load(os.path.join(self.stage[2], "predictions_balanced.hdf5"))
    model = LabelModel.load(os.path.join(self.stage[3], "label_model.npz"), SDSS)
    whole = fit_label_model(step2.z_spec, step2.z_photo, step2.r_mag, SDSS)
    self.assertAllClose(model.density, whole.density)
    self.assertAllClose(model.sigma_disp, whole.sigma_disp)

  def test_labels_of_other_widths(self):
    """Chosen on validation galaxies, or by a factor; what was fitted is kept beside."""
    published = LabelModel.load(os.path.join(self.stage[3], "label_model.npz"), SDSS)
    validation = Predictions.load(os.path.join(self.stage[2], "predictions_validation.hdf5"))
    for width, expected in (("auto", widest_labels(validation, SDSS)),
                            (2.0, 2.0 * published.sigma_disp)):
      folder = self.train(3, label_width=width, iterations=2)
      self.assertEndsWith(folder, f"sdss_net5_ne1_width{width}".removesuffix(".0") + "/step3")
      self.assertEqual(load_config(folder)[0].label_width, width)
      model = LabelModel.load(os.path.join(folder, "label_model.npz"), SDSS)
      self.assertAllClose(model.sigma_disp, expected)
      self.assertAllClose(model.fitted_disp, published.sigma_disp)
      self.assertAllClose(EvaluatedStage(folder).sigma_disp, published.sigma_disp)

  def test_widths_from_validation_galaxies_need_some(self):
    copy = os.path.join(self.create_tempdir().full_path, "runs")
    shutil.copytree(os.path.join(self.folder, "runs"), copy)
    for path in pathlib.Path(copy).glob("*/step2/predictions_validation.hdf5"):
      path.unlink()
    shutil.rmtree(os.path.join(copy, "sdss_net5_ne1_widthauto"), ignore_errors=True)
    with self.assertRaisesRegex(FileNotFoundError, "--label_width=auto needs .*--split"):
      self.train(3, workdir=copy, label_width="auto", iterations=2)

  def older_run(self):
    """A copy whose config.json files lack what came later."""
    older = os.path.join(self.create_tempdir().full_path, "runs")
    shutil.copytree(os.path.join(self.folder, "runs"), older)
    for path in pathlib.Path(older).glob("**/config.json"):
      fields = json.loads(path.read_text())
      for later in ("dispersions", "label_width"):
        del fields["settings"][later]
      del fields["settings"]["survey"]["max_r_mag"], fields["sha256"]
      path.write_text(json.dumps(fields))
    return older

  def test_a_run_from_before_there_was_a_choice_of_widths(self):
    """Its labels have those of the global search, and it can go on only with these."""
    older = self.older_run()
    for number, expected in ((1, "published"), (3, "global")):
      copy = os.path.join(older, os.path.relpath(self.stage[number], self.folder + "/runs"))
      self.assertEqual(load_config(copy)[0].dispersions, expected)
      config = load_config(self.stage[number])[0]
      if number == 3:
        with self.assertRaisesRegex(ValueError, "dispersions: 'global' before, 'published' now"):
          check_same_settings(config, copy)
      check_same_settings(dataclasses.replace(config, dispersions=expected), copy)

  def test_an_older_run_goes_on(self):
    older = self.older_run()
    step3 = os.path.join(older, os.path.relpath(self.stage[3], self.folder + "/runs"))
    shutil.rmtree(step3)
    self.assertEqual(self.train(3, workdir=older, predict=False), step3)
    self.assertAllEqual(weights(step3)["output_module/redshift/kernel"],
                        weights(self.stage[3])["output_module/redshift/kernel"])

  def test_run_again_is_already_complete(self):
    path = os.path.join(self.stage[1], "checkpoints", "weights.h5")
    before = os.path.getmtime(path)
    self.train(1)
    self.assertEqual(os.path.getmtime(path), before)

  def test_other_settings_in_the_same_folder_are_refused(self):
    with self.assertRaisesRegex(
        ValueError, r"learning_rate: 0\.001 before, 0\.002 now\n.*--experiment"):
      self.train(1, learning_rate=2e-3)

  def test_missing_predecessors_name_the_command(self):
    with self.assertRaisesRegex(FileNotFoundError, r"python -m train.main --tstep=1 --multir"):
      self.train(2, workdir="empty")
    with self.assertRaisesRegex(FileNotFoundError, r"python -m train.main --tstep=2 --multir"):
      self.train(3, workdir="other", init_from=self.copy_of_step1("other"))
    with self.assertRaisesRegex(FileNotFoundError, "weights.h5 is missing. Run first:\n"):
      self.train(0, workdir="empty", testphase=True)

  def copy_of_step1(self, workdir):
    folder = os.path.join(self.folder, workdir, "lone", "step1")
    tf.io.gfile.makedirs(folder)
    config, network = load_config(self.stage[1])[0], None
    tf.io.gfile.copy(os.path.join(self.stage[1], "config.json"),
                     os.path.join(folder, "config.json"), overwrite=True)
    network = make_network(config)
    load_weights(network, os.path.join(self.stage[1], "checkpoints", "weights.h5"))
    save_weights(network, os.path.join(folder, "checkpoints", "weights.h5"))
    return folder

  def test_variants_share_step_1_and_step_2(self):
    for settings, name in (({"softlabel": False}, "sdss_net5_ne1_hardlabel"),
                           ({"shiftlabel": False}, "sdss_net5_ne1_noshift")):
      folder = self.train(3, predict=False, **settings)
      self.assertEndsWith(folder, f"{name}/step3")
      provenance = load_config(folder)[1]
      self.assertEqual(provenance["init_from"], self.stage[1])
      self.assertStartsWith(provenance["label_predictions"], self.stage[2])
      kernel = "output_module/redshift/kernel"
      self.assertNotAllEqual(weights(folder)[kernel], weights(self.stage[3])[kernel])

  def test_init_from_another_run(self):
    folder = self.train(2, predict=False, experiment="variant", fth=3, init_from=self.stage[1])
    self.assertEndsWith(folder, "runs/variant/step2")
    self.assertEqual(load_config(folder)[1]["init_from"], self.stage[1])
    with self.assertRaisesRegex(ValueError, "fth=5.*has 8"):
      self.train(3, experiment="variant8", fth=8, init_from=self.stage[1])

  def test_threshold_10000_hands_step_1_on(self):
    folder = self.train(2, fth=10_000)
    self.assertEndsWith(folder, "sdss_net5_ne1_fth10000/step2")
    before, after = weights(self.stage[1]), weights(folder)
    for name in before:
      self.assertAllEqual(before[name], after[name])
    balanced = Predictions.load(os.path.join(folder, "predictions_balanced.hdf5"))
    self.assertLen(balanced, np.sum(self.data.column("split") == "train"))

  def test_itealter_keeps_weights_on_the_way_in_its_own_folder(self):
    """The published code stops at 120,000 and overwrites the ordinary run."""
    settings = train_settings.resolve(
        request(1, "", "", itealter=1, iterations=None, learning_rate=None), self.data)
    self.assertEqual(settings["iterations"], 240_000)
    self.assertEqual(settings["lr_drops"], ())
    self.assertEqual(settings["keep_weights_at"][-1], 240_000)
    with mock.patch.object(train_settings, "ITEALTER_KEPT", (5, 8)):
      folder = self.train(1, itealter=1)
    self.assertEndsWith(folder, "sdss_net5_ne1_itealter/step1")
    for iteration in (5, 8):
      self.assertTrue(os.path.exists(
          os.path.join(folder, "checkpoints", f"weights-{iteration:06d}.h5")))
    tested = self.train(1, itealter=5, testphase=True)
    self.assertEndsWith(tested, "sdss_net5_ne1_itealter5/step1")
    early, last = (Predictions.load(os.path.join(path, "predictions_test.hdf5"))
                   for path in (tested, folder))
    self.assertNotAllClose(early.pdf, last.pdf)
    later = self.train(2, predict=False, itealter=8)
    self.assertEndsWith(later, "sdss_net5_ne1_itealter8/step2")
    self.assertEqual(load_config(later)[1]["init_from"], folder)
    with self.assertRaisesRegex(FileNotFoundError, "weights of iteration 9"):
      self.train(2, itealter=9)

  def test_itealter_in_a_named_run(self):
    with mock.patch.object(train_settings, "ITEALTER_KEPT", (5, 8)):
      self.train(1, predict=False, itealter=1, experiment="mine")
    folders = [self.train(1, itealter=k, experiment="mine", testphase=True) for k in (5, 8)]
    self.assertEndsWith(folders[0], "mine_itealter5/step1")
    early, late = (Predictions.load(os.path.join(folder, "predictions_test.hdf5"))
                   for folder in folders)
    self.assertNotAllClose(early.pdf, late.pdf)

  def test_predictions_of_other_weights_are_made_again(self):
    folder = self.train(0, experiment="again")
    path = os.path.join(folder, "predictions_test.hdf5")
    before = Predictions.load(path).pdf
    network = make_network(load_config(folder)[0])
    save_weights(network, os.path.join(folder, "checkpoints", "weights.h5"))
    self.train(0, experiment="again", testphase=True)
    self.assertNotAllClose(Predictions.load(path).pdf, before)

  def test_labels_of_another_step_1_are_refused(self):
    other = self.train(1, predict=False, experiment="other", ne=2)
    self.train(2, experiment="mixed", init_from=other)
    with self.assertRaisesRegex(ValueError, "init_weights_digest"):
      self.train(3, experiment="mixed", init_from=self.stage[1])
    with self.assertRaisesRegex(ValueError, "ne=2.*has 1"):
      self.train(2, experiment="other")  # found by its place, not named

  def test_label_errors_reach_step_1_alone(self):
    noisy = self.train(1, predict=False, errl=0.02)
    self.assertEqual(load_config(noisy)[0].errl, 0.02)
    with mock.patch.object(problem, "feature_batches", wraps=problem.feature_batches) as batches:
      step2 = self.train(2, predict=False, errl=0.02)
    config, provenance = load_config(step2)
    self.assertEqual(config.errl, 0.0)
    self.assertEqual(provenance["init_from"], noisy)
    clean = SMALL_SDSS.redshift_bin(self.data.column("z_spec"))
    self.assertAllEqual(batches.call_args.args[2].redshift_bin, clean)

  def test_rotation_by_any_angle_is_for_whole_networks(self):
    folder = self.train(2, predict=False, augment="rotate", experiment="rotated",
                        init_from=self.stage[1])
    self.assertEqual(load_config(folder)[0].augment, "dihedral")


class LearnsTest(tf.test.TestCase):

  def test_learns(self):
    folder = tempfile.mkdtemp()
    make_dataset(os.path.join(folder, "data"), num=600)
    stage = train_main.run(request(1, os.path.join(folder, "data"), folder, iterations=300))
    predictions = Predictions.load(os.path.join(stage, "predictions_test.hdf5"))
    dz = predictions.z_photo - predictions.z_spec
    self.assertLess(np.median(np.abs(dz)), 0.03)


if __name__ == "__main__":
  tf.test.main()
