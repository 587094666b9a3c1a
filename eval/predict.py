"""Predicts galaxies with a trained stage: those of a data set, or straight from cutout files.

  python -m eval.predict --run=runs/sdss_net0_ne1 --stage=step3 --data=data/new
  python -m eval.predict --run=runs/sdss_net0_ne1 --input=new.npz --output=new.hdf5

Writes p(z) and point estimates as HDF5 for `qp.read`, and the estimates as FITS
and, where pyarrow is installed, Parquet beside it.  A prediction that was cut off
goes on when the same command is given again.

For Step 3 there are point estimates after Step 4 as well: it is fitted to the
magnitudes and estimates of the galaxies that are predicted, and saved beside
them, or, with --calibration=run, taken from the run as eval.main has fitted it
to the run's test set (the better choice for a few hundred galaxies, whose own
distribution is mostly noise).  It corrects the estimates of one network, so that
--tta and --ensemble go without.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sys
from typing import Iterator

from absl import app
from absl import flags
from absl import logging
import numpy as np
import tensorflow as tf

from data_tools import reader_flags
from eval.cutouts import SPLITS as CUTOUT_SPLITS
from eval.cutouts import Cutouts, convert_cutouts
from eval.members import Members, check_data_fit
from eval.step4 import CALIBRATION, calibrate_target
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.manifest import SPLITS
from pzbias_tf.evaluation.domain import count_flags
from pzbias_tf.evaluation.point_catalog import can_write_parquet, write_fits, write_parquet
from pzbias_tf.evaluation.predictions import Estimates
from pzbias_tf.evaluation.predictions_file import (
    DTYPES, KINDS, PdfFormat, concatenate, read_columns)
from pzbias_tf.evaluation.sharded import ShardFiles, begin, predict_shards
from pzbias_tf.files import exclusive_folder
from pzbias_tf.training.devices import make_strategy
from pzbias_tf.training.run_folder import DOMAIN
from pzbias_tf.training.stages import STAGES, STEP3

LISTED = 20  # galaxies shown on the terminal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
  """What to predict, and how.

  Attributes:
    stage_dirs: folders of the stages whose p(z) are averaged.
    data: the data set's folder, or
    cutouts: files to convert first.
    split: split of the data set; "" for test.
    output: the predictions file; "" for one in the first stage's folder.
    refit: whether Step 4 is fitted to these galaxies, or taken from the run.
    tta: average over the 8 dihedral views.
    pdf_format: how p(z) is written.
    force: predict data that do not fit the run.
    num_devices: 0 for all GPUs; a CPU is one device, which uses all of its cores.
  """

  stage_dirs: tuple[str, ...]
  data: str = ""
  cutouts: Cutouts | None = None
  split: str = ""
  output: str = ""
  refit: bool = True
  tta: bool = False
  pdf_format: PdfFormat = PdfFormat()
  force: bool = False
  num_devices: int = 0

  def __post_init__(self):
    if bool(self.data) == bool(self.cutouts):
      raise ValueError("name one of --data (a data set) and --input (files of cutouts)")
    if self.cutouts and self.split:
      raise ValueError(f"--split={self.split} is for --data; all galaxies of --input are predicted")
    if not self.stage_dirs:
      raise ValueError("name one of --run and --ensemble")

  @property
  def splits(self) -> tuple[str, ...]:
    """The splits to predict."""
    return CUTOUT_SPLITS if self.cutouts else (self.split or "test",)

  @property
  def path(self) -> str:
    """The predictions file."""
    source = self.cutouts.path if self.cutouts else self.data
    name = os.path.splitext(os.path.basename(os.path.normpath(source)))[0]
    words = ["predictions", name, *([] if self.cutouts else self.splits),
             *["ensemble"] * (len(self.stage_dirs) > 1), *["tta"] * self.tta]
    return self.output or os.path.join(self.stage_dirs[0], f"{'_'.join(words)}.hdf5")

  def beside(self, ending: str) -> str:
    """A file beside the predictions."""
    return os.path.splitext(self.path)[0] + ending


def define_flags() -> None:
  """Defines the command line."""
  flags.DEFINE_string("run", "", "Folder of the experiment.")
  flags.DEFINE_list("ensemble", [], "In place of --run: folders of several, whose p(z) are averaged.")
  flags.DEFINE_enum("stage", STEP3.name, [stage.name for stage in STAGES], "Stage to predict with.")
  flags.DEFINE_string("data", "", "Data set to predict.")
  flags.DEFINE_string("input", "", "In place of --data: file or folder of cutouts, as make_tfrecords "
                      "reads it.")
  reader_flags.define()
  flags.DEFINE_enum("split", "", ["", *SPLITS], "Split of the data set; default test.")
  flags.DEFINE_string("output", "", "Predictions file. Default: beside the stage's own.")
  flags.DEFINE_enum("calibration", "target", ["target", "run"], "Step 4 fitted to the galaxies "
                    "that are predicted, or that of the run.")
  flags.DEFINE_bool("tta", False, "Average p(z) over the 8 rotations and reflections of each image.")
  flags.DEFINE_enum("pdf_format", "full", KINDS, "What is written of p(z).")
  flags.DEFINE_enum("pdf_dtype", "float32", DTYPES, "Type of the densities of --pdf_format=full.")
  flags.DEFINE_bool("force", False, "Predict data that do not fit the run, with a warning.")
  flags.DEFINE_integer("num_devices", 0, "GPUs to use; 0 for all. A CPU is one device, which uses "
                       "all of its cores.", lower_bound=0)


def read_request(values: flags.FlagValues) -> Request:
  """The command line as one frozen object.

  Raises:
    ValueError: flags contradict each other.
  """
  if values.run and values.ensemble:
    raise ValueError("--ensemble names all the runs: leave out --run")
  runs = values.ensemble or ([values.run] if values.run else [])
  cutouts = Cutouts(path=values.input, layout=values.layout, options=reader_flags.options(values))
  return Request(
      stage_dirs=tuple(os.path.join(folder, values.stage) for folder in runs), data=values.data,
      cutouts=cutouts if values.input else None, split=values.split, output=values.output,
      refit=values.calibration == "target", tta=values.tta,
      pdf_format=PdfFormat(kind=values.pdf_format, dtype=values.pdf_dtype), force=values.force,
      num_devices=values.num_devices)


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")
  values = flags.FLAGS
  logging.set_verbosity(max(values.verbosity, logging.INFO))
  try:
    print(run(read_request(values)))
  except (ValueError, OSError, FloatingPointError) as error:
    logging.debug("", exc_info=True)  # --verbosity=1 shows where it came from
    sys.exit(f"Error: {error}")
  except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
    sys.exit(f"Error: {values.data} cannot be read: {error.message}\n"
             "Convert it again with python -m data_tools.make_tfrecords")


def run(request: Request) -> str:
  """Predicts.

  Returns:
    What was done, as text.

  Raises:
    OSError: a stage is not trained, or a file is missing.
    ValueError: data or stages do not fit together.
  """
  members = Members.open(request.stage_dirs)
  with _working_folder(request.path) as folder:
    data = _open(request, members, folder)
    strategy = make_strategy(request.num_devices)
    begin(folder, {"weights": members.weights_digest, "data": data.manifest.digest(),
                   "splits": request.splits, "tta": request.tta,
                   "domain": members.domain and dataclasses.asdict(members.domain),
                   "pdf_format": dataclasses.asdict(request.pdf_format)})
    files = predict_shards(members.predictor(strategy, tta=request.tta), data, request.splits,
                           folder, pdf_format=request.pdf_format,
                           weights_digest=members.weights_digest)
    written, remarks = _write(request, members, files)
  return "\n".join([
      f"{members.config.stage_spec.title}: {files.galaxies} galaxies -> {', '.join(written)}",
      *remarks, _speed(files, strategy), *_listing(request.path, files.galaxies)])


@contextlib.contextmanager
def _working_folder(path: str) -> Iterator[str]:
  """A hidden folder beside the predictions; it stays where a prediction is cut off."""
  parent, name = os.path.split(os.path.abspath(path))
  folder = os.path.join(parent, f".{name}.unfinished")
  with exclusive_folder(folder):
    try:
      yield folder
    except BaseException:
      if os.listdir(folder) == [".lock"]:
        shutil.rmtree(folder)
      raise
    shutil.rmtree(folder)


def _open(request, members, folder):
  """The data set, which fits the stage."""
  survey = members.config.survey
  data = Dataset.open(convert_cutouts(request.cutouts, survey, folder,
                                      request.beside("_rejected.csv"))
                      if request.cutouts else request.data)
  check_data_fit(data, members.config, force=request.force)
  return data


def _write(request, members, files: ShardFiles):
  """All files of a prediction; returns their names, and remarks."""
  columns, written = read_columns(files.paths), [request.path]
  calibrated, remarks = {}, [_about_flags(columns.get("flags"))]
  if members.config.stage == STEP3.name:
    if len(members.folders) > 1 or request.tta:
      remarks.append("Step 4 corrects the estimates of one network and view: not applied")
    else:
      beside = request.beside(f"_{CALIBRATION}") if request.refit else ""
      calibrated = _calibrated(Estimates(columns), members, beside)
      written += [beside] if beside else []
  concatenate(files.paths, request.path, calibrated)
  return written + _write_catalogs(request, {**columns, **calibrated}), remarks


def _about_flags(flags):
  if flags is None:
    return ("no flags: the stage was trained by an older version; its python -m train.main measures "
            f"{DOMAIN} where its predictions are deleted")
  return f"outside of the training domain: {count_flags(flags)}"


def _calibrated(estimates: Estimates, members: Members, refitted: str) -> dict[str, np.ndarray]:
  """"zmode_calibrated" by Step 4: fitted and saved at `refitted`, or, if "", the run's."""
  (stage_dir,), survey = members.folders, members.config.survey
  if refitted:
    calibration = calibrate_target(stage_dir, estimates, survey, refitted)
  else:
    path = os.path.join(os.path.dirname(os.path.normpath(stage_dir)), CALIBRATION)
    calibration = Calibration.load(path, survey, weights_digest=members.weights_digest)
  return {"zmode_calibrated": calibration.apply(estimates.z_photo, estimates.r_mag)}


