"""Predicts galaxies with a trained stage: those of a data set, or straight from a survey's files.

  python -m eval.predict --run=runs/sdss_net0_ne1 --stage=step3 --data=data/new
  python -m eval.predict --run=runs/sdss_net0_ne1 --input=new.npz --output=new.hdf5
  python -m eval.predict --run=runs/sdss_net0_ne1 --data=data/survey --output=photo_z/
  python -m eval.predict --run=runs/sdss_net0_ne1 --data=data/survey --output=photo_z/ \\
      --runner=DaskRunner --runner_option=dask_client_address=tcp://HOST:8786

Writes p(z) and point estimates as HDF5 for `qp.read`, and the estimates as FITS
and, if pyarrow is installed, Parquet beside it.  --output=FOLDER/ writes a folder of
Parquet files in memory that does not grow with the number of galaxies, with
--healpix_order a HATS catalogue.  An interrupted prediction goes on when the same
command is given again.

For Step 3, point estimates after Step 4 are added.  Step 4 is fitted to the
magnitudes and estimates of the predicted galaxies, and saved beside them; with
--calibration=run it is the one that eval.main fitted to the run's test set, the
better choice for a few hundred galaxies, whose own distribution is mostly noise.
It corrects the estimates of one network, so --tta and --ensemble do without.
--calibrate_pdf calibrates p(z) itself, by a fit to the run's validation galaxies.
"""

from __future__ import annotations

from absl import flags

from eval.prediction.request import define_flags
from pzbias_tf.command_line import command, command_flags

if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import contextlib
import dataclasses
import os
import shutil
import sys
from typing import Iterator

from absl import logging
import tensorflow as tf

from eval.prediction.members import Members, check_data_fit
from eval.prediction.part_output import Written, check_folder, write_folder
from eval.prediction.request import Request, define_flags, read_request
from eval.prediction.step4 import step4_of, step4_remarks, survey_to_fit
from eval.prediction.tally import Tally
from eval.prediction.temporary_data_set import DATA_SET, convert_cutouts, rejected_line
from pzbias_tf import storage
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.data.data_set_facts import DataSetFacts
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.guards import own_folders
from pzbias_tf.guards.locks import LOCK_NAME, exclusive_folder
from pzbias_tf.predictions.joined_file import joined_file
from pzbias_tf.predictions.parts.part_schema import CALIBRATED
from pzbias_tf.predictions.point_catalog import can_write_parquet, write_fits, write_parquet
from pzbias_tf.predictions.predictions import Estimates
from pzbias_tf.predictions.sharded import (
  KEY_NAME,
  Outcome,
  ShardPrediction,
  begin,
  find_shards,
  predict_shards,
  text_widths,
)
from pzbias_tf.progress import short
from pzbias_tf.training.devices import make_strategy
from pzbias_tf.training.run_folder import CALIBRATION

ENDINGS = (".fits", ".parquet", "_rejected.csv", f"_{CALIBRATION}")
"""Of the files beside the predictions."""

WORKING_FILES = (KEY_NAME, f".{KEY_NAME}.*", f"{DATA_SET}*")
"""What a working folder holds first."""

LISTED = 20  # galaxies shown on the terminal


def main(argv):
  command.refuse_words(argv)
  values = flags.FLAGS
  keep_freed_memory()  # before TensorFlow starts its threads
  logging.set_verbosity(max(values.verbosity, logging.INFO))
  try:
    with command.one_line_errors(FloatingPointError):
      print(run(read_request(values)))
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
  if request.as_folder:
    check_folder(request)
  members = Members.open(request.stage_dirs)
  pdf_calibration = members.pdf_calibration() if request.calibrate_pdf else None
  with _working_folder(request.path) as folder:
    data = _open(request, members, folder)
    strategy = None if request.runner else make_strategy(request.num_devices)
    begin(folder, {"weights": members.weights_digest, "data": data.manifest.digest(),
                   "splits": request.splits, "tta": request.tta, "combine": request.combine,
                   "domain": members.domain and dataclasses.asdict(members.domain),
                   "pdf_calibration": pdf_calibration and pdf_calibration.quantiles.tolist(),
                   "pdf_format": dataclasses.asdict(request.pdf_format),
                   **({"refit": request.refit} if request.as_folder else {})})
    shards = find_shards(data, request.splits, folder)
    galaxies = sum(shard.galaxies for shard in shards)
    prediction = lambda: (
        _prediction(request, members, data, strategy, pdf_calibration) if strategy else
        _on_cluster(request, members, data, folder))
    if request.as_folder:
      outcome, written, remarks, columns = write_folder(request, members, shards, prediction,
                                                        folder)
    else:
      outcome, written, remarks, columns = _write_file(request, members, shards, prediction(),
                                                       folder)
    if request.cutouts:
      left_out = rejected_line(data.manifest, request.beside("_rejected.csv"))
      remarks += [left_out] if left_out else []
  return "\n".join([
      f"{members.config.stage_spec.title}: {galaxies} galaxies -> {', '.join(written)}",
      *remarks, _speed(outcome, request, strategy), *_listing(columns, galaxies)])


