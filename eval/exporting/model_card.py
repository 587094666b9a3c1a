"""The card of a bundle: README.md in the form that Hugging Face reads.

Front matter in YAML, then what the model is for, what it was trained on, how good it is, where it
must not be trusted, and how it is loaded.
"""

from __future__ import annotations

import json
import os
import re

import yaml

from eval.exporting.bundle_files import BundledStage
import pzbias_tf
from pzbias_tf.data.galaxy_origin import RENDERED, SIMULATED
from pzbias_tf.models.representation import network_name
from pzbias_tf.predictions.domain import FLAGS
from pzbias_tf.predictions.estimates_in_graph import NO_ESTIMATE
from pzbias_tf.report.captions import DIRECTION
from pzbias_tf.report.stage_table import COLUMNS, format_table, value_and_error, with_error
from pzbias_tf.report.verdict import STEP4
from pzbias_tf.training.config import CONFIG_NAME, TrainConfig

CARD = "README.md"

_BANNERS = {SIMULATED: "SIMULATED galaxies: ", RENDERED: "SIMULATED images of real galaxies: "}
_PAPER = "arxiv:2202.09964"
_DIGITS = 6  # of a number in the front matter
_ARRAYS = {
    "image": "`image` [n, height, width, band] float32: flux in the unit of the training images; "
             "the central {size} x {size} pixels are used",
    "magnitudes": "`magnitudes` [n, band] float32, mag",
    "errors": "`errors` [n, band] float32: errors of the magnitudes, mag",
    "ebv": "`ebv` [n] float32: Galactic reddening E(B-V), mag",
    "extra": "`extra` [n, column] float32: {extra}, as measured"}


def card(bundled: BundledStage, licence: str) -> str:
  """The text of the card.

  Args:
    bundled: the stage and what belongs to it.
    licence: of the model, as Hugging Face names licences.
  """
  return "\n".join([
      "---", *_front_matter(bundled, licence), "---", "",
      f"# {_BANNERS.get(bundled.origin.kind, '')}{_title(bundled)}", "",
      f"**{bundled.origin.headline}.** {_plain(bundled.origin.note)}", "",
      "## Intended use", "", *_use(bundled), "", "## Training data", "", *_data(bundled), "",
      "## Metrics", "", *_metrics(bundled), "", "## Limits", "", *_limits(bundled), "",
      "## How to load", "", *_loading(bundled), "",
      "## How it was made", "", *_making(bundled), ""])


def _title(bundled):
  config = bundled.config
  return (f"{config.stage_spec.title}, {network_name(config.net)}, photometric redshifts for "
          f"{_plain(config.survey.name)}")


def _run_name(bundled):
  return os.path.basename(os.path.dirname(os.path.abspath(bundled.stage.folder)))


def _front_matter(bundled, licence):
  photometry = bundled.config.photometry is not None
  task = "tabular-classification" if photometry else "image-classification"
  tags = ["photometric-redshifts", "astronomy", "tensorflow", "saved-model", _PAPER,
          bundled.config.survey.name, *["simulated"] * bool(bundled.origin.mark)]
  results = _results(bundled)
  fields = {"license": licence, "library_name": "tensorflow", "pipeline_tag": task, "tags": tags}
  if results:
    fields["metrics"] = [key for key, _, _ in results]
    fields["model-index"] = [{"name": _run_name(bundled), "results": [
        _measured(bundled, task, results)]}]
  return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).splitlines()


def _measured(bundled, task, results):
  """The one entry of the model index."""
  facts, survey = bundled.stage.data_set, bundled.config.survey
  return {
      "task": {"type": task, "name": "Photometric redshifts"},
      "dataset": {"type": survey.name,
                  "name": f"{facts.name if facts else survey.name}, test galaxies"},
      "metrics": [{"type": key, "name": heading, "value": round(value, _DIGITS)}
                  for key, heading, value in results]}


def _results(bundled):
  """(key, heading, value) of each metric of the stage that has one."""
  if bundled.metrics is None:
    return []
  summary = bundled.metrics["stages"][bundled.config.stage]
  values = [(key, heading, value_and_error(with_error(summary, key))[0])
            for heading, key, digits in COLUMNS if digits]
  return [result for result in values if result[2] is not None]


def _use(bundled):
  survey = bundled.config.survey
  what = "magnitudes" if bundled.config.photometry else "images"
  return [
      f"The network estimates the probability distribution p(z) of a galaxy's redshift from its "
      f"{what} in {', '.join(survey.bands)} and its Galactic reddening, in "
      f"{survey.bins} bins from z = {survey.z_min:g} to {survey.z_max:g}"
      f"{_extended(bundled)}. It is meant for galaxies like those of the training data, and for "
      "studies of how the biases of such estimates are removed (Lin et al. 2022, A&A 662, A36). "
      "It is not meant for stars and quasars, nor for the redshift of a single galaxy without its "
      "p(z)."]


def _extended(bundled):
  bundle_survey, extended = bundled.config.survey, bundled.config.stage_spec.extended
  edges = bundle_survey.edges(extended=extended)
  return f" (with the bins that Step 3 adds, from {edges[0]:.4g} to {edges[-1]:.4g})" * extended


