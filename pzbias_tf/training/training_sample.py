"""Which training galaxies a stage uses, and their labels."""

from __future__ import annotations

from absl import logging
import numpy as np

from pzbias_tf.bias.balance import balanced_subset
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import Labels
from pzbias_tf.survey import Survey
from pzbias_tf.training.config import TrainConfig

# --midreduce=1 (Lin et al. 2022, "modified training sample").
MIDREDUCE_RANGE = (0.08, 0.12)
MIDREDUCE_KEPT = 0.1


def training_records(data: Dataset, config: TrainConfig) -> tuple[np.ndarray, Labels]:
  """The records that Baseline and Step 1 train on.

  Args:
    data: the data set.
    config: the stage's settings (nsub, errl, midreduce).

  Returns:
    keep [records] bool, and the labels, noisy where errl asks for it.

  Raises:
    ValueError: nsub exceeds the number of training galaxies.
  """
  z_label = data.column("z_spec") + config.errl * _per_galaxy(data, config.seed, 1, normal=True)
  keep = _thinned(data, config) & (data.column("split") == "train") & _on_grid(data, config.survey)
  if config.errl:  # galaxies pushed off the grid are dropped
    keep &= (z_label > config.survey.z_min) & (z_label < config.survey.z_max)
  if config.nsub:
    keep &= _subsample(data, keep, config)
  return keep, make_labels(data, config.survey, z_label)


def balanced_records(data: Dataset, config: TrainConfig) -> np.ndarray:
  """The records of the balanced subset of Steps 2 and 3, one per galaxy.

  Returns:
    Their rows in the catalogue, sorted int64.
  """
  keep = (_thinned(data, config) & survey_part(data, config.survey)
          & _on_grid(data, config.survey)
          & (data.column("split") == "train") & (data.column("copy") == 0))
  rows = np.flatnonzero(keep)
  if not rows.size:
    raise ValueError(f"{data.folder} holds no training galaxy of {config.survey.name}")
  chosen = balanced_subset(data.column("z_spec")[rows], data.column("r_mag")[rows],
                           config.survey, threshold=config.fth, experiment=config.ne,
                           seed=config.seed)
  return rows[chosen]


def evaluation_records(data: Dataset, split: str, survey: Survey, *,
                       whole_sample: bool) -> np.ndarray:
  """The records of "validation" or "test" that a stage is judged on.

  Args:
    data: the data set.
    split: the split.
    survey: the survey.
    whole_sample: also galaxies that Steps 2 and 3 do not use: of other fields
      and, in validation, of other samples (Baseline and Step 1 serve several
      surveys).

  Returns:
    keep [records] bool.
  """
  keep = (data.column("split") == split) & _on_grid(data, survey)
  if not whole_sample:
    return keep & survey_part(data, survey)
  if split == "test" and survey.sample:
    keep &= data.column("sample") == survey.sample
  return keep


def survey_part(data: Dataset, survey: Survey) -> np.ndarray:
  """The records of the survey's own field and sample, [records] bool."""
  keep = np.ones(len(data.catalog), bool)
  if survey.field:
    keep &= data.column("field") == survey.field
  if survey.sample:
    keep &= data.column("sample") == survey.sample
  return keep


def make_labels(data: Dataset, survey: Survey, z: np.ndarray | None = None) -> Labels:
  """Redshift bin and magnitude row of every record; 0 where z is unknown."""
  z = data.column("z_spec") if z is None else z
  return Labels(
      redshift_bin=survey.redshift_bin(np.where(np.isfinite(z), z, survey.z_min)).astype(np.int32),
      magnitude_row=survey.magnitude_row(data.column("r_mag")).astype(np.int32))


def _on_grid(data, survey):
  """The records whose redshift the survey's grid covers; others have no label."""
  z = data.column("z_spec")
  inside = (z >= survey.z_min) & (z <= np.float32(survey.z_max))
  outside = int(np.sum(np.isfinite(z) & ~inside))
  if outside:
    logging.log_first_n(
        logging.WARNING, "%s: %d records have redshifts outside [%g, %g] and are left out", 1,
        data.folder, outside, survey.z_min, survey.z_max)
  return inside


def _thinned(data, config):
  """All records or, with --midreduce, 10% of those in the crowded middle."""
  if not config.midreduce:
    return np.ones(len(data.catalog), bool)
  z = data.column("z_spec")
  middle = (z >= MIDREDUCE_RANGE[0]) & (z <= MIDREDUCE_RANGE[1])
  return ~middle | (_per_galaxy(data, config.seed, 2) < MIDREDUCE_KEPT)


def _subsample(data, keep, config):
  """nsub galaxies of the kept ones, with all their copies."""
  order = _per_galaxy(data, config.seed, 3)
  galaxies = np.sort(order[keep & (data.column("copy") == 0)])
  if config.nsub > galaxies.size:
    raise ValueError(f"--nsub={config.nsub} exceeds the {galaxies.size} training galaxies")
  return order <= galaxies[config.nsub - 1]


def _per_galaxy(data, seed, purpose, *, normal=False):
  """A random number for each record, the same for all copies of a galaxy."""
  _, galaxy = np.unique(data.column("id"), return_inverse=True)
  generator = np.random.default_rng([seed, purpose])
  draw = generator.standard_normal if normal else generator.random
  return draw(galaxy.max() + 1)[galaxy]
