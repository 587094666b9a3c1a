"""FITS tables: read some rows at a time into columns on disk.

Each block of rows is given to astropy as a table of its own, so that every kind of column is what
astropy makes of it, and no file of the user is mapped, which another program may shorten.
"""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, Iterator
import warnings

from absl import logging
from astropy.io import fits
import numpy as np

from pzbias_tf.tables.binary_tables import set_notes
from pzbias_tf.tables.disk_columns import BLOCK
from pzbias_tf.tables.masked_columns import MaskedColumnWriter
from pzbias_tf.tables.scratch_file import ScratchFile
from pzbias_tf.tables.table_contents import MANY, TableColumns

START = b"SIMPLE  ="
"""How a FITS file begins."""
_FITS_BLOCK_BYTES = 2880
_MOST_BYTES = 8 << 20  # of the rows that are read at a time
_ENCODINGS = {"ascii": "utf-8", "utf-8": "latin-1"}
"""{encoding of a column of text: the one that is tried next, for all of the column}."""
_BEGIN, _END = "--BEGIN-ASTROPY-SERIALIZED-COLUMNS--", "--END-ASTROPY-SERIALIZED-COLUMNS--"
_COMMENT = 70  # letters of a line of astropy's notes; a backslash follows where it goes on
_NO_IMAGE = fits.PrimaryHDU().header.tostring().encode()


class _OtherEncoding(Exception):
  """A column of text is in another encoding than its first rows were."""


def read_fits(path: str, file: BinaryIO, scratch: str = "") -> TableColumns:
  """The columns of the first table with several rows and numbers, or else with rows.

  So the headers and remarks of images, which SExtractor's LDAC and others put first, are passed
  over.  A table of one row, most of whose cells are arrays of one length, is one of columns.

  Args:
    path: the file's name, for messages.
    file: it, open for reading.
    scratch: folder for long columns; "" is the system's folder for temporary files.

  Raises:
    ScratchError: the scratch folder is full.
    ValueError: there is no table.
  """
  size = os.fstat(file.fileno()).st_size
  with warnings.catch_warnings(action="ignore"), fits.open(file, memmap=False) as units:
    unit = _chosen(units, path, size)
    if unit.header["NAXIS2"] < 2:
      return _from_whole(unit, path)
    place = unit.fileinfo()
    if place["datLoc"] + unit.header["NAXIS1"] * unit.header["NAXIS2"] > size:
      raise ValueError(f"the file is too small for its {unit.header['NAXIS2']} rows, cut short; "
                       "fetch it again")
    encodings: dict[int, str] = {}
    while True:
      try:
        return _from_blocks(unit, _blocks(file, place), encodings, path, scratch)
      except _OtherEncoding as error:
        number, = error.args
        encodings[number] = _ENCODINGS[encodings.get(number, "ascii")]


def _chosen(units, path: str, size: int):
  """The table of a file that is read."""
  tables = [unit for unit in units if isinstance(unit, (fits.BinTableHDU, fits.TableHDU))
            and not isinstance(unit, fits.CompImageHDU)]
  if not tables:
    raise ValueError("the FITS file holds no table" + ", or is cut short" * bool(
        size % _FITS_BLOCK_BYTES))
  with_rows = [unit for unit in tables if unit.header["NAXIS2"]] or tables
  unit = next(filter(_holds_objects, with_rows), with_rows[0])
  if unit.header.get("ZTABLE", False):
    raise ValueError("its table is compressed (ZTABLE); unpack it with funpack")
  if len(with_rows) > 1:
    logging.warning("%s: %d tables; the one of extension %s is read", path, len(with_rows),
                    unit.name or units.index_of(unit))
  return unit


def _holds_objects(unit) -> bool:
  """Whether a table has several rows, and numbers in them."""
  kinds = {column.format.strip("0123456789.")[:1] for column in unit.columns}
  return unit.header["NAXIS2"] > 1 and kinds != {"A"}


def _from_whole(unit, path: str) -> TableColumns:
  """The columns of a table of one row, or none."""
  columns = TableColumns()
  columns.header = unit.header.copy()
  _add_astropy_notes(columns, path)
  cells = {}
  _ = unit.data  # raises an error of the whole table
  for number, column in enumerate(unit.columns):
    try:
      cells[number] = column.name, _decoded_values(unit, number, column)
    except (ValueError, TypeError) as error:
      columns.skip(column.name, str(error))
  turned = _rows_in_cells(unit, [values for _, values in cells.values()])
  for name, values in cells.values():
    if turned and values.shape[1:] != (turned,):
      columns.skip(name, "one value for all rows")
      continue
    columns.add(name, values[0] if turned else values)
  return columns


def _decoded_values(unit, number, column) -> Any:
  """The values of all rows of a column."""
  encoding = "ascii"
  while True:
    try:
      return _values(unit, number, column, encoding)
    except _OtherEncoding:
      encoding = _ENCODINGS[encoding]


def _add_astropy_notes(columns: TableColumns, path: str) -> None:
  """Units and descriptions that astropy writes into comments of the header."""
  comments = [str(comment) for comment in columns.header.get("COMMENT", ())]
  if not {_BEGIN, _END} <= set(comments):
    return
  own = comments[comments.index(_BEGIN) + 1:comments.index(_END)]
  lines = "".join(comment[:_COMMENT] + "\n" * (len(comment) <= _COMMENT)  # else it goes on
                  for comment in own).splitlines()
  set_notes(columns, lines, path)


