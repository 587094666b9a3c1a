"""Predicts the galaxies of a data set with a trained stage.

  python -m eval.predict --run=runs/sdss_net0_ne1 --stage=step3 --data=data/new

Writes p(z) and point estimates as HDF5.  For Step 3 there are point estimates
after Step 4 as well: it is fitted to the magnitudes and estimates of the
galaxies that are predicted, and saved beside them, or, with --calibration=run,
taken from the run as eval.main has fitted it to the run's test set (the better
choice for a few hundred galaxies, whose own distribution is mostly noise).
"""

from __future__ import annotations

import os
import sys

from absl import app
from absl import flags
from absl import logging
import tensorflow as tf

from eval.step4 import CALIBRATION, calibrate_target
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.evaluation.predict import predict
from pzbias_tf.evaluation.predictions import Predictions
from pzbias_tf.training.checkpoints import StageFiles, file_digest, load_weights
from pzbias_tf.training.config import TrainConfig, load_config
from pzbias_tf.training.runner import make_network
from pzbias_tf.training.stages import STAGES, STEP3

LISTED = 20  # galaxies shown on the terminal


def define_flags() -> None:
  """Defines the command line."""
  flags.DEFINE_string("run", None, "Folder of the experiment.", required=True)
  flags.DEFINE_enum("stage", STEP3.name, [stage.name for stage in STAGES], "Stage to predict with.")
  flags.DEFINE_string("data", None, "Data set to predict.", required=True)
  flags.DEFINE_enum("split", "test", ["train", "validation", "test", "target"], "Split to predict.")
  flags.DEFINE_string("output", "", "Predictions file. Default: beside the stage's own.")
  flags.DEFINE_enum("calibration", "target", ["target", "run"], "Step 4 fitted to the galaxies "
                    "that are predicted, or that of the run.")


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")
  values = flags.FLAGS
  try:
    print(run(os.path.join(values.run, values.stage), values.data, values.split, values.output,
              refit=values.calibration == "target"))
  except (ValueError, OSError, FloatingPointError) as error:
    logging.debug("", exc_info=True)  # --verbosity=1 shows where it came from
    sys.exit(f"Error: {error}")
  except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
    sys.exit(f"Error: {values.data} cannot be read: {error.message}\n"
             "Convert it again with python -m data_tools.make_tfrecords")


def run(stage_dir: str, data_dir: str, split: str, output: str = "", *,
        refit: bool = True) -> str:
  """Predicts one split of a data set.

  Args:
    stage_dir: folder of a trained stage.
    data_dir: the data set.
    split: the split.
    output: the predictions file; "" for one in `stage_dir`.
    refit: whether Step 4 is fitted to these galaxies, or taken from the run.

  Returns:
    What was done, as text.

  Raises:
    OSError: the stage is not trained, or a file is missing.
    ValueError: the data set does not fit the stage.
  """
  config, _ = load_config(stage_dir)
  data = Dataset.open(data_dir)
  data.check_survey(config.survey)
  network = make_network(config)
  load_weights(network, StageFiles(stage_dir).last)
  predictions = predict(network, data, split, data.column("split") == split, config.survey,
                        extended=config.stage_spec.extended)
  name = os.path.basename(os.path.normpath(data_dir))
  path = output or os.path.join(stage_dir, f"predictions_{name}_{split}.hdf5")
  written = [path]
  if config.stage == STEP3.name:
    beside = f"{os.path.splitext(path)[0]}_{CALIBRATION}" if refit else ""
    predictions = _calibrated(predictions, stage_dir, config, beside)
    written += [beside] if beside else []
  predictions.save(path, weights_digest=file_digest(StageFiles(stage_dir).last))
  return "\n".join([f"{config.stage_spec.title}: {len(predictions)} galaxies -> "
                    f"{', '.join(written)}", *_listing(predictions)])


def _calibrated(predictions: Predictions, stage_dir: str, config: TrainConfig,
                refitted: str) -> Predictions:
  """Adds "zmode_calibrated" by Step 4: fitted and saved at `refitted`, or, if "", the run's."""
  if refitted:
    calibration = calibrate_target(stage_dir, predictions, config.survey, refitted)
  else:
    path = os.path.join(os.path.dirname(os.path.normpath(stage_dir)), CALIBRATION)
    calibration = Calibration.load(path, config.survey,
                                   weights_digest=file_digest(StageFiles(stage_dir).last))
  corrected = calibration.apply(predictions.z_photo, predictions.r_mag)
  return Predictions(predictions.edges, predictions.pdf,
                     {**predictions.ancil, "zmode_calibrated": corrected})


def _listing(predictions):
  """The first galaxies, one a line."""
  columns = [name for name in ("id", "r_mag", "redshift", "zmode", "zmode_calibrated", "zmean",
                               "zmedian") if name in predictions.ancil]
  lines = ["  ".join(f"{name:>16}" for name in columns)]
  for row in range(min(LISTED, len(predictions))):
    values = [predictions.ancil[name][row] for name in columns]
    lines.append("  ".join(
        f"{value:16.4f}" if isinstance(value, float) else f"{value:>16}" for value in values))
  if len(predictions) > LISTED:
    lines.append(f"... and {len(predictions) - LISTED} more")
  return lines


if __name__ == "__main__":
  define_flags()
  app.run(main)
