"""The command line of `data_tools.make_tfrecords` as one frozen object."""

from __future__ import annotations

import dataclasses
import math
import os

from absl import flags

from data_tools import readers
from data_tools.conversion import splits
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.flag_groups import reader_flags
from data_tools.flag_groups.conversion_flags import define_flags
from data_tools.simulation import options as simulation_options
from pzbias_tf import storage
from pzbias_tf.choices import QUICK
from pzbias_tf.survey import Survey

__all__ = ["CPU_PRESET", "DEFAULT_PARENT", "ConversionConfig", "config_from_flags", "define_flags"]

DEFAULT_PARENT = "data"
"""Folder of outputs and simulated surveys that the user does not name."""

# How far a network has learned decides how strongly its estimates pile up, so Baseline and Step 1
# get the same budget.  Each of the 11,400 training galaxies of the default size is shown 39 times,
# as often as the published schedule shows each of its 393,000.
_WHOLE_NETWORK = {"iterations": 7000, "batch_size": 64, "learning_rate": 1e-3,
                  "lr_drops": [0.5, 0.75, 0.9]}

CPU_PRESET = {
    "net": 5,
    "image_size": 16,
    "input_scaling": "sqrt_whitened",
    "fth": 15,
    "stages": {
        "baseline": _WHOLE_NETWORK,
        "step1": _WHOLE_NETWORK,
        # A fifth of Step 1's rate, as published: Step 2 continues from its weights.
        "step2": {"iterations": 1000, "batch_size": 128, "learning_rate": 2e-4, "lr_drops": []},
        # The layers of Step 3 start from new weights.
        "step3": {"iterations": 4000, "batch_size": 128, "learning_rate": 1e-3,
                  "lr_drops": [0.6, 0.85]},
    },
}
"""Training settings that fit simulated data on a CPU; the manifest passes them to train.main."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionConfig:
  """All values of the command line.

  Attributes:
    survey: name of a survey, or FILE.toml.
    input: file or folder of the survey; "" simulates one.
    output: the data set's folder, local or remote; "" is data/<data set>.
    layout: a key of readers.READERS, or "auto".
    options: how the reader finds columns.
    settings: what shapes the data set.
    num: number of galaxies to simulate.
    simulation: what the simulated images are like.
    preset: "cpu", "none" or "auto" ("cpu" for simulated input).
    max_r_mag: faintest r magnitude (AB) of the sample, or "none"; "" is the survey's.
    verify: how an existing data set is looked at, `choices.QUICK` or `choices.FULL`.
  """

  survey: str = "sdss"
  input: str = ""
  output: str = ""
  layout: str = readers.AUTO
  options: readers.ReaderOptions = readers.ReaderOptions()
  settings: ConversionSettings = ConversionSettings()
  num: int = 15000
  simulation: simulation_options.SimulationOptions = simulation_options.SimulationOptions()
  preset: str = "auto"
  max_r_mag: str = ""
  verify: str = QUICK

  def __post_init__(self):
    if self.input and self.simulation != simulation_options.SimulationOptions():
      raise ValueError("--image_size, --neighbours, --fwhm_arcsec and --photometry are for "
                       f"simulated images; --input={self.input} has images of its own")
    if not self.input and (self.options.extra_columns or self.options.extra_fill is not None):
      raise ValueError("--extra_columns and --extra_fill are for columns of an --input; simulated "
                       "galaxies have none")
    self._given_limit()

  def with_places(self, survey: Survey) -> ConversionConfig:
    """Names the output; with a runner, makes all paths valid for workers on other machines."""
    config = dataclasses.replace(
        self, output=self.output or os.path.join(DEFAULT_PARENT, survey.dataset))
    if not self.settings.runner:
      return config
    scratch = self.options.scratch
    return dataclasses.replace(
        config, output=storage.absolute(config.output),
        input=self.input and storage.absolute(self.input),
        options=dataclasses.replace(
            self.options, scratch=scratch and storage.absolute(scratch)))

  def settings_for(self, survey: Survey) -> ConversionSettings:
    """The settings, with the limit of the survey's sample."""
    limit = self._given_limit() if self.max_r_mag else survey.max_r_mag if self.input else None
    return dataclasses.replace(self.settings, max_r_mag=limit)

  def _given_limit(self) -> float | None:
    if self.max_r_mag in ("", "none"):
      return None
    try:
      limit = float(self.max_r_mag)
    except ValueError:
      limit = math.nan
    if not math.isfinite(limit):
      raise ValueError(f"--max_r_mag={self.max_r_mag}: give a magnitude, or none to take all")
    return limit

  def check_places(self) -> None:
    """Refuses places that cannot be read or written, before anything is read.

    Raises:
      OSError: the file system of the output is unknown or cannot be reached.
      ValueError: the input is remote, or is the output.
    """
    if storage.is_remote(self.input):
      raise ValueError(f"--input={self.input}: surveys are read from local or mounted folders; "
                       "copy it to one")
    if self.input and os.path.realpath(self.input) == os.path.realpath(self.output):
      raise ValueError(f"--input and --output are both {self.output}; name another folder for "
                       "the data set")
    storage.is_file(self.output)  # raises OSError

  def training_preset(self) -> dict:
    """The training settings for the manifest."""
    preset = self.preset
    if preset == "auto":
      preset = "none" if self.input else "cpu"
    return dict(CPU_PRESET) if preset == "cpu" else {}


def config_from_flags(values: flags.FlagValues) -> ConversionConfig:
  """The command line as one frozen object.

  Raises:
    ValueError: a flag's value does not fit.
  """
  return ConversionConfig(
      survey=values.survey, input=values.input, output=values.output, layout=values.layout,
      options=dataclasses.replace(
          reader_flags.options(values), extra_columns=tuple(values.extra_columns)),
      settings=ConversionSettings(
          seed=values.seed, split=splits.parse_fractions(values.split),
          validation_share=values.validation_share,
          augment_copies=values.augment_copies, dtype=values.dtype,
          compression=values.compression, shard_size_mb=values.shard_size_mb,
          max_rejected=values.max_rejected,
          num_workers=values.num_workers, runner=values.runner or "",
          runner_options=tuple(values.runner_option)),
      num=values.num, simulation=simulation_options.from_flags(values), preset=values.preset,
      max_r_mag=values.max_r_mag, verify=values.verify)
