"""A bundle predicts what its run predicts, needs the run no more, and is refused once changed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval import export as eval_export
from eval import main as eval_main
import pzbias_tf as pz
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.predictions.estimates import INTERVALS
from pzbias_tf.predictions.estimates_in_graph import NO_ESTIMATE
from tests.eval.small_run import small_run
from tests.report.unrendered import unrendered
from tests.small_data import make_cube

NUM = 40
FILES = ["README.md", "calibration.json", "config.json", "domain.json", "manifest.json",
         "saved_model", "survey.toml", "weights.h5"]
TENSORFLOW_ALONE = """
import sys
import numpy as np
import tensorflow as tf
given = np.load(sys.argv[2])
model = tf.saved_model.load(sys.argv[1])
found = model.estimate_with_flags(given["images"], given["ebv"], given["r_mag"])
served = model.signatures["with_flags"](
    image=tf.constant(given["images"]), ebv=tf.constant(given["ebv"]),
    r_mag=tf.constant(given["r_mag"]))
assert not [name for name in sys.modules if name.split(".")[0] in ("pzbias_tf", "eval", "tests")]
np.savez(sys.argv[3], edges=model.edges, served=served["flags"],
         **{name: value.numpy() for name, value in found.items()})
"""


def galaxies():
  """Images, reddening and magnitudes, some unlike those of the training."""
  rng = np.random.default_rng(3)
  images = make_cube(rng.uniform(0.02, 0.35, NUM), 5, seed=4)
  images[0] = np.roll(images[0], 6, axis=0)
  images[1, ..., 1] *= 20
  r_mag = rng.uniform(13.0, 18.0, NUM).astype(np.float32)
  r_mag[2] = 9.0
  return {"images": images, "ebv": rng.uniform(0.0, 0.2, NUM).astype(np.float32), "r_mag": r_mag}


class BundleTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.run_folder = os.path.join(cls.folder, "sdss_net5_ne1")
    shutil.copytree(small_run().run, cls.run_folder)
    with unrendered():
      eval_main.evaluate(cls.run_folder, Bootstrap(number=3))
    cls.bundle = os.path.join(cls.folder, "bundle")
    cls.text = eval_export.export(os.path.join(cls.run_folder, "step3"), cls.bundle)

  def copied(self, what="bundle"):
    """A copy of the bundle, or of the run, that a test may spoil."""
    folder = os.path.join(self.create_tempdir().full_path, what)
    return shutil.copytree(self.bundle if what == "bundle" else self.run_folder, folder)

  def check_same(self, found, own):
    """All columns of two predictions are the same, bit by bit."""
    self.assertAllEqual(found.edges, own.edges)
    self.assertAllEqual(found.pdf, own.pdf)
    self.assertCountEqual(found.ancil, own.ancil)
    for name in set(own.ancil) - {"redshift"}:
      self.assertAllEqual(found.ancil[name], own.ancil[name], name)

  def test_predicts_what_the_run_predicts(self):
    given = galaxies()
    model, run = pz.load_bundle(self.bundle), pz.load_run(self.run_folder)
    own = run.predict(given["images"], ebv=given["ebv"], r_mag=given["r_mag"])
    self.assertContainsSubset({"flags", "zmode_calibrated", "zbest"}, own.ancil)
    self.check_same(model.predict(given["images"], ebv=given["ebv"], r_mag=given["r_mag"]), own)
    self.check_same(model.predict(given["images"], ebv=0.0), run.predict(given["images"], ebv=0.0))
    self.assertEqual(repr(model), repr(run).replace(self.run_folder, self.bundle))
    self.assertEqual(model.config, run.config)

  @parameterized.parameters("baseline", "step2")
  def test_other_stages(self, stage):
    output = os.path.join(self.create_tempdir().full_path, "bundle")
    eval_export.export(os.path.join(self.run_folder, stage), output)
    self.assertCountEqual(os.listdir(output), set(FILES) - {"calibration.json"})
    given = galaxies()
    arguments = {"ebv": given["ebv"], "r_mag": given["r_mag"]}
    self.check_same(pz.load_bundle(output).predict(given["images"], **arguments),
                    pz.load_run(self.run_folder, stage).predict(given["images"], **arguments))

  def test_tensorflow_alone_can_use_the_model(self):
    arrays = galaxies()
    own = pz.load_run(self.run_folder).predict(
        arrays["images"], ebv=arrays["ebv"], r_mag=arrays["r_mag"])
    given, found = (os.path.join(self.folder, name) for name in ("given.npz", "found.npz"))
    np.savez(given, **arrays)
    moved = os.path.join(self.create_tempdir().full_path, "alone")
    shutil.copytree(os.path.join(self.bundle, "saved_model"), moved)
    subprocess.run([sys.executable, "-c", TENSORFLOW_ALONE, moved, given, found], check=True,
                   cwd=self.folder, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    estimates = np.load(found)
    self.assertAllClose(estimates["pdf"], own.pdf, rtol=0, atol=1e-6)
    self.assertAllEqual(estimates["edges"], own.edges)
    self.assertAllEqual(estimates["flags"], own.ancil["flags"])
    self.assertAllEqual(estimates["served"], own.ancil["flags"])
    self.assertNotAllEqual(own.ancil["flags"], np.full(NUM, own.ancil["flags"][0]))
    for name in ("zmode", "zmean", "zmedian", "zbest", *INTERVALS):
      self.assertAllClose(estimates[name], own.ancil[name], rtol=0, atol=1e-5, msg=name)

  def test_pixels_that_are_not_finite_are_flagged(self):
    given, model = galaxies(), tf.saved_model.load(os.path.join(self.bundle, "saved_model"))
    images = given["images"]
    images[3, 5, 5, 0], images[4], images[5, 0, 0, 4] = np.nan, np.nan, np.inf
    given["ebv"][6] = np.nan
    found = model.estimate_with_flags(images, given["ebv"], given["r_mag"])
    lost = np.isin(np.arange(NUM), [3, 4, 5, 6])
    for name, values in found.items():
      values = values.numpy().reshape(NUM, -1)
      if name == "flags":
        self.assertAllEqual(values[:, 0] == NO_ESTIMATE, lost)
      else:
        self.assertAllEqual(np.isnan(values).all(1), lost, name)
        self.assertAllEqual(np.isnan(values).any(1), lost, name)

  def test_what_it_holds(self):
    self.assertCountEqual(os.listdir(self.bundle), FILES)
    self.assertEqual(pz.load_survey(os.path.join(self.bundle, "survey.toml")),
                     pz.load_run(self.run_folder).survey)
    self.assertIn(f"Step 3 -> {self.bundle}", self.text)
    self.assertNotIn("domain.json", self.text)
    for folder, _, names in os.walk(self.bundle):
      for name in names:
        with open(os.path.join(folder, name), "rb") as file:
          content = file.read()
        for path in (self.folder, small_run().workdir, small_run().data):
          self.assertNotIn(path.encode(), content, f"{name} tells of folders of this machine")

  def test_its_card(self):
    with open(os.path.join(self.bundle, "README.md"), encoding="utf-8") as file:
      card = file.read()
    with open(os.path.join(self.run_folder, "metrics.json"), encoding="utf-8") as file:
      metrics = json.load(file)
    for stage in ("step3", "step4"):
      value, error = (metrics["stages"][stage]["total_variation"][name]
                      for name in ("mean", "error"))
      self.assertIn(f"{value:.3f} +- {error:.3f}", card)
    self.assertIn("3 bootstraps", card)
    for line in metrics["commands"]:
      self.assertIn(f"    {line}", card)

  @parameterized.parameters(
      "weights.h5", "README.md", "config.json", "calibration.json", "domain.json", "survey.toml",
      "saved_model/saved_model.pb", "saved_model/variables/variables.data-00000-of-00001",
      "saved_model/assets.extra/pzbias_tf.json")
  def test_a_changed_byte(self, name):
    bundle = self.copied()
    with open(os.path.join(bundle, name), "r+b") as file:
      file.seek(os.path.getsize(file.name) // 2)
      byte = file.read(1)[0]
      file.seek(-1, os.SEEK_CUR)
      file.write(bytes([byte ^ 1]))
    with self.assertRaisesRegex(ValueError, f"bundle/{name} was changed: .*export it again"):
      pz.load_bundle(bundle)

  def test_files_added_and_missing(self):
    bundle = self.copied()
    for name in ("pdf_calibration.json", "saved_model/variables/more"):
      path = shutil.copy(os.path.join(bundle, "README.md"), os.path.join(bundle, name))
      with self.assertRaisesRegex(ValueError, f"bundle/{name} was added"):
        pz.load_bundle(bundle)
      os.remove(path)
    os.remove(os.path.join(bundle, "calibration.json"))  # Step 4 would be left out in silence
    with self.assertRaisesRegex(ValueError, "bundle/calibration.json is missing"):
      pz.load_bundle(bundle)

  def test_a_run_is_no_bundle_and_a_bundle_no_run(self):
    for folder in (self.run_folder, os.path.join(self.run_folder, "step3"), small_run().data):
      with self.assertRaisesRegex((FileNotFoundError, ValueError), "not (a|the manifest of a) "
                                  "bundle.*python -m eval.export"):
        pz.load_bundle(folder)
    with self.assertRaisesRegex(FileNotFoundError, "is not a run; load_bundle loads a bundle"):
      pz.load_run(self.bundle)

  def other_weights(self, run):
    """Puts weights of another stage into Step 3, as a training that goes on would."""
    shutil.copy(os.path.join(run, "step2", "checkpoints", "weights.h5"),
                os.path.join(run, "step3", "checkpoints", "weights.h5"))

  def export(self, run, name="out"):
    output = os.path.join(os.path.dirname(run), name)
    try:
      return eval_export.export(os.path.join(run, "step3"), output)
    except ValueError:
      self.assertFalse(os.path.exists(output))
      raise

  def test_weights_that_the_metrics_are_not_of(self):
    run = self.copied("run")
    self.other_weights(run)
    with self.assertRaisesRegex(ValueError, "run/metrics.json measures step3 with other weights"):
      self.export(run)

  def test_weights_that_step_4_is_not_of(self):
    run = self.copied("run")
    self.other_weights(run)
    os.remove(os.path.join(run, "metrics.json"))
    with self.assertRaisesRegex(ValueError, "calibration.json was fitted on the estimates of"):
      self.export(run)

  @parameterized.parameters("metrics.json", "calibration.json", "step3/domain.json")
  def test_damaged_files(self, name):
    run = self.copied("run")
    with open(os.path.join(run, name), "w", encoding="utf-8") as file:
      file.write('{"stages": 1}')
    with self.assertRaisesRegex(ValueError, name):
      self.export(run)

  def test_a_run_that_was_evaluated_by_an_earlier_version(self):
    run = self.copied("run")
    path = os.path.join(run, "metrics.json")
    with open(path, encoding="utf-8") as file:
      metrics = json.load(file)
    del metrics["weights_sha256"]
    with open(path, "w", encoding="utf-8") as file:
      json.dump(metrics, file)
    self.assertIn("do not say which weights they are of; `python -m eval.main --run=run`",
                  self.export(run))
    os.remove(path)
    self.assertIn("has not been evaluated", self.export(run, "second"))
    with open(os.path.join(os.path.dirname(run), "second", "README.md"), encoding="utf-8") as file:
      self.assertIn("None. This run has not been evaluated", file.read())


if __name__ == "__main__":
  tf.test.main()
