"""The table of --weights: a weight for each galaxy in the metrics, found by its id."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from astropy.table import Table
import numpy as np

from data_tools.readers.parts import table_files
from pzbias_tf import table_columns, table_ids
from pzbias_tf.metrics.stage_result import WEIGHT
from pzbias_tf.missing_values import find_missing_weights
from pzbias_tf.predictions.predictions import match_by_id


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class WeightTable:
  """Weights of galaxies.

  Attributes:
    path: the file.
    columns: the names of the columns of ids and of weights.
    ids: ids, [rows] str.
    values: weights, [rows] float64; NaN where missing.
  """

  path: str
  columns: tuple[str, str]
  ids: np.ndarray
  values: np.ndarray

  @classmethod
  def read(cls, path: str) -> WeightTable:
    """Reads a file; see `from_table`.

    Raises:
      OSError: the file is missing.
      ValueError: it is no readable table, or as in `from_table`.
    """
    table = table_files.columns_of(path)
    table_files.num_rows(table, path)
    return cls.from_table(table, path)

  @classmethod
  def from_table(cls, table: Mapping[str, Any], path: str = "the table") -> WeightTable:
    """Takes a column of ids and one called WEIGHT; rows without an id are left out.

    Args:
      table: {name: column}, or an astropy table.
      path: the file, for messages.

    Raises:
      ValueError: a column is absent, or an id stands there twice or cannot be kept.
    """
    if isinstance(table, Table):
      table = {name: table[name] for name in table.colnames}
    names = (table_columns.find_id(table, table_columns.USUAL_NAMES["id"], path),
             table_columns.find_one(table, (WEIGHT,), "the name weight", path))
    missing = [what for what, name in zip(("id", WEIGHT), names) if not name]
    if missing:
      raise ValueError(f"{path}: the table of weights has no column {' and '.join(missing)}, only "
                       f"{table_columns.listing(table)}; rename its columns")
    ids = table_ids.unique_ids(table, names[0], path)
    values = table_columns.number_column(table, names[1], path)
    values = np.where(find_missing_weights(values)[0], np.nan, values)
    wrong = np.flatnonzero(values < 0.0)
    if wrong.size:
      raise ValueError(f"{path}: weights must not be negative, but {wrong.size} are, that of "
                       f"{str(ids[wrong[0]])!r} ({values[wrong[0]]:g}) the first; give 0 to leave "
                       "a galaxy out")
    return cls(path=path, columns=names, ids=ids[ids != ""], values=values[ids != ""])

  def named(self) -> str:
    """Which column was taken for what, in one line."""
    return f"{self.path}: columns id = {self.columns[0]}, weight = {self.columns[1]}"

  def of(self, ids: np.ndarray) -> np.ndarray:
    """The weights of some galaxies, [n].

    Args:
      ids: their ids, [n] str.

    Raises:
      ValueError: the table lacks a galaxy, or its weight.
    """
    weights = match_by_id(ids, self.ids, self.values, "weights")
    missing = np.flatnonzero(~np.isfinite(weights))
    if missing.size:
      raise ValueError(f"{self.path}: {missing.size} of {len(ids)} galaxies have no weight, "
                       f"{str(ids[missing[0]])!r} the first; give each one, 0 to leave it out")
    return weights
