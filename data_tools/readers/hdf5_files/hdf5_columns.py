"""Columns of HDF5 files: datasets of one value per row and the fields of those, with units."""

from __future__ import annotations

import collections
from typing import Mapping, Sequence

import h5py
import numpy as np

from data_tools.readers.hdf5_files import hdf5_access
from pzbias_tf.tables import TableColumns
from pzbias_tf.tables.binary_tables import set_notes
from pzbias_tf.tables.table_contents import MANY, MASK

_NOTES = "__table_column_meta__"
"""What astropy writes beside a table, as a dataset `table.__table_column_meta__` or attribute."""
_VAEX_VALUES, _VAEX_MASK = "/data", "/mask"
"""Datasets of a column, whose group has its name."""
_UNITS = ("unit", "units")


def columns_of(datasets: Mapping[str, h5py.Dataset], num: int) -> TableColumns:
  """The datasets of one value per row, and the fields of those.

  A column has the last part of its path as its name where no other has; else that at the top has
  it, and the others have their whole paths.

  Args:
    datasets: {path: dataset} of a file.
    num: number of rows.

  Raises:
    OSError: an error of the disk or the network.
    ValueError: a dataset announces far more numbers than the file stores.
  """
  values: dict[str, np.ndarray] = {}
  units: dict[str, str] = {}
  columns = TableColumns()
  for path, dataset in datasets.items():
    if path.endswith(_NOTES):
      continue
    if dataset.shape in ((num,), (num, 1)):
      found = _read_dataset(columns, path, dataset)
      values |= found
      units |= _units(datasets, path, dataset, list(found))
    elif dataset.shape and dataset.shape[0] == num and dataset.ndim < 4:
      columns.skip(path, MANY.format(" x ".join(map(str, dataset.shape[1:]))))
  named = {path: _column_name(path, datasets) for path in values}
  ends = collections.Counter(name.rpartition("/")[2] for name in named.values())
  for path, array in values.items():
    name = named[path].rpartition("/")[2]
    name = name if ends[name] == 1 else named[path]
    columns.add(name, array)
    columns.aliases.update({other: name for other in (path, named[path]) if other != name})
    columns.set_unit(name, units.get(path, ""))
  return columns.apply_masks()


def unit_of(dataset: h5py.Dataset) -> str:
  """The unit of a dataset without fields, where an attribute names one; "" else."""
  own = _unit_words(dataset.attrs)
  if not own and dataset.name.endswith(_VAEX_VALUES):
    own = _unit_words(dataset.parent.attrs)
  return own[0] if len(own) == 1 else ""


def _column_name(path: str, datasets) -> str:
  """The path of a column; vaex puts its values and its mask into a group of its name."""
  group = path.removesuffix(_VAEX_VALUES).removesuffix(_VAEX_MASK)
  if f"{group}{_VAEX_VALUES}" not in datasets:
    return path
  return group if path.endswith(_VAEX_VALUES) else f"{group}{MASK}"


def _units(datasets, path, dataset, names: Sequence[str]) -> dict[str, str]:
  """{path of a column: its unit} of the columns in a dataset, where there are notes of units."""
  if not dataset.dtype.names:
    return {name: unit_of(dataset) for name in names}
  noted = TableColumns()
  beside = datasets.get(f"{path}.{_NOTES}")
  lines = dataset.attrs.get(_NOTES, ()) if beside is None else beside[()]
  if len(lines):
    set_notes(noted, list(map(_text, lines)), dataset.file.filename)
  listed = _unit_words(dataset.attrs)
  if len(listed) == len(names):
    for field, unit in zip(dataset.dtype.names, listed):
      noted.set_unit(field, unit)
  return {f"{path}/{field}": noted.unit(field) for field in dataset.dtype.names}


def _unit_words(attributes) -> list[str]:
  """The words of an attribute of units; [] without."""
  for name in attributes:
    if name.lower() in _UNITS and not isinstance(attributes[name], h5py.Empty):  # "" of netCDF
      return ["" if word.lower() == "none" else word
              for word in map(_text, np.ravel(attributes[name]))]
  return []


def _text(word) -> str:
  return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


def _read_dataset(columns, path, dataset) -> dict[str, np.ndarray]:
  """{path: values} of a dataset or of its fields; skips what is no text."""
  hdf5_access.check_stored(dataset, dataset.file.filename)
  try:
    array = dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
  except (UnicodeDecodeError, TypeError, OSError) as error:
    if isinstance(error, OSError) and (error.errno or hdf5_access.SYSTEM_ERROR in str(error)):
      raise  # an error of the disk or the network
    columns.skip(path, str(error))
    return {}
  if array.dtype.names:
    return {f"{path}/{field}": array[field] for field in array.dtype.names}
  return {path: array.astype(str) if array.dtype == object else
          _as_netcdf(array, dataset.attrs)}


def _as_netcdf(array: np.ndarray, attributes) -> np.ndarray:
  """Numbers as netCDF means them: masked where they are a fill value, scaled, with an offset."""
  if array.dtype.kind not in "iuf":
    return array
  fills = [np.ravel(attributes[name]) for name in ("_FillValue", "missing_value")
           if name in attributes and np.asarray(attributes[name]).dtype.kind in "iuf"]
  mask = np.isin(array, np.concatenate(fills)) if fills else np.zeros(array.shape, bool)
  scale, offset = (float(np.ravel(attributes.get(name, neutral))[0])
                   for name, neutral in (("scale_factor", 1), ("add_offset", 0)))
  if (scale, offset) != (1, 0):
    array = array * scale + offset
  return np.ma.MaskedArray(array, mask) if mask.any() else array
