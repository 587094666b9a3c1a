"""The catalogue of a data set: the records that were written, in record order."""

from __future__ import annotations

from typing import Sequence

from astropy.table import Table
import numpy as np

from data_tools.conversion.record_plan import Plan
from pzbias_tf.data import catalog as catalog_lib


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
    # Where none is rejected, the records need no numbers in memory.
    self._records = np.flatnonzero(~rejected) if rejected.any() else None
    edges = plan.starts if self._records is None else np.searchsorted(self._records, plan.starts)
    self.counts, self._starts = np.diff(edges), edges[:-1]
    self._num = int(edges[-1])

  def __len__(self) -> int:
    return self._num

  def __getitem__(self, part: slice) -> Table:
    """Some rows: columns of `catalog.object_columns` and `RECORD_COLUMNS`, then extra ones."""
    plan, numbers = self._plan, np.arange(*part.indices(len(self)))
    records = numbers if self._records is None else self._records[numbers]
    shards = plan.shard_of(records)
    rows = plan.rows[records]
    columns = catalog_lib.object_columns(plan.catalog.colnames)
    table = Table({name: plan.values(name, rows) for name in columns}, copy=False)
    own = {"copy": plan.copies[records], "split": np.array(plan.splits)[shards],
           "shard": plan.number_in_split(shards), "number": records,
           "position": numbers - self._starts[shards]}
    for name, (dtype, _, _) in catalog_lib.RECORD_COLUMNS.items():
      table[name] = own[name].astype(dtype)
    for name in self._extra_columns:
      table[name] = plan.values(name, rows)
    return table
