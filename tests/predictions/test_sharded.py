"""Shards are predicted one by one, and written while the next batches are predicted."""

import contextlib
import os
import tempfile
import threading

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias.pdf_calibration import KNOTS, PdfCalibration
from pzbias_tf.models.network import build_network
from pzbias_tf.predictions import sharded
from pzbias_tf.predictions.estimates import point_estimates
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.predictions.predictions_file import PdfFormat, read_columns
from pzbias_tf.predictions.predictor import Predictor
from tests.small_data import SIZE, make_dataset
from tests.small_runs import SMALL_SDSS

NUM = 90


def first_of(batches):
  """The batches of the first shard."""
  return list(next(batches))


class ShardsTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = os.path.join(cls.enterClassContext(tempfile.TemporaryDirectory()), "data")
    cls.data = make_dataset(folder, num=NUM, split=(0, 0, 1), shard_size_mb=0.15, augment_copies=1)
    network = build_network(5, SMALL_SDSS, multi_output=True, image_size=SIZE)
    cls.predictor = Predictor([network], SMALL_SDSS.edges())

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.shards = sharded.find_shards(self.data, ["test"], self.folder)

  def prediction(self, **settings):
    return sharded.ShardPrediction(**{
        **dict(predictor=self.predictor, pdf_format=PdfFormat(), weights_digest="a",
               simulated="", widths=sharded.text_widths(self.data)), **settings})

  def test_all_galaxies_in_record_order(self):
    self.assertGreater(len(self.shards), 2)
    taken = []
    outcome = sharded.predict_shards(self.shards, self.prediction(),
                                     lambda path, columns: taken.append((path, columns)))
    self.assertEqual(outcome.predicted, NUM)
    self.assertEqual([path for path, _ in taken], [shard.path for shard in self.shards])
    self.assertAllEqual(np.concatenate([columns["row"] for _, columns in taken]), np.arange(NUM))
    for path, columns in taken:  # what is handed over need not be read again
      self.assertCountEqual(columns, read_columns([path]))
      for name, values in read_columns([path]).items():
        self.assertAllEqual(columns[name], values, name)

  @parameterized.parameters(((2, 0, 1),), ((1,),), ((0, 2),))
  def test_a_shard_does_not_depend_on_the_others(self, chosen):
    list(self.prediction().write(self.shards))
    expected = [Predictions.load(shard.path).pdf for shard in self.shards]
    for shard in self.shards:
      os.remove(shard.path)
    list(self.prediction().write([self.shards[number] for number in chosen]))
    for number, shard in enumerate(self.shards):
      self.assertEqual(os.path.exists(shard.path), number in chosen)
      if number in chosen:
        self.assertAllEqual(Predictions.load(shard.path).pdf, expected[number])

  @parameterized.parameters(0, 1, 2)
  def test_records_in_another_order_than_the_catalogue_are_refused(self, number):
    part = self.shards[number].part
    part.catalog["number"] = part.catalog["number"][::-1].copy()
    with self.assertRaisesRegex(ValueError, "not in the same order; convert the data set again"):
      list(self.prediction().write(self.shards))
    self.assertEqual([os.path.exists(shard.path) for shard in self.shards],
                     [place < number for place in range(len(self.shards))])

  @parameterized.parameters(0, 1, 2)
  def test_what_was_complete_before_a_failure_stays(self, failing):
    prediction, shards = self.prediction(), list(self.shards)
    shards[failing] = shards[failing]._replace(galaxies=shards[failing].galaxies + 1)
    with self.assertRaisesRegex(OSError, "did the data set change"):
      list(prediction.write(shards))
    self.assertEqual([os.path.exists(shard.path) for shard in shards],
                     [number < failing for number in range(len(shards))])

  def test_the_calibration_of_pdfs_changes_all_estimates_but_the_mode(self):
    calibration = PdfCalibration(
        survey=SMALL_SDSS, count=np.ones(SMALL_SDSS.rows, int),
        quantiles=np.tile(np.linspace(0.0, 1.0, KNOTS + 1) ** 0.5, (SMALL_SDSS.rows, 1)))
    plain = first_of(self.prediction().batches(self.shards))
    calibrated = first_of(self.prediction(pdf_calibration=calibration).batches(self.shards))
    for (_, before), (pdf, columns) in zip(plain, calibrated):
      own = point_estimates(SMALL_SDSS.edges(), pdf)
      self.assertAllEqual(columns["zmode"], before["zmode"])
      self.assertNotAllClose(columns["zmean"], before["zmean"])
      for name in ("zmean", "zmedian", "z_low68", "z_high95"):
        self.assertAllClose(columns[name], own[name], rtol=0, atol=1e-6)

  def test_splits_without_galaxies(self):
    with self.assertRaisesRegex(ValueError, "no galaxy of the split train is left.*it has test"):
      sharded.find_shards(self.data, ["train"], self.folder)


class AheadTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(count=(0, 1, 3, 20), most=(1, 4))
  def test_the_same_values(self, count, most):
    self.assertEqual(list(sharded.ahead(iter(range(count)), most)), list(range(count)))

  @parameterized.parameters(0, 1, 5)
  def test_a_failure_follows_the_values_before_it(self, good):
    def values():
      yield from range(good)
      raise KeyboardInterrupt

    taken = []
    with self.assertRaises(KeyboardInterrupt):
      for value in sharded.ahead(values()):
        taken.append(value)
    self.assertEqual(taken, list(range(good)))

  @parameterized.parameters(1, 2, 4)
  def test_it_works_ahead_but_not_too_far_and_stops(self, most):
    made, enough = [], threading.Semaphore(0)

    def values():
      while True:
        made.append(threading.current_thread())
        enough.release()
        yield len(made)

    with contextlib.closing(sharded.ahead(values(), most)) as coming:
      self.assertEqual(next(coming), 1)
      for _ in range(most + 1):
        enough.acquire()
    self.assertLen(made, most + 1)
    self.assertNotIn(threading.current_thread(), made)


if __name__ == "__main__":
  tf.test.main()
