"""eval.export: a SavedModel that plain TensorFlow loads, with the numbers of our own prediction."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from eval import export as eval_export
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.predictions.estimates import INTERVALS
from pzbias_tf.predictions.predictor import predict
from pzbias_tf.survey import CFHTLS_WIDE
from pzbias_tf.training.checkpoints import StageFiles, save_weights
from pzbias_tf.training.config import save_config
from pzbias_tf.training.one_stage import make_network
from tests.small_data import SIZE, make_dataset
from tests.small_runs import small_config

# Images are stored at 1000 times their flux, and only the central pixels are used.
SURVEY = dataclasses.replace(CFHTLS_WIDE, name="small", dataset="small", bins=30,
                             image_size=SIZE, field="", sample="")

LOADS = """
import sys
import numpy as np
import tensorflow as tf
given = np.load(sys.argv[2])
model = tf.saved_model.load(sys.argv[1])
estimates = model.estimate(given["image"], given["ebv"])
served = model.signatures["serving_default"](
    image=tf.constant(given["image"]), ebv=tf.constant(given["ebv"]))
assert not [name for name in sys.modules if name.startswith("pzbias_tf")]
np.savez(sys.argv[3], edges=model.edges, served=served["pdf"],
         **{name: value.numpy() for name, value in estimates.items()})
"""


class ExportTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    cls.data = make_dataset(os.path.join(folder, "data"), num=60, survey=SURVEY)
    cls.stage = os.path.join(folder, "run", "step3")
    config = small_config(stage="step3", survey=SURVEY, image_size=SIZE - 4)
    cls.network = make_network(config)
    save_config(config, cls.stage, provenance={})
    save_weights(cls.network, StageFiles(cls.stage).last)
    cls.text = eval_export.export(cls.stage)
    cls.bundle = os.path.join(cls.stage, "bundle")
    cls.saved = os.path.join(cls.bundle, "saved_model")
    cls.folder = folder

  def test_agrees_with_our_own_prediction(self):
    keep = self.data.column("split") == "test"
    own = predict(self.network, self.data, "test", keep, SURVEY, extended=True)
    batch = next(iter(ordered_batches(self.data, "test", keep=keep, labels=None,
                                      batch_size=len(own), image_size=SIZE)))
    given, found = (os.path.join(self.folder, name) for name in ("given.npz", "found.npz"))
    np.savez(given, image=batch["image"].numpy() * SURVEY.flux_divisor, ebv=batch["ebv"].numpy())
    subprocess.run([sys.executable, "-c", LOADS, self.saved, given, found], check=True,
                   cwd=self.folder, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    estimates = np.load(found)
    self.assertAllClose(estimates["edges"], own.edges, atol=1e-12)
    self.assertAllClose(estimates["pdf"], own.pdf, rtol=0, atol=1e-6)
    self.assertAllClose(estimates["served"], own.pdf, rtol=0, atol=1e-6)
    for name in ("zmode", "zmean", "zmedian", "zbest", *INTERVALS):
      self.assertAllClose(estimates[name], own.ancil[name], rtol=0, atol=1e-5 * SURVEY.z_max)

  def test_what_is_not_finite_gives_nan_in_every_estimate(self):
    model = tf.saved_model.load(self.saved)
    images = np.random.default_rng(0).normal(size=(4, SIZE, SIZE, 5)).astype(np.float32)
    good = model.estimate(images, np.zeros(4, np.float32))
    images[1, SIZE // 2, SIZE // 2, 2], images[2, 5, 5, 0] = np.nan, np.inf
    found = model.estimate(images, np.float32([0, 0, 0, np.nan]))
    for name, values in found.items():
      values = values.numpy().reshape(4, -1)
      self.assertAllEqual(np.isnan(values).all(1), [False, True, True, True], name)
      self.assertAllEqual(values[0], good[name].numpy().reshape(4, -1)[0], name)

  def test_pixels_that_are_cut_off_do_not_count(self):
    images = np.ones((1, SIZE, SIZE, 5), np.float32)
    images[0, 0, 0, 0] = np.nan
    model = tf.saved_model.load(self.saved)
    found = model.estimate(images, np.zeros(1, np.float32))
    self.assertAllEqual(np.isfinite(found["zmode"]), [True])

  def test_small_images_are_refused(self):
    model = tf.saved_model.load(self.saved)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "at least 12 x 12 pixels"):
      model.estimate(tf.zeros([1, SIZE, 8, 5]), tf.zeros([1]))

  def test_says_what_it_is(self):
    self.assertIn(f"Step 3 -> {self.bundle}\n", self.text)
    self.assertIn("the model alone: saved_model; ", self.text)
    self.assertIn("no domain.json: nothing is flagged", self.text)
    self.assertFalse(hasattr(tf.saved_model.load(self.saved), "estimate_with_flags"))
    with open(os.path.join(self.saved, eval_export.ABOUT), encoding="utf-8") as file:
      about = json.load(file)
    self.assertEqual((about["stage"], about["survey"]["name"]), ("step3", "small"))
    self.assertLen(about["edges"], SURVEY.bins_extended + 1)

  def test_nothing_is_overwritten(self):
    with self.assertRaisesRegex(FileExistsError, "bundle exists; name another"):
      eval_export.export(self.stage)

  def test_a_licence_is_needed(self):
    output = os.path.join(self.folder, "unlicensed")
    for licence in ("", "  "):
      with self.assertRaisesRegex(ValueError, "--license is empty; name the licence"):
        eval_export.export(self.stage, output, licence)
    self.assertFalse(os.path.exists(output))

  def test_an_untrained_stage_is_named(self):
    with self.assertRaisesRegex(FileNotFoundError, "step2"):
      eval_export.export(os.path.join(os.path.dirname(self.stage), "step2"))


if __name__ == "__main__":
  tf.test.main()
