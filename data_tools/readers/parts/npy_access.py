"""Reads .npy and .npz files without executing anything, and without loading cubes.

An uncompressed member of an .npz file is read in place; a compressed one is unpacked once
to a temporary .npy file, which is removed at exit.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import math
import os
import shutil
import struct
import tempfile
from typing import IO, Any, Iterator
import zipfile
import zlib

from absl import logging
import numpy as np

from data_tools.readers.parts import folder_listing
from data_tools.readers.pickles import restricted_pickle
from pzbias_tf.guards import plain_files, unpacking
from pzbias_tf.guards.own_folders import scratch_folder

UNPACKED = "pzbias-unpacked-"
"""Prefix of the folders with unpacked copies."""

_MAX_HEADER = 1 << 20  # bytes; a record array of many columns has a long header
_ZIP_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, name and extra lengths


@dataclasses.dataclass(frozen=True)
class ArrayLocation:
  """Where the numbers of an array are stored in a file.

  Attributes:
    path: the file.
    offset: first byte of the data.
    shape: shape of the array.
    dtype: type of an element.
    order: "C" or "F".
  """

  path: str
  offset: int
  shape: tuple[int, ...]
  dtype: np.dtype
  order: Any = "C"

  @property
  def nbytes(self) -> int:
    """Size of the data."""
    return math.prod(self.shape) * self.dtype.itemsize

  def open(self) -> np.memmap:
    """The array, memory-mapped for reading."""
    return np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)


class RowReader:
  """Single rows of an array of two or more dimensions.

  Rows are read, not mapped: the pages of a memory map count as memory of the process, up to
  the size of the file, and the 20 page faults of a row take longer than one read.

  Args:
    location: the array.
  """

  def __init__(self, location: ArrayLocation):
    self._location = location
    self._file = open(location.path, "rb", buffering=0)

  def __call__(self, row: int) -> np.ndarray:
    """A row, as an array of its own."""
    location = self._location
    if location.order == "F":  # a row's numbers are spread over the file
      return np.array(location.open()[row])
    values = np.empty(location.shape[1:], location.dtype)
    place = location.offset + row * values.nbytes
    if os.preadv(self._file.fileno(), [values.data], place) != values.nbytes:
      raise ValueError(f"{location.path}: truncated while it was read; fetch the file again")
    return values


def members(path: str) -> tuple[str, ...]:
  """Names of the arrays of an .npz file."""
  with _zip(path) as archive:
    return tuple(name[:-4] for name in folder_listing.own(archive.namelist())
                 if name.endswith(".npy"))


def peek(path: str, member: str = "") -> tuple[tuple[int, ...], np.dtype]:
  """Shape and dtype of an array, from its header alone."""
  with _stream(path, member) as file:
    shape, _, dtype = _header(file, path)
    return shape, dtype


def load(path: str, member: str = "") -> np.ndarray:
  """Reads a small array; objects in it must be plain containers.

  Raises:
    OSError: the file cannot be read.
    ValueError: the file is damaged, or holds other objects than plain containers.
  """
  with _stream(path, member) as file:
    shape, order, dtype = _header(file, path)
    if dtype.hasobject:  # numpy stores such arrays as a pickle behind the header
      return np.asarray(restricted_pickle.load(file, path)).reshape(shape)
    data = file.read()
  array = np.frombuffer(data, dtype, count=-1 if dtype.itemsize else 0)
  if array.size != np.prod(shape, dtype=np.int64):
    raise ValueError(f"{path}: {array.size} elements, its header says {shape}; "
                     "fetch the file again")
  return array.reshape(shape, order=order)


def locate(path: str, member: str = "", *, scratch: str = "") -> ArrayLocation:
  """Locates a large array in a .npy file or in a member of an .npz file.

  Args:
    path: the file.
    member: the array's name in an .npz file; "" for a .npy file.
    scratch: folder for the unpacked copy of a compressed member.

  Raises:
    OSError: the file cannot be read, or the scratch folder is too small.
    ValueError: the file is damaged, or the array holds objects.
  """
  offset = 0
  if member:
    with _zip(path) as archive:
      info = archive.getinfo(f"{member}.npy")
      if info.compress_type == zipfile.ZIP_STORED:
        offset = _member_offset(path, info)
      else:
        _check_member(path, info)
        path = _unpack(archive, info, path, scratch)
  with plain_files.opened(path) as file:
    file.seek(offset)
    shape, order, dtype = _header(file, path)
    if dtype.hasobject:
      raise ValueError(f"{path}: the array holds Python objects, not numbers; "
                       "save it with a numeric dtype")
    location = ArrayLocation(path, file.tell(), shape, dtype, order)
    if os.fstat(file.fileno()).st_size < location.offset + location.nbytes:
      raise ValueError(f"{path}: shorter than its header says; fetch the file again")
    return location


@contextlib.contextmanager
def _zip(path: str) -> Iterator[zipfile.ZipFile]:
  plain_files.check(path)
  try:
    with zipfile.ZipFile(path) as archive:
      yield archive
  except (zipfile.BadZipFile, zlib.error, EOFError) as error:
    raise ValueError(f"{path}: damaged or truncated ({error}); fetch it again") from error


@contextlib.contextmanager
def _stream(path: str, member: str) -> Iterator[IO[bytes]]:
  if not member:
    with plain_files.opened(path) as file:
      yield file
    return
  with _zip(path) as archive:
    _check_member(path, archive.getinfo(f"{member}.npy"))
    with archive.open(f"{member}.npy") as file:
      yield file


def _check_member(path, info):
  """Refuses a member of a few bytes that unpacks to more than the memory holds."""
  unpacking.check_size(f"{path}: {info.filename}", info.compress_size, info.file_size)


def _header(file: Any, path: str) -> tuple[tuple[int, ...], Any, np.dtype]:
  """Shape, order and dtype from the header at the file's position."""
  try:
    formats: Any = np.lib.format  # its types lack max_header_size
    version = formats.read_magic(file)
    if version == (1, 0):
      header = formats.read_array_header_1_0(file, max_header_size=_MAX_HEADER)
    else:  # version 3.0 differs only in the encoding of column names
      header = formats.read_array_header_2_0(file, max_header_size=_MAX_HEADER)
  except ValueError as error:
    raise ValueError(f"{path}: not a readable numpy array: {error}") from error
  shape, fortran_order, dtype = header
  return shape, "F" if fortran_order else "C", dtype


