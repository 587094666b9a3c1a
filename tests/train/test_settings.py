"""Settings of a stage: published defaults, the preset, the flags."""

import dataclasses
import tempfile

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.run_folder import StageInputs
from tests.train.command_lines import no_data, parse
from train.settings import check_request_fits, make_config, resolve

# Given to every stage; a stage takes over what it uses.
VARIANT = ("--nsub=50", "--errl=0.1", "--fth=7", "--nosoftlabel", "--noshiftlabel",
           "--augment=rotate", "--feature_dtype=float16", "--seed=3", "--ne=2", "--midreduce",
           "--label_width=2", "--optimizer=lamb", "--warmup=9", "--precision=mixed_float16",
           "--bins=20")


def config(number: int, *words) -> TrainConfig:
  request = parse(f"--tstep={number}", *(("--multir",) if number else ()), *words)
  return make_config(request, resolve(request, no_data()), no_data(), StageInputs(),
                     tempfile.mkdtemp())


class SettingsTest(tf.test.TestCase, parameterized.TestCase):

  def test_published_defaults(self):
    for words, expected in (
        ([], (120_000, 128, 1e-4, (0.5,))),
        (["--tstep=1", "--multir"], (120_000, 128, 1e-4, (0.5,))),
        (["--tstep=2", "--multir"], (40_000, 32, 2e-5, ())),
        (["--tstep=3", "--multir"], (40_000, 32, 2e-5, ())),
        (["--usecfht"], (120_000, 32, 1e-4, (0.5,)))):
      settings = resolve(parse(*words), no_data())
      self.assertEqual(tuple(settings[name] for name in (
          "iterations", "batch_size", "learning_rate", "lr_drops")), expected)
      self.assertEqual((settings["net"], settings["image_size"]), (0, 64))
    self.assertEqual(resolve(parse(), no_data())["fth"], 200)
    self.assertEqual(resolve(parse("--usecfht"), no_data())["fth"], 100)

  def test_flags_beat_the_preset_and_the_preset_beats_the_survey(self):
    preset = {"net": 5, "image_size": 16, "stages": {"step1": {"iterations": 300}}}
    settings = resolve(parse("--tstep=1", "--multir", "--image_size=32"), no_data(preset))
    self.assertEqual((settings["net"], settings["image_size"], settings["iterations"]),
                     (5, 32, 300))
    self.assertEqual(resolve(parse(), no_data(preset))["iterations"], 120_000)

  def test_another_network_does_not_take_the_preset(self):
    preset = {"net": 5, "image_size": 16, "fth": 15}
    settings = resolve(parse("--net=0"), no_data(preset))
    self.assertEqual((settings["net"], settings["image_size"], settings["fth"]), (0, 64, 200))

  def test_a_stage_takes_over_what_it_uses(self):
    """The rest is at its default, so that runs can share the stage."""
    changed = {number: self.changed(config(number, *VARIANT), config(number))
               for number in range(4)}
    common = {"seed": 3, "ne": 2, "midreduce": True, "optimizer": "lamb", "warmup": 9,
              "precision": "mixed_float16"}
    whole = {**common, "nsub": 50, "errl": 0.1, "augment": "rotate"}
    output = {**common, "fth": 7, "feature_dtype": "float16"}
    self.assertEqual(changed, {
        0: whole, 1: whole, 2: output,
        3: {**output, "softlabel": False, "shiftlabel": False, "label_width": 2.0}})

  def changed(self, one, other):
    self.assertEqual((one.survey.bins, other.survey.bins), (20, 180))
    return {field.name: getattr(one, field.name) for field in dataclasses.fields(TrainConfig)
            if field.name != "survey" and getattr(one, field.name) != getattr(other, field.name)}

  @parameterized.parameters(1, 2)
  def test_images_of_one_or_two_pixels_are_refused(self, size):
    with self.assertRaisesRegex(ValueError, f"--image_size={size} of .*side of 3 or more"):
      config(1, f"--image_size={size}")
    self.assertEqual(config(1, "--image_size=3").image_size, 3)

  def test_features_that_are_not_kept_have_no_type(self):
    self.assertEqual(config(1, "--nocache_features"), config(1))
    self.assertFalse(config(2, "--nocache_features").cache_features)
    self.assertEqual(config(2, "--nocache_features"),
                     config(2, "--nocache_features", "--feature_dtype=float16"))

  @parameterized.parameters(
      (["--net=3"], "--net=0, not 3"), (["--image_size=16"], "--image_size=64, not 16"),
      (["--fth=7"], "--fth=200, not 7"), (["--ne=2"], "--ne=1, not 2"),
      (["--bins=20"], "--bins=180, not 20"))
  def test_flags_that_contradict_a_trained_stage(self, words, message):
    trained = config(2)
    step2 = ("--tstep=2", "--multir")
    check_request_fits(parse(*step2), trained, no_data(), "runs/a/step2")
    with self.assertRaisesRegex(ValueError, f"^runs/a/step2 was trained with {message}"):
      check_request_fits(parse(*step2, *words), trained, no_data(), "runs/a/step2")

  def test_another_data_set_than_that_of_a_trained_stage(self):
    other = no_data({"net": 5})
    with self.assertRaisesRegex(ValueError, "another data set than nowhere.*eval.predict"):
      check_request_fits(parse(), config(0), other, "runs/a/baseline")


if __name__ == "__main__":
  tf.test.main()
