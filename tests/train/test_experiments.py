"""The study by name: every study item has a plan, in which shared stages stand once."""

import json
import os
import tempfile

from absl import flags
from absl.testing import parameterized
import tensorflow as tf

from eval.study.collect import missing_stages
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.training.run_folder import TIMING
from tests.small_data import make_dataset
from tests.small_photometry import make_photometry
from train import experiments
from train.plan import in_order, plan_variants, save_record
from train.study_items import SCALES, STUDY_ITEMS, StudyItem


def names(jobs):
  return [os.path.relpath(job.stage_dir, "runs") for job in jobs]


class ExperimentsTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.data = {}
    for survey in ("sdss", "cfhtls_wide"):
      folder = os.path.join(cls.folder, survey)
      os.makedirs(folder)
      Manifest(dataset=survey.split("_")[0], survey=survey, bands=tuple("ugriz"),
               image_shape=(64, 64, 5), shards=()).save(folder)
      cls.data[survey] = folder

  def plan(self, name, **settings):
    survey = "cfhtls_wide" if name.startswith("cfhtls") else "sdss"
    return in_order(plan_variants(STUDY_ITEMS[name], common=(f"--data_dir={self.data[survey]}",),
                                  **{"scale": "full", **settings}))

  @parameterized.product(name=list(STUDY_ITEMS), scale=["full", "medium", "small"])
  def test_every_item_has_a_plan_in_which_each_job_finds_what_it_needs(self, name, scale):
    made = set()
    if scale == "medium" and name == "iterations":
      self.skipTest("its published values exceed the scale's iterations")
    for job in self.plan(name, scale=scale):
      self.assertContainsSubset(set(job.needs), made)
      self.assertNotIn(job.stage_dir, made)
      made.add(job.stage_dir)
    self.assertRegex(experiments.listing(), rf"(?m)^{name} ")

  @parameterized.parameters("folds", "balancing_threshold", "bin_size", "sample_size",
                            "label_errors", "network", "step3_iterations", "step3_learning_rate")
  def test_last_small_value_is_the_main_item(self, name):
    variants = plan_variants(STUDY_ITEMS[name], scale="small",
                             common=(f"--data_dir={self.data['sdss']}",))
    last = [jobs[-1] for jobs in list(variants.values())[-1]]
    self.assertEqual(names(last), names(self.plan("sdss_main", scale="small")))

  @parameterized.parameters(*STUDY_ITEMS)
  def test_four_arrays_of_jobs_are_enough(self, name):
    """docs/study.md: Baseline and Step 1, tests of kept weights, Step 2, Step 3."""
    groups = [[], [], [], []]
    for job in self.plan(name):
      number = int(job.words[0].removeprefix("--tstep="))
      groups[1 if "--testphase" in job.words else (0, 0, 2, 3)[number]].append(job)
    made = set()
    for group in groups:
      for job in group:
        self.assertContainsSubset(set(job.needs), made)
      made.update(job.stage_dir for job in group)

  @parameterized.product(survey=["cfhtls_wide", "cfhtls_deep"], name=[
      name for name, item in STUDY_ITEMS.items() if item.other_surveys])
  def test_items_that_are_not_for_sdss_alone(self, survey, name):
    made = set()
    for job in in_order(plan_variants(STUDY_ITEMS[name], scale="full", survey=survey,
                                      common=(f"--data_dir={self.data['cfhtls_wide']}",))):
      self.assertContainsSubset(set(job.needs), made)
      self.assertRegex(job.stage_dir,
                       rf"^runs/(cfhtls_net.*/(baseline|step1)|{survey}_net.*/step.)$")
      made.add(job.stage_dir)
    self.assertNotEmpty(made)

  def test_thresholds_of_wide(self):
    variants = plan_variants(STUDY_ITEMS["balancing_threshold"], scale="full",
                             survey="cfhtls_wide",
                             common=(f"--data_dir={self.data['cfhtls_wide']}",))
    self.assertEqual(list(variants), ["5", "10", "20", "50", "100", "200"])
    self.assertEqual(names(jobs[-1] for jobs in variants["50"]), [
        "cfhtls_net0_ne1/baseline", "cfhtls_net0_ne1/step1", "cfhtls_wide_net0_ne1_fth50/step2",
        "cfhtls_wide_net0_ne1_fth50/step3"])

  @parameterized.parameters("modified_sample", "label_errors", "iterations", "cfhtls_wide")
  def test_items_of_sdss_alone(self, name):
    with self.assertRaisesRegex(ValueError, "--survey=cfhtls_wide: .* asks .* of sdss alone"):
      plan_variants(STUDY_ITEMS[name], scale="full", survey="cfhtls_wide")

  def test_main(self):
    jobs = self.plan("sdss_main")
    self.assertEqual(names(jobs), [f"sdss_net0_ne1/{stage}" for stage in
                                   ("baseline", "step1", "step2", "step3")])
    self.assertEqual([job.iterations for job in jobs], [120_000, 120_000, 40_000, 40_000])
    small = self.plan("sdss_main", scale="small")
    self.assertEqual(names(small)[0], "sdss_net5_ne1/baseline")
    self.assertEqual([job.iterations for job in small], [20_000, 20_000, 2000, 6000])

  def test_thresholds_share_one_step_1(self):
    jobs = names(self.plan("balancing_threshold", values=("5", "50")))
    self.assertEqual(jobs, ["sdss_net0_ne1/baseline", "sdss_net0_ne1/step1",
                            "sdss_net0_ne1_fth5/step2", "sdss_net0_ne1_fth5/step3",
                            "sdss_net0_ne1_fth50/step2", "sdss_net0_ne1_fth50/step3"])

  def test_iterations_come_from_one_long_run(self):
    jobs = self.plan("iterations", values=("2000", "240000"))
    self.assertEqual(names(jobs)[:2], ["sdss_net0_ne1_itealter/baseline",
                                       "sdss_net0_ne1_itealter2000/baseline"])
    self.assertLen([job for job in jobs if job.iterations == 240_000], 2)
    self.assertIn("--testphase", jobs[1].words)
    with self.assertRaisesRegex(ValueError, "ends at iteration 20000"):
      self.plan("iterations", scale="small", values=("30000",))

  @parameterized.parameters(("step3_iterations", ("50", "40000"), "iterations50"),
                            ("step3_learning_rate", ("1e-3", "2e-5", "0.00002"),
                             "learning_rate1e-3"))
  def test_other_schedules_of_step_3_share_the_stages_before_it(self, name, values, tag):
    jobs = self.plan(name, values=values)
    self.assertEqual(names(jobs), [
        *(f"sdss_net0_ne1/{stage}" for stage in ("baseline", "step1", "step2")),
        f"sdss_net0_ne1_step3_{tag}/step3", "sdss_net0_ne1/step3"])
    self.assertEqual([job.iterations for job in jobs[:3]], [120_000, 120_000, 40_000])
    self.assertEqual(jobs[3].needs, jobs[4].needs)
    self.assertContainsSubset(set(jobs[3].needs), {job.stage_dir for job in jobs[:3]})

  def test_values_without_a_flag_that_varies(self):
    with self.assertRaisesRegex(ValueError, "nothing varies.*leave --values out"):
      self.plan("sdss_main", values=("1",))

  @parameterized.parameters(("net_s1,3", ["2", "3"]), ("Net_Q", ["5"]), ("0,1", ["0", "1"]))
  def test_networks_by_name(self, words, numbers):
    values = flags.FlagValues()
    experiments.define_flags(values)
    values(["", "--run=network", f"--values={words}", f"--data_dir={self.data['sdss']}"])
    self.assertEqual(list(experiments.plan(values)["network"]), numbers)

  def test_it_runs_and_goes_on(self):
    """A tiny scale: two thresholds, their shared stages once; then the plan says what is left."""
    make_dataset(os.path.join(self.folder, "small"), num=300)
    common = (f"--data_dir={os.path.join(self.folder, 'small')}", "--image_size=16",
              f"--workdir={os.path.join(self.folder, 'runs')}", "--iterations=12",
              "--batch_size=16", "--input_scaling=sqrt_whitened")
    item = StudyItem(title="two thresholds", varies="fth", values=("3", "5"),
                     stages=(1, 2), flags=())
    make = lambda: in_order(plan_variants(item, scale="small", common=common))
    jobs = make()
    self.assertLen(jobs, 3)
    before = experiments.describe(jobs, os.path.join(self.folder, "runs"))
    self.assertIn("3 of 3 stages remain; 3 of a kind that has not been timed yet", before)
    experiments.execute(jobs[:2], at_once=2)
    self.set_step_time(jobs[1].stage_dir, 10.0)
    after = experiments.describe(make(), os.path.join(self.folder, "runs"), commands=True)
    self.assertEqual(after.count("python -m train.main"), 1)
    self.assertIn("step1: complete", after)
    self.assertIn("1 of 3 stages remain, 2.0 min of training", after)
    with self.assertRaisesRegex(ValueError, "was trained with iterations 12, the plan has 13"):
      in_order(plan_variants(item, scale="small", common=(*common, "--iterations=13")))
    with self.assertRaisesRegex(OSError, "failed; its messages"):
      lone = in_order(plan_variants(item, scale="small", common=(*common, "--ne=2")))[1]
      experiments.execute([lone], at_once=1)  # its Step 1 was not made

  def set_step_time(self, stage_dir, time_s):
    """Writes a time that does not depend on this machine."""
    with open(os.path.join(stage_dir, TIMING), "r+", encoding="utf-8") as file:
      timing = json.load(file)
      del timing["sha256"]
      self.assertGreater(timing["step_time_s"], 0)
      file.seek(0)
      file.truncate()
      json.dump({**timing, "step_time_s": time_s}, file)

  def test_record(self):
    """What eval.results reads: stages, and everything that was trained for them."""
    folder = self.create_tempdir().full_path
    item = STUDY_ITEMS["iterations"]
    variants = plan_variants(item, scale="small", values=("2000", "20000"), common=(
        f"--data_dir={self.data['sdss']}", f"--workdir={folder}"))
    path = save_record("iterations", item, variants, scale="small", workdir=folder, seed=0,
                       command="c")
    with open(path, encoding="utf-8") as file:
      first, _ = json.load(file)["variants"]
    self.assertEqual(first["value"], "2000")
    self.assertEqual(first["stages"][:2], ["sdss_net5_ne1_itealter2000/baseline",
                                           "sdss_net5_ne1_itealter2000/step1"])
    self.assertEqual(first["trained"][:2], ["sdss_net5_ne1_itealter/baseline",
                                            "sdss_net5_ne1_itealter/step1"])
    self.assertLen(first["trained"], 4)
    self.assertLen(missing_stages(path), 8)

  def test_scales(self):
    self.assertEqual(list(SCALES), ["full", "medium", "small", "photometry"])

  def test_items_of_photometry_and_of_another_survey(self):
    data = make_photometry(os.path.join(self.folder, "photometry"))
    for survey, name in (("sdss", "sdss"), ("kids", "kids")):
      variants = plan_variants(
          STUDY_ITEMS["label_width"], scale="photometry", survey=survey, values=("1", "2"),
          common=(f"--data_dir={data.folder}",))
      self.assertEqual(names(in_order(variants)), [
          f"{name}_net6_ne1/{stage}" for stage in ("baseline", "step1", "step2", "step3")
      ] + [f"{name}_net6_ne1_width2/step3"])


if __name__ == "__main__":
  tf.test.main()
