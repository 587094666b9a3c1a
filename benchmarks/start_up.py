"""Processor time from the start of a command to its first result, on a small data set.

  python -m benchmarks.start_up [--repeats=3] [--check]

--help of each command to its end; train.main to its first iterations; eval.main to its first
metric.  Each in a process of its own, the fastest of some; --check ends with status 1 where a goal
is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

HELP_S, TRAINING_S, EVALUATION_S = 1.5, 8.0, 5.0
"""Goals, seconds of processor time."""
COMMANDS = ("data_tools.make_tfrecords", "train.main", "eval.main", "eval.predict")
_NUM = 1000  # galaxies

# Runs a module as `python -m` does, and ends it where a function is called or has returned.
_UNTIL = """
import importlib, os, runpy, sys, time
after, owner, name, module, *words = sys.argv[1:]
where, _, kind = owner.partition(":")
place = importlib.import_module(where)
place = getattr(place, kind) if kind else place
function = getattr(place, name)

def ends(*args, **kwargs):
  if after == "after":
    function(*args, **kwargs)
  print("processor time", time.process_time(), flush=True)
  os._exit(0)

setattr(place, name, ends)
sys.argv = [module, *words]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def main() -> None:
  """Measures all commands, and prints a line for each."""
  parser = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--repeats", type=int, default=3, help="runs of each command")
  parser.add_argument("--check", action="store_true", help="status 1 where a goal is missed")
  options = parser.parse_args()
  missed = 0
  with tempfile.TemporaryDirectory() as folder:
    for what, goal_s, take in _cases(folder):
      time_s = min(take() for _ in range(options.repeats))
      met = time_s < goal_s
      missed += not met
      print(f"{what:42} {time_s:6.2f} s; goal {goal_s:g} s: {'met' if met else 'missed'}",
            flush=True)
  sys.exit(int(options.check and missed > 0))


def _cases(folder):
  """(name, goal, function that returns seconds of processor time) of each."""
  for module in COMMANDS:
    yield f"{module} --help", HELP_S, lambda module=module: _to_its_end(module, "--help")
  data, runs = os.path.join(folder, "data"), os.path.join(folder, "runs")
  _to_its_end("data_tools.make_tfrecords", f"--output={data}", f"--num={_NUM}", "--image_size=32")
  flags = (f"--data_dir={data}", "--image_size=16", "--batch_size=64", "--iterations=100")
  new = (os.path.join(folder, f"new{number}") for number in range(1000))
  yield "train.main to its first iterations", TRAINING_S, lambda: until(
      "after", "pzbias_tf.training.loop:Loop", "_call", "train.main", *flags,
      f"--workdir={next(new)}")
  _to_its_end("train.main", *flags, f"--workdir={runs}")
  yield "eval.main to its first metric", EVALUATION_S, lambda: until(
      "before", "pzbias_tf.metrics.stage_result", "measure", "eval.main", f"--workdir={runs}")


def until(when: str, owner: str, name: str, module: str, *words: str) -> float:
  """Seconds of processor time of a command until a function.

  Args:
    when: "before" or "after" its call.
    owner: its module, or "module:class".
    name: its name there.
    module: the command.
    *words: flags of the command.

  Raises:
    RuntimeError: the command ended otherwise.
  """
  said = subprocess.run([sys.executable, "-c", _UNTIL, when, owner, name, module, *words],
                        capture_output=True, text=True, check=False)
  last = said.stdout.splitlines()[-1:]
  if said.returncode or not last or not last[0].startswith("processor time "):
    raise RuntimeError(f"{module} did not come to {owner}.{name}: {said.stderr[-2000:]}")
  return float(last[0].rpartition(" ")[2])


def _to_its_end(module: str, *words: str) -> float:
  """Seconds of processor time of a command."""
  before = os.times()
  subprocess.run([sys.executable, "-m", module, *words], check=True, capture_output=True)
  after = os.times()
  return (after.children_user + after.children_system
          - before.children_user - before.children_system)


if __name__ == "__main__":
  main()
