"""TensorBoard's files: settings, scalars, pictures, histograms, a profile."""

import glob
import os
import tempfile

from absl.testing import parameterized
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
import tensorflow as tf

from pzbias_tf.report.figures import draw_validation
from pzbias_tf.survey import SDSS
from pzbias_tf.training.monitoring import Monitoring
from tests.small_data import make_dataset
from tests.small_runs import request, weights
from train import main as train_main


class MonitoringTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    make_dataset(os.path.join(folder, "data"), num=300)
    settings = {"data_dir": os.path.join(folder, "data"), "iterations": 200}
    cls.plain = train_main.run(request(1, workdir=os.path.join(folder, "plain"), **settings))
    cls.watched = train_main.run(request(
        1, workdir=os.path.join(folder, "watched"), histograms=True, profile=("50", "53"),
        **settings))
    cls.events = EventAccumulator(
        os.path.join(cls.watched, "tensorboard"), size_guidance={"images": 0}).Reload()

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

  def test_pictures(self):
    pictures = self.events.Tensors("validation/redshifts")
    self.assertEqual([picture.step for picture in pictures], [200])
    width, height, png = tf.make_ndarray(pictures[0].tensor_proto)
    self.assertEqual(tf.image.decode_png(png).shape[:2], (int(height), int(width)))

  def test_histograms(self):
    self.assertIn("weights/representation/conv1/kernel", self.events.Tags()["tensors"])

  def test_profile(self):
    self.assertTrue(glob.glob(os.path.join(
        self.watched, "tensorboard", "plugins", "profile", "*", "*.xplane.pb")))

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
