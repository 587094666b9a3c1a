"""Tables that are read few rows at a time, into files however short the columns are."""

import contextlib
from typing import Iterator
from unittest import mock

import numpy as np

from pzbias_tf.tables import disk_columns, fits_tables, masked_columns, parquet_tables


@contextlib.contextmanager
def read_in_blocks(rows: int) -> Iterator[None]:
  """All readers take so many rows at a time."""
  with contextlib.ExitStack() as stack:
    for module in (disk_columns, fits_tables, masked_columns, parquet_tables):
      stack.enter_context(mock.patch.object(module, "BLOCK", rows))
    stack.enter_context(mock.patch.object(disk_columns, "SMALLEST_BYTES", 1))
    yield


def assert_same_tables(one, other) -> None:
  """Values, types, texts, what is skipped and why, units."""
  assert list(one) == list(other), (list(one), list(other))
  for columns, others in ((one, other), (one.texts, other.texts)):
    assert set(columns) == set(others), (set(columns), set(others))
    for name, values in columns.items():
      assert values.dtype == others[name].dtype, (name, values.dtype, others[name].dtype)
      np.testing.assert_array_equal(values, others[name], err_msg=name)
  assert (one.skipped, one.twice) == (other.skipped, other.twice), (one.skipped, other.skipped)
  assert [one.unit(name) for name in one] == [other.unit(name) for name in other]
