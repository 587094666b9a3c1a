"""Runs experiments of the published study by name.

  python -m train.experiments --list
  python -m train.experiments --run=sdss_main --scale=small --data_dir=data/quickstart
  python -m train.experiments --run=balancing_threshold --values=5,50,500

Prints the plan first: which stages are there, which will be trained, and how long
that takes, as far as iterations of the kind have been timed.  Run again, it goes
on where it stopped.  With --plan it ends there, and shows the commands.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time

from absl import app, flags, logging

from pzbias_tf import command
from train.plan import Run, in_order, plan_variants, save_record, step_time_s
from train.study_items import EXPERIMENTS, SCALES


def define_flags() -> None:
  """Defines the command line."""
  flags.DEFINE_bool("list", False, "Lists the experiments.")
  flags.DEFINE_list("run", [], "Experiments to run, by name.")
  flags.DEFINE_list("values", [], "Values of the flag that varies. Default: the published ones.")
  flags.DEFINE_enum("scale", "full", list(SCALES), "full: the published schedule; medium: a few "
                    "GPU hours; small: a CPU and simulated galaxies.")
  flags.DEFINE_bool("plan", False, "Shows the plan and its commands, and runs nothing.")
  flags.DEFINE_integer("jobs", 1, "Runs at a time, one a GPU where there are any.", lower_bound=1)
  flags.DEFINE_string("data_dir", "", "Data set. Default: data/<data set of the survey>.")
  flags.DEFINE_string("workdir", "runs", "Folder of all runs.")
  flags.DEFINE_integer("seed", 0, "Seed of every run.", lower_bound=0)


def main(argv):
  """Lists, plans or runs; a mistake of the user ends in one line, not in a traceback."""
  command.refuse_words(argv)
  values = flags.FLAGS
  if values.list or not values.run:
    print(listing())
    return
  with command.one_line_errors():
    variants = plan(values)
    runs = runs_of(variants)
    print(describe(runs, values.workdir, commands=values.plan))
    if not values.plan:
      for name, own in variants.items():
        save_record(name, EXPERIMENTS[name], own, scale=values.scale, workdir=values.workdir,
                    seed=values.seed, command=_command(name, values))
      execute(runs, values.jobs)
      print(f"Next: python -m eval.results --workdir={values.workdir}")


def listing() -> str:
  """All experiments, one a line."""
  width = max(map(len, EXPERIMENTS))
  lines = []
  for name, experiment in EXPERIMENTS.items():
    varies = f" (--{experiment.varies}={','.join(experiment.values)})" if experiment.varies else ""
    lines.append(f"{name:{width}}  {experiment.title}{varies}")
  return "\n".join(lines)


def plan(values: flags.FlagValues) -> dict[str, dict[str, list[list[Run]]]]:
  """All runs of the wanted experiments: {experiment: as `plan_variants`}.

  Raises:
    ValueError: there is no such experiment, or flags contradict each other.
    OSError: the data set is missing.
  """
  unknown = sorted(set(values.run) - set(EXPERIMENTS))
  if unknown:
    raise ValueError(f"no experiment {', '.join(unknown)}; choose from\n{listing()}")
  common = [f"--workdir={values.workdir}", f"--seed={values.seed}"]
  common += [f"--data_dir={values.data_dir}"] if values.data_dir else []
  return {name: plan_variants(EXPERIMENTS[name], scale=values.scale, values=tuple(values.values),
                              common=tuple(common)) for name in values.run}


def runs_of(variants: dict[str, dict[str, list[list[Run]]]]) -> list[Run]:
  """The runs of several experiments, shared ones once, each after those that it needs."""
  runs = {}
  for own in variants.values():
    for run in in_order(own):
      runs.setdefault(run.stage_dir, run)
  return list(runs.values())


def _command(name, values):
  """The command line of one experiment."""
  words = [f"--run={name}", *(values[flag].serialize() for flag in (
      "values", "scale", "seed", "jobs") if values[flag].present)]
  # As seen from here: a results file is kept, and must not name folders of this machine.
  words += [f"--{flag}={os.path.relpath(values[flag].value)}" for flag in ("data_dir", "workdir")
            if values[flag].present]
  return shlex.join(["python", "-m", "train.experiments", *words])


def describe(runs: list[Run], workdir: str, *, commands: bool = False) -> str:
  """The plan as text, one line a run, with what is known of its time."""
  lines, total_s, unknown = [], 0.0, 0
  for run in runs:
    time_s = step_time_s(run, workdir)
    if run.done:
      state = "is there"
    elif not run.iterations:
      state = "predicts"
    elif time_s is None:
      state, unknown = f"{run.iterations} iterations", unknown + 1
    else:
      total_s += run.iterations * time_s
      state = f"{run.iterations} iterations, {run.iterations * time_s / 60:.1f} min"
    lines.append(f"  {os.path.relpath(run.stage_dir, workdir)}: {state}")
    if commands and not run.done:
      lines.append(f"    python -m train.main {' '.join(run.words)}")
  lines.append(f"{sum(not run.done for run in runs)} of {len(runs)} runs are to be made"
               + (f", {total_s / 60:.1f} min of training" if total_s else "")
               + (f"; {unknown} of a kind that has not been timed yet" if unknown else ""))
  return "\n".join(lines)


def execute(runs: list[Run], jobs: int) -> None:
  """Makes the runs that are missing, several at a time, each after those that it needs.

  Raises:
    OSError: one failed; the others are not started.
  """
  waiting = [run for run in runs if not run.done]
  missing = {run.stage_dir for run in waiting}
  running: dict[int, tuple[Run, subprocess.Popen]] = {}
  while waiting or running:
    for slot in set(range(jobs)) - set(running):
      ready = [run for run in waiting if not missing & set(run.needs)]
      if ready:
        waiting.remove(ready[0])
        running[slot] = (ready[0], _start(ready[0], slot, jobs))
    for slot, (run, process) in list(running.items()):
      if process.poll() is None:
        continue
      del running[slot]
      if process.returncode:
        _end(running)
        raise OSError(f"{run.stage_dir} failed; its messages stand above. Run the same again to "
                      "go on")
      missing.discard(run.stage_dir)
    time.sleep(0.2)


def _start(run, slot, jobs):
  words = [sys.executable, "-m", "train.main", *run.words]
  logging.info("%s", " ".join(["python", *words[1:]]))
  environment = dict(os.environ)
  if jobs > 1:  # each has a GPU, or its share of the cores
    given = environment.get("CUDA_VISIBLE_DEVICES", "")
    devices = given.split(",") if given else [str(number) for number in range(jobs)]
    environment["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
    environment.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
  return subprocess.Popen(words, env=environment)


def _end(running):
  for _, process in running.values():
    process.terminate()  # it saves a checkpoint
    process.wait()


if __name__ == "__main__":
  define_flags()
  app.run(main)
