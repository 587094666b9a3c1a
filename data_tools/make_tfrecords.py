"""Converts a survey's images and labels to a data set of TFRecords.

  python -m data_tools.make_tfrecords --survey=sdss --input=sdss.npz --output=data/sdss

Without --input it simulates a small survey and converts that.  A conversion that was
cut off goes on when the same command is given again.
"""

from __future__ import annotations

import dataclasses
import functools
import os

from absl import app, flags, logging

from data_tools import readers
from data_tools.conversion import convert as convert_lib
from data_tools.conversion import identity, report_text, splits
from data_tools.conversion.executors import choose
from data_tools.readers import reader_flags
from data_tools.simulation import options as simulation_options
from pzbias_tf import command, storage
from pzbias_tf import survey as survey_lib
from pzbias_tf.data import manifest as manifest_lib

# How far a network has learned decides how strongly its estimates pile up, so Baseline and Step 1
# have the same budget.  It shows them each of the 11,400 training galaxies of the default size 39
# times, as the published schedule does with its 393,000.
_WHOLE = {"iterations": 7000, "batch_size": 64, "learning_rate": 1e-3,
          "lr_drops": [0.5, 0.75, 0.9]}

CPU_PRESET = {
    "net": 5,
    "image_size": 16,
    "input_scaling": "sqrt_whitened",
    "fth": 15,
    "stages": {
        "baseline": _WHOLE,
        "step1": _WHOLE,
        # A fifth of Step 1's rate, as published: Step 2 goes on from its weights.
        "step2": {"iterations": 1000, "batch_size": 128, "learning_rate": 2e-4, "lr_drops": []},
        # These layers start afresh.
        "step3": {"iterations": 4000, "batch_size": 128, "learning_rate": 1e-3,
                  "lr_drops": [0.6, 0.85]},
    },
}


