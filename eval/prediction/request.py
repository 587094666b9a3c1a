"""What eval.predict is asked to do: its flags, as one frozen object."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from absl import flags

from data_tools.conversion.executors.choose import check_options
from data_tools.flag_groups import reader_flags, runner_flags
from pzbias_tf.choices import SPLITS
from pzbias_tf.command_line.command_flags import FlagGroup
from pzbias_tf.predictions.combination import COMBINATIONS, MEAN
from pzbias_tf.predictions.predictions_file import DTYPES, KINDS, PdfFormat
from pzbias_tf.training.stages import STAGES, STEP3

if TYPE_CHECKING:
  from eval.prediction.temporary_data_set import Cutouts

CUTOUT_SPLITS = ("test", "target")
"""Where galaxies of cutouts stand in the data set made of them: with redshifts, and without."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
  """What to predict, and how.

  Attributes:
    stage_dirs: folders of the stages whose p(z) are combined.
    data: the data set's folder, or
    cutouts: files to convert first.
    split: split of the data set; "" for test.
    output: the predictions file, or, where it ends in "/", a folder of parts; "" for a file in
      the first stage's folder.
    healpix_order: order of the HEALPix pixels of a HATS catalogue, a kind of folder; None for
      one part per shard.
    refit: whether Step 4 is fitted to these galaxies, or taken from the run.
    tta: average over the 8 dihedral views, stage by stage.
    combine: how p(z) of several stages become one, of COMBINATIONS.
    calibrate_pdf: calibrate p(z) as the run's validation galaxies tell.
    pdf_format: how p(z) is written.
    force: predict data that do not fit the run.
    num_devices: 0 for all GPUs; a CPU is one device, which uses all of its cores.
    runner: one of `runners.RUNNERS`, whose workers predict; "" for this process.
    runner_options: options of the Beam pipeline.
  """

  stage_dirs: tuple[str, ...]
  data: str = ""
  cutouts: Cutouts | None = None
  split: str = ""
  output: str = ""
  healpix_order: int | None = None
  refit: bool = True
  tta: bool = False
  combine: str = MEAN
  calibrate_pdf: bool = False
  pdf_format: PdfFormat = PdfFormat()
  force: bool = False
  num_devices: int = 0
  runner: str = ""
  runner_options: tuple[str, ...] = ()

  def __post_init__(self):
    if bool(self.data) == bool(self.cutouts):
      raise ValueError("name one of --data (a data set) and --input (files of cutouts)")
    if self.cutouts and self.split:
      raise ValueError(f"--split={self.split} is for --data; all galaxies of --input are predicted")
    if not self.stage_dirs:
      raise ValueError("name one of --run and --ensemble")
    if self.combine != MEAN and len(self.stage_dirs) == 1:
      raise ValueError(f"--combine={self.combine} is for the p(z) of several runs: name them with "
                       "--ensemble=RUN1,RUN2")
    if self.calibrate_pdf and (self.tta or len(self.stage_dirs) > 1):
      raise ValueError("--calibrate_pdf mends the p(z) of one network and view, not a mean: leave "
                       "out --tta and --ensemble")
    check_options(self.runner, 1, self.runner_options)
    if self.runner and self.num_devices:
      raise ValueError(f"--num_devices={self.num_devices} is for this process; each worker of a "
                       "--runner uses one device: start one worker per GPU")
    if self.healpix_order is not None:
      if not self.as_folder:
        raise ValueError(f"--healpix_order={self.healpix_order} writes a folder: name it with / at "
                         "its end, --output=FOLDER/")
      from pzbias_tf.predictions.parts.hats_catalog import check_can_write  # imports astropy
      check_can_write(os.path.basename(self.path), self.healpix_order)

  @property
  def as_folder(self) -> bool:
    """Whether the output is a folder of parts."""
    return self.output.endswith("/")

  @property
  def splits(self) -> tuple[str, ...]:
    """The splits to predict."""
    return CUTOUT_SPLITS if self.cutouts else (self.split or "test",)

  @property
  def path(self) -> str:
    """The predictions file, or the folder of parts."""
    if self.as_folder:
      return os.path.normpath(self.output)
    source = self.cutouts.path if self.cutouts else self.data
    name = os.path.splitext(os.path.basename(os.path.normpath(source)))[0]
    words = ["predictions", name, *([] if self.cutouts else self.splits),
             *["ensemble"] * (len(self.stage_dirs) > 1),
             *[self.combine] * (self.combine != MEAN), *["tta"] * self.tta,
             *["calibrated"] * self.calibrate_pdf]
    return self.output or os.path.join(self.stage_dirs[0], f"{'_'.join(words)}.hdf5")

  def beside(self, ending: str) -> str:
    """A file beside the predictions."""
    if self.as_folder:
      return self.path + ending
    return os.path.splitext(self.path)[0] + ending


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  model, data = FlagGroup(values, "Model"), FlagGroup(values, "Data")
  model.text("run", "", "Folder of the run.")
  model.words("ensemble", [], "Instead of --run: folders of several runs, whose p(z) are combined.")
  model.choice("combine", MEAN, COMBINATIONS, "How p(z) of --ensemble are combined: their mean, or "
               "their harmonic mean bin by bin, normalised. With --tta, the views of each run are "
               "averaged first.")
  model.choice("stage", STEP3.name, [stage.name for stage in STAGES], "Stage to predict with.")
  model.switch("tta", False, "Average p(z) over the 8 rotations and reflections of each image, "
               "whatever --combine says.")
  data.text("data", "", "Data set to predict.")
  data.text("input", "", "Instead of --data: file or folder of cutouts, as make_tfrecords reads "
            "it.")
  data.choice("split", "", ["", *SPLITS], "Split of the data set; default test.")
  data.switch("force", False, "Predict data that do not fit the run, with a warning.")
  reader_flags.define(values)
  _define_output(FlagGroup(values, "Calibration"), FlagGroup(values, "Output"))
  hardware = FlagGroup(values, "Hardware")
  hardware.integer(
      "num_devices", 0, "GPUs to use; 0 for all. A CPU is one device, which uses all of its cores.",
      lower_bound=0)
  runner_flags.define(hardware, "predicts the shards")


