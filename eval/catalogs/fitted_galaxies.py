"""Tells whether a Step 4 of before was fitted on the galaxies that it is measured on.

A calibration keeps a sample of its galaxies: those of the lowest hashes, so that the same
galaxies are in the sample whatever else a catalogue holds.  A galaxy is known by its id,
and by its redshift and magnitude, since files number their rows, and estimates differ.
"""

from __future__ import annotations

from typing import Mapping

import numpy as np

from data_tools.conversion.hashing import hash_fractions
from pzbias_tf.guards import json_files
from pzbias_tf.photoz_catalog import Catalog

KEY = "galaxies"
"""The key of the sample in the provenance of a calibration."""

SAMPLE = 300  # hashes: a share is known to 0.03
_SALT = "pzbias_tf fitted galaxies"
_SHORTEST_ID = 7  # letters; shorter ones may be numbers of rows
_BY_CHANCE = 0.03  # of galaxies, whose rounded redshift and magnitude are those of another


def sample(catalog: Catalog) -> dict[str, list[float]]:
  """The lowest hashes of a catalogue's galaxies, {kind of key: hashes}, as JSON takes them."""
  return {kind: np.sort(np.unique(hashes))[:SAMPLE].tolist()
          for kind, hashes in _hashes(catalog).items()}


def share_fitted_on(path: str, catalog: Catalog) -> float | None:
  """The share of a catalogue's galaxies that a calibration was fitted on, about.

  Args:
    path: file of the calibration.
    catalog: the galaxies, with spectroscopic redshifts.

  Returns:
    The share, 0 for what may be chance; None where the file does not tell its galaxies.

  Raises:
    OSError, ValueError: the file cannot be read.
  """
  content = json_files.read(path, {"provenance": {}}, f"{path} is not a calibration ({{problem}})")
  fitted = content["provenance"].get(KEY)
  if not isinstance(fitted, Mapping):
    return None
  shares = [_share(np.array(fitted[kind], np.float64), hashes)
            for kind, hashes in _hashes(catalog).items() if fitted.get(kind)]
  return max((share for share in shares if share > _BY_CHANCE), default=0.0)


def fitted_estimate(path: str) -> str:
  """The column of estimates that a calibration was fitted to; "" where the file does not tell.

  Raises:
    OSError, ValueError: the file cannot be read.
  """
  content = json_files.read(path, {"provenance": {}}, f"{path} is not a calibration ({{problem}})")
  return str(content["provenance"].get("z_photo", ""))


def _share(fitted, hashes) -> float:
  """Of the galaxies whose hashes are as low as those of the sample, the share that is in it."""
  low = hashes[hashes <= fitted.max()]
  return float(np.mean(np.isin(low, fitted))) if low.size else 0.0


def _hashes(catalog) -> dict[str, np.ndarray]:
  """{kind of key: a hash of each galaxy [n]}."""
  columns = [column for column in (catalog.z_spec, catalog.r_mag) if column is not None]
  words = " ".join(["%.5g"] * len(columns))
  found = {"values": [words % row for row in zip(
      *(column.astype(np.float32).tolist() for column in columns))]}
  if np.char.str_len(catalog.ids).max(initial=0) >= _SHORTEST_ID:
    found["ids"] = catalog.ids.tolist()
  return {kind: hash_fractions(keys, _SALT) for kind, keys in found.items()}
