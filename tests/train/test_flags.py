"""The command line of train.main: published names and meanings, contradictions."""

import dataclasses

from absl import flags
from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.models.representation import network_name
from pzbias_tf.survey import CFHTLS_DEEP, CFHTLS_WIDE, SDSS
from pzbias_tf.training.stages import STAGES
from tests.train.command_lines import flag_values, parse
from train.flags import Request

PUBLISHED = ("ne", "fth", "nsub", "errl", "midreduce", "testphase", "tstep", "multir", "usecfht",
             "usecfhtd", "bins", "net", "itealter", "softlabel", "shiftlabel")


class FlagsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*PUBLISHED)
  def test_published_flags_exist(self, name):
    self.assertIn(name, flag_values())

  @parameterized.parameters("--multir", "--multir=1", "--nsub=0")
  def test_several_outputs_are_what_the_step_needs(self, word):
    self.assertEqual(parse("--tstep=1", word).stage, STAGES[1])

  @parameterized.parameters(*range(7))
  def test_networks_by_name_and_number(self, number):
    for word in (network_name(number), network_name(number).lower(), str(number)):
      request = parse(f"--net={word}")
      self.assertEqual((request.net, request.given), (number, (f"--net={number}",)))

  @parameterized.parameters("7", "-1", "net_x", "p", "", "1.5")
  def test_networks_that_do_not_exist(self, word):
    with self.assertRaisesRegex(flags.Error, "net_p, net_t, .*net_c, or 0 to 6"):
      parse(f"--net={word}")

  @parameterized.parameters(*STAGES)
  def test_stages_by_name(self, stage):
    self.assertEqual(parse(f"--stage={stage.name}").stage, stage)
    self.assertEqual(parse(f"--stage={stage.name}", f"--tstep={stage.number}").stage, stage)

  @parameterized.parameters(("step1", 0), ("step1", 2), ("baseline", 3))
  def test_a_stage_of_another_number(self, name, number):
    with self.assertRaisesRegex(ValueError, rf"--stage={name} and --tstep={number} \("
                                f"{STAGES[number].name}\\) name different stages"):
      parse(f"--stage={name}", f"--tstep={number}")

  def test_surveys(self):
    self.assertEqual(parse().survey, SDSS)
    self.assertEqual(parse("--usecfht=1").survey, CFHTLS_WIDE)
    self.assertEqual(parse("--usecfht=1", "--usecfhtd=1", "--bins=1000").survey, CFHTLS_DEEP)
    self.assertEqual(parse("--bins=50").survey, SDSS.with_bins(50))
    self.assertEqual(parse("--survey=cfhtls_deep").survey, CFHTLS_DEEP)
    self.assertEqual(parse("--usecfht").data_dir, "data/cfhtls")

  @parameterized.parameters(("", 1.0), ("1", 1.0), ("1.5", 1.5), ("0.25", 0.25), ("auto", "auto"))
  def test_label_width(self, text, expected):
    words = [f"--label_width={text}"] if text else []
    self.assertEqual(parse("--tstep=3", *words).label_width, expected)

  @parameterized.parameters("0", "-1", "wide", "nan", "inf", "Auto")
  def test_label_width_that_cannot_be_meant(self, text):
    with self.assertRaisesRegex(ValueError, f"--label_width={text} is neither auto nor a factor"):
      parse("--tstep=3", f"--label_width={text}")

  @parameterized.parameters(
      (["--tstep=2", "--multir=0"], "--multir=0 --tstep=2: Step 2 has several redshift outputs"),
      (["--tstep=3", "--fth=0"], "--fth=0 --tstep=3: Step 3 trains on a balanced subset"),
      (["--multir"], "the Baseline has a single output"),
      (["--usecfhtd"], "--usecfhtd needs --usecfht"),
      (["--usecfht", "--survey=sdss"], "both name a survey"),
      (["--survey=ska"], "no survey 'ska'.*cfhtls_wide"),
      (["--usecfht", "--errl=0.1"], "--errl is defined for"),
      (["--usecfht", "--midreduce=1"], "--midreduce is defined for"),
      (["--tstep=2", "--multir", "--itealter=1"], "--itealter=1 trains Baseline and Step 1"),
      (["--itealter=2000"], "add --testphase"))
  def test_contradictions(self, words, message):
    with self.assertRaisesRegex(ValueError, message):
      parse(*words)

  def test_every_other_field_of_a_request_is_a_flag(self):
    values = flag_values()
    for field in dataclasses.fields(Request):
      if field.name not in ("stage", "survey", "bins", "given"):
        self.assertIn(field.name, values)


if __name__ == "__main__":
  tf.test.main()