def _rows_in_cells(unit, values) -> int:
  """Number of rows of a table that stand in the cells of its only row; else 0."""
  lengths = [cells.shape[1] for cells in values if cells.ndim == 2 and cells.shape[1] > 1]
  most = 2 * len(lengths) > len(values)  # of one galaxy, few have several values
  return lengths[0] if unit.header["NAXIS2"] == 1 and most and len(set(lengths)) == 1 else 0


def _from_blocks(unit, blocks, encodings: dict[int, str], path: str,
                 scratch: str) -> TableColumns:
  """The columns of a table of several rows."""
  columns, names = TableColumns(), [column.name for column in unit.columns]
  columns.header = unit.header.copy()
  _add_astropy_notes(columns, path)
  file, num = ScratchFile(scratch), unit.header["NAXIS2"]
  writers = {number: MaskedColumnWriter(file, num) for number in range(len(names))}
  for block in blocks:
    _ = block.data  # raises an error of the whole table
    for number, writer in list(writers.items()):
      try:
        values = _values(block, number, block.columns[number], encodings.get(number, "ascii"))
        if values.size != len(values):
          raise ValueError(MANY.format(" x ".join(map(str, values.shape[1:]))))
      except (ValueError, TypeError) as error:
        columns.skip(names[number], str(error))
        del writers[number]
        continue
      writer.append(values.reshape(len(values)))
  read = {number: writer.finish() for number, writer in writers.items()}
  for number, (own, texts) in read.items():  # all are written before any is mapped
    columns.add(names[number], own.array(), None if texts is None else texts.array())
  return columns


def _blocks(file: BinaryIO, place: dict[str, int]) -> Iterator[Any]:
  """Some rows at a time as a table of their own, without a heap."""
  start, end = place["hdrLoc"], place["datLoc"]
  header = os.pread(file.fileno(), end - start, start)
  row_bytes, rows = (_number(header, keyword) for keyword in (b"NAXIS1", b"NAXIS2"))
  step = max(1, min(BLOCK, _MOST_BYTES // max(1, row_bytes)))
  for row in range(0, rows, step):
    num = min(step, rows - row)
    data = os.pread(file.fileno(), num * row_bytes, end + row * row_bytes)
    if len(data) != num * row_bytes:
      raise ValueError("the table is cut short")
    with fits.open(io.BytesIO(b"".join((
        _NO_IMAGE, _with_number(_with_number(header, b"NAXIS2", num), b"PCOUNT", 0), data,
        bytes(-len(data) % _FITS_BLOCK_BYTES))))) as units:
      yield units[1]


def _number(header: bytes, keyword: bytes) -> int:
  """The whole number of a keyword."""
  return fits.Card.fromstring(_card(header, keyword)).value


def _with_number(header: bytes, keyword: bytes, value: int) -> bytes:
  """A header with another number of a keyword."""
  card = fits.Card(keyword.decode(), value).image.encode()
  return header.replace(_card(header, keyword), card, 1)


def _card(header: bytes, keyword: bytes) -> bytes:
  """The card of a keyword that every table has."""
  return next(header[start:start + 80] for start in range(0, len(header), 80)
              if header[start:start + 10] == keyword.ljust(8) + b"= ")


def _values(unit, number, column, encoding: str) -> Any:
  """The values of a column, masked where null.

  Raises:
    _OtherEncoding: it holds text in another encoding.
    TypeError, ValueError: it cannot be read.
  """
  if column.format.lstrip("0123456789")[:1] in "PQ":
    raise ValueError("values of different lengths per row")
  raw = unit.data.view(np.ndarray)[unit.data.dtype.names[number]]
  try:
    values = np.array(unit.data.field(number))
  except UnicodeDecodeError:
    values = raw
  if values.dtype.kind in "SU":
    values = _until_zero(_texts(values, number, encoding))
  if column.null is not None and raw.dtype.kind in "iu":
    null = raw == int(column.null)
    if values.dtype.kind == "u":  # astropy does not shift it as it does the numbers
      null |= values == int(column.null)
    return np.ma.MaskedArray(values, null)
  if column.null is not None and values.dtype.kind in "iuf":  # of a table of text
    return np.ma.MaskedArray(values, np.char.strip(raw) == str(column.null).strip().encode())
  return values


def _texts(values: np.ndarray, number: int, encoding: str) -> np.ndarray:
  """Texts as str; astropy leaves those as bytes that are not ASCII."""
  if encoding == "ascii":
    if values.dtype.kind == "S":
      raise _OtherEncoding(number)
    return values
  if values.dtype.kind == "U":
    values = np.char.encode(values, "ascii")
  try:
    return np.char.decode(values, encoding)
  except UnicodeDecodeError as error:
    raise _OtherEncoding(number) from error


def _until_zero(texts: np.ndarray) -> np.ndarray:
  """Texts up to the first character of value 0, which ends them by the standard."""
  if not texts.size or not texts.dtype.itemsize:
    return texts
  texts = np.ascontiguousarray(texts, texts.dtype.newbyteorder("="))
  codes = texts.view(np.uint32).reshape(*texts.shape, -1)
  if np.any((codes[..., :-1] == 0) & (codes[..., 1:] != 0)):
    codes[np.logical_or.accumulate(codes == 0, axis=-1)] = 0
  return texts