def _write_catalogs(request, columns):
  """The point estimates as tables; returns the files."""
  write_fits(request.beside(".fits"), columns)
  if not can_write_parquet():
    return [request.beside(".fits")]
  write_parquet(request.beside(".parquet"), columns)
  return [request.beside(".fits"), request.beside(".parquet")]


def _speed(files: ShardFiles, strategy):
  if not files.predicted:
    return "all of them were predicted already"
  return (f"{files.predicted} galaxies predicted in {files.took_s:.1f} s, "
          f"{files.predicted / files.took_s:.4g}/s, on {strategy.num_replicas_in_sync} "
          f"{'GPU' if tf.config.list_physical_devices('GPU') else 'CPU'} device(s)")


def _listing(path, galaxies):
  """The first galaxies, one a line."""
  found = read_columns([path], stop=LISTED)
  columns = [name for name in ("id", "r_mag", "redshift", "zmode", "zmode_calibrated", "zmean",
                               "zmedian", "zbest") if name in found]
  lines = ["  ".join(f"{name:>16}" for name in columns)]
  for values in zip(*(found[name] for name in columns)):
    lines.append("  ".join(
        f"{value:16.4f}" if isinstance(value, float) else f"{value:>16}" for value in values))
  if galaxies > LISTED:
    lines.append(f"... and {galaxies - LISTED} more")
  return lines


if __name__ == "__main__":
  define_flags()
  app.run(main)