def _member_offset(path: str, info: zipfile.ZipInfo) -> int:
  """Offset of an uncompressed member; its local header has lengths of its own."""
  with open(path, "rb") as file:
    file.seek(info.header_offset)
    signature, name, extra = _ZIP_LOCAL_HEADER.unpack(file.read(_ZIP_LOCAL_HEADER.size))
  if signature != b"PK\x03\x04":
    raise ValueError(f"{path}: damaged at member {info.filename}; fetch it again")
  return info.header_offset + _ZIP_LOCAL_HEADER.size + name + extra


def _unpack(archive, info, path, scratch) -> str:
  """Unpacks a member to a temporary file that is removed at exit."""
  scratch = scratch or tempfile.gettempdir()
  until_exit = contextlib.ExitStack()
  atexit.register(until_exit.close)
  folder = until_exit.enter_context(scratch_folder(scratch, UNPACKED))
  free = shutil.disk_usage(folder).free
  if free < info.file_size:
    raise OSError(f"{path}: unpacking {info.filename} takes {info.file_size / 1e9:.1f} GB, "
                  f"but {folder} has {free / 1e9:.1f} GB; name a larger folder with --scratch_dir")
  copy = os.path.join(folder, os.path.basename(info.filename))
  logging.info("%s is compressed: unpacking %s (%.2f GB) to %s until the end of this run",
               path, info.filename, info.file_size / 1e9, folder)
  with archive.open(info) as packed, open(copy, "wb") as file:
    shutil.copyfileobj(packed, file, 1 << 22)
  return copy
