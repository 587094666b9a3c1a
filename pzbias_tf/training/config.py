"""The settings of one stage of one run, and config.json."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any, Mapping

from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.guards import json_files
from pzbias_tf.survey import Survey, survey_from_mapping
from pzbias_tf.training.stages import Stage, stage_named
from pzbias_tf.versions import git_revision, package_versions

CONFIG_NAME = "config.json"
DATA_SET = "data_set"
"""Key of the provenance: what the data set is, as `DataSetFacts.to_json` says it."""

_SCHEMA = {
    "settings": {
        "survey": {"name": str, "bands": [str], "bins": int}, "stage": str, "net": int,
        "image_size": int, "input_scaling": {}, "seed?": int, "ne?": int, "fth": int,
        "nsub?": int, "errl?": float, "midreduce?": bool, "keep_weights_at": [int],
        "softlabel?": bool, "shiftlabel?": bool, "dispersions?": str,
        "label_width?": (float, str), "augment?": str,
        "optimizer?": str, "precision?": str, "warmup?": int, "iterations": int,
        "batch_size": int, "learning_rate": float, "lr_drops": [float], "cache_features?": bool,
        "feature_dtype?": str, "data_digest?": str, "init_weights_digest?": str,
        "label_predictions_digest?": str, "extra_columns?": {}, "photometry?": ({}, None)},
    "provenance": {"data_dir?": str, "init_from?": str, "label_predictions?": str}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
  """Everything that decides the numbers of a stage.

  Attributes:
    survey: the survey, on the run's redshift grid, without the limit of its sample.
    stage: name of the stage.
    net: number of the network.
    image_size: side of the central square that is used, pixels; 0 of photometry.
    input_scaling: how flux is scaled.
    extra_columns: columns of the catalogue that the network takes beside E(B-V), and their
      means and standard deviations.
    photometry: what the network makes of magnitudes; None for images.
    seed: seed of the run.
    ne: fold, 1 to 5: decides the seeds of Baseline and Step 1 and the subset of Steps 2 and 3.
    fth: balancing threshold.
    nsub: training galaxies that Baseline and Step 1 use, 0 for all.
    errl: standard deviation of the noise put on training redshifts.
    midreduce: thin out 0.08 <= z <= 0.12 in the training set.
    keep_weights_at: iterations whose weights are kept for good.
    softlabel: soften Step 3's labels.
    shiftlabel: shift Step 3's labels.
    dispersions: how the widths of Step 3's labels are found, see
      `dispersion.SEARCHES`.
    label_width: factor on those widths, 1 as published; or `choices.AUTO`, see
      `metrics.label_width`.
    augment: "dihedral", "rotate" or "shift" (and then dihedral), or "none".
    optimizer: "adam", or "lamb" for large batches.
    precision: "float32", "mixed_float16" or "mixed_bfloat16", in which the network computes;
      its weights, softmax, loss and metrics are always float32.
    warmup: iterations over which the learning rate rises to its initial value.
    iterations: number of iterations.
    batch_size: galaxies per batch, over all devices.
    learning_rate: initial learning rate.
    lr_drops: fractions of the iterations after which it is divided by 5.
    cache_features: compute the frozen representation of Steps 2 and 3 once, not in each iteration.
    feature_dtype: "float32" or "float16", the type in which those features are stored.
    data_digest: digest of the data set's manifest.
    init_weights_digest: digest of the weights that the stage starts from ("" for none).
    label_predictions_digest: digest of the predictions that shape its labels.
  """

  survey: Survey
  stage: str
  net: int
  image_size: int
  input_scaling: InputScaling
  extra_columns: ExtraColumns = ExtraColumns()
  photometry: PhotometryInput | None = None
  seed: int = 0
  ne: int = 1
  fth: int
  nsub: int = 0
  errl: float = 0.0
  midreduce: bool = False
  keep_weights_at: tuple[int, ...] = ()
  softlabel: bool = True
  shiftlabel: bool = True
  dispersions: str = "published"
  label_width: float | str = 1.0
  augment: str = "dihedral"
  optimizer: str = "adam"
  warmup: int = 0
  precision: str = "float32"
  iterations: int
  batch_size: int
  learning_rate: float
  lr_drops: tuple[float, ...] = ()
  cache_features: bool = True
  feature_dtype: str = "float32"
  data_digest: str = ""
  init_weights_digest: str = ""
  label_predictions_digest: str = ""

  def __post_init__(self):
    # A limit of conversions: data_digest tells whether the galaxies are the same.
    object.__setattr__(self, "survey", dataclasses.replace(self.survey, max_r_mag=None))

  @property
  def stage_spec(self) -> Stage:
    """What the stage trains."""
    return stage_named(self.stage)

  @property
  def stage_seed(self) -> int:
    """Seed of initial weights, order and views, different for each stage and fold."""
    return (self.seed * 10 + self.ne) * 10 + self.stage_spec.number

  def settings(self) -> dict[str, Any]:
    """The attributes as JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(self)))

  @classmethod
  def from_settings(cls, settings: dict[str, Any], *, origin: str) -> TrainConfig:
    """The inverse of `settings`; `origin` names the file in error messages."""
    settings = dict(settings)
    if stage_named(settings["stage"]).labels_from:
      settings.setdefault("dispersions", "global")  # as before there was a choice
    settings["survey"] = survey_from_mapping(settings["survey"], origin=origin)
    settings["input_scaling"] = InputScaling.from_json(settings["input_scaling"])
    settings["extra_columns"] = ExtraColumns.from_json(settings.get("extra_columns", {}))
    settings["photometry"] = PhotometryInput.from_json(settings.get("photometry"))
    for name in ("keep_weights_at", "lr_drops"):
      settings[name] = tuple(settings[name])
    return cls(**settings)


