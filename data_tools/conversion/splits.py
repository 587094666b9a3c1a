"""Which galaxies train, validate and test: by object, never by row order.

Galaxies without z_spec are the target set.  The others follow the survey's published
index arrays or hold-outs, else a salted hash of their id.  If several images show one
object, a column `split_group` names the object and is hashed instead of the id: no object
is in two splits.
"""

from __future__ import annotations

import dataclasses

from absl import logging
from astropy.table import Table
import numpy as np

from data_tools.conversion import hashing
from data_tools.readers.parts import compact_ids
from data_tools.readers.parts.columns import GROUP
from pzbias_tf.data import manifest as manifest_lib

DEFAULT_FRACTIONS = (0.76, 0.04, 0.20)
"""Train, validation and test: the proportions of the published SDSS split."""

COLUMNS = ("id", GROUP, "split", "z_spec", "field", "sample")
"""The columns of a catalogue that the splits depend on."""

LEFT_OUT = len(manifest_lib.SPLITS)
"""The number of galaxies that published splits leave out."""

_NAMES = ("train", "validation", "test")
_NUMBERS = {name: np.uint8(number) for number, name in enumerate(manifest_lib.SPLITS)}


@dataclasses.dataclass(frozen=True)
class HoldOut:
  """Galaxies kept for testing: those of one part of the survey with the smallest hashes.

  Attributes:
    field: the part's `field`.
    sample: the part's `sample`.
    size: number of galaxies held out of a large part.
    enough: number of galaxies that make a part large.
    fraction: fraction of the galaxies held out of a smaller part.
  """

  field: str
  sample: str
  size: int = 10_000
  enough: int = 20_000
  fraction: float = 0.2


# The published study holds out 10,000 galaxies of each part of CFHTLS, and trains on all others;
# galaxies with low-resolution spectra are never in the test set.
HOLDOUTS = {"cfhtls": (HoldOut("W", "HQ"), HoldOut("D", "HQ"))}


def parse_fractions(text: str) -> tuple[float, float, float] | None:
  """Reads "train,validation,test" fractions; "" returns None.

  Raises:
    ValueError: not three fractions that sum to 1.
  """
  if not text:
    return None
  try:
    fractions = tuple(float(part) for part in text.split(","))
  except ValueError:
    fractions = ()
  # Written so that NaN fails, too.
  if len(fractions) != 3 or not (min(fractions) >= 0 and abs(sum(fractions) - 1) <= 1e-6):
    raise ValueError(f"--split={text}: give three fractions that sum to 1, "
                     "train,validation,test, e.g. --split=0.76,0.04,0.20")
  return fractions


def assign_splits(catalog: Table, dataset: str, *, seed: int,
                  fractions: tuple[float, float, float] | None = None,
                  validation_share: float = 0.0) -> tuple[np.ndarray, str]:
  """Assigns each galaxy to a split.

  Args:
    catalog: the accepted galaxies, with the existing ones of `COLUMNS`; `split` is the
      published split or "".
    dataset: name of the survey's data set, which decides on hold-outs.
    seed: salt of the hashes.
    fractions: train, validation, test; overrides a published split.
    validation_share: share of the galaxies outside of the published hold-outs that
      validates; the others train.

  Returns:
    The split of each galaxy, [galaxies] uint8, as a number of `manifest.SPLITS` or LEFT_OUT,
    which takes a fortieth of the memory of its name, and the rule in words.

  Raises:
    ValueError: a share is given, but the splits follow no hold-outs, or a published split has an
      unknown name.
  """
  published = np.asarray(catalog["split"])
  holdouts = _holdouts_of(catalog, dataset)
  if fractions is not None:
    split, rule = _by_hash(catalog, fractions, seed)
    if np.any(published != ""):
      logging.warning("--split overrides the published split")
  elif np.any(published != ""):
    split, rule = _numbers_of(published), "published index arrays"
  elif holdouts:
    split, rule = _by_holdout(catalog, holdouts, validation_share, seed)
    validation_share = 0.0
  else:
    split, rule = _by_hash(catalog, DEFAULT_FRACTIONS, seed)
  if validation_share:  # nothing took it
    raise ValueError(f"--validation_share={validation_share:g}: who validates is decided by the "
                     f"{rule}; give --split=TRAIN,VALIDATION,TEST instead")
  split[np.isnan(np.asarray(catalog["z_spec"]))] = _NUMBERS["target"]
  return split, rule + "; galaxies without z_spec are the target set"


def names_of(numbers: np.ndarray) -> np.ndarray:
  """The names of splits, [galaxies] str; "" of LEFT_OUT."""
  return np.array([*manifest_lib.SPLITS, ""])[numbers]


def _numbers_of(names: np.ndarray) -> np.ndarray:
  """The numbers of splits.

  Raises:
    ValueError: a published split has an unknown name.
  """
  numbers = np.full(len(names), LEFT_OUT, np.uint8)
  for name, number in _NUMBERS.items():
    numbers[names == name] = number
  unknown = (numbers == LEFT_OUT) & (names != "")
  if np.any(unknown):
    raise ValueError(f"the reader returns a split {str(names[unknown][0])!r}; it must be one of "
                     f"{', '.join(manifest_lib.SPLITS)}, or empty for none")
  return numbers


def _holdouts_of(catalog, dataset) -> tuple[HoldOut, ...]:
  """The published hold-outs; none where the catalogue does not tell the samples apart."""
  if GROUP in catalog.colnames or not np.any(catalog["sample"] != ""):
    return ()
  return HOLDOUTS.get(dataset, ())


def _by_hash(catalog, fractions, seed) -> tuple[np.ndarray, str]:
  """Splits by a hash of the object, and the rule in words."""
  key = GROUP if GROUP in catalog.colnames else "id"
  edges = np.cumsum(fractions)[:2]
  draws = hashing.hash_fractions(compact_ids.each(catalog[key]), f"{seed}/split")
  places = np.searchsorted(edges, draws, side="right")
  del draws  # places take as much memory
  split = np.array([_NUMBERS[name] for name in _NAMES])[places]
  words = ", ".join(f"{fraction:g} {name}" for fraction, name in zip(fractions, _NAMES))
  return split, f"hash of the {key}, salt {seed}: {words}"


def _by_holdout(catalog, holdouts, validation_share, seed) -> tuple[np.ndarray, str]:
  """Splits by a published rule, and the rule in words."""
  draws = hashing.hash_fractions(compact_ids.each(catalog["id"]), f"{seed}/validation")
  split = np.where(draws < validation_share, _NUMBERS["validation"], _NUMBERS["train"])
  order = hashing.object_hashes(compact_ids.each(catalog["id"]), f"{seed}/split")
  words = []
  for holdout in holdouts:
    # Galaxies without z are targets, so they cannot be in a test sample.
    part = np.flatnonzero((catalog["field"] == holdout.field) & ~np.isnan(catalog["z_spec"])
                          & (catalog["sample"] == holdout.sample))
    size = (holdout.size if len(part) >= holdout.enough
            else int(round(holdout.fraction * len(part))))
    split[part[np.argsort(order[part], kind="stable")[:size]]] = _NUMBERS["test"]
    words.append(f"{size} of {len(part)} {holdout.sample} {holdout.field}")
  return split, (f"hold-outs by hash of the id, salt {seed}: {' and '.join(words)} test; "
                 + f"{validation_share:g} of the rest validates, " * bool(validation_share)
                 + "the others train")