def _data(bundled):
  facts, survey = bundled.stage.data_set, bundled.config.survey
  lines = [f"- {_plain(facts.in_words())}", f"- {facts.training:,} training galaxies",
           f"- made from `{_code(facts.source or 'a survey')}`"] if facts else [
               "- The data set cannot be read any more, and training has kept no record of it."]
  ranges = [f"- r from {bundled.domain.r_mag[0]:.2f} to {bundled.domain.r_mag[1]:.2f} mag "
            "(central 99.9% of the training galaxies)"] if bundled.domain else []
  return [*lines, *ranges, f"- survey {_plain(survey.name)}: bands {' '.join(survey.bands)}, "
          f"{survey.pixel_scale_arcsec:g} arcsec per pixel; all of it is in `survey.toml`"]


def _metrics(bundled):
  if bundled.metrics is None:
    return [f"None. {bundled.why_no_metrics}"]
  stages = bundled.metrics["stages"]
  shown = {bundled.config.stage_spec.title: stages[bundled.config.stage]}
  if bundled.has_step_4 and STEP4 in stages:
    shown["Step 4"] = stages[STEP4]
  number = bundled.metrics.get("bootstrap", {}).get("number", "some")
  weighted = bundled.metrics.get("options", {}).get("weights", "")
  return [
      f"Measured on test galaxies{', weighted' if weighted else ''}, on which nothing was trained. "
      f"{bundled.origin.headline}. Errors are those of {number} bootstraps of these galaxies: they "
      "do not tell how well these stand for others.", "",
      format_table(shown), "", DIRECTION]


def _limits(bundled):
  step_4 = ["- Step 4 (`calibration.json`) was fitted to the magnitudes and estimates of the test "
            "galaxies; a sample with another distribution needs its own fit."]
  flags = [f"- `flags` tell what is unusual about a galaxy, and need r magnitudes: the sum of "
           f"{_flag_words()}. Estimates of flagged galaxies have been tested little or not at all."]
  without = ["- The ranges of the training galaxies were not measured: nothing flags galaxies "
             "unlike them."]
  return [
      *([f"- **{bundled.origin.headline}.** How well the model does on observed galaxies is not "
         "known."] if bundled.origin.mark else []),
      "- No estimate lies outside of the redshift grid, whatever the galaxy.",
      "- Flux must have the unit, and images the pixel scale and point spread function, of the "
      "training data." if bundled.config.photometry is None else
      "- Magnitudes must be measured in the same way as those of the training data.",
      *(flags if bundled.domain else without), *(step_4 if bundled.has_step_4 else []),
      "- Input that is not finite gives NaN in every estimate of the SavedModel, and the flag "
      f"{NO_ESTIMATE}."]


def _flag_words():
  return ", ".join(f"{bit} {reason}" for reason, bit in FLAGS.items())


def _loading(bundled):
  config, names = bundled.config, _input_names(bundled.config)
  words = {"size": config.image_size, "extra": _plain(", ".join(config.extra_columns.names))}
  arrays = "magnitudes=magnitudes" if config.photometry else "images"
  arrays += ", errors=errors" * ("errors" in names)
  arrays += ", ebv=ebv" + ", extra={name: values}" * ("extra" in names)
  flags = [f"found = model.estimate_with_flags({', '.join(names)}, r_mag)  # and \"flags\""]
  return [
      "With TensorFlow alone:", "", "```python", "import tensorflow as tf", "",
      'model = tf.saved_model.load("saved_model")',
      f"found = model.estimate({', '.join(names)})  # a dictionary of tensors",
      *(flags if bundled.domain else []),
      "model.edges  # edges of the redshift bins", "```", "",
      *(f"- {_ARRAYS[name].format(**words)}" for name in names),
      *(["- `r_mag` [n] float32: r magnitudes (AB)"] if bundled.domain else []),
      "- found: `pdf` [n, bins], the probability of each bin; `zmode`, `zmean`, `zmedian`, `zbest` "
      "(lowest expected loss) [n]; the ends of the central 68% and 95%, `z_low68`, `z_high68`, "
      "`z_low95`, `z_high95` [n]", "",
      "With pzbias_tf, which first compares all files with `manifest.json`"
      + (", and which applies Step 4:" if bundled.has_step_4 else ":"), "", "```python",
      "import pzbias_tf as pz", "", 'model = pz.load_bundle(".")',
      f"table = model.predict({arrays}, r_mag=r_mag)", "```"]


def _input_names(config: TrainConfig) -> list[str]:
  """Arguments of the SavedModel's `estimate`, in order."""
  photometry = config.photometry
  names = ["image"] if photometry is None else ["magnitudes"] + ["errors"] * photometry.with_errors
  return [*names, "ebv", *["extra"] * bool(config.extra_columns.names)]


def _making(bundled):
  with open(os.path.join(os.path.dirname(bundled.weights), CONFIG_NAME), encoding="utf-8") as file:
    made = json.load(file)
  versions = ", ".join(f"{name} {version}" for name, version in made.get("versions", {}).items())
  commands = [line for text in (bundled.metrics or {}).get("commands", [])
              for line in text.splitlines()]
  return [
      f"- run `{_code(_run_name(bundled))}`, {bundled.config.stage_spec.title}, seed "
      f"{bundled.config.seed}, fold {bundled.config.ne}",
      f"- trained with {versions}" + (f", revision {made['git_revision']}"
                                      if made.get("git_revision") else ""),
      f"- exported with pzbias_tf {pzbias_tf.__version__}",
      f"- SHA-256 of the weights: `{bundled.digest}`",
      *(["", "Its commands:", "", *(f"    {line}" for line in commands)] if commands else [])]


def _plain(text):
  """Text that stays text: names of files and columns may hold markup."""
  return re.sub(r"([\\`*\[\]<>#|])", r"\\\1", " ".join(text.split()))


def _code(text):
  """Text that stays text between backticks."""
  return " ".join(text.replace("`", "'").split())
