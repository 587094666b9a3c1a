"""Default names of runs, what they share, and the commands that are suggested."""

import os

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.training.stages import STAGES
from tests.train.command_lines import parse, run_name
from train.variants import stage_command


class VariantsTest(tf.test.TestCase, parameterized.TestCase):

  def test_default_runs_share_what_they_can(self):
    step1, step2, step3 = STAGES[1:]
    self.assertEqual(run_name(), "sdss_net0_ne1")
    self.assertEqual(run_name("--net=3", "--ne=2"), "sdss_net3_ne2")
    words = ("--tstep=3", "--multir", "--fth=50", "--softlabel=0")
    self.assertEqual(run_name(*words, stage=step1), "sdss_net0_ne1")
    self.assertEqual(run_name(*words, stage=step2), "sdss_net0_ne1_fth50")
    self.assertEqual(run_name(*words, stage=step3), "sdss_net0_ne1_fth50_hardlabel")
    self.assertEqual(run_name("--dispersions=global", stage=step2), "sdss_net0_ne1")
    self.assertEqual(run_name("--dispersions=global", stage=step3),
                     "sdss_net0_ne1_globaldisp")
    self.assertEqual(run_name("--label_width=2", stage=step2), "sdss_net0_ne1")
    self.assertEqual(run_name("--label_width=2", stage=step3), "sdss_net0_ne1_width2")
    self.assertEqual(run_name("--label_width=1", stage=step3), "sdss_net0_ne1")
    self.assertEqual(run_name("--errl=0.1", "--bins=50"), "sdss_net0_ne1_bins50_errl0.1")
    self.assertEqual(run_name("--usecfht"), "cfhtls_net0_ne1")
    deep = ("--usecfht", "--usecfhtd", "--tstep=2", "--multir")
    self.assertEqual(run_name(*deep), "cfhtls_deep_net0_ne1")
    self.assertEqual(run_name(*deep, stage=step1), "cfhtls_net0_ne1")
    self.assertEqual(run_name(preset={"net": 5, "fth": 15}), "sdss_net5_ne1")

  def test_bins_of_a_survey_from_a_file_are_told_apart(self):
    path = os.path.join(self.create_tempdir().full_path, "mine.toml")
    with open(path, "w") as file:
      file.write("pixel_scale_arcsec=0.2\nz_max=1.0\nbins=50\nr_min=16.0\nr_max=20.0\n"
                 "balance_threshold=5\noutlier_threshold=0.1\nfit_z_min=0.2\n")
    self.assertEqual(run_name(f"--survey={path}"), "mine_net0_ne1")
    self.assertEqual(run_name(f"--survey={path}", "--bins=20"), "mine_net0_ne1_bins20")

  def test_other_extra_columns_than_all_are_told_apart(self):
    step2 = ("--tstep=2", "--multir")
    for words, name in (((), "sdss_net0_ne1"), (("--extra_columns=mag_J,mag_H",), "sdss_net0_ne1"),
                        (("--extra_columns=mag_H",), "sdss_net0_ne1_extra-mag_H"),
                        (("--extra_columns=",), "sdss_net0_ne1_extra-none")):
      self.assertEqual(run_name(*step2, *words, extra=("mag_J", "mag_H")), name)
    request = parse(*step2, "--extra_columns=mag_H")
    self.assertEqual(stage_command(request, "step1"),
                     "python -m train.main --tstep=1 --multir --extra_columns=mag_H")
    self.assertIn("--extra_columns=", stage_command(parse("--extra_columns="), "step1"))
    with self.assertRaisesRegex(ValueError, "--extra_columns=mag_H,mag_H names a column twice"):
      run_name("--extra_columns=mag_H,mag_H")

  @parameterized.parameters(
      (["--tstep=2", "--multir", "--net=3"],), (["--tstep", "2", "--multir=1", "--net", "3"],),
      (["-tstep=2", "-multir", "-net=3"],))
  def test_suggested_commands_do_not_depend_on_the_spelling(self, words):
    self.assertEqual(stage_command(parse(*words), "step1"),
                     "python -m train.main --tstep=1 --multir --net=3")

  def test_suggested_commands_name_one_stage(self):
    self.assertEqual(stage_command(parse("--stage=step3", "--net=net_q", "--dry_run"), "step1"),
                     "python -m train.main --tstep=1 --multir --net=5")

  def test_suggested_commands(self):
    request = parse("--tstep=3", "--multir", "--softlabel=0", "--init_from=runs/a b/step1",
                    "--itealter=5000", "--iterations=7")
    self.assertEqual(stage_command(request, "step2"),
                     "python -m train.main --tstep=2 --multir '--init_from=runs/a b/step1' "
                     "--itealter=5000 --nosoftlabel")
    self.assertEqual(stage_command(request, "step1"),
                     "python -m train.main --tstep=1 --multir --itealter=1 --nosoftlabel")


if __name__ == "__main__":
  tf.test.main()
