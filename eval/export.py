"""Exports a trained stage as a bundle that can be handed on.

  python -m eval.export --run=runs/sdss_net0_ne1
  python -m eval.export --run=runs/sdss_net0_ne1 --stage=step1 --output=step1_model

A bundle is a folder with a SavedModel, the weights, settings and survey, the ranges of the
training galaxies, Step 4 where the run has it, a model card (README.md) in the form that Hugging
Face reads, and a manifest with the SHA-256 of every file.  `pz.load_bundle` checks these and
predicts as `pz.load_run` does.  The SavedModel needs TensorFlow alone, not this package: pixels as
the survey delivers them and E(B-V) go in; p(z), point estimates and intervals come out.  Of a run
with extra columns, `estimate` takes them as a third argument, in the order that
assets.extra/pzbias_tf.json names.  A run of photometry takes magnitudes and perhaps their errors in
place of pixels:

  model = tf.saved_model.load("runs/sdss_net0_ne1/step3/bundle/saved_model")
  model.estimate(image, ebv)   # {"pdf": [n, bins], "zmode": [n], "zbest": [n], "z_low68": [n], ...}
  model.estimate_with_flags(image, ebv, r_mag)   # the same, with "flags": [n]
  model.edges                  # edges of the redshift bins
"""

from __future__ import annotations

from absl import flags

from pzbias_tf.command_line import command, command_flags
from pzbias_tf.training.stages import STAGES, STEP3

LICENCE = "bsd-3-clause"  # that of this package


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  model = command_flags.FlagGroup(values, "Model")
  model.text("run", None, "Folder of the run.", required=True)
  model.choice("stage", STEP3.name, [stage.name for stage in STAGES], "Stage to export.")
  model.text("output", "", "Folder to write. Default: bundle in the stage's.")
  model.text("license", LICENCE, "Licence of the model, as Hugging Face names licences.")


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import dataclasses
import json
import os

from eval.exporting.bundle_files import BundledStage, copy_stage
from eval.exporting.model_card import CARD, card
from eval.run import EvaluatedStage
from pzbias_tf.files import write_text
from pzbias_tf.guards.own_folders import appearing
from pzbias_tf.guards.sealed_folder import SEAL, seal
from pzbias_tf.predictions.estimator import Estimator
from pzbias_tf.training.checkpoints import load_weights
from pzbias_tf.training.config import load_config, package_versions
from pzbias_tf.training.one_stage import make_network

BUNDLE = "bundle"
SAVED_MODEL = "saved_model"
ABOUT = os.path.join("assets.extra", "pzbias_tf.json")


def main(argv):
  command.refuse_words(argv)
  values = flags.FLAGS
  with command.one_line_errors():
    print(export(os.path.join(values.run, values.stage), values.output, values.license))


def export(stage_dir: str, output: str = "", licence: str = LICENCE) -> str:
  """Exports the last weights of a stage.

  Args:
    stage_dir: folder of a trained stage.
    output: folder to write; "" for BUNDLE in `stage_dir`.
    licence: of the model, for its card.

  Returns:
    What was done, as text.

  Raises:
    FileExistsError: the folder exists.
    OSError: the stage is not trained.
    ValueError: there is no licence; metrics.json or calibration.json of the run are of other
      weights.
  """
  output = os.path.abspath(output or os.path.join(stage_dir, BUNDLE))
  if os.path.exists(output):
    raise FileExistsError(f"{output} exists; name another --output, or delete it")
  if not licence.strip():
    raise ValueError("--license is empty; name the licence of the model, such as bsd-3-clause, or "
                     "other")
  load_config(stage_dir)  # fails before anything is made
  with appearing(output, "export") as hidden:
    bundled = copy_stage(EvaluatedStage(stage_dir), hidden)
    _save_model(bundled, os.path.join(hidden, SAVED_MODEL))
    write_text(os.path.join(hidden, CARD), card(bundled, licence.strip()))
    digest = seal(hidden)
  return _told(bundled, output, digest)


def _told(bundled, output, digest):
  """What was done, and what the bundle lacks."""
  lacks = [bundled.why_no_metrics] if bundled.why_no_metrics else []
  lacks += [] if bundled.domain else ["The stage has no domain.json: nothing is flagged."]
  return "\n".join([
      f"{bundled.config.stage_spec.title} -> {output}", f"the model alone: {SAVED_MODEL}; its grid "
      f"and settings: {os.path.join(SAVED_MODEL, ABOUT)}; its card: {CARD}",
      f"SHA-256 of {SEAL}, which stands for the whole bundle: {digest}", *lacks])


def _save_model(bundled: BundledStage, folder: str) -> None:
  """Writes the SavedModel, and what it is."""
  config = bundled.config
  network = make_network(config)
  load_weights(network, bundled.weights)
  Estimator(network, config.survey, extended=config.stage_spec.extended,
            photometry=config.photometry, domain=bundled.domain).save(folder)
  _write_about(os.path.join(folder, ABOUT), config, bundled.digest)


def _write_about(path, config, digest):
  """What the numbers are, for whoever finds the folder."""
  survey = config.survey
  about = {
      "survey": dataclasses.asdict(survey), "stage": config.stage, "image_size": config.image_size,
      "extra_columns": list(config.extra_columns.names),
      "photometry": config.photometry and dataclasses.asdict(config.photometry),
      "edges": survey.edges(extended=config.stage_spec.extended).tolist(),
      "weights_sha256": digest, "versions": package_versions()}
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with open(path, "w", encoding="utf-8") as file:
    json.dump(about, file, indent=1)


if __name__ == "__main__":
  command.run(main, WORDS)
