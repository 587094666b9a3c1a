"""Finds a cube and the table that goes with it, in the shapes they are shared in.

A cube [objects, height, width, band] stands in an .npz file together with its
columns, or in a .npy file beside a table (.npy, .npz, .fits or .csv).
"""

from __future__ import annotations

import dataclasses
import os

from astropy.table import Table
import numpy as np

from data_tools.readers import npy_access
from data_tools.readers.base import Columns

CUBE = "cube"
_TABLES = ("labels.npy", "labels.npz", "labels.fits", "labels.csv",
           "catalog.npy", "catalog.npz", "catalog.fits", "catalog.csv")


@dataclasses.dataclass(frozen=True)
class CubeFiles:
  """A cube's file and its table's.

  Attributes:
    cube: .npz or .npy file with the cube.
    table: file with the columns; for an .npz cube, usually the same file.
  """

  cube: str
  table: str

  @property
  def member(self) -> str:
    """Name of the cube inside its file."""
    return CUBE if self.cube.endswith(".npz") else ""


def find(path: str, *, table: str = "") -> CubeFiles | None:
  """The cube and its table at `path`, or None where there is no cube.

  Args:
    path: an .npz or .npy file, or a folder with one.
    table: the table's file, where it is named.

  Raises:
    FileNotFoundError: there is a cube but no table.
  """
  cube = _find_cube(path)
  if not cube:
    return None
  table = table or (cube if cube.endswith(".npz") else _find_table(os.path.dirname(cube)))
  if not os.path.isfile(table):
    raise FileNotFoundError(
        f"{cube}: no table {table or 'beside it'}; one of {', '.join(_TABLES)} is looked "
        "for, or name it with --table")
  return CubeFiles(cube, table)


def columns_of(path: str) -> Columns:
  """All one-dimensional columns of a table file.

  Raises:
    OSError, ValueError: the file cannot be read.
  """
  if path.endswith(".npz"):
    columns = {}
    for name in npy_access.members(path):
      shape, dtype = npy_access.peek(path, name)
      if len(shape) == 1 and dtype.names:
        columns.update(_fields(npy_access.load(path, name)))
      elif len(shape) == 1:
        columns[name] = npy_access.load(path, name)
    return columns
  if path.endswith(".npy"):
    array = npy_access.load(path)
    if not array.dtype.names:
      raise ValueError(f"{path}: not a record array; its type is {array.dtype}")
    return _fields(array)
  return _astropy_columns(path)


def column_names(path: str) -> tuple[str, ...]:
  """Column names of a numpy table file, from the headers alone; () for others."""
  if path.endswith(".npz"):
    types = {name: npy_access.peek(path, name) for name in npy_access.members(path)}
    fields = [dtype.names for shape, dtype in types.values() if dtype.names]
    return tuple(types) + tuple(name for names in fields for name in names)
  if path.endswith(".npy"):
    return npy_access.peek(path)[1].names or ()
  return ()


def check_shape(columns: Columns, files: CubeFiles) -> int:
  """Number of objects, from the cube's header alone.

  Raises:
    ValueError: the cube is not 4-D, or has not one image a row of the table.
  """
  shape, _ = npy_access.peek(files.cube, files.member)
  if len(shape) != 4:
    raise ValueError(f"{files.cube}: the cube has shape {tuple(shape)}; expected "
                     "(objects, height, width, bands)")
  wrong = {name: len(values) for name, values in columns.items() if len(values) != shape[0]}
  if wrong:
    raise ValueError(f"{files.cube}: {shape[0]} images, but {files.table} has columns of "
                     f"other lengths: {wrong}")
  return shape[0]


def _find_cube(path: str) -> str:
  if os.path.isdir(path):
    if os.path.isfile(os.path.join(path, "cube.npy")):
      return os.path.join(path, "cube.npy")
    files = [name for name in sorted(os.listdir(path)) if name.endswith(".npz")]
    cubes = [name for name in files if CUBE in npy_access.members(os.path.join(path, name))]
    return os.path.join(path, cubes[0]) if len(cubes) == 1 else ""
  if not os.path.isfile(path):
    return ""
  if path.endswith(".npz"):
    return path if CUBE in npy_access.members(path) else ""
  return path if path.endswith(".npy") and len(npy_access.peek(path)[0]) == 4 else ""


def _find_table(folder: str) -> str:
  for name in _TABLES:
    if os.path.isfile(os.path.join(folder, name)):
      return os.path.join(folder, name)
  return ""


def _fields(array: np.ndarray) -> Columns:
  return {name: array[name] for name in array.dtype.names if array[name].ndim == 1}


def _astropy_columns(path: str) -> Columns:
  try:
    if path.endswith(".csv"):
      table = Table.read(path, format="ascii.csv")
    else:
      table = Table.read(path, format="fits")
      table.convert_bytestring_to_unicode()
  except Exception as error:  # astropy's readers raise many kinds
    raise ValueError(f"{path}: not a readable table: {error}") from error
  return {name: _unmasked(table[name]) for name in table.colnames if table[name].ndim == 1}


def _unmasked(column) -> np.ndarray:
  """A column as an array; masked numbers become NaN."""
  if getattr(column, "mask", None) is None or not np.any(column.mask):
    return np.asarray(column)
  if column.dtype.kind in "iuf":
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
  return np.asarray(column.filled(""))
