"""The catalogue of a data set: the records that were written, in record order."""

from __future__ import annotations

from astropy.table import Table
import numpy as np

from data_tools.conversion.record_plan import Plan
from pzbias_tf.data import catalog as catalog_lib


class WrittenCatalog:
  """A table whose slices are made on demand.

  Args:
    plan: the planned records.
    rejected: [records] bool, True for those that were not written.

  Attributes:
    counts: [shards] number of records in each shard.
  """

  def __init__(self, plan: Plan, rejected: np.ndarray):
    self._plan = plan
    self._records = np.flatnonzero(~rejected)
    edges = np.searchsorted(self._records, plan.starts)
    self.counts, self._starts = np.diff(edges), edges[:-1]

  def __len__(self) -> int:
    return len(self._records)

  def __getitem__(self, part: slice) -> Table:
    """Some rows, with the columns of `catalog.object_columns` and `RECORD_COLUMNS`."""
    plan, records = self._plan, self._records[part]
    shards = plan.shard_of(records)
    rows = plan.rows[records]
    columns = catalog_lib.object_columns(plan.catalog.colnames)
    table = Table({name: plan.catalog[name][rows] for name in columns}, copy=False)
    own = {"copy": plan.copies[records], "split": np.array(plan.splits)[shards],
           "shard": plan.number_in_split(shards), "number": records,
           "position": np.arange(*part.indices(len(self))) - self._starts[shards]}
    for name, (dtype, _, _) in catalog_lib.RECORD_COLUMNS.items():
      table[name] = own[name].astype(dtype)
    return table