def _define_output(calibration, output):
  """How estimates and p(z) are calibrated, and where they go."""
  calibration.choice("calibration", "target", ["target", "run"], "Step 4 fitted to the galaxies "
                     "that are predicted, or that of the run.")
  calibration.switch("calibrate_pdf", False, "Calibrate p(z) as the run's validation galaxies "
                     "tell, by the file that eval.main writes for its last stage. zmode and flags "
                     "stay those of the p(z) before.")
  output.text("output", "", "Predictions file. Default: beside the stage's own. With / at its end: "
              "a folder of Parquet files, one part per shard, for any number of galaxies.")
  output.integer("healpix_order", None, "With --output=FOLDER/: a HATS catalogue, whose parts are "
                 "HEALPix pixels of this order.", lower_bound=0)
  output.choice("pdf_format", "full", KINDS, "What is written of p(z).")
  output.choice("pdf_dtype", "float32", DTYPES, "Type of the densities of --pdf_format=full.")


def read_request(values: flags.FlagValues) -> Request:
  """The command line as one frozen object.

  Raises:
    ValueError: flags contradict each other.
  """
  from eval.prediction.temporary_data_set import Cutouts  # imports TensorFlow

  if values.run and values.ensemble:
    raise ValueError("--ensemble names all the runs: leave out --run")
  runs = values.ensemble or ([values.run] if values.run else [])
  cutouts = Cutouts(path=values.input, layout=values.layout, options=reader_flags.options(values))
  return Request(
      stage_dirs=tuple(os.path.join(folder, values.stage) for folder in runs), data=values.data,
      cutouts=cutouts if values.input else None, split=values.split, output=values.output,
      healpix_order=values.healpix_order, refit=values.calibration == "target", tta=values.tta,
      combine=values.combine, calibrate_pdf=values.calibrate_pdf,
      pdf_format=PdfFormat(kind=values.pdf_format, dtype=values.pdf_dtype), force=values.force,
      num_devices=values.num_devices, runner=values.runner or "",
      runner_options=tuple(values.runner_option))