def save_config(config: TrainConfig, stage_dir: str, *, provenance: dict[str, Any]) -> None:
  """Writes config.json: settings, where the inputs came from, versions, revision."""
  fields = {"settings": config.settings(), "provenance": provenance,
            "versions": package_versions(), "git_revision": git_revision()}
  os.makedirs(stage_dir, exist_ok=True)
  json_files.write(os.path.join(stage_dir, CONFIG_NAME), fields)


def load_config(stage_dir: str) -> tuple[TrainConfig, dict[str, Any]]:
  """Reads config.json.

  Returns:
    The settings and the provenance ("data_dir", "init_from", ...).

  Raises:
    FileNotFoundError: the folder holds no config.json.
    ValueError: it is damaged, or has changed since it was written.
  """
  path = os.path.join(stage_dir, CONFIG_NAME)
  if not os.path.exists(path):
    raise FileNotFoundError(f"{path} is missing: no stage was trained there; name another run or "
                            "stage, or train it")
  wrong = f"{path}: damaged ({{problem}}); train the stage again in another --experiment"
  fields = json_files.read(path, _SCHEMA, wrong)
  try:
    return TrainConfig.from_settings(fields["settings"], origin=path), fields["provenance"]
  except (KeyError, TypeError, AttributeError) as error:
    raise ValueError(wrong.replace("{problem}", repr(error))) from error


def trained_revision(stage_dir: str) -> str:
  """Revision of the source tree that trained a stage, "" where none is recorded."""
  with open(os.path.join(stage_dir, CONFIG_NAME), encoding="utf-8") as file:
    return str(json.load(file).get("git_revision", ""))


def check_same_settings(config: TrainConfig, stage_dir: str) -> None:
  """Refuses to go on in a folder that was trained with other settings.

  Raises:
    ValueError: some differ; the message shows old and new values.
  """
  if not os.path.exists(os.path.join(stage_dir, CONFIG_NAME)):
    return
  old, new = _flat(load_config(stage_dir)[0].settings()), _flat(config.settings())
  differences = [f"  {key}: {old.get(key)!r} before, {new.get(key)!r} now"
                 for key in sorted(set(old) | set(new)) if old.get(key) != new.get(key)]
  if differences:
    raise ValueError("\n".join([
        f"{stage_dir} was trained with other settings:", *differences,
        "Name another run with --experiment=..., or delete that folder to train it again."]))


def settings_digest(settings: Mapping[str, Any]) -> str:
  """A digest of 16 hexadecimal digits that changes with the value of any setting."""
  return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
  flat = {}
  for key, value in fields.items():
    if isinstance(value, dict):
      flat.update(_flat(value, f"{prefix}{key}."))
    else:
      flat[prefix + key] = value
  return flat
