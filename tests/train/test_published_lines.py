"""The command lines of the published page run as they stand, the script's name apart."""

import os
import shlex
import tempfile

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from pzbias_tf.training.stages import STAGES
from tests import programs
from tests.small_data import make_dataset
from tests.train.command_lines import parse
from train.settings import resolve
from train.variants import stage_command, stage_folder, variant_of

BASELINE = ("--ne=1 --fth=0 --nsub=0 --errl=0 --midreduce=0 --testphase=0 --tstep=0 --multir=0 "
            "--usecfht=0 --usecfhtd=0 --bins=180 --net=0 --itealter=0 --softlabel=1 --shiftlabel=1")
WIDE = "--usecfht=1 --bins=1000"
DEEP = "--usecfht=1 --usecfhtd=1 --bins=1000"


def line(*changes: str) -> list[str]:
  """The words of a published line: the Baseline's, some of them changed."""
  words = dict(word.split("=") for word in BASELINE.split())
  for change in changes:
    words.update(word.split("=") for word in change.split())
  return [f"{name}={value}" for name, value in words.items()]


def steps(*changes: str, fth: str = "200", whole: str = "") -> list[list[str]]:
  """The lines of Baseline and Steps 1 to 3, training and testing.

  Args:
    *changes: flags of all of them.
    fth: threshold of Steps 2 and 3.
    whole: further flags of Baseline and Step 1.
  """
  multir = "--multir=1"
  lines = [line(*changes, whole), line(*changes, whole, "--tstep=1", multir),
           line(*changes, f"--fth={fth} --tstep=2", multir),
           line(*changes, f"--fth={fth} --tstep=3", multir)]
  return lines + [[*words, "--testphase=1"] for words in lines]


# The lines of the page: {what they train: (its lines, folder of Step 3's run)}.
PAGE = {
    "SDSS": (steps(), "sdss_net0_ne1"),
    "CFHTLS-WIDE": (steps(WIDE, fth="100"), "cfhtls_wide_net0_ne1"),
    "CFHTLS-DEEP": (steps(DEEP, fth="5"), "cfhtls_deep_net0_ne1"),
    "Step 3a": (steps("--softlabel=0"), "sdss_net0_ne1_hardlabel"),
    "Step 3b": (steps("--shiftlabel=0"), "sdss_net0_ne1_noshift"),
    "Step 3 without 2": (steps(fth="10000"), "sdss_net0_ne1_fth10000"),
    "modified sample": (steps("--midreduce=1"), "sdss_net0_ne1_midreduce"),
    "label errors": (steps(whole="--errl=0.06"), "sdss_net0_ne1"),
    "sample size": (steps(whole="--nsub=100000"), "sdss_net0_ne1"),
    **{f"fold {ne}": (steps(f"--ne={ne}"), f"sdss_net0_ne{ne}") for ne in range(2, 6)},
    **{f"threshold {fth}": (steps(fth=fth), f"sdss_net0_ne1_fth{fth}")
       for fth in ("5", "10", "20", "50", "100", "500", "1000", "2000")},
    **{f"WIDE threshold {fth}": (steps(WIDE, fth=fth), f"cfhtls_wide_net0_ne1_fth{fth}")
       for fth in ("5", "10", "20", "50", "200")},
    **{f"{bins} bins": (steps(f"--bins={bins}"), f"sdss_net0_ne1_bins{bins}")
       for bins in ("20", "50", "500", "1000")},
    **{f"network {net}": (steps(f"--net={net}"), f"sdss_net{net}_ne1") for net in range(1, 5)},
    **{f"errors {errl}": (steps(whole=f"--errl={errl}"), "sdss_net0_ne1")
       for errl in ("0.2", "0.1", "0.04", "0.02")},
    **{f"{nsub} galaxies": (steps(whole=f"--nsub={nsub}"), "sdss_net0_ne1")
       for nsub in ("150000", "200000", "300000")},
}
ITERATIONS = {  # --itealter: trained by 1, tested and gone on from by what was kept
    "train": [line("--itealter=1"), line("--itealter=1 --tstep=1 --multir=1")],
    "test": [line(f"--itealter={kept} --testphase=1 {step}") for kept in (2000, 5000, 240000)
             for step in ("", "--tstep=1 --multir=1")],
    "go on": [line(f"--itealter={kept} --fth=200 --tstep={step} --multir=1")
              for kept in (2000, 120000) for step in (2, 3)],
}


def planned(words):
  """Request and stage folder of a line, for data sets without a preset."""
  request = parse(*words)
  data = Dataset("nowhere", Manifest(dataset=request.survey.dataset, survey=request.survey.name,
                                     bands=SDSS.bands, image_shape=(64, 64, 5)))
  return request, stage_folder(request, variant_of(request, resolve(request, data), data))


class PublishedLinesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.named_parameters((name.replace(" ", "_"), *lines) for name, lines in PAGE.items())
  def test_every_line_is_understood(self, lines, step3_run):
    for number, words in enumerate(lines):
      request, folder = planned(words)
      self.assertEqual(request.stage, STAGES[number % 4], words)
      self.assertEqual(request.testphase, number >= 4, words)
      # Testing looks into the folder that training fills.
      self.assertEqual(folder, planned(lines[number % 4])[1], words)
    self.assertEqual(folder, f"runs/{step3_run}/step3")

  @parameterized.parameters(*ITERATIONS)
  def test_lines_of_the_number_of_iterations(self, name):
    for words in ITERATIONS[name]:
      request, folder = planned(words)
      kept = "" if request.itealter == 1 else request.itealter
      self.assertStartsWith(folder, f"runs/sdss_net0_ne1_itealter{kept}/")

  @parameterized.parameters(1, 2, 3)
  def test_the_later_spelling_leaves_multir_out(self, number):
    words = [word for word in line(f"--fth=200 --tstep={number}") if "multir" not in word]
    self.assertEqual(planned(words)[0].stage, STAGES[number])

  def test_the_next_command_is_one_that_runs(self):
    for number in range(3):
      request, _ = planned(steps()[number])
      following = stage_command(request, STAGES[number + 1].name)
      words = shlex.split(following.removeprefix("python -m train.main "))
      self.assertEqual(planned(words)[0].stage, STAGES[number + 1])
      self.assertEqual(planned(words)[0].itealter, 0)

  def test_the_eight_main_lines_run(self):
    folder = tempfile.mkdtemp()
    data, runs = os.path.join(folder, "data"), os.path.join(folder, "runs")
    make_dataset(data, num=240)
    small = [f"--data_dir={data}", f"--workdir={runs}", "--iterations=2", "--batch_size=4",
             "--image_size=16", "--num_devices=1", "--xla=off"]
    stages = [os.path.join(runs, "sdss_net0_ne1", stage.name) for stage in STAGES]
    for number, words in enumerate(steps(fth="5")):
      if number >= 2:
        stages[number % 4] = stages[number % 4].replace("ne1/step2", "ne1_fth5/step2").replace(
            "ne1/step3", "ne1_fth5/step3")
      predictions = os.path.join(stages[number % 4], "predictions_test.hdf5")
      if number >= 4:
        os.remove(predictions)
      done = programs.run("-m", "train.main", *words, *small)
      self.assertEqual(done.returncode, 0, done.stderr[-2000:])
      self.assertNotEmpty(Predictions.load(predictions).z_photo)


if __name__ == "__main__":
  tf.test.main()
