"""Predictions of one stage for one sample, and their HDF5 file."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Mapping

from absl import logging
import numpy as np

from pzbias_tf.compat import plain_arrays
from pzbias_tf.files import whole_file
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.predictions.estimates import point_estimates
from pzbias_tf.predictions.predictions_file import (
  WEIGHTS,
  PredictionsWriter,
  check_columns,
  has_pdf,
  read_columns,
  read_pdf,
)
from pzbias_tf.table_ids import exact_ids

if TYPE_CHECKING:
  from astropy.table import Table


class _Columns:
  """The most used columns, by the names of the field."""

  ancil: Mapping[str, np.ndarray]

  def column(self, name: str) -> np.ndarray:
    """A column of `ancil` [n].

    Raises:
      ValueError: there is none of that name.
    """
    if name not in self.ancil:
      raise ValueError(f"the predictions have no column {name}, only {', '.join(self.ancil)}; "
                       "predict again")
    return self.ancil[name]

  @property
  def z_spec(self) -> np.ndarray:
    """Spectroscopic redshifts [n]."""
    return self.column("redshift")

  @property
  def z_photo(self) -> np.ndarray:
    """Point estimates [n]: centre of the most probable bin."""
    return self.column("zmode")

  @property
  def r_mag(self) -> np.ndarray:
    """r magnitudes [n]."""
    return self.column("r_mag")

  def to_table(self) -> Table:
    """All columns, without p(z), as an astropy table with units and descriptions."""
    # Imported here: astropy takes a third of a second, and few users of this class need it.
    # pylint: disable-next=import-outside-toplevel
    from pzbias_tf.predictions.point_catalog import point_table
    return point_table(self.ancil)


@dataclasses.dataclass(frozen=True)
class Estimates(_Columns):
  """Point estimates without their p(z).

  Attributes:
    ancil: as that of `Predictions`.
  """

  ancil: Mapping[str, np.ndarray]

  def __len__(self) -> int:
    return len(self.z_photo)

  def select(self, keep: np.ndarray) -> Estimates:
    """The estimates of some galaxies; `keep` is a mask or indices."""
    return Estimates({name: column[keep] for name, column in self.ancil.items()})


@dataclasses.dataclass(frozen=True)
class Predictions(_Columns):
  """p(z) and point estimates.

  Attributes:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins] float32; rows sum to 1.
    ancil: columns [n]: "id", "redshift" (spectroscopic, NaN where unknown),
      "r_mag" where it is known, those of `point_estimates` and others.
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
    if any(type(values) is not np.ndarray for values in (self.edges, self.pdf,
                                                         *self.ancil.values())):
      for name, kind in (("edges", plain_arrays.REDSHIFT), ("pdf", plain_arrays.PURE)):
        object.__setattr__(self, name, plain_arrays.array(getattr(self, name), name, kind))
      object.__setattr__(self, "ancil", {name: _plain(values, name)
                                         for name, values in self.ancil.items()})
    n = len(self.pdf)
    if self.pdf.shape != (n, len(self.edges) - 1):
      raise ValueError(f"p(z) has shape {self.pdf.shape}, the grid {len(self.edges) - 1} bins")
    for name, column in self.ancil.items():
      if len(column) != n:
        raise ValueError(f"column {name} has {len(column)} values for {n} galaxies")

  def select(self, keep: np.ndarray) -> Predictions:
    """The predictions of some galaxies; `keep` is a mask or indices."""
    return Predictions(self.edges, self.pdf[keep],
                       {name: column[keep] for name, column in self.ancil.items()})

  def with_truth(self, ids: np.ndarray, z_spec: np.ndarray) -> Predictions:
    """The same predictions with spectroscopic redshifts of another table.

    Args:
      ids: object ids of the table [rows], in any order, each once; the table may
        hold other galaxies as well.
      z_spec: their spectroscopic redshifts [rows].

    Raises:
      ValueError: the columns differ in length, the table has an id twice, or it
        lacks a predicted galaxy.
    """
    redshift = match_by_id(self.ancil["id"], ids, z_spec, "redshifts")
    return dataclasses.replace(self, ancil={**self.ancil, "redshift": redshift})

  def save(self, path: str, *, weights_digest: str = "", simulated: str = "") -> None:
    """Writes the HDF5 file, whole or not at all.

    Args:
      path: the file.
      weights_digest: SHA-256 of the weights file; see `predicted_with`.
      simulated: `GalaxyOrigin.mark` of the galaxies.
    """
    with whole_file(path) as hidden, open_hdf5(hidden, "w") as file:
      writer = PredictionsWriter(file, self.edges, len(self), weights_digest=weights_digest,
                                 simulated=simulated)
      writer.append(self.pdf, self.ancil)

  @classmethod
  def load(cls, path: str) -> Predictions:
    """Reads a file of `save`, or a folder of parts as `eval.predict --output=FOLDER/` writes it.

    Raises:
      OSError: the file is missing or not HDF5.
      ValueError: it holds something else.
    """
    if os.path.isdir(path):
      # Imported here, as in `to_table`: it takes astropy.
      from pzbias_tf.predictions.parts import part_folder
      edges, pdf = part_folder.read_part_pdf(path)
      return cls(edges, pdf, part_folder.read_part_columns(path, without=(part_folder.PDF,)))
    check_columns(path)
    if not has_pdf(path):
      raise ValueError(f"{path} is not a predictions file with full p(z) (meta/bins or data/pdfs "
                       "is missing); predict again with --pdf_format=full")
    edges, pdf = read_pdf(path)
    try:
      return cls(edges, pdf, read_columns([path]))
    except ValueError as error:
      if str(error).startswith(path):
        raise
      raise ValueError(f"{path}: damaged ({error}); predict again") from error


