"""Predictions of one stage for one sample, and their HDF5 file.

The file has the layout of a histogram ensemble of the `qp` package: group
`meta` (pdf_name, pdf_version, bins), `data/pdfs` as densities and `ancil` with
one column a quantity.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Mapping

import h5py
import numpy as np

from pzbias_tf.evaluation.matching import match_by_id
from pzbias_tf.files import whole_file

_WEIGHTS = "weights_sha256"


@dataclasses.dataclass(frozen=True)
class Predictions:
  """p(z) and point estimates.

  Attributes:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins] float32; rows sum to 1.
    ancil: columns [n]: "id", "redshift" (spectroscopic, NaN where unknown),
      "r_mag", "zmode", "zmean", "zmedian" and others.
  """

  edges: np.ndarray
  pdf: np.ndarray
  ancil: Mapping[str, np.ndarray]

  @classmethod
  def make(cls, edges: np.ndarray, pdf: np.ndarray, **columns: np.ndarray) -> Predictions:
    """Adds point estimates to p(z).

    Args:
      edges: edges of the redshift bins [bins + 1].
      pdf: probability of each bin [n, bins].
      **columns: columns of `ancil` [n].
    """
    return cls(edges, pdf, {**columns, **point_estimates(edges, pdf)})

  def __len__(self) -> int:
    return len(self.pdf)

  def __post_init__(self):
    n = len(self.pdf)
    if self.pdf.shape != (n, len(self.edges) - 1):
      raise ValueError(f"p(z) has shape {self.pdf.shape}, the grid {len(self.edges) - 1} bins")
    for name, column in self.ancil.items():
      if len(column) != n:
        raise ValueError(f"column {name} has {len(column)} values for {n} galaxies")

  @property
  def z_spec(self) -> np.ndarray:
    """Spectroscopic redshifts [n]."""
    return self.ancil["redshift"]

  @property
  def z_photo(self) -> np.ndarray:
    """Point estimates [n]: centre of the most probable bin."""
    return self.ancil["zmode"]

  @property
  def r_mag(self) -> np.ndarray:
    """r magnitudes [n]."""
    return self.ancil["r_mag"]

  def select(self, keep: np.ndarray) -> Predictions:
    """The predictions of some of the galaxies; `keep` is a mask or indices."""
    return Predictions(self.edges, self.pdf[keep],
                       {name: column[keep] for name, column in self.ancil.items()})

  def with_truth(self, ids: np.ndarray, z_spec: np.ndarray) -> Predictions:
    """The same predictions with spectroscopic redshifts of another table.

    Args:
      ids: object ids of the table [rows], in any order, none twice; it may hold
        other galaxies as well.
      z_spec: their spectroscopic redshifts [rows].

    Raises:
      ValueError: the columns differ in length, an id stands in the table twice,
        or a predicted galaxy is not in it.
    """
    redshift = match_by_id(self.ancil["id"], ids, z_spec, "redshifts")
    return dataclasses.replace(self, ancil={**self.ancil, "redshift": redshift})

  def save(self, path: str, *, weights_digest: str = "") -> None:
    """Writes the HDF5 file, whole or not at all.

    Args:
      path: the file.
      weights_digest: SHA-256 of the weights file that predicted; see
        `predicted_with`.
    """
    with whole_file(path) as hidden, h5py.File(hidden, "w") as file:
      file.attrs[_WEIGHTS] = weights_digest
      file["meta/pdf_name"] = np.array([b"hist"])
      file["meta/pdf_version"] = np.array([0])
      file["meta/bins"] = self.edges[np.newaxis]
      file["data/pdfs"] = self.pdf / np.diff(self.edges).astype(self.pdf.dtype)
      for name, column in self.ancil.items():
        text = column.dtype.kind == "U"
        file[f"ancil/{name}"] = np.char.encode(column) if text else column

  @classmethod
  def load(cls, path: str) -> Predictions:
    """Reads a file of `save`.

    Raises:
      OSError: the file is missing or no HDF5 file.
      ValueError: it holds something else.
    """
    with h5py.File(path, "r") as file:
      if "meta/bins" not in file or "data/pdfs" not in file or "ancil" not in file:
        raise ValueError(f"{path}: no predictions file (meta/bins, data/pdfs or ancil is missing)")
      edges = file["meta/bins"][0]
      pdf = file["data/pdfs"][()]
      ancil = {name: column[()] for name, column in file["ancil"].items()}
    for name, column in ancil.items():
      if column.dtype.kind == "S":
        ancil[name] = np.char.decode(column)
    return cls(edges, pdf * np.diff(edges).astype(pdf.dtype), ancil)


def predicted_with(path: str, weights_digest: str) -> bool:
  """Whether a predictions file is there and belongs to those weights."""
  if not os.path.exists(path):
    return False
  with h5py.File(path, "r") as file:
    return file.attrs.get(_WEIGHTS) == weights_digest


def point_estimates(edges: np.ndarray, pdf: np.ndarray) -> dict[str, np.ndarray]:
  """Mode (centre of the most probable bin), mean and median of each p(z), [n] float64."""
  centers = 0.5 * (edges[:-1] + edges[1:])
  return {"zmode": centers[np.argmax(pdf, -1)],
          "zmean": pdf @ centers,
          "zmedian": _median(edges, pdf)}


def _median(edges, pdf):
  """Where the piecewise linear CDF reaches one half."""
  cdf = np.cumsum(pdf, -1, dtype=np.float64)
  half = 0.5 * cdf[:, -1]
  upper = np.argmax(cdf >= half[:, np.newaxis], -1)
  here = np.arange(len(pdf))
  inside = np.maximum(pdf[here, upper], np.finfo(np.float32).tiny)
  fraction = 1.0 - (cdf[here, upper] - half) / inside
  return edges[upper] + fraction * np.diff(edges)[upper]
