"""A simulated survey that is converted if the user gives no input."""

from __future__ import annotations

import os
from typing import Any

from data_tools.conversion.command_line.conversion_config import DEFAULT_PARENT, ConversionConfig
from pzbias_tf import storage
from pzbias_tf.survey import Survey


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
