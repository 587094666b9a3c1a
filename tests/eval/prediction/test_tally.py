"""What is counted of predicted galaxies, shard by shard."""

import dataclasses
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval.prediction.tally import Tally
from pzbias_tf.bias.target_counts import TargetCounts
from pzbias_tf.predictions.combination import BY_MEAN
from pzbias_tf.predictions.domain import count_flags
from pzbias_tf.survey import SDSS
from tests.predictions.parts.small_parts import NUM, predictions


class TallyTest(tf.test.TestCase, parameterized.TestCase):

  def tally(self, survey, pieces, **further):
    columns = {**predictions().ancil, **further}
    tally = Tally(survey)
    for rows in np.array_split(np.arange(NUM), pieces):
      tally.add({name: column[rows] for name, column in columns.items()})
    return tally

  @parameterized.product(pieces=[1, 7, NUM], own=[("W", "HQ"), ("D", ""), ("", "")])
  def test_the_surveys_own_part_is_what_step_4_is_fitted_to(self, pieces, own):
    survey = dataclasses.replace(SDSS, field=own[0], sample=own[1])
    given = predictions()
    keep = (np.isin(given.ancil["field"], [own[0]] if own[0] else ["W", "D"])
            & np.isin(given.ancil["sample"], [own[1]] if own[1] else ["HQ", "LR"]))
    wanted = TargetCounts.of(given.z_photo[keep], given.r_mag[keep], survey)
    found = self.tally(survey, pieces).target
    self.assertAllEqual(found.counts, wanted.counts)
    self.assertEqual(found.r_mag, wanted.r_mag)

  def test_all_galaxies_where_none_is_of_the_surveys_own_part(self):
    survey = dataclasses.replace(SDSS, field="U")
    self.assertLen(self.tally(survey, 3).target, NUM)

  def test_without_galaxies_there_is_nothing_to_fit_to(self):
    for tally in (Tally(SDSS), self.tally(None, 2)):
      with self.assertRaisesRegex(ValueError, "no galaxy was predicted"):
        _ = tally.target

  @parameterized.parameters(1, 7, NUM)
  def test_flags_are_counted(self, pieces):
    remarks = self.tally(None, pieces).remarks()
    self.assertEqual(remarks, ["outside of the training domain: "
                               + count_flags(predictions().ancil["flags"])])

  def test_many_flags_are_a_warning(self):
    for flags, told in ((np.array([64, 64, 0]), True), (np.array([64, 0]), False)):
      tally = Tally(None)
      for flag in flags:
        tally.add({"zmode": np.zeros(1), "flags": np.array([flag])})
      with mock.patch("absl.logging.warning") as warned:
        tally.remarks()
      self.assertEqual(warned.call_count, int(told))

  @parameterized.parameters(0, 5)
  def test_galaxies_that_have_the_mean_are_told(self, number):
    remarks = self.tally(None, 4, **{BY_MEAN: np.arange(NUM) < number}).remarks()
    self.assertEqual(remarks[1], f"harmonic mean of p(z); {number} of {NUM} galaxies have the mean")

  def test_a_stage_without_flags_is_told(self):
    tally = Tally(None)
    tally.add({"zmode": np.zeros(3)})
    self.assertRegex(tally.remarks()[0], "no flags: the stage has no domain.json")


if __name__ == "__main__":
  tf.test.main()
