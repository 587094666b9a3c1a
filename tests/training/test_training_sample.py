"""Which galaxies train: variants of the study, copies, parts of a data set."""

import dataclasses
import tempfile

import numpy as np
import tensorflow as tf

from pzbias_tf.survey import CFHTLS_DEEP, CFHTLS_WIDE, SDSS
from pzbias_tf.training import training_sample
from tests.small_data import make_dataset
from tests.small_runs import small_config


class SelectionTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.data = make_dataset(tempfile.mkdtemp(), num=2000)

  def select(self, **settings):
    return training_sample.training_records(self.data, small_config(stage="step1", **settings))

  def test_all_training_galaxies_by_default(self):
    keep, labels = self.select()
    self.assertAllEqual(keep, self.data.column("split") == "train")
    self.assertAllEqual(labels.redshift_bin, SDSS.redshift_bin(self.data.column("z_spec")))

  def test_midreduce_keeps_a_tenth_of_the_middle(self):
    keep, _ = self.select(midreduce=True)
    z, train = self.data.column("z_spec"), self.data.column("split") == "train"
    middle = (z >= 0.08) & (z <= 0.12)
    self.assertAllEqual(keep[~middle], train[~middle])
    expected = 0.1 * np.sum(train & middle)
    self.assertAllClose(np.sum(keep & middle), expected, atol=4 * np.sqrt(expected))

  def test_nsub(self):
    keep, _ = self.select(nsub=100)
    self.assertEqual(keep.sum(), 100)
    self.assertAllEqual(self.data.column("split")[keep], np.full(100, "train"))
    larger, _ = self.select(nsub=200)
    self.assertAllEqual(larger[keep], np.ones(100, bool))
    with self.assertRaisesRegex(ValueError, "--nsub=5000 exceeds"):
      self.select(nsub=5000)

  def test_errl_noise_reaches_the_labels(self):
    """The published code computes noisy labels and throws them away."""
    z = self.data.column("z_spec")
    keep, labels = self.select(errl=0.02)
    shift = (labels.redshift_bin[keep] + 0.5) * SDSS.bin_width - z[keep]
    self.assertAllClose(np.std(shift), 0.02, rtol=0.1)
    train = self.data.column("split") == "train"
    self.assertLess(keep.sum(), train.sum())  # some were pushed off the grid
    self.assertAllEqual(keep & ~train, np.zeros(len(z), bool))

  def test_galaxies_off_the_grid_are_left_out(self):
    """A grid that is narrower than the one of the conversion."""
    low = dataclasses.replace(SDSS, z_max=0.15)
    keep, _ = self.select(survey=low)
    self.assertLess(keep.sum(), np.sum(self.data.column("split") == "train"))
    self.assertLessEqual(self.data.column("z_spec")[keep].max(), 0.15)
    rows = training_sample.balanced_records(
        self.data, small_config(stage="step2", survey=low, fth=10_000))
    self.assertAllEqual(rows, np.flatnonzero(keep))

  def test_copies_share_noise_and_count_once(self):
    data = make_dataset(self.create_tempdir().full_path, num=100, augment_copies=3)
    keep, labels = training_sample.training_records(
        data, small_config(stage="step1", errl=0.01, nsub=20))
    ids = data.column("id")
    self.assertLen(set(ids[keep]), 20)
    self.assertEqual(keep.sum(), 60)
    for galaxy in set(ids[keep]):
      self.assertLen(set(labels.redshift_bin[ids == galaxy]), 1)
    rows = training_sample.balanced_records(data, small_config(stage="step2", fth=10_000))
    self.assertLen(rows, len(set(ids[data.column("split") == "train"])))

  def test_parts_of_a_data_set(self):
    field = np.resize(["W", "D", "W", ""], 400)
    sample = np.where(field == "", "LR", "HQ")
    data = make_dataset(self.create_tempdir().full_path, num=400, survey=CFHTLS_WIDE,
                        columns={"field": field, "sample": sample})
    for survey in (CFHTLS_WIDE, CFHTLS_DEEP):
      config = small_config(stage="step2", survey=survey, fth=10_000)
      rows = training_sample.balanced_records(data, config)
      self.assertAllEqual(np.unique(data.column("field")[rows]), [survey.field])
    keep, _ = training_sample.training_records(
        data, small_config(stage="step1", survey=CFHTLS_WIDE.whole_dataset()))
    self.assertAllEqual(np.unique(data.column("field")[keep]), ["", "D", "W"])
    tested = training_sample.evaluation_records(
        data, "test", CFHTLS_WIDE.whole_dataset(), whole_sample=True)
    self.assertAllEqual(np.unique(data.column("sample")[tested]), ["HQ"])
    self.assertAllEqual(np.unique(data.column("field")[tested]), ["D", "W"])
    own = training_sample.evaluation_records(data, "test", CFHTLS_DEEP, whole_sample=False)
    self.assertAllEqual(np.unique(data.column("field")[own]), ["D"])


if __name__ == "__main__":
  tf.test.main()
