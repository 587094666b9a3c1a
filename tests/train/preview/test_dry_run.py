"""--dry_run says where each setting comes from, and writes nothing."""

import contextlib
import io
import json
import os
from unittest import mock

from absl import flags as app_flags
from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.training.run_folder import TIMING
from pzbias_tf.training.training_log import timing_kind
from tests.small_data import make_dataset
from tests.small_photometry import make_photometry
from tests.small_runs import request
from tests.train.command_lines import flag_values, no_data, parse
from train import main as train_main
from train.preview import dry_run
from train.settings import resolve
from train.variants import stage_folder, variant_of

PRESET = {"net": 5, "image_size": 16, "input_scaling": "sqrt_whitened", "fth": 15,
          "stages": {"step1": {"iterations": 7000, "lr_drops": [0.5]}}}


def table(*words, preset=None):
  """{setting: (value, origin)} of a command line."""
  return {name: (value, origin) for name, value, origin in
          dry_run.settings_table(parse(*words), no_data(preset))}


def described(*words, preset=None):
  """What --dry_run prints of a data set of which only the manifest exists."""
  asked, data = parse(*words), no_data(preset)
  variant = variant_of(asked, resolve(asked, data), data)
  return dry_run.describe(asked, variant, data, stage_folder(asked, variant))


class DryRunTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      ((), {}, "net", "Net_P", "default"), (("--net=net_t",), {}, "net", "Net_T", "flag"),
      (("--stage=step1",), PRESET, "net", "Net_Q", "preset of the data set"),
      (("--stage=step1",), PRESET, "iterations", "7000", "preset of the data set"),
      (("--stage=step1", "--iterations=9"), PRESET, "iterations", "9", "flag"),
      ((), PRESET, "iterations", "120000", "stage"), ((), {}, "image_size", "64", "survey"),
      (("--image_size=32",), {}, "image_size", "32", "flag"),
      (("--stage=step2",), {}, "fth", "200", "survey"),
      (("--fth=50",), {}, "fth", "0", "Baseline does not use it"),
      (("--stage=step3", "--nosoftlabel"), {}, "softlabel", "False", "flag"),
      (("--stage=step2", "--nosoftlabel"), {}, "softlabel", "True", "Step 2 does not use it"),
      (("--itealter=1",), {}, "iterations", "240000", "--itealter=1"),
      (("--xla=off",), {}, "xla", "off", "flag"), ((), {}, "experiment", "none", "default"),
      (("--seed=3",), {}, "seed", "3", "flag"), ((), {}, "seed", "0", "default"),
      (("--usecfht", "--stage=step2"), {}, "survey", "cfhtls_wide", "flag"),
      (("--bins=50",), {}, "bins", "50", "flag"), ((), {}, "bins", "180", "survey"))
  def test_where_settings_come_from(self, words, preset, name, value, origin):
    self.assertEqual(table(*words, preset=preset)[name], (value, origin))

  @parameterized.parameters("--stage=step1", "--stage=step3")
  def test_photometry_has_one_view(self, stage):
    data = make_photometry(self.create_tempdir().full_path)
    rows = {name: rest for name, *rest in dry_run.settings_table(parse(stage), data)}
    self.assertEqual(rows["augment"], ["none", "photometry"])

  def test_every_flag_that_sets_something_is_shown(self):
    others = {"tstep", "stage", "multir", "usecfht", "usecfhtd", "testphase", "dry_run"}
    of_the_stage = {"lr_drops", "keep_weights_at"}
    self.assertEqual(set(table()) - of_the_stage,
                     set(flag_values()) - others - set(app_flags.FLAGS))

  def test_values_are_those_that_train(self):
    for words in ((), ("--stage=step3", "--fth=9", "--net=net_s1"), ("--itealter=1",)):
      asked, data = parse(*words), no_data(PRESET)
      shown, settings = table(*words, preset=PRESET), resolve(asked, data)
      for name in ("iterations", "batch_size", "learning_rate", "image_size"):
        self.assertEqual(shown[name][0], str(settings[name]))

  def test_time_as_far_as_it_has_been_timed(self):
    workdir = self.create_tempdir().full_path
    words = ("--stage=step1", f"--workdir={workdir}")
    self.assertIn("time: 7000 iterations, unknown: no such stage under", described(
        *words, preset=PRESET))
    folder = os.path.join(workdir, "other", "step1")
    os.makedirs(folder)
    with open(os.path.join(folder, TIMING), "w", encoding="utf-8") as file:
      json.dump({"kind": timing_kind("step1", 5, 16, 32, 180), "step_time_s": 0.5}, file)
    self.assertNotIn("time: 7000 iterations, 58.3 min\n", described(*words, "--batch_size=64",
                                                                  preset=PRESET))
    text = described(*words, "--batch_size=32", preset=PRESET)
    self.assertIn("time: 7000 iterations, 58.3 min", text)

  @parameterized.parameters((119.0, "119 s"), (150.0, "2.5 min"), (3 * 3600.0, "3.0 hours"),
                            (864000.0, "10.0 days"))
  def test_times_in_words(self, seconds, words):
    self.assertEqual(dry_run._words(seconds), words)  # pylint: disable=protected-access

  def test_what_a_stage_starts_from(self):
    workdir = self.create_tempdir().full_path
    text = described("--stage=step2", f"--workdir={workdir}")
    self.assertIn("Step 2 -> ", text)
    self.assertIn("(new); nothing is written", text)
    self.assertIn("missing: ", text)
    self.assertIn("python -m train.main --tstep=1 --multir", text)

  @parameterized.parameters(
      (("--net=net_p",), True), (("--net=net_s3",), True), (("--net=net_q",), False),
      (("--net=net_s1", "--image_size=16"), False))
  def test_what_suits_a_cpu(self, words, wants_gpu):
    asked = parse(*words)
    settings = resolve(asked, no_data())
    with mock.patch.object(tf.config, "list_physical_devices", return_value=[]):
      advice = "\n".join(dry_run.cpu_advice(asked, settings))
    self.assertEqual("wants one: 120000 iterations, unknown" in advice, wants_gpu)
    self.assertEqual("--net=net_q --image_size=16" in advice, wants_gpu)
    with mock.patch.object(tf.config, "list_physical_devices", return_value=["GPU"]):
      self.assertEqual(dry_run.cpu_advice(asked, settings), [])

  def test_nothing_is_written(self):
    folder = self.create_tempdir().full_path
    data, workdir = os.path.join(folder, "data"), os.path.join(folder, "runs")
    make_dataset(data, num=60)
    files = lambda: sorted(os.path.join(place, name) for place, folders, names in os.walk(folder)
                           for name in folders + names)
    before, said = files(), io.StringIO()
    with contextlib.redirect_stdout(said):
      train_main.run(request(1, data, workdir, dry_run=True))
    self.assertEqual(files(), before)
    self.assertIn(f"Step 1 -> {workdir}/sdss_net5_ne1/step1 (new); nothing is written",
                  said.getvalue())
    self.assertRegex(said.getvalue(), r"data set: \S+, \d+ train, \d+ .*, \d+\.\d MB\n")


if __name__ == "__main__":
  tf.test.main()
