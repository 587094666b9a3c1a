"""Exports a trained stage as a SavedModel that plain TensorFlow loads, without this package.

  python -m eval.export --run=runs/sdss_net0_ne1
  python -m eval.export --run=runs/sdss_net0_ne1 --stage=step1 --output=step1_model

Pixels as the survey delivers them and E(B-V) go in; p(z) and point estimates come
out.  Of a run with extra columns, `estimate` takes them as a third argument, in the
order that assets.extra/pzbias_tf.json names.  A run of photometry takes magnitudes and perhaps
their errors in place of pixels:

  model = tf.saved_model.load("runs/sdss_net0_ne1/step3/saved_model")
  model.estimate(image, ebv)   # {"pdf": [n, bins], "zmode": [n], "zmean": [n], "zmedian": [n]}
  model.edges                  # edges of the redshift bins
"""

from __future__ import annotations

from absl import flags

from pzbias_tf.command_line import command, command_flags
from pzbias_tf.training.stages import STAGES, STEP3


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  model = command_flags.FlagGroup(values, "Model")
  model.text("run", None, "Folder of the run.", required=True)
  model.choice("stage", STEP3.name, [stage.name for stage in STAGES], "Stage to export.")
  model.text("output", "", "Folder to write. Default: saved_model in the stage's.")


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import dataclasses
import json
import os

from pzbias_tf.guards.own_folders import appearing
from pzbias_tf.models.estimator import Estimator
from pzbias_tf.training.checkpoints import StageFiles, file_digest, load_weights
from pzbias_tf.training.config import load_config, package_versions
from pzbias_tf.training.one_stage import make_network

ABOUT = os.path.join("assets.extra", "pzbias_tf.json")


def main(argv):
  command.refuse_words(argv)
  values = flags.FLAGS
  with command.one_line_errors():
    print(export(os.path.join(values.run, values.stage), values.output))


def export(stage_dir: str, output: str = "") -> str:
  """Exports the last weights of a stage.

  Args:
    stage_dir: folder of a trained stage.
    output: folder to write; "" for `saved_model` in `stage_dir`.

  Returns:
    What was done, as text.

  Raises:
    FileExistsError: the folder exists.
    OSError: the stage is not trained.
  """
  output = os.path.abspath(output or os.path.join(stage_dir, "saved_model"))
  if os.path.exists(output):
    raise FileExistsError(f"{output} exists; name another --output, or delete it")
  config, _ = load_config(stage_dir)
  network = make_network(config)
  weights = StageFiles(stage_dir).last
  load_weights(network, weights)
  with appearing(output, "export") as hidden:
    Estimator(network, config.survey, extended=config.stage_spec.extended,
              photometry=config.photometry).save(hidden)
    _write_about(os.path.join(hidden, ABOUT), config, weights)
  return f"{config.stage_spec.title} -> {output}; its grid and settings: {ABOUT}"


def _write_about(path, config, weights):
  """What the numbers are, for whoever finds the folder."""
  survey = config.survey
  about = {
      "survey": dataclasses.asdict(survey), "stage": config.stage, "image_size": config.image_size,
      "extra_columns": list(config.extra_columns.names),
      "photometry": config.photometry and dataclasses.asdict(config.photometry),
      "edges": survey.edges(extended=config.stage_spec.extended).tolist(),
      "weights_sha256": file_digest(weights), "versions": package_versions()}
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with open(path, "w", encoding="utf-8") as file:
    json.dump(about, file, indent=1)


if __name__ == "__main__":
  command.run(main, WORDS)
