"""The command line of train.main: published names and meanings, defaults, contradictions."""

import dataclasses
import os

from absl import flags
from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.survey import CFHTLS_DEEP, CFHTLS_WIDE, SDSS
from pzbias_tf.training.stages import STAGES
from train import flags as train_flags
from train import settings as settings_lib
from train import variants

PUBLISHED = ("ne", "fth", "nsub", "errl", "midreduce", "testphase", "tstep", "multir", "usecfht",
             "usecfhtd", "bins", "net", "itealter", "softlabel", "shiftlabel")


def parse(*words) -> train_flags.Request:
  values = flags.FlagValues()
  train_flags.define_flags(values)
  values(["train.main", *words])
  return train_flags.read_request(values)


def data(preset=None) -> Dataset:
  return Dataset("nowhere", Manifest(dataset="sdss", survey="sdss", bands=SDSS.bands,
                                     image_shape=(64, 64, 5), preset=preset or {}))


def run_name(*words, stage=None, preset=None) -> str:
  request = parse(*words)
  resolved = settings_lib.resolve(request, data(preset))
  return variants.variant_of(request, resolved, data(preset)).run_name(stage or request.stage)


class FlagsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*PUBLISHED)
  def test_published_flags_exist(self, name):
    values = flags.FlagValues()
    train_flags.define_flags(values)
    self.assertIn(name, values)

  @parameterized.parameters("--multir", "--multir=1")
  def test_multir_alike(self, word):
    self.assertEqual(parse("--tstep=1", word).stage, STAGES[1])

  def test_surveys(self):
    self.assertEqual(parse().survey, SDSS)
    self.assertEqual(parse("--usecfht=1").survey, CFHTLS_WIDE)
    self.assertEqual(parse("--usecfht=1", "--usecfhtd=1", "--bins=1000").survey, CFHTLS_DEEP)
    self.assertEqual(parse("--bins=50").survey, SDSS.with_bins(50))
    self.assertEqual(parse("--survey=cfhtls_deep").survey, CFHTLS_DEEP)
    self.assertEqual(parse("--usecfht").data_dir, "data/cfhtls")

  @parameterized.parameters(
      (["--tstep=1"], "add --multir"),
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

  def test_published_defaults(self):
    for words, expected in (
        ([], (120_000, 128, 1e-4, (0.5,))),
        (["--tstep=1", "--multir"], (120_000, 128, 1e-4, (0.5,))),
        (["--tstep=2", "--multir"], (40_000, 32, 2e-5, ())),
        (["--tstep=3", "--multir"], (40_000, 32, 2e-5, ())),
        (["--usecfht"], (120_000, 32, 1e-4, (0.5,)))):
      settings = settings_lib.resolve(parse(*words), data())
      self.assertEqual(tuple(settings[name] for name in (
          "iterations", "batch_size", "learning_rate", "lr_drops")), expected)
      self.assertEqual((settings["net"], settings["image_size"]), (0, 64))
    self.assertEqual(settings_lib.resolve(parse(), data())["fth"], 200)
    self.assertEqual(settings_lib.resolve(parse("--usecfht"), data())["fth"], 100)

  def test_flags_beat_the_preset_and_the_preset_beats_the_survey(self):
    preset = {"net": 5, "image_size": 16, "stages": {"step1": {"iterations": 300}}}
    settings = settings_lib.resolve(
        parse("--tstep=1", "--multir", "--image_size=32"), data(preset))
    self.assertEqual((settings["net"], settings["image_size"], settings["iterations"]),
                     (5, 32, 300))
    self.assertEqual(settings_lib.resolve(parse(), data(preset))["iterations"], 120_000)

  def test_another_network_does_not_take_the_preset(self):
    preset = {"net": 5, "image_size": 16, "fth": 15}
    settings = settings_lib.resolve(parse("--net=0"), data(preset))
    self.assertEqual((settings["net"], settings["image_size"], settings["fth"]), (0, 64, 200))

  def test_default_experiments_share_what_they_can(self):
    step1, step2, step3 = STAGES[1:]
    self.assertEqual(run_name(), "sdss_net0_ne1")
    self.assertEqual(run_name("--net=3", "--ne=2"), "sdss_net3_ne2")
    words = ("--tstep=3", "--multir", "--fth=50", "--softlabel=0")
    self.assertEqual(run_name(*words, stage=step1), "sdss_net0_ne1")
    self.assertEqual(run_name(*words, stage=step2), "sdss_net0_ne1_fth50")
    self.assertEqual(run_name(*words, stage=step3), "sdss_net0_ne1_fth50_hardlabel")
    self.assertEqual(run_name("--errl=0.1", "--bins=50"), "sdss_net0_ne1_bins50_errl0.1")
    self.assertEqual(run_name("--usecfht"), "cfhtls_net0_ne1")
    deep = ("--usecfht", "--usecfhtd", "--tstep=2", "--multir")
    self.assertEqual(run_name(*deep), "cfhtls_deep_net0_ne1")
    self.assertEqual(run_name(*deep, stage=step1), "cfhtls_net0_ne1")
    self.assertEqual(run_name(preset={"net": 5, "fth": 15}), "sdss_net5_ne1")

  def test_every_other_field_of_a_request_is_a_flag(self):
    values = flags.FlagValues()
    train_flags.define_flags(values)
    for field in dataclasses.fields(train_flags.Request):
      if field.name not in ("stage", "survey", "bins", "given"):
        self.assertIn(field.name, values)

  @parameterized.parameters(
      (["--tstep=2", "--multir", "--net=3"],), (["--tstep", "2", "--multir=1", "--net", "3"],),
      (["-tstep=2", "-multir", "-net=3"],))
  def test_suggested_commands_do_not_depend_on_the_spelling(self, words):
    self.assertEqual(variants.suggested_command(parse(*words), "step1"),
                     "python -m train.main --tstep=1 --multir --net=3")

  def test_suggested_commands(self):
    request = parse("--tstep=3", "--multir", "--softlabel=0", "--init_from=runs/a b/step1",
                    "--itealter=5000", "--iterations=7")
    self.assertEqual(variants.suggested_command(request, "step2"),
                     "python -m train.main --tstep=2 --multir '--init_from=runs/a b/step1' "
                     "--itealter=5000 --nosoftlabel")
    self.assertEqual(variants.suggested_command(request, "step1"),
                     "python -m train.main --tstep=1 --multir --itealter=1 --nosoftlabel")

  def test_bins_of_a_survey_from_a_file_are_told_apart(self):
    path = os.path.join(self.create_tempdir().full_path, "mine.toml")
    with open(path, "w") as file:
      file.write("pixel_scale_arcsec=0.2\nz_max=1.0\nbins=50\nr_min=16.0\nr_max=20.0\n"
                 "balance_threshold=5\noutlier_threshold=0.1\nfit_z_min=0.2\n")
    self.assertEqual(run_name(f"--survey={path}"), "mine_net0_ne1")
    self.assertEqual(run_name(f"--survey={path}", "--bins=20"), "mine_net0_ne1_bins20")


if __name__ == "__main__":
  tf.test.main()