convert = convert_lib.convert
ConversionSettings = convert_lib.ConversionSettings
_PARENT = "data"  # of folders that the user does not name


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionConfig:
  """All that the command line says.

  Attributes:
    survey: name of a survey, or FILE.toml.
    input: file or folder of the survey; "" simulates.
    output: the data set's folder, local or remote; "" is data/<data set>.
    layout: a key of readers.READERS, or "auto".
    options: how the reader finds columns.
    settings: what shapes the data set.
    num: galaxies to simulate.
    simulation: what the simulated images are like.
    preset: "cpu", "none" or "auto" (cpu where the input is simulated).
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

  def __post_init__(self):
    if self.input and self.simulation != simulation_options.SimulationOptions():
      raise ValueError("--image_size, --neighbours, --fwhm_arcsec and --photometry are for "
                       f"simulated images; --input={self.input} has images of its own")


def run(config: ConversionConfig) -> manifest_lib.Manifest:
  """Reads (or simulates), converts and reports."""
  survey = survey_lib.load_survey(config.survey)
  config = placed(config, survey)
  output = config.output
  check_places(config)
  origin = {} if config.input else simulation_of(config, survey)
  identity.check_origin(output, origin)
  path = config.input or simulate(config, output)
  source = readers.read(path, survey, config.options, layout=config.layout)
  manifest = convert(source, survey, output, settings=config.settings,
                     preset=training_preset(config), origin=origin)
  print(report_text.summary(manifest, output, survey=config.survey))
  return manifest


def placed(config: ConversionConfig, survey: survey_lib.Survey) -> ConversionConfig:
  """Names the output, and with a runner all paths as its workers, elsewhere, understand them."""
  config = dataclasses.replace(
      config, output=config.output or os.path.join(_PARENT, survey.dataset))
  if not config.settings.runner:
    return config
  scratch = config.options.scratch
  return dataclasses.replace(
      config, output=storage.absolute(config.output),
      input=config.input and storage.absolute(config.input),
      options=dataclasses.replace(
          config.options, scratch=scratch and storage.absolute(scratch)))


def check_places(config: ConversionConfig) -> None:
  """Refuses an input that cannot be read, or that would be written into.

  Raises:
    ValueError: it is remote, or the output.
  """
  if storage.is_remote(config.input):
    raise ValueError(f"--input={config.input}: surveys are read from local or mounted folders; "
                     "copy it to one")
  if config.input and os.path.realpath(config.input) == os.path.realpath(config.output):
    raise ValueError(f"--input and --output are both {config.output}; name another folder for "
                     "the data set")


def simulation_of(config: ConversionConfig, survey: survey_lib.Survey) -> dict[str, dict]:
  """What is simulated where there is no input, for the manifest."""
  return {"simulated": {"survey": survey.name, "num": config.num,
                        "seed": config.settings.seed, **config.simulation.recorded()}}


def simulate(config: ConversionConfig, output: str) -> str:
  """Simulates a survey beside the data set, saying so; returns its folder.

  For a remote data set, that is the folder beside the default output.
  """
  from data_tools import simulate as simulate_lib  # real data do not need it

  parent, name = os.path.split(os.path.normpath(output))
  if storage.is_remote(output):
    parent = storage.absolute(_PARENT) if config.settings.runner else _PARENT
  folder = os.path.join(parent, f"simulated_{name}")
  print(f"No --input is given: {config.num} galaxies of {config.survey} are simulated into "
        f"{folder}. They are not observations.", flush=True)
  simulate_lib.simulate(config.survey, config.num, config.settings.seed, folder,
                        options=config.simulation)
  return folder


def training_preset(config: ConversionConfig) -> dict:
  """The training settings that go into the manifest."""
  chosen = config.preset
  if chosen == "auto":
    chosen = "none" if config.input else "cpu"
  return dict(CPU_PRESET) if chosen == "cpu" else {}


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  text = functools.partial(flags.DEFINE_string, flag_values=values)
  real = functools.partial(flags.DEFINE_float, flag_values=values)
  whole = functools.partial(flags.DEFINE_integer, flag_values=values)
  choice = functools.partial(flags.DEFINE_enum, flag_values=values)
  text("survey", "sdss", "sdss, cfhtls, cfhtls_wide, cfhtls_deep or FILE.toml.")
  text("input", "", "File or folder of the survey; without it, one is simulated.")
  text("output", "", "Folder of the data set, also a remote one such as gs://bucket/sdss; "
       "default data/<data set>.")
  reader_flags.define(values)
  real("max_r_mag", None, "Reject galaxies fainter than this (mag).")
  real("max_rejected", None, "Stop where a larger fraction of the galaxies is rejected, e.g. 0.01; "
       "--max_r_mag and published splits aside.")
  text("split", "", "train,validation,test fractions by hash of the id, e.g. 0.76,0.04,0.20; "
       "overrides a published split.")
  whole("seed", 0, "Salt of record order, splits and augmentation.")
  whole("augment_copies", 1, "Records of each training galaxy, 1 to 8, each under its own "
        "rotation or reflection.")
  choice("dtype", "float32", convert_lib.DTYPES, "Type of the stored pixels.")
  choice("compression", "none", convert_lib.COMPRESSIONS, "Of the shards; gzip costs several "
         "times the processor time for a few per cent of the size.")
  real("shard_size_mb", 150.0, "Size of a shard before compression (1e6 bytes).")
  whole("num_workers", 1, "Processes; the data set is the same for any number.")
  choice("runner", None, choose.RUNNERS, "Apache Beam runner that writes the shards, on a file "
         "system that all of its workers share.")
  flags.DEFINE_multi_string("runner_option", [], "Option of the Beam pipeline, e.g. "
                            "flink_master=host:8081; repeat for more.", flag_values=values)
  whole("num", 15000, "Galaxies to simulate where there is no input.")
  simulation_options.define_flags(values)
  choice("preset", "auto", ["auto", "cpu", "none"],
         "Training settings for the manifest; auto: cpu where the input is simulated.")


def config_from_flags(values: flags.FlagValues) -> ConversionConfig:
  """The command line as one frozen object.

  Raises:
    ValueError: a flag's value does not fit.
  """
  return ConversionConfig(
      survey=values.survey, input=values.input, output=values.output, layout=values.layout,
      options=reader_flags.options(values),
      settings=ConversionSettings(
          seed=values.seed, split=splits.parse_fractions(values.split),
          augment_copies=values.augment_copies, dtype=values.dtype,
          compression=values.compression, shard_size_mb=values.shard_size_mb,
          max_r_mag=values.max_r_mag, max_rejected=values.max_rejected,
          num_workers=values.num_workers, runner=values.runner or "",
          runner_options=tuple(values.runner_option)),
      num=values.num, simulation=simulation_options.from_flags(values), preset=values.preset)


def main(argv) -> None:
  """Converts; a mistake of the user ends in one line, not in a traceback."""
  command.refuse_words(argv)
  logging.set_verbosity(logging.INFO)
  with command.one_line_errors():
    run(config_from_flags(flags.FLAGS))


if __name__ == "__main__":
  define_flags()
  app.run(main)