def predicted_with(path: str, weights_digest: str) -> bool:
  """Whether a predictions file exists and was made with those weights."""
  if not os.path.exists(path):
    return False
  try:
    with open_hdf5(path) as file:
      return file.attrs.get(WEIGHTS) == weights_digest
  except OSError as error:
    logging.warning("%s cannot be read and is made again: %s", path, error)
    return False


def predicting_weights(path: str) -> str:
  """SHA-256 of the weights that made a predictions file; "" where it does not say."""
  with open_hdf5(path) as file:
    return str(file.attrs.get(WEIGHTS, ""))


def _plain(values, name) -> np.ndarray:
  """A column without mask and unit."""
  known = name in ("redshift", "r_mag", "ebv") or name.startswith("z")
  return plain_arrays.array(values, f"column {name}", plain_arrays.kind_of(
      name.replace("redshift", "z")) if known else plain_arrays.ANY)


def match_by_id(wanted: np.ndarray, ids: np.ndarray, values: np.ndarray, what: str) -> np.ndarray:
  """The value of each galaxy.

  Args:
    wanted: ids of the galaxies [n].
    ids: ids of the table [rows], in any order, each once; the table may hold other
      galaxies as well.
    values: numbers of the table [rows].
    what: what the numbers are, for messages.

  Returns:
    [n] float64.

  Raises:
    ValueError: the columns differ in length, the table has an id twice, or it
      lacks a galaxy.
  """
  ids, values = exact_ids(ids, "ids", what), plain_arrays.numbers(
      values, what, plain_arrays.REDSHIFT if what == "redshifts" else plain_arrays.ANY)
  if ids.shape != values.shape:
    raise ValueError(f"{ids.size} ids are given for {values.size} {what}")
  ids, values = ids[ids != ""], values[ids != ""]
  order = np.argsort(ids)
  ranked, wanted = ids[order], np.char.strip(np.asarray(wanted).astype(str))
  if np.any(ranked[1:] == ranked[:-1]):
    twice = ranked[1:][ranked[1:] == ranked[:-1]][0]
    raise ValueError(f"id {str(twice)!r} stands in the table of {what} twice; keep one of its rows")
  place = np.searchsorted(ranked, wanted)
  missing = np.append(ranked, "")[place] != wanted
  if missing.any():
    raise ValueError(
        f"{missing.sum()} of {wanted.size} predicted galaxies, {str(wanted[missing][0])!r} the "
        f"first, are not in the table of {what}; pass the table of the same galaxies")
  return values[order][place]
