"""timing.json: how long an iteration took, for plans of further runs."""

from __future__ import annotations

import json
import math
import os

from pzbias_tf.files import write_text
from pzbias_tf.training.config import TrainConfig

TIMING = "timing.json"


def timing_kind(stage: str, net: int, image_size: int, batch_size: int, bins: int) -> str:
  """A word for runs whose iterations take the same time on one machine."""
  return f"{stage} net{net} {image_size}pixels batch{batch_size} bins{bins}"


def save_timing(config: TrainConfig, stage_dir: str, step_time_s: float) -> None:
  """Writes how long an iteration of a stage took; nothing where that is not known (NaN)."""
  if not math.isfinite(step_time_s):
    return
  kind = timing_kind(config.stage, config.net, config.image_size, config.batch_size,
                     config.survey.bins)
  write_text(os.path.join(stage_dir, TIMING),
             json.dumps({"kind": kind, "step_time_s": step_time_s}) + "\n")
