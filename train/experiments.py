"""Runs items of the published study by name.

  python -m train.experiments --list
  python -m train.experiments --run=sdss_main --scale=small --data_dir=data/quickstart
  python -m train.experiments --run=balancing_threshold --values=5,50,500

Prints the plan first: which stages exist, which will be trained, and how long that
takes, if iterations of the kind have been timed.  Given again, the command goes on
where it stopped.  With --plan it only prints, and shows the commands.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time

from absl import app, flags, logging

from pzbias_tf import command
from train.plan import StageJob, in_order, plan_variants, save_record, step_time_s
from train.study_items import SCALES, STUDY_ITEMS


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  flags.DEFINE_bool("list", False, "Lists the study items.", flag_values=values)
  flags.DEFINE_list("run", [], "Study items to run, by name.", flag_values=values)
  flags.DEFINE_list("values", [], "Values of the flag that varies. Default: the published ones.",
                    flag_values=values)
  flags.DEFINE_enum("scale", "full", list(SCALES), "full: the published schedule; medium: a few "
                    "GPU hours; small: a CPU and simulated galaxies.", flag_values=values)
  flags.DEFINE_bool("plan", False, "Shows the plan and its commands, and runs nothing.",
                    flag_values=values)
  flags.DEFINE_integer("jobs", 1, "Stages trained at the same time, one per GPU if there are any.",
                       lower_bound=1, flag_values=values)
  flags.DEFINE_string("data_dir", "", "Data set. Default: data/<data set of the survey>.",
                      flag_values=values)
  flags.DEFINE_string("workdir", "runs", "Folder of all runs.", flag_values=values)
  flags.DEFINE_integer("seed", 0, "Seed of every stage.", lower_bound=0, flag_values=values)


def main(argv):
  """Lists, plans or runs; a mistake of the user ends in one line, not in a traceback."""
  command.refuse_words(argv)
  values = flags.FLAGS
  if values.list or not values.run:
    print(listing())
    return
  with command.one_line_errors():
    variants = plan(values)
    jobs = jobs_of(variants)
    print(describe(jobs, values.workdir, commands=values.plan))
    if not values.plan:
      for name, own in variants.items():
        save_record(name, STUDY_ITEMS[name], own, scale=values.scale, workdir=values.workdir,
                    seed=values.seed, command=_command(name, values))
      execute(jobs, values.jobs)
      print(f"Next: python -m eval.results --workdir={values.workdir}")


def listing() -> str:
  """All study items, one per line."""
  width = max(map(len, STUDY_ITEMS))
  lines = []
  for name, item in STUDY_ITEMS.items():
    varies = f" (--{item.varies}={','.join(item.values)})" if item.varies else ""
    lines.append(f"{name:{width}}  {item.title}{varies}")
  return "\n".join(lines)


def plan(values: flags.FlagValues) -> dict[str, dict[str, list[list[StageJob]]]]:
  """All jobs of the wanted study items: {item: as `plan_variants`}.

  Raises:
    ValueError: there is no such item, or flags contradict each other.
    OSError: the data set is missing.
  """
  unknown = sorted(set(values.run) - set(STUDY_ITEMS))
  if unknown:
    raise ValueError(f"no study item {', '.join(unknown)}; choose from\n{listing()}")
  common = [f"--workdir={values.workdir}", f"--seed={values.seed}"]
  common += [f"--data_dir={values.data_dir}"] if values.data_dir else []
  return {name: plan_variants(STUDY_ITEMS[name], scale=values.scale, values=tuple(values.values),
                              common=tuple(common)) for name in values.run}


def jobs_of(variants: dict[str, dict[str, list[list[StageJob]]]]) -> list[StageJob]:
  """The jobs of several study items, shared ones once, each after those that it needs."""
  jobs: dict[str, StageJob] = {}
  for own in variants.values():
    for job in in_order(own):
      jobs.setdefault(job.stage_dir, job)
  return list(jobs.values())


def _command(name, values):
  """The command line of one study item."""
  words = [f"--run={name}", *(values[flag].serialize() for flag in (
      "values", "scale", "seed", "jobs") if values[flag].present)]
  # As seen from here: a results file is kept, and must not name folders of this machine.
  words += [f"--{flag}={os.path.relpath(values[flag].value)}" for flag in ("data_dir", "workdir")
            if values[flag].present]
  return shlex.join(["python", "-m", "train.experiments", *words])


def describe(jobs: list[StageJob], workdir: str, *, commands: bool = False) -> str:
  """The plan as text, one line per job, with what is known of its time."""
  lines, total_s, unknown = [], 0.0, 0
  for job in jobs:
    time_s = step_time_s(job, workdir)
    if job.done:
      state = "exists"
    elif not job.iterations:
      state = "predicts"
    elif time_s is None:
      state, unknown = f"{job.iterations} iterations", unknown + 1
    else:
      total_s += job.iterations * time_s
      state = f"{job.iterations} iterations, {job.iterations * time_s / 60:.1f} min"
    lines.append(f"  {os.path.relpath(job.stage_dir, workdir)}: {state}")
    if commands and not job.done:
      lines.append(f"    python -m train.main {' '.join(job.words)}")
  lines.append(f"{sum(not job.done for job in jobs)} of {len(jobs)} stages are to be made"
               + (f", {total_s / 60:.1f} min of training" if total_s else "")
               + (f"; {unknown} of a kind that has not been timed yet" if unknown else ""))
  return "\n".join(lines)


def execute(jobs: list[StageJob], at_once: int) -> None:
  """Does the jobs that are missing, several at a time, each after those that it needs.

  Raises:
    OSError: one failed; the others are not started.
  """
  waiting = [job for job in jobs if not job.done]
  missing = {job.stage_dir for job in waiting}
  running: dict[int, tuple[StageJob, subprocess.Popen]] = {}
  while waiting or running:
    for slot in set(range(at_once)) - set(running):
      ready = [job for job in waiting if not missing & set(job.needs)]
      if ready:
        waiting.remove(ready[0])
        running[slot] = (ready[0], _start(ready[0], slot, at_once))
    for slot, (job, process) in list(running.items()):
      if process.poll() is None:
        continue
      del running[slot]
      if process.returncode:
        _end(running)
        raise OSError(f"{job.stage_dir} failed; its messages are above. Give the same command "
                      "again to go on")
      missing.discard(job.stage_dir)
    time.sleep(0.2)


def _start(job, slot, at_once):
  words = [sys.executable, "-m", "train.main", *job.words]
  logging.info("%s", " ".join(["python", *words[1:]]))
  environment = dict(os.environ)
  if at_once > 1:  # each has a GPU, or its share of the cores
    given = environment.get("CUDA_VISIBLE_DEVICES", "")
    devices = given.split(",") if given else [str(number) for number in range(at_once)]
    environment["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
    environment.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, (os.cpu_count() or 1) // at_once)))
  return subprocess.Popen(words, env=environment)


def _end(running):
  for _, process in running.values():
    process.terminate()  # it saves a checkpoint
    process.wait()


if __name__ == "__main__":
  define_flags()
  app.run(main)
