"""Splits by hash, by published arrays and by hold-outs."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.conversion import splits
from data_tools.readers.parts.cutout_source import with_split
from pzbias_tf.data import catalog as catalog_lib


def _catalog(num, split=None, **columns):
  columns.setdefault("id", np.array([f"galaxy {row}" for row in range(num)]))
  columns.setdefault("z_spec", np.full(num, 0.1))
  return with_split(catalog_lib.object_table(num, **columns), split)


def _cfhtls(wide, deep, low):
  field = np.array(["W"] * wide + ["D"] * deep + ["W"] * low)
  sample = np.array(["HQ"] * (wide + deep) + ["LR"] * low)
  return _catalog(wide + deep + low, field=field, sample=sample)


def assign_splits(*arguments, **keywords):
  """The names of the splits, and the rule."""
  numbers, rule = splits.assign_splits(*arguments, **keywords)
  return splits.names_of(numbers), rule


class SplitsTest(tf.test.TestCase, parameterized.TestCase):

  def test_fractions_are_met(self):
    split, rule = assign_splits(_catalog(20000), "sdss", seed=0)
    for name, fraction in zip(("train", "validation", "test"), splits.DEFAULT_FRACTIONS):
      # Five standard deviations of a binomial count.
      self.assertAllClose(np.mean(split == name), fraction, atol=5 * 0.5 / np.sqrt(20000))
    self.assertIn("0.76 train, 0.04 validation, 0.2 test", rule)

  def test_split_depends_on_id_alone(self):
    catalog = _catalog(500)
    shuffled = np.random.default_rng(0).permutation(500)
    split, _ = assign_splits(catalog, "sdss", seed=3)
    other, _ = assign_splits(catalog[shuffled][:200], "sdss", seed=3)
    self.assertAllEqual(split[shuffled][:200], other)

  def test_seed_changes_the_split(self):
    first, _ = assign_splits(_catalog(500), "sdss", seed=0)
    second, _ = assign_splits(_catalog(500), "sdss", seed=1)
    self.assertNotAllEqual(first, second)

  @parameterized.parameters(((1, 0, 0), "train"), ((0, 1, 0), "validation"), ((0, 0, 1), "test"))
  def test_one_split_for_all(self, fractions, name):
    split, _ = assign_splits(_catalog(300), "sdss", seed=0, fractions=fractions)
    self.assertAllEqual(split, np.full(300, name))

  @parameterized.parameters("0.5,0.5", "0.5,0.2,0.2", "a,b,c", "1.2,-0.2,0", "nan,0,1")
  def test_bad_fractions(self, text):
    with self.assertRaisesRegex(ValueError, f"--split={text}"):
      splits.parse_fractions(text)

  def test_good_fractions(self):
    self.assertEqual(splits.parse_fractions("0.7,0.1,0.2"), (0.7, 0.1, 0.2))
    self.assertIsNone(splits.parse_fractions(""))

  def test_galaxies_without_redshift_are_the_target_set(self):
    z_spec = np.where(np.arange(100) < 10, np.nan, 0.1)
    for kwargs in ({}, {"split": np.full(100, "train")}):
      split, _ = assign_splits(_catalog(100, z_spec=z_spec, **kwargs), "sdss", seed=0)
      self.assertAllEqual(split == "target", np.arange(100) < 10)

  def test_published_split_is_kept(self):
    published = np.array(["train", "validation", "test", ""] * 5)
    split, rule = assign_splits(_catalog(20, split=published), "sdss", seed=0)
    self.assertAllEqual(split, published)
    self.assertIn("published index arrays", rule)

  def test_explicit_fractions_override_the_published_split(self):
    split, _ = assign_splits(
        _catalog(20, split=np.full(20, "train")), "sdss", seed=0, fractions=(0, 0, 1))
    self.assertAllEqual(split, np.full(20, "test"))

  def test_small_holdouts(self):
    catalog = _cfhtls(wide=1000, deep=500, low=300)
    split, rule = assign_splits(catalog, "cfhtls", seed=0)
    self.assertEqual(np.sum(split[:1000] == "test"), 200)
    self.assertEqual(np.sum(split[1000:1500] == "test"), 100)
    self.assertNotIn("test", split[1500:])
    self.assertIn("200 of 1000 HQ W and 100 of 500 HQ D", rule)
    self.assertAllEqual(split[split != "test"], np.full(1500, "train"))  # as published
    self.assertEndsWith(rule.split(";")[1], "the others train")

  def test_a_share_may_validate(self):
    split, rule = assign_splits(
        _cfhtls(1000, 500, 300), "cfhtls", seed=0, validation_share=0.05)
    rest = split[split != "test"]
    self.assertAllClose(np.mean(rest == "validation"), 0.05, atol=5 * 0.22 / np.sqrt(1500))
    self.assertIn("0.05 of the rest validates", rule)

  @parameterized.parameters({}, {"fractions": (0.7, 0.1, 0.2)}, {"published": "train"})
  def test_a_share_needs_holdouts(self, fractions=None, published=None):
    catalog = _catalog(20, split=None if published is None else np.full(20, published))
    with self.assertRaisesRegex(ValueError, "--validation_share=0.1: .*give --split="):
      assign_splits(catalog, "sdss", seed=0, fractions=fractions, validation_share=0.1)

  def test_large_holdouts(self):
    split, rule = assign_splits(_cfhtls(50_000, 49_999, 10), "cfhtls", seed=0)
    self.assertEqual(np.sum(split[:50_000] == "test"), 10_000)
    self.assertEqual(np.sum(split[50_000:99_999] == "test"), 10_000)  # 20% of 49,999, rounded
    self.assertIn("10000 of 50000 HQ W", rule)

  def test_validation_is_independent_of_the_holdout(self):
    # With one hash for both, all small hashes would be in the test set and none left to validate.
    split, _ = assign_splits(_cfhtls(5000, 0, 0), "cfhtls", seed=0,
                                    validation_share=0.05)
    self.assertGreater(np.sum(split == "validation"), 100)

  def test_galaxies_without_redshift_do_not_count_in_a_holdout(self):
    catalog = _cfhtls(1000, 0, 0)
    catalog["z_spec"][:500] = np.nan
    split, _ = assign_splits(catalog, "cfhtls", seed=0)
    self.assertEqual(np.sum(split == "test"), 100)

  def test_cfhtls_without_samples_is_split_by_hash(self):
    _, rule = assign_splits(_catalog(50), "cfhtls", seed=0)
    self.assertIn("0.76 train", rule)


if __name__ == "__main__":
  tf.test.main()
