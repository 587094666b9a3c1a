"""The catalogue of a data set: the records that were written, in record order."""

from __future__ import annotations

from typing import Sequence

from astropy.table import Table
import numpy as np

from data_tools.conversion.record_plan import Plan
from data_tools.readers.parts import compact_ids
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.tables.scratch_file import release_pages


class WrittenCatalog:
  """A table whose slices are made on demand.

  Args:
    plan: the planned records.
    rejected: [records] bool, True for those that were not written.
    extra_columns: names of further columns, of photometry and extra ones, which come last.

  Attributes:
    counts: [shards] number of records in each shard.
  """

  def __init__(self, plan: Plan, rejected: np.ndarray, extra_columns: Sequence[str] = ()):
    self._plan, self._extra_columns = plan, extra_columns
    self._records = np.flatnonzero(~rejected)
    edges = np.searchsorted(self._records, plan.starts)
    self.counts, self._starts = np.diff(edges), edges[:-1]

  def __len__(self) -> int:
    return len(self._records)

  def __getitem__(self, part: slice) -> Table:
    """Some rows: columns of `catalog.object_columns` and `RECORD_COLUMNS`, then extra ones."""
    plan, records = self._plan, self._records[part]
    shards = plan.shard_of(records)
    rows = plan.rows[records]
    columns = catalog_lib.object_columns(plan.catalog.colnames)
    table = Table({name: self._of_rows(name, rows) for name in columns}, copy=False)
    own = {"copy": plan.copies[records], "split": np.array(plan.splits)[shards],
           "shard": plan.number_in_split(shards), "number": records,
           "position": np.arange(*part.indices(len(self))) - self._starts[shards]}
    for name, (dtype, _, _) in catalog_lib.RECORD_COLUMNS.items():
      table[name] = own[name].astype(dtype)
    for name in self._extra_columns:
      table[name] = self._of_rows(name, rows)
    return table

  def _of_rows(self, name: str, rows: np.ndarray):
    """Some rows of a column, in any order: afterwards, none of its pages stays in memory."""
    column = self._plan.catalog[name]
    values = compact_ids.texts(column, rows) if name == "id" else column[rows]
    release_pages()
    return values
