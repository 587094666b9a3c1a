"""Processor time and memory of eval.main and eval.catalog, by part and beside their goals.

  python -m benchmarks.evaluation [--num=100000,1000000] [--only=run,csv,fits,parquet] [--check]

Writes predictions of a stage of SDSS, 180 redshift bins, and catalogues of random galaxies to a
temporary folder, and gives each command to a process of its own, with its 100 bootstraps, figures
and page.  Parts are timed within that process; what they leave is starting, tables and Step 4.
With --check, a missed goal ends it with status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Mapping
from unittest import mock

from benchmarks import metrics
from pzbias_tf.survey import SDSS

PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "run": {"imports": (), "reading": ("pzbias_tf.predictions.predictions.Predictions", "load"),
            "metrics": ("eval.main", "measure"), "figures and page": ("eval.main", "write_report")},
    "catalog": {"imports": (), "reading": ("eval.catalog", "read_source"),
                "metrics": ("eval.catalog", "measure_estimates"),
                "figures and page": ("eval.catalogs.catalog_files", "write_catalog_report")}}
"""{command: {part: where its function stands}}."""

GOALS = {("run", 1_000_000): (30.0, 2.0), **{
    (kind, 1_000_000): (15.0, 1.0) for kind in ("csv", "fits", "parquet")}}
"""{(what is measured, number of galaxies): seconds of processor time, GB}."""

_AT_ONCE = 50_000  # galaxies that are written at a time
_STAGE = "step1"


def write_run(folder: str, num: int) -> None:
  """Writes a run of one stage, with predictions of so many galaxies in the usual format."""
  from pzbias_tf.data.flux import InputScaling
  from pzbias_tf.files import write_text
  from pzbias_tf.training.config import TrainConfig, save_config
  from pzbias_tf.training.run_folder import PREDICTIONS_TEST

  stage = os.path.join(folder, _STAGE)
  save_config(TrainConfig(survey=SDSS, stage=_STAGE, net=0, image_size=64, fth=100, iterations=1,
                          input_scaling=InputScaling(), batch_size=32, learning_rate=1e-4), stage,
              provenance={"data_dir": "", "init_from": "", "label_predictions": ""})
  os.makedirs(os.path.join(stage, "checkpoints"))
  write_text(os.path.join(stage, "checkpoints", "weights.h5"), "no weights")
  _write_predictions(os.path.join(stage, PREDICTIONS_TEST), num)


def _write_predictions(path, num):
  import h5py

  from pzbias_tf.predictions.predictions import Predictions
  from pzbias_tf.predictions.predictions_file import PredictionsWriter

  columns = _columns(num)
  with h5py.File(path, "w") as file:
    writer = PredictionsWriter(file, SDSS.edges(), num)
    for start in range(0, num, _AT_ONCE):
      own = {name: column[start:start + _AT_ONCE] for name, column in columns.items()}
      pdf = metrics.pdfs(own.pop("z_photo"), SDSS)
      writer.append(pdf, Predictions.make(SDSS.edges(), pdf, **own).ancil)


def _columns(num):
  """Columns of predictions and, as z_photo, redshifts that p(z) lies around."""
  import numpy as np
  rng = np.random.default_rng(1)
  z_spec, z_photo, r_mag = metrics.galaxies(num, SDSS)
  ids = (1237650000000000000 + 7 * rng.permutation(num)).astype(str)
  return {"id": ids, "redshift": z_spec, "r_mag": r_mag, "ebv": rng.gamma(2.0, 0.02, num),
          "row": np.arange(num), "z_photo": z_photo}


def write_catalog(path: str, num: int) -> None:
  """Writes a catalogue of so many galaxies, of the kind that the path's ending says."""
  import numpy as np
  rng, columns = np.random.default_rng(2), _columns(num)
  table = {"id": columns["id"].astype(np.int64), "ra": rng.uniform(0.0, 360.0, num),
           "dec": rng.uniform(-90.0, 90.0, num), "z_spec": columns["redshift"],
           "z_photo": columns["z_photo"] + rng.normal(0.0, 0.01, num), "r_mag": columns["r_mag"]}
  if path.endswith(".parquet"):
    import pyarrow
    from pyarrow import parquet
    parquet.write_table(pyarrow.table(table), path)
  elif path.endswith(".csv"):
    with open(path, "w", encoding="utf-8") as file:
      file.write(",".join(table) + "\n")
      file.writelines("%d,%.6f,%.6f,%.6f,%.6f,%.4f\n" % row  # noqa: UP031, the fastest way
                      for row in zip(*(column.tolist() for column in table.values())))
  else:
    from astropy.table import Table
    Table(table).write(path)


