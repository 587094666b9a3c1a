"""Folders of runs as eval.main leaves them, with metrics of known laws."""

import json
import os

from pzbias_tf.metrics.stage_metrics import to_json
from tests.report.sample_results import LAWS, make_results
from tests.small_runs import small_config


def evaluated(folder: str, name: str, stages=tuple(LAWS), **settings) -> str:
  """A run's folder with the metrics.json that eval.main would write; returns it."""
  run = os.path.join(folder, name)
  os.makedirs(run)
  results = make_results(*stages, **{"num": 300, **settings})
  networks = [stage for stage in stages if stage not in ("step4", "reference")]
  with open(os.path.join(run, "metrics.json"), "w", encoding="utf-8") as file:
    json.dump({"survey": {"name": "sdss"},
               "settings": {stage: small_config(stage=stage).settings() for stage in networks},
               "stages": {result.name: to_json(result.summary) for result in results}}, file)
  return run
