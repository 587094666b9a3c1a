"""Simulates a survey and writes it in the survey's own file layout.

  python -m data_tools.simulate --survey=sdss --num=20000 --seed=1 --output=simulated
  python -m data_tools.simulate --survey=cfhtls --num=5000 --output=simulated_cfhtls

The simulation is simple, but realistic where redshift estimation needs it: colours come
from real spectra and filter curves, numbers from a luminosity function and a magnitude
limit, images from bulges and discs seen through a PSF, with sky noise, photon noise and
neighbours.  There are no artefacts and no clusters.  With --photometry=TABLE, redshifts and
magnitudes are those of real galaxies.  `data_tools.make_tfrecords` reads the files like real
data.
"""

from __future__ import annotations

from absl import flags

from data_tools.flag_groups.layout_words import SIMULATED_LAYOUTS
from data_tools.simulation import options as options_lib
from pzbias_tf.command_line import command, command_flags


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  output = command_flags.FlagGroup(values, "Output")
  output.choice("survey", "sdss", sorted(SIMULATED_LAYOUTS), "Survey to simulate.")
  output.integer("num", 2000, "Number of galaxies.", lower_bound=1)
  output.integer("seed", 1, "Seed; equal seeds give equal files.", lower_bound=0)
  output.text("output", None, "Folder to write.", required=True)
  output.text("layout", "", "File layout; " + "; ".join(
      f"{dataset}: {', '.join(known)}" for dataset, known in SIMULATED_LAYOUTS.items())
      + ". Default: the first.")
  options_lib.define_flags(values)


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import os

from absl import logging

from data_tools.simulation import layouts, simulated_folder
from data_tools.simulation.observation import Observation
from pzbias_tf.progress import Progress
from pzbias_tf.survey import load_survey


def simulate(survey_name: str, num: int, seed: int, output: str,
             layout: str | None = None, *,
             options: options_lib.SimulationOptions = options_lib.SimulationOptions()) -> str:
  """Simulates a survey, unless the folder holds this simulation already.

  Args:
    survey_name: "sdss" or "cfhtls", or a survey whose data set is one of them.
    num: number of galaxies.
    seed: not negative; equal settings give equal bytes.
    output: folder to write; it appears only when it is complete.
    layout: file layout, a key of `layouts.LAYOUTS[data set]`; None is the first.
    options: image size, neighbours, PSF, real photometry.

  Returns:
    The folder, as an absolute path.

  Raises:
    ValueError: a setting is wrong.
    FileExistsError: the folder holds other files.
  """
  survey = load_survey(survey_name)
  settings = {
      "survey": survey.dataset, "num": num, "seed": seed,
      "layout": _checked_layout(survey.dataset, num, seed, layout), **options.recorded(),
      "image_size": options.image_size or survey.image_size, "neighbours": options.neighbours}
  words = ", ".join(f"{name} {value}" for name, value in settings.items())
  output = os.path.abspath(output)
  if simulated_folder.is_finished(output, settings):
    logging.info("%s already holds this simulation (%s); it is reused", output, words)
    return output
  observation = Observation(survey.dataset, seed=seed, image_size=settings["image_size"],
                            options=options)
  write = layouts.LAYOUTS[survey.dataset][settings["layout"]]
  with (simulated_folder.appearing(output, settings) as hidden,
        Progress(num, title="simulation", unit="galaxies") as progress):
    write(hidden, observation, num, seed, progress.advance)
  logging.info("wrote %s (%s)", output, words)
  return output


def _checked_layout(dataset, num, seed, layout) -> str:
  """The layout to write, after a check of all settings."""
  if dataset not in layouts.LAYOUTS:
    raise ValueError(f"no simulation of data set {dataset!r}; "
                     f"choose one of {', '.join(layouts.LAYOUTS)}")
  if num < 1 or seed < 0:
    raise ValueError(f"num must be positive and seed not negative, got num={num}, seed={seed}")
  known = list(layouts.LAYOUTS[dataset])
  if layout and layout not in known:
    raise ValueError(f"no layout {layout!r} of {dataset}; choose one of {', '.join(known)}")
  return layout or known[0]


def main(argv) -> None:
  """Simulates; a user's mistake ends in one line, not in a traceback."""
  command.refuse_words(argv)
  logging.set_verbosity(logging.INFO)
  values = flags.FLAGS
  with command.one_line_errors():
    simulate(values.survey, values.num, values.seed, values.output, values.layout or None,
             options=options_lib.from_flags(values))


if __name__ == "__main__":
  command.run(main, WORDS)
