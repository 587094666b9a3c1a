"""Finds a cube and its table in the usual kinds of files.

A cube [objects, height, width, band] is in an .npz file together with its columns, or in a
.npy file beside a table (see `table_files`).
"""

from __future__ import annotations

import dataclasses
import os

from data_tools.readers.parts import folder_listing, npy_access, table_files
from data_tools.readers.parts.cutout_source import Columns

CUBE = "cube"


@dataclasses.dataclass(frozen=True)
class CubeFiles:
  """The file of a cube and that of its table.

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
  """The cube and its table at `path`, or None if there is no cube.

  Args:
    path: an .npz or .npy file, or a folder with one.
    table: the table's file; "" looks for it.

  Raises:
    FileNotFoundError: there is a cube but no table.
  """
  cube = _find_cube(path)
  if not cube:
    return None
  table = table or (cube if cube.endswith(".npz") else table_files.find(os.path.dirname(cube)))
  if not os.path.exists(table):
    raise FileNotFoundError(
        f"{cube}: no table {table or 'beside it'}; put one of {', '.join(table_files.NAMES)} "
        "there, or name it with --table")
  return CubeFiles(cube, table)


def check_shape(columns: Columns, files: CubeFiles) -> int:
  """Number of objects, from the cube's header alone.

  Raises:
    ValueError: the cube is not 4-D, or does not have one image per row of the table.
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
  """The file with the cube; "" if there is none, or more than one .npz file with a cube."""
  if os.path.isdir(path):
    if os.path.isfile(os.path.join(path, "cube.npy")):
      return os.path.join(path, "cube.npy")
    files = [name for name in folder_listing.listed(path) if name.endswith(".npz")]
    cubes = [name for name in files if CUBE in npy_access.members(os.path.join(path, name))]
    return os.path.join(path, cubes[0]) if len(cubes) == 1 else ""
  if not os.path.isfile(path):
    return ""
  if path.endswith(".npz"):
    return path if CUBE in npy_access.members(path) else ""
  return path if path.endswith(".npy") and len(npy_access.peek(path)[0]) == 4 else ""
