"""The commands as a user types them, in an empty folder; with real galaxies if they are given."""

import os
import subprocess
import sys
import tempfile

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
import tensorflow as tf

from pzbias_tf.data.manifest import Manifest
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from pzbias_tf.training.config import load_config
from tests import programs

REAL_DATA = os.environ.get("PZBIAS_REAL_DATA", "")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(folder: str, *words: str) -> str:
  """Runs `python -m WORDS` in a folder, with its own imports; returns its output."""
  return output(words, subprocess.run(
      [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False,
      env={**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3"}))


def run_once_more(folder: str, *words: str, fails: bool = False) -> str:
  """The same for a command whose imports another test has seen."""
  return output(words, programs.run("-m", *words, cwd=folder), fails)


def output(words, ended: subprocess.CompletedProcess, fails: bool = False) -> str:
  """What a command printed; it must have ended well, or with an error."""
  text = ended.stdout + ended.stderr
  if (ended.returncode != 0) != fails:
    raise AssertionError(f"{' '.join(words)} gave {ended.returncode}:\n{text}")
  return text


class CommandsTest(tf.test.TestCase):
  """The four main commands, with fewer galaxies and iterations."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.converted = run(cls.folder, "data_tools.make_tfrecords", "--num=600")
    cls.trained = run(cls.folder, "train.main", "--tstep=1", "--multir", "--iterations=20")
    cls.evaluated = run(cls.folder, "eval.main", "--num_bootstrap=5")

  def path(self, *words):
    return os.path.join(self.folder, *words)

  def test_each_finds_what_the_one_before_left(self):
    self.assertIn("600 galaxies of sdss are simulated", self.converted)
    self.assertIn("not observations", self.converted)
    self.assertIn("Next: python -m train.main --tstep=1 --multir", self.converted)
    self.assertIn("preset for CPUs", self.trained)
    self.assertRegex(self.evaluated, r"\| Step 1 +\| \d+ ")
    self.assertTrue(os.path.exists(self.path("runs", "sdss_net5_ne1", "metrics.json")))

  def test_preset_is_recorded_and_used(self):
    preset = Manifest.load(self.path("data", "sdss")).preset
    config, _ = load_config(self.path("runs", "sdss_net5_ne1", "step1"))
    self.assertEqual((config.net, config.image_size), (preset["net"], preset["image_size"]))
    self.assertEqual(config.batch_size, preset["stages"]["step1"]["batch_size"])
    self.assertEqual(config.lr_drops, tuple(preset["stages"]["step1"]["lr_drops"]))
    self.assertEqual(config.iterations, 20)  # as given by the flag

  def test_tensorboard_finds_scalars(self):
    events = EventAccumulator(self.path("runs", "sdss_net5_ne1", "step1"),
                              size_guidance={"tensors": 0}).Reload()
    self.assertContainsSubset(
        {"train/loss", "train/learning_rate", "train/examples_per_s", "validation/loss",
         "validation/sigma_mad", "validation/mean_residual"}, set(events.Tags()["tensors"]))

  def test_repeated_commands_say_so(self):
    again = run_once_more(self.folder, "data_tools.make_tfrecords", "--num=600")
    self.assertIn("data/sdss already holds this data set; nothing to do", again)
    again = run_once_more(self.folder, "train.main", "--tstep=1", "--multir", "--iterations=20")
    self.assertIn("trained already", again)

  def test_mistakes_end_in_one_line(self):
    for words in (("train.main", "--tstep=2", "--multir", "--data_dir=nowhere"),
                  ("train.main", "--tstep=1", "--multir=0"), ("eval.main", "--run=nowhere"),
                  ("eval.predict", "--run=nowhere", "--data=nowhere")):
      said = run_once_more(self.folder, *words, fails=True)
      self.assertIn("Error: ", said)
      self.assertNotIn("Traceback", said)

  def test_real_galaxies_are_predicted_by_a_network_of_simulated_ones(self):
    if not REAL_DATA:
      self.skipTest("PZBIAS_REAL_DATA does not name a folder of real galaxies")
    cube = os.path.join(REAL_DATA, "sdss_spec", "two_galaxies_64x64x5.npz")
    run(self.folder, "data_tools.make_tfrecords", f"--input={cube}", "--output=data/real",
        "--id_column=name", "--ebv=0", "--r_from_image", "--split=0,0,1")
    said = run(self.folder, "eval.predict", "--run=runs/sdss_net5_ne1", "--stage=step1",
               "--data=data/real")
    self.assertIn("J0056-0021", said)
    predictions = Predictions.load(
        self.path("runs", "sdss_net5_ne1", "step1", "predictions_real_test.hdf5"))
    order = predictions.ancil["id"].argsort()
    self.assertAllClose(predictions.z_spec[order], [0.0628, 0.11])
    self.assertAllClose(predictions.pdf.sum(1), [1.0, 1.0], atol=1e-5)
    centers = SDSS.centers()
    for z_photo in predictions.z_photo:
      self.assertLess(np.abs(centers - z_photo).min(), 1e-6)


if __name__ == "__main__":
  tf.test.main()
