"""Converts a survey's images and labels to a data set of TFRecords.

  python -m data_tools.make_tfrecords --survey=sdss --input=sdss.npz --output=data/sdss
  python -m data_tools.make_tfrecords --num=15000             simulated galaxies, in data/sdss

Without --input it simulates a small survey and converts that.  To continue an interrupted
conversion, give the same command again.
"""

from __future__ import annotations

from absl import flags

from data_tools.flag_groups.conversion_flags import define_flags
from pzbias_tf.command_line import command, command_flags

if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import os
from typing import Any

from absl import logging

from data_tools import readers
from data_tools.conversion import identity
from data_tools.conversion.command_line import report_text
from data_tools.conversion.command_line.conversion_config import (
  DEFAULT_PARENT,
  ConversionConfig,
  config_from_flags,
  define_flags,
)
from data_tools.conversion.convert import convert
from pzbias_tf import storage
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.survey import Survey, load_survey


def run(config: ConversionConfig) -> Manifest:
  """Reads (or simulates), converts and reports.

  Returns:
    The manifest of the data set.

  Raises:
    FileExistsError: the output holds another data set.
    OSError: a file cannot be read or written.
    ValueError: a setting or the input is wrong.
  """
  survey = load_survey(config.survey)
  config = config.with_places(survey)
  config.check_places()
  path, origin = config.input, {}
  if not path:
    origin = origin_of(config, survey)
    identity.check_before_simulation(config.output, origin)
    path = simulate_input(config)
  source = readers.read(path, survey, config.options, layout=config.layout)
  manifest = convert(source, survey, config.output, settings=config.settings_for(survey),
                     preset=config.training_preset(), origin=origin, verify=config.verify)
  print(report_text.summary(manifest, config.output, survey=config.survey))
  return manifest


def origin_of(config: ConversionConfig, survey: Survey) -> dict[str, Any]:
  """What is simulated, for the manifest."""
  return {"simulated": {"survey": survey.name, "num": config.num,
                        "seed": config.settings.seed, **config.simulation.recorded()}}


def simulate_input(config: ConversionConfig) -> str:
  """Simulates a survey beside the data set, and says so; returns its folder.

  For a remote data set, that is the folder beside the default output.
  """
  from data_tools import simulate  # not needed for real data

  parent, name = os.path.split(os.path.normpath(config.output))
  if storage.is_remote(config.output):
    parent = storage.absolute(DEFAULT_PARENT) if config.settings.runner else DEFAULT_PARENT
  folder = os.path.join(parent, f"simulated_{name}")
  print(f"No --input is given: {config.num} galaxies of {config.survey} are simulated into "
        f"{folder}. They are not observations.", flush=True)
  simulate.simulate(config.survey, config.num, config.settings.seed, folder,
                    options=config.simulation)
  return folder


def main(argv) -> None:
  """Converts; a user's mistake ends in one line, not in a traceback."""
  command.refuse_words(argv)
  logging.set_verbosity(logging.INFO)
  with command.one_line_errors():
    run(config_from_flags(flags.FLAGS))


if __name__ == "__main__":
  command.run(main, WORDS)
