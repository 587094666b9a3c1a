"""`import pzbias_tf as pz`: public names, a trained run, and the page that shows them."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval import predict as eval_predict
from eval.evaluation.calibrations import step4_result
from eval.prediction.request import Request
from eval.run import EvaluatedStage
import pzbias_tf as pz
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.predictions.predictions import Predictions
from tests.eval.small_run import small_run
from tests.small_data import SIZE

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
WITHOUT_TENSORFLOW = """
import sys, time
start_s = time.process_time()
import pzbias_tf as pz
took_s = time.process_time() - start_s
assert not {"tensorflow", "astropy", "matplotlib", "numpy"} & set(sys.modules), "import"
for name in pz.__all__:
  if name not in ("build_network", "load_run"):
    getattr(pz, name)
assert pz.survey.SDSS is pz.SDSS and pz.metrics.point.sigma_mad is pz.sigma_mad
assert "tensorflow" not in sys.modules, "names"
print(took_s)
"""


def galaxies(number: int):
  """Images [n, SIZE, SIZE, band], E(B-V), r magnitudes and ids of the small run's test set."""
  data = Dataset.open(small_run().data)
  keep = data.column("split") == "test"
  (batch,) = ordered_batches(data, "test", keep=keep, labels=None, batch_size=1000,
                             image_size=SIZE).as_numpy_iterator()
  row = batch["row"][:number]
  return (batch["image"][:number], *(data.column(name)[row] for name in ("ebv", "r_mag", "id")))


class NamesTest(tf.test.TestCase):

  def test_the_import_is_light(self):
    done = subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW], cwd=ROOT, check=True,
                          capture_output=True, text=True)
    self.assertLess(float(done.stdout), 0.3)

  def test_every_name_is_there_and_documented(self):
    for name in pz.__all__:
      self.assertNotEmpty(getattr(pz, name).__doc__, name)
      self.assertIn(name, dir(pz))
    with self.assertRaisesRegex(AttributeError, "no attribute 'sigma_mads'"):
      _ = pz.sigma_mads

  def test_the_page_lists_them(self):
    table = PAGE[PAGE.index("## All public names"):]
    listed = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
              for name in re.findall(r"`(\w+)`", row)]
    self.assertCountEqual(listed, pz.__all__)


class LoadRunTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    step4_result(EvaluatedStage(small_run().stage("step3")), small_run().run,
                 Bootstrap(number=2))
    cls.images, cls.ebv, cls.r_mag, cls.ids = galaxies(90)

  @parameterized.parameters("step3", "baseline")
  def test_the_numbers_of_eval_predict(self, stage):
    path = os.path.join(self.create_tempdir().full_path, "out.hdf5")
    eval_predict.run(Request(stage_dirs=(small_run().stage(stage),), data=small_run().data,
                             output=path, refit=False))
    written = Predictions.load(path)
    model = pz.load_run(small_run().run, stage=stage)
    table = model.predict(self.images, ebv=self.ebv, r_mag=self.r_mag, ids=self.ids,
                          batch_size=40)
    place = {name: number for number, name in enumerate(written.ancil["id"])}
    written = written.select([place[name] for name in self.ids])
    self.assertAllClose(table.pdf, written.pdf, atol=1e-6)
    self.assertAllEqual(table.edges, written.edges)
    for name in ("id", "zmode", "flags", "zbest"):
      self.assertAllEqual(table.ancil[name], written.ancil[name], name)
    names = ["zmean", "zmedian", "z_low68", "z_high68", "z_low95", "z_high95", "r_mag"]
    self.assertEqual("zmode_calibrated" in table.ancil, stage == "step3")
    for name in names + ["zmode_calibrated"] * (stage == "step3"):
      self.assertAllClose(table.ancil[name], written.ancil[name], atol=1e-6, msg=name)

  def test_the_last_stage_is_the_default(self):
    model = pz.load_run(small_run().run)
    self.assertEqual(model.stage, "step3")
    self.assertIn("Step 3 of", repr(model))
    self.assertIn("u g r i z", repr(model))
    run = self.create_tempdir().full_path
    shutil.copytree(small_run().stage("step1"), os.path.join(run, "step1"),
                    ignore=shutil.ignore_patterns("features"))
    self.assertEqual(pz.load_run(run).stage, "step1")
    with self.assertRaisesRegex(FileNotFoundError, "no trained step2, only step1.*--tstep=2"):
      pz.load_run(run, stage="step2")
    with self.assertRaisesRegex(ValueError, "no stage 'step9'; choose one of baseline"):
      pz.load_run(run, stage="step9")
    with self.assertRaisesRegex(FileNotFoundError, "nowhere holds no trained stage"):
      pz.load_run(os.path.join(run, "nowhere"))

  def test_without_r_there_are_neither_flags_nor_step_4(self):
    table = pz.load_run(small_run().run).predict(self.images[:3], ebv=0.02)
    self.assertNotIn("flags", table.ancil)
    self.assertNotIn("zmode_calibrated", table.ancil)
    self.assertAllEqual(table.ancil["id"], ["0", "1", "2"])

  def test_larger_images_are_cropped_and_smaller_ones_filled(self):
    model = pz.load_run(small_run().run, stage="baseline")
    larger = np.pad(self.images[:4], ((0, 0), (3, 3), (3, 3), (0, 0)), constant_values=7.0)
    self.assertAllClose(model.predict(larger, ebv=self.ebv[:4]).pdf,
                        model.predict(self.images[:4], ebv=self.ebv[:4]).pdf, atol=1e-6)
    inner = self.images[:4].copy()
    inner[:, :2], inner[:, -2:], inner[:, :, :2], inner[:, :, -2:] = 0, 0, 0, 0
    self.assertAllClose(model.predict(self.images[:4, 2:-2, 2:-2], ebv=self.ebv[:4]).pdf,
                        model.predict(inner, ebv=self.ebv[:4]).pdf, atol=1e-6)

  def test_a_table_for_astropy(self):
    table = pz.load_run(small_run().run).predict(self.images, ebv=self.ebv, r_mag=self.r_mag)
    catalog = table.to_table()
    self.assertLen(catalog, 90)
    self.assertAllEqual(catalog["zmode"], table.z_photo)
    self.assertEqual(str(catalog["r_mag"].unit), "mag")
    self.assertIn("Step 4", catalog["zmode_calibrated"].description)

  @parameterized.named_parameters(
      ("one_image", dict(images=np.zeros([16, 16, 5])), r"images has the shape \[16, 16, 5\]"),
      ("bands", dict(images=np.zeros([2, 16, 16, 4])), "size, 5.*with the bands u g r i z last"),
      ("none", dict(images=np.zeros([0, 16, 16, 5])), "nothing to predict"),
      ("text", dict(images=np.full([2, 16, 16, 5], "a")), "images holds values of the type"),
      ("pixels", dict(images=np.full([2, 16, 16, 5], np.nan)), r"images\[0\] has pixels that are"),
      ("no_ebv", dict(ebv=None), "ebv is None.*or ebv=0.0 where dust is negligible"),
      ("ebv_length", dict(ebv=[0.1, 0.1, 0.1]), r"ebv has the shape \[3\] for 2 images"),
      ("ebv_nan", dict(ebv=[0.1, np.nan]), "ebv is not finite for 1 of 2 galaxies, .* position 1"),
      ("ebv_negative", dict(ebv=[0.1, -0.1]), "ebv is negative for the galaxy at position 1"),
      ("r_nan", dict(r_mag=[np.nan, 17.0]), "r_mag is not finite for 1 of 2"),
      ("r_length", dict(r_mag=[17.0]), "r_mag has the shape"),
      ("ids", dict(ids=["a"]), r"ids has the shape \[1\] for 2 images"))
  def test_wrong_arguments_are_named(self, arguments, message):
    model = pz.load_run(small_run().run, stage="baseline")
    with self.assertRaisesRegex(ValueError, message):
      model.predict(**{"images": np.zeros([2, 16, 16, 5]), "ebv": 0.1, **arguments})


class PageTest(tf.test.TestCase):

  def test_its_examples_run(self):
    step4_result(EvaluatedStage(small_run().stage("step3")), small_run().run,
                 Bootstrap(number=2))
    images, ebv, r_mag, _ = galaxies(20)
    names = {"images": images, "ebv": ebv, "r_mag": r_mag}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    self.assertLen(blocks, 5)
    for block in blocks:
      code = block.replace("runs/quickstart/sdss_net5_ne1", small_run().run)
      exec(compile(code, "docs/python.md", "exec"), names)  # pylint: disable=exec-used
    self.assertLen(names["catalog"], 20)
    self.assertEqual(names["corrected"].shape, names["z_photo"].shape)


if __name__ == "__main__":
  tf.test.main()