@contextlib.contextmanager
def _working_folder(path: str) -> Iterator[str]:
  """A hidden folder beside the predictions; it stays if the prediction is interrupted."""
  parent, name = os.path.split(os.path.abspath(path))
  folder = os.path.join(parent, f".{name}.unfinished")
  own_folders.refuse_link(folder)
  if os.path.isdir(folder):
    own_folders.refuse_foreign(folder, os.listdir(folder), WORKING_FILES, "name another --output")
  with exclusive_folder(folder):
    own_folders.clear_files(parent, [name, *(os.path.splitext(name)[0] + end for end in ENDINGS)])
    try:
      yield folder
    except BaseException:
      if os.listdir(folder) == [LOCK_NAME]:
        shutil.rmtree(folder)
      raise
    shutil.rmtree(folder)


def _open(request, members, folder):
  """The data set, which fits the stage."""
  survey = members.config.survey
  cutouts = request.cutouts and request.cutouts.for_run(
      members.config, members.stages[0].data_set)
  data = Dataset.open(convert_cutouts(cutouts, survey, folder, request.beside("_rejected.csv"))
                      if cutouts else request.data)
  check_data_fit(data, members.config, force=request.force)
  return data


def _prediction(request, members, data, strategy, pdf_calibration):
  """How each shard is predicted and written."""
  return ShardPrediction(
      predictor=members.predictor(strategy, tta=request.tta, combination=request.combine),
      pdf_format=request.pdf_format, weights_digest=members.weights_digest,
      simulated=_mark(data), widths=_widths(request, data), pdf_calibration=pdf_calibration,
      sealed=request.as_folder)


def _on_cluster(request, members, data, folder):
  """The same by the workers of a cluster."""
  from eval.prediction.on_cluster import ClusterPrediction, WorkerSettings  # imports Beam

  settings = WorkerSettings(
      stage_dirs=tuple(map(os.path.abspath, request.stage_dirs)),
      data=storage.absolute(data.folder), weights_digest=members.weights_digest,
      data_digest=data.manifest.digest(), tta=request.tta, combine=request.combine,
      calibrate_pdf=request.calibrate_pdf, pdf_format=request.pdf_format, simulated=_mark(data),
      widths=tuple(sorted(_widths(request, data).items())))
  return ClusterPrediction(settings, request.runner, request.runner_options, folder)


def _mark(data):
  return DataSetFacts.of(data.manifest, data.folder).origin.mark


def _widths(request, data):
  return data.text_bytes() if request.as_folder else text_widths(data)


def _write_file(request, members, shards, prediction, folder) -> Written:
  """Predicts shards and writes one file, with catalogues of the point estimates."""
  with joined_file(request.path, folder, sum(shard.galaxies for shard in shards)) as joined:
    outcome = predict_shards(shards, prediction, joined.add)
    columns, beside, remarks = _complete(request, members, joined.columns())
    joined.finish(columns)
  catalogs = _write_catalogs(request, columns, prediction.simulated)
  return Written(outcome, [request.path, *beside, *catalogs], remarks, columns)


def _complete(request, members, columns):
  """Columns with those of Step 4; the file that it is saved in; and remarks."""
  tally, path = Tally(survey_to_fit(request, members)), request.beside(f"_{CALIBRATION}")
  tally.add(columns)
  remarks = [*tally.remarks(), *step4_remarks(request, members)]
  calibration = step4_of(request, members, tally, path)
  if calibration is None:
    return columns, [], remarks
  estimates = Estimates(columns)
  calibrated = calibration.apply(estimates.z_photo, estimates.r_mag)
  return {**columns, CALIBRATED: calibrated}, [path] * request.refit, remarks


def _write_catalogs(request, columns, simulated):
  """The point estimates as tables; returns the files."""
  write_fits(request.beside(".fits"), columns, simulated=simulated)
  if not can_write_parquet():
    return [request.beside(".fits")]
  write_parquet(request.beside(".parquet"), columns, simulated=simulated)
  return [request.beside(".fits"), request.beside(".parquet")]


def _speed(outcome: Outcome, request, strategy):
  if not outcome.predicted:
    return "all of them were predicted already"
  speed = (f"{outcome.predicted} galaxies predicted in {outcome.took_s:.1f} s, "
           f"{short(outcome.predicted / outcome.took_s)}/s, ")
  if request.runner:
    return f"{speed}by the workers of {request.runner}"
  return (f"{speed}on {strategy.num_replicas_in_sync} "
          f"{'GPU' if tf.config.list_physical_devices('GPU') else 'CPU'} device(s)")


def _listing(columns, galaxies):
  """The first galaxies, one per line."""
  names = [name for name in ("id", "r_mag", "redshift", "zmode", "zmode_calibrated", "zmean",
                             "zmedian", "zbest") if name in columns]
  lines = ["  ".join(f"{name:>16}" for name in names)]
  for values in zip(*(columns[name][:LISTED] for name in names)):
    lines.append("  ".join(
        f"{value:16.4f}" if isinstance(value, float) else f"{value:>16}" for value in values))
  if galaxies > LISTED:
    lines.append(f"... and {galaxies - LISTED} more")
  return lines


if __name__ == "__main__":
  command.run(main, WORDS)
