"""Runs items of the published study by name.

  python -m train.experiments --list
  python -m train.experiments --run=sdss_main --scale=small --data_dir=data/quickstart
  python -m train.experiments --run=balancing_threshold --values=5,50,500

Prints the plan first: which stages are complete, which will be trained, and how
long that takes, as far as iterations of their kind have been timed.  When it is
called again, it goes on where it stopped.  With --plan it only prints the plan
and its commands.
"""

from __future__ import annotations

from absl import flags

from pzbias_tf.choices import NETWORKS
from pzbias_tf.command_line import command, command_flags
from train.study_items import SCALES, STUDY_ITEMS, SURVEYS


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  items, data = (command_flags.FlagGroup(values, title) for title in ("Study items", "Data"))
  items.switch("list", False, "Lists the study items.")
  items.words("run", [], "Study items to run, by name.")
  items.text("survey", "sdss", f"Survey of the items: {', '.join(SURVEYS)}, another survey, or a "
             ".toml file; the main items of CFHTLS have names of their own.")
  items.words("values", [], "Values of the flag that varies. Default: the published ones.")
  items.choice("scale", "full", list(SCALES), "full: the published schedule; medium: a few GPU "
               "hours; small: a CPU and simulated galaxies; photometry: magnitudes.")
  items.switch("plan", False, "Prints the plan and its commands, and runs nothing.")
  data.text("data_dir", "", "Data set. Default: data/<data set of the survey>.")
  data.text("workdir", "runs", "Folder of all runs.")
  data.integer("seed", 0, "Seed of every run.", lower_bound=0)
  command_flags.FlagGroup(values, "Hardware").integer(
      "jobs", 1, "Stages to train at a time, one per GPU where there are any.", lower_bound=1)


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import os
import shlex
import subprocess
import sys
import time

from absl import logging

from train.plan import StageJob, Variants, in_order, plan_variants, save_record, step_time_s


def main(argv):
  """Lists, plans or runs; a mistake of the user ends in one line, not in a traceback."""
  command.refuse_words(argv)
  values = flags.FLAGS
  if values.list or not values.run:
    print(listing())
    return
  with command.one_line_errors():
    items = plan(values)
    jobs = jobs_of(items)
    print(describe(jobs, values.workdir, commands=values.plan))
    if not values.plan:
      _save_records(items, values)
      execute(jobs, at_once=values.jobs)
      print(f"Next: python -m eval.results --workdir={values.workdir}")


def listing() -> str:
  """All study items, one per line."""
  width = max(map(len, STUDY_ITEMS))
  lines = []
  for name, item in STUDY_ITEMS.items():
    varies = f" (--{item.varies}={','.join(item.values)})" if item.varies else ""
    lines.append(f"{name:{width}}  {item.title}{varies}")
  return "\n".join(lines)


def plan(values: flags.FlagValues) -> dict[str, Variants]:
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
  return {name: plan_variants(STUDY_ITEMS[name], scale=values.scale, survey=values.survey,
                              values=_by_number(STUDY_ITEMS[name], values.values),
                              common=tuple(common)) for name in values.run}


def _by_number(item, values):
  """The values of what varies; networks by their numbers, as records and pages have them."""
  if item.varies != "net":
    return tuple(values)
  return tuple(str(command_flags.NumberedWords(NETWORKS).parse(value)) for value in values)


def jobs_of(items: dict[str, Variants]) -> list[StageJob]:
  """The jobs of several study items, each once, and after those whose stages it needs."""
  jobs: dict[str, StageJob] = {}
  for variants in items.values():
    for job in in_order(variants):
      jobs.setdefault(job.stage_dir, job)
  return list(jobs.values())


def _save_records(items, values):
  for name, variants in items.items():
    # Items of WIDE and DEEP may share a folder of runs.
    record = name if values.survey not in SURVEYS or values.survey == "sdss" else (
        f"{name}_{values.survey}")
    save_record(record, STUDY_ITEMS[name], variants, scale=values.scale, workdir=values.workdir,
                seed=values.seed, command=_command(name, values))


def _command(name, values):
  """The command line of one study item."""
  words = [f"--run={name}", *(values[flag].serialize() for flag in (
      "survey", "values", "scale", "seed", "jobs") if values[flag].present)]
  # As seen from here: a results file is kept, and must not name folders of this machine.
  words += [f"--{flag}={os.path.relpath(values[flag].value)}" for flag in ("data_dir", "workdir")
            if values[flag].present]
  return shlex.join(["python", "-m", "train.experiments", *words])


def describe(jobs: list[StageJob], workdir: str, *, commands: bool = False) -> str:
  """The plan as text, one line per job, with what is known of its time."""
  lines, total_s, not_timed = [], 0.0, 0
  for job in jobs:
    time_s = None if job.done else step_time_s(job, workdir)
    lines.append(f"  {os.path.relpath(job.stage_dir, workdir)}: {_state(job, time_s)}")
    if commands and not job.done:
      lines.append(f"    python -m train.main {' '.join(job.words)}")
    if not job.done and job.iterations:
      total_s += job.iterations * (time_s or 0.0)
      not_timed += time_s is None
  lines.append(f"{sum(not job.done for job in jobs)} of {len(jobs)} stages remain"
               + (f", {total_s / 60:.1f} min of training" if total_s else "")
               + (f"; {not_timed} of a kind that has not been timed yet" if not_timed else ""))
  return "\n".join(lines)


def _state(job, time_s):
  if job.done:
    return "complete"
  if not job.iterations:
    return "only predicts"
  iterations = f"{job.iterations} iterations"
  return iterations if time_s is None else (
      f"{iterations}, {job.iterations * time_s / 60:.1f} min")


def execute(jobs: list[StageJob], *, at_once: int) -> None:
  """Runs the jobs that are not done, several at a time, each after those that it needs.

  Raises:
    OSError: one failed; the others are stopped.
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
    for stage_dir in _take_ended(running):
      missing.discard(stage_dir)
    time.sleep(0.2)


def _take_ended(running):
  """Removes the jobs that have ended; returns their folders."""
  ended = [slot for slot, (_, process) in running.items() if process.poll() is not None]
  jobs = [running.pop(slot) for slot in ended]
  for job, process in jobs:
    if process.returncode:
      _stop_all(running)
      raise OSError(f"{job.stage_dir} failed; its messages stand above. Give the same command "
                    "again to go on")
  return [job.stage_dir for job, _ in jobs]


def _start(job, slot, at_once):
  # Not -m train.main, which a train.py in the working folder would hide.
  words = [sys.executable, "-m", "pzbias_tf", "train", *job.words]
  logging.info("python -m train.main %s", " ".join(job.words))
  environment = dict(os.environ)
  if at_once > 1:  # each has a GPU, or its share of the cores
    given = environment.get("CUDA_VISIBLE_DEVICES", "")
    devices = given.split(",") if given else [str(number) for number in range(at_once)]
    environment["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
    environment.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, (os.cpu_count() or 1) // at_once)))
  return subprocess.Popen(words, env=environment)


def _stop_all(running):
  for _, process in running.values():
    process.terminate()  # it saves a checkpoint
    process.wait()


if __name__ == "__main__":
  command.run(main, WORDS)
