"""Verdicts: what differs by less than two errors is not called different, nor what is unknown."""

import math

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.report.verdict import about_estimates, about_run, cautions
from tests.report.sample_results import make_references, make_results


def summary(tv, slope, sigma, *, tv_error=0.01, slope_error=0.01, sigma_error=0.001, **other):
  """A summary as in metrics.json, without a mode collapse of its own."""
  return {"galaxies": 1000, "total_variation": {"mean": tv, "error": tv_error},
          "expected_total_variation": {"mean": 0.05, "error": 0.0},
          "slope_z_spec": {"slope": slope, "slope_error": slope_error, "intercept": 0.0},
          "sigma_mad": sigma, "errors": {"sigma_mad": sigma_error}, **other}


class VerdictTest(tf.test.TestCase, parameterized.TestCase):

  def between(self, before, after):
    return about_estimates({"First": before, "Last": after})

  def test_a_sure_difference_is_told_with_numbers_and_errors(self):
    tv, slope, scatter, changes = self.between(summary(0.15, -0.1, 0.02),
                                               summary(0.08, -0.02, 0.02))
    self.assertIn("falls from 0.150 +- 0.010 (First) to 0.080 +- 0.010 (Last), by 4.9 errors", tv)
    self.assertIn("without mode collapse would have 0.050 +- 0.000, so that Last shows mode "
                  "collapse (3.0 errors above)", tv)
    self.assertIn("rises from -0.100 +- 0.010 (First) to -0.020 +- 0.010 (Last)", slope)
    self.assertIn("that of Last is not 0 (2.0 errors away)", slope)
    self.assertIn("shows no difference: 0.0200 +- 0.0010 (First) and", scatter)
    self.assertIn("Last after First: TV is lower (0.150 to 0.080, 4.9 errors); slope(z_spec) is "
                  "higher", changes)
    self.assertNotIn("sigma_MAD", changes)

  @parameterized.parameters((0.027, False), (0.029, True), (-0.029, True), (0.0, False))
  def test_two_errors_are_the_limit(self, change, differs):
    """Of two errors of 0.01, that of the difference is 0.0141."""
    tv = self.between(summary(0.1, 0.0, 0.02), summary(0.1 + change, 0.0, 0.02))[0]
    self.assertEqual("rises" in tv or "falls" in tv, differs)
    self.assertEqual("shows no difference" in tv, not differs)

  @parameterized.parameters(
      (0.051, "no mode collapse is seen in Last."),
      (0.08, "shows mode collapse (3.0 errors above)"),
      (0.02, "no mode collapse is seen in Last (3.0 errors below)"))
  def test_mode_collapse_is_judged_by_the_expected_variation(self, tv, words):
    self.assertIn(words, self.between(summary(0.2, 0, 0.02), summary(tv, 0, 0.02))[0])

  @parameterized.parameters(math.nan, None)
  def test_what_is_not_known_is_not_compared(self, missing):
    sentences = self.between(summary(0.1, missing, 0.02), summary(0.1, 0.0, 0.02))
    self.assertIn("slope(z_spec), the slope of the mean residual against z_spec, where the "
                  "residual is dz = (z_photo - z_spec) / (1 + z_spec), cannot be compared: these "
                  "galaxies do not determine that of First.", sentences)
    (alone,) = [own for own in about_estimates({"Only": summary(0.1, missing, 0.02)})
                if "slope" in own]
    self.assertIn("of Only is not determined", alone)

  def test_large_errors_make_no_differences(self):
    """A sample whose numbers differ by factors, with errors as large."""
    vague = dict(tv_error=0.2, slope_error=0.5, sigma_error=0.1)
    *ends, changes = self.between(summary(0.3, -0.5, 0.2, **vague), summary(0.1, 0.5, 0.1, **vague))
    for sentence in ends:
      self.assertIn("shows no difference", sentence)
    self.assertEqual(changes, "Last after First: none of these numbers differs.")

  def test_symbols_are_defined_where_they_are_used_first_and_only_there(self):
    text = " ".join(about_run(make_results("baseline", "step1", "step3", "step4", "reference")))
    for symbol, meaning in (("TV", "the total variation"), ("sigma_MAD", "the scatter"),
                            ("eta", "the share of outliers"), ("slope(z_spec)", "the slope of")):
      self.assertEqual(text.count(meaning), 1, meaning)
      first = text.index(symbol)
      self.assertEqual(text[first:].removeprefix(f"{symbol}, ")[:len(meaning)], meaning)

  def test_a_run_is_told_stage_by_stage(self):
    sentences = about_run(make_results("baseline", "step2", "step3", "step4", "reference"),
                          reference="zphot")
    starts = ["Step 2 after Baseline: ", "Step 3 after Step 2: "]
    for start in starts:
      self.assertLen([own for own in sentences if own.startswith(start)], 1, start)
    self.assertLen([own for own in sentences if "Step 4 after Step 3: " in own], 1)
    self.assertIn("Reference, the photometric redshifts of the source catalogue, its column zphot, "
                  "for 3000 galaxies: ", sentences[-1])

  def test_named_references_keep_their_names(self):
    sentences = about_run([*make_results("step3", num=300), *make_references("zphot", "bpz")])
    self.assertStartsWith(sentences[-2], "Zphot, the photometric redshifts of the source cat")
    self.assertNotIn("column", sentences[-1])

  def test_the_calibration_of_pdfs_is_told(self):
    (result,) = make_results("step3", num=300)
    result.summary["calibrated_pdfs"] = {"pit_ks": 0.5, "errors": {"pit_ks": 0.01}}
    result.summary["pit_ks"], result.summary["errors"]["pit_ks"] = 0.9, 0.01
    (told,) = [own for own in about_run([result]) if "PIT-KS" in own]
    self.assertIn("falls from 0.900 +- 0.010 (Step 3) to 0.500 +- 0.010 (Step 3 with its p(z) "
                  "calibrated), by 28 errors", told)

  @parameterized.parameters((-4.2, "falls from 0.00400 +- 0.00040 (A) to 0.00300 +- 0.00040 (A, "
                             "Step 4), by 4.2 errors of the change"),
                            (0.5, "shows no difference: 0.00400 +- 0.00040 (A) and"),
                            (None, "shows no difference: 0.00400 +- 0.00040 (A) and"))
  def test_a_change_of_the_same_galaxies_is_judged_by_its_own_error(self, change, words):
    """Two independent samples with these errors would differ by 1.8."""
    pair = {title: summary(0.1, 0.0, 0.02, rms_residual_z_photo_by_galaxies={
        "mean": rms, "error": 0.0004}) for title, rms in (("A", 0.004), ("A, Step 4", 0.003))}
    told = about_estimates(pair, [("A", "A, Step 4", change)])[-1]
    self.assertIn(words, told)
    self.assertEqual("of the change" in told, change is not None)

  @parameterized.parameters((2, "uncertain by 71%"), (5, "uncertain by 35%"), (100, ""), (0, ""))
  def test_few_bootstraps_are_a_caution(self, number, words):
    text = " ".join(cautions(number, stages=False))
    self.assertIn(words, text)
    self.assertEqual("uncertain" in text, bool(words))

  @parameterized.parameters(True, False)
  def test_the_same_galaxies_are_named_where_they_are_the_same(self, same):
    text = " ".join(cautions(100, stages=True, same_galaxies=same))
    self.assertEqual("they are the same galaxies" in text, same)

  @parameterized.parameters(True, False)
  def test_a_single_training_is_a_caution_of_stages_alone(self, stages):
    self.assertEqual("Each stage was trained once" in " ".join(cautions(100, stages=stages)),
                     stages)


if __name__ == "__main__":
  tf.test.main()