def timed_command(name: str, words: list[str]) -> dict[str, float]:
  """Gives a command in this process; returns the processor seconds of its parts, and "GB"."""
  from absl import flags
  times = {"imports": _once(lambda: importlib.import_module(f"eval.{_module(name)}"))}
  command = sys.modules[f"eval.{_module(name)}"]
  command.define_flags(flags.FLAGS)
  flags.FLAGS([name, *words])
  with contextlib.ExitStack() as patches, contextlib.redirect_stdout(io.StringIO()):
    for part, place in PARTS[name].items():
      if place:
        patches.enter_context(_timer(part, place, times))
    whole_s = _once(lambda: command.main([name]))
  times["others"] = whole_s + times["imports"] - sum(times.values())
  return times | {"together": time.process_time(), "GB": _peak_gb()}


def _peak_gb():
  """Largest resident memory, GB; that of getrusage begins with the starting process's."""
  with open("/proc/self/status", encoding="utf-8") as file:
    peak_kib = next(line.split()[1] for line in file if line.startswith("VmHWM"))
  return int(peak_kib) * 1024 / 1e9


def _module(name):
  return "main" if name == "run" else name


def _timer(part, place, times):
  """Replaces a function by one whose processor seconds are added up."""
  (path, function), (owner, _, attribute) = place, place[0].rpartition(".")
  home = getattr(importlib.import_module(owner), attribute) if attribute[0].isupper() else (
      importlib.import_module(path))
  real = getattr(home, function)

  @functools.wraps(real)
  def timed(*args, **kwargs):
    results = []
    times[part] = times.get(part, 0.0) + _once(lambda: results.append(real(*args, **kwargs)))
    return results[0]
  return mock.patch.object(home, function, timed)


def _once(do):
  """Processor seconds of doing something."""
  start_s = time.process_time()
  do()
  return time.process_time() - start_s


def measure(kind: str, num: int, folder: str) -> dict[str, float]:
  """Measures a command in a process of its own.

  Args:
    kind: "run" for eval.main; "csv", "fits" or "parquet" for eval.catalog.
    num: number of galaxies.
    folder: an empty folder.

  Returns:
    As `timed_command`.
  """
  name, path = "run" if kind == "run" else "catalog", os.path.join(folder, f"input.{kind}")
  (write_run if kind == "run" else write_catalog)(path, num)
  words = ([f"--run={path}"] if kind == "run" else
           [f"--input={path}", f"--output={folder}/measured", "--fit_fraction=0.5"])
  code = (f"import json; from benchmarks import evaluation; "
          f"print(json.dumps(evaluation.timed_command({name!r}, {words!r})))")
  done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
  return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
  """Measures and prints everything; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", default="100000,1000000")
  parser.add_argument("--only", default="run,csv,fits,parquet")
  parser.add_argument("--check", action="store_true")
  values, missed = parser.parse_args(), 0
  for num in map(int, values.num.split(",")):
    for kind in values.only.split(","):
      with tempfile.TemporaryDirectory(prefix="pzbias-benchmark-") as folder:
        times = measure(kind, num, folder)
      missed += show(kind, num, times)
  return int(values.check and missed > 0)


def show(kind: str, num: int, times: Mapping[str, float]) -> bool:
  """Prints what `measure` returned; returns whether a goal is missed."""
  print(f"{num} galaxies, {kind}: processor time")
  for part, time_s in times.items():
    if part not in ("together", "GB"):
      print(f"  {part:20s} {time_s:6.2f} s")
  print(f"  {'together':20s} {times['together']:6.2f} s, {times['GB']:.2f} GB", end="")
  goal = GOALS.get((kind, num))
  met = not goal or times["together"] < goal[0] and times["GB"] < goal[1]
  print(f"; goal {goal[0]:g} s and {goal[1]:g} GB: {'met' if met else 'missed'}" if goal else "",
        flush=True)
  return not met


if __name__ == "__main__":
  sys.exit(main())
