"""Converts a survey's images and labels to a data set of TFRecords.

  python -m data_tools.make_tfrecords --survey=sdss --input=sdss.npz --output=data/sdss

Without --input it simulates a small survey and converts that.  To continue an interrupted
conversion, give the same command again.
"""

from __future__ import annotations

from absl import app, flags, logging

from data_tools import readers
from data_tools.conversion import identity
from data_tools.conversion.command_line import report_text, simulated_input
from data_tools.conversion.command_line.conversion_config import (
  ConversionConfig,
  config_from_flags,
  define_flags,
)
from data_tools.conversion.convert import convert
from pzbias_tf import command
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.survey import load_survey


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
    origin = simulated_input.origin_of(config, survey)
    identity.check_before_simulation(config.output, origin)
    path = simulated_input.simulate_input(config)
  source = readers.read(path, survey, config.options, layout=config.layout)
  manifest = convert(source, survey, config.output, settings=config.settings,
                     preset=config.training_preset(), origin=origin)
  print(report_text.summary(manifest, config.output, survey=config.survey))
  return manifest


def main(argv) -> None:
  """Converts; a user's mistake ends in one line, not in a traceback."""
  command.refuse_words(argv)
  logging.set_verbosity(logging.INFO)
  with command.one_line_errors():
    run(config_from_flags(flags.FLAGS))


if __name__ == "__main__":
  define_flags()
  app.run(main)
