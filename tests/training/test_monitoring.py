"""TensorBoard's files: settings, scalars, pictures, histograms, a profile."""

import glob
import os
import tempfile

from absl.testing import parameterized
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
import tensorflow as tf

from pzbias_tf.metrics.distributions import total_variation
from pzbias_tf.metrics.point import sigma_mad
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.report.figures import draw_validation
from pzbias_tf.survey import SDSS
from pzbias_tf.training.config import load_config
from pzbias_tf.training.monitoring import OUTCOMES, Monitoring, write_outcomes
from tests.small_data import make_dataset
from tests.small_runs import request, train, weights
from train import main as train_main


class MonitoringTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    make_dataset(os.path.join(folder, "data"), num=300)
    settings = {"data_dir": os.path.join(folder, "data"), "iterations": 200}
    cls.plain = train(request(1, workdir=os.path.join(folder, "plain"), **settings),
                      predict=False)
    cls.watched = train_main.run(request(
        1, workdir=os.path.join(folder, "watched"), histograms=True, profile=("50", "53"),
        **settings))
    cls.events = EventAccumulator(
        cls.watched, size_guidance={"images": 0}).Reload()

  def test_scalars(self):
    scalars = set(self.events.Tags()["tensors"])
    self.assertContainsSubset(
        {"train/loss", "train/learning_rate", "train/examples_per_s",
         "train/share_waiting_for_input", "validation/loss", "validation/sigma_mad",
         "validation/mean_residual", "validation/outlier_fraction"}, scalars)
    for sample in ("train", "validation"):
      parts = [self.last(f"{sample}/loss{part}") for part in ("", "_redshift", "_magnitude")]
      self.assertNear(parts[0], parts[1] + parts[2], 1e-5 * parts[0])
      self.assertAllGreater(parts, 0)
    shares = [tf.make_ndarray(event.tensor_proto)
              for event in self.events.Tensors("train/share_waiting_for_input")]
    self.assertAllInRange(shares, 0.0, 1.0)

  def last(self, name):
    return float(tf.make_ndarray(self.events.Tensors(name)[-1].tensor_proto))

  def test_settings(self):
    self.assertIn("_hparams_/session_start_info", self.events.summary_metadata)

  def test_runs_are_named_by_stage(self):
    events = glob.glob(os.path.join(self.watched, "**", "*tfevents*"), recursive=True)
    self.assertNotEmpty(events)
    folders = {os.path.relpath(os.path.dirname(path), os.path.dirname(self.watched))
               for path in events if "plugins" not in path}
    self.assertEqual(folders, {"step1"})

  @parameterized.parameters("validation", "test")
  def test_outcomes_are_those_of_the_predictions(self, sample):
    predictions = Predictions.load(os.path.join(self.watched, f"predictions_{sample}.hdf5"))
    z_spec, z_photo = predictions.z_spec, predictions.z_photo
    survey = load_config(self.watched)[0].survey
    for name, expected in (("sigma_mad", sigma_mad(z_spec, z_photo)),
                           ("total_variation", total_variation(z_spec, z_photo, survey).mean)):
      tag = f"outcome_{sample}/{name}"
      self.assertIn(tag, OUTCOMES)
      self.assertNear(self.last(tag), expected, 1e-6)

  def test_hparams_declare_their_outcomes_and_the_end(self):
    metadata = self.events.summary_metadata
    content = HParamsPluginData.FromString(
        metadata["_hparams_/experiment"].plugin_data.content)
    self.assertCountEqual([info.name.tag for info in content.experiment.metric_infos], OUTCOMES)
    end = HParamsPluginData.FromString(
        metadata["_hparams_/session_end_info"].plugin_data.content)
    self.assertEqual(end.session_end_info.status, api_pb2.STATUS_SUCCESS)

  def test_a_sample_that_determines_no_slope_has_none(self):
    z = np.full(20, 0.05)
    folder = self.create_tempdir().full_path
    write_outcomes(load_config(self.watched)[0], folder, {"test": Estimates(
        {"redshift": z, "zmode": z + 0.01, "r_mag": np.full(20, 16.0)})})
    tags = EventAccumulator(folder).Reload().Tags()["tensors"]
    self.assertIn("outcome_test/sigma_mad", tags)
    self.assertNotIn("outcome_test/slope_z_spec", tags)

  def test_pictures(self):
    pictures = self.events.Tensors("validation/redshifts")
    self.assertEqual([picture.step for picture in pictures], [200])
    width, height, png = tf.make_ndarray(pictures[0].tensor_proto)
    self.assertEqual(tf.image.decode_png(png).shape[:2], (int(height), int(width)))

  def test_histograms(self):
    self.assertIn("weights/representation/conv1/kernel", self.events.Tags()["tensors"])

  def test_profile(self):
    self.assertTrue(glob.glob(os.path.join(
        self.watched, "plugins", "profile", "*", "*.xplane.pb")))

  def test_monitoring_changes_nothing(self):
    other = weights(self.watched)
    for name, value in weights(self.plain).items():
      self.assertAllEqual(value, other[name])

  def test_a_profile_beyond_the_end_is_refused(self):
    with self.assertRaisesRegex(ValueError, "--profile=5,300: the stage ends at iteration 200"):
      Monitoring(profile=(5, 300)).check_profile(200)

  def test_a_run_that_goes_on_within_a_profile_has_none(self):
    self.assertFalse(Monitoring(profile=(5, 8)).follow_profile(8, self.plain, running=False))

  @parameterized.parameters(((5,),), ((10, 5),), ((0, 5),))
  def test_bad_profiles(self, profile):
    with self.assertRaisesRegex(ValueError, "--profile=.*first and the last"):
      Monitoring(profile=profile)

  def test_the_picture_shows_both_curves(self):
    z_spec = np.linspace(0.01, 0.3, 4000)
    figure = draw_validation(z_spec, z_spec + 0.01 * (1 + z_spec), SDSS, "step1")
    for ax in figure.axes[:2]:
      self.assertAllClose(ax.lines[1].get_ydata(), np.full_like(ax.lines[1].get_ydata(), 0.01),
                          atol=1e-6)


if __name__ == "__main__":
  tf.test.main()
