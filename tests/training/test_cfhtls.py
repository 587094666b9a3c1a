"""CFHTLS: WIDE and DEEP share Baseline and Step 1, and go their own ways from Step 2 on."""

import dataclasses
import os
import tempfile

import numpy as np
import tensorflow as tf

from eval.run import EvaluatedRun, find_stages
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import CFHTLS_DEEP, CFHTLS_WIDE
from pzbias_tf.training.config import load_config
from pzbias_tf.training.training_sample import training_records
from tests.small_data import SIZE, make_dataset
from tests.small_runs import request, train

WIDE, DEEP = (dataclasses.replace(survey.with_bins(40), image_size=SIZE)
              for survey in (CFHTLS_WIDE, CFHTLS_DEEP))


class CfhtlsTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    field = np.resize(["W", "D", "W", ""], 400)
    cls.data = make_dataset(os.path.join(cls.folder, "data"), num=400, survey=WIDE, split=None,
                            columns={"field": field, "sample": np.where(field == "", "LR", "HQ")})
    cls.stage = {(number, survey.name): cls.train(number, survey)
                 for survey in (WIDE, DEEP) for number in range(4)}

  @classmethod
  def train(cls, number, survey):
    return train(request(number, os.path.join(cls.folder, "data"),
                         os.path.join(cls.folder, "runs"), survey=survey, iterations=3))

  def test_what_is_shared(self):
    for number, shared in enumerate((True, True, False, False)):
      same = self.stage[number, "cfhtls_wide"] == self.stage[number, "cfhtls_deep"]
      self.assertEqual(same, shared)
    self.assertEndsWith(self.stage[1, "cfhtls_deep"], "cfhtls_net5_ne1/step1")
    self.assertEndsWith(self.stage[3, "cfhtls_deep"], "cfhtls_deep_net5_ne1/step3")
    self.assertEqual(load_config(self.stage[2, "cfhtls_deep"])[1]["init_from"],
                     self.stage[1, "cfhtls_wide"])

  def predicted(self, number, survey, name="test"):
    return Predictions.load(
        os.path.join(self.stage[number, survey], f"predictions_{name}.hdf5"))

  def test_who_is_tested_and_who_trains(self):
    self.assertAllEqual(np.unique(self.predicted(1, "cfhtls_wide").ancil["field"]), ["D", "W"])
    for survey, field in (("cfhtls_wide", "W"), ("cfhtls_deep", "D")):
      for name in ("test", "balanced"):
        predictions = self.predicted(3, survey, name)
        self.assertAllEqual(np.unique(predictions.ancil["field"]), [field])
        self.assertAllEqual(np.unique(predictions.ancil["sample"]), ["HQ"])
    keep, _ = training_records(self.data, load_config(self.stage[1, "cfhtls_wide"])[0])
    self.assertAllEqual(np.unique(self.data.column("sample")[keep]), ["HQ", "LR"])

  def test_extended_grid(self):
    edges = self.predicted(3, "cfhtls_wide").edges
    self.assertAllClose([edges[0], edges[-1], len(edges)], [-2.0, 8.0, 101])

  def test_a_run_shows_the_stages_that_it_shares(self):
    run = os.path.dirname(self.stage[3, "cfhtls_deep"])
    stages = find_stages(run)
    self.assertEqual(list(stages), ["baseline", "step1", "step2", "step3"])
    self.assertEqual(EvaluatedRun.open(run).survey, DEEP)


if __name__ == "__main__":
  tf.test.main()
