"""Predictions as HDF5 that the `qp` package reads, written piece by piece.

The group `meta` says how p(z) is given, `data` holds it, and `ancil` holds one
column per quantity.
"""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import h5py
import numpy as np

from pzbias_tf.data.galaxy_origin import MARK
from pzbias_tf.guards import hdf5_files
from pzbias_tf.predictions.estimates import quantiles

NEEDED = ("id", "redshift", "zmode")
"""Columns of every predictions file."""

KINDS = ("full", "quantiles", "none")
DTYPES = ("float32", "float16")
WEIGHTS = "weights_sha256"
"""Attribute with the SHA-256 of the weights that predicted."""

_UPPER = (0.6, 0.7, 0.8, 0.84, 0.9, 0.95, 0.975, 0.99, 0.999, 1.0)
LEVELS = (*(round(1.0 - level, 3) for level in reversed(_UPPER)), 0.5, *_UPPER)
"""Levels of the CDF that "quantiles" keeps, among them the ends of the usual intervals."""

_LAST_ASCII = 127
PREDICT_AGAIN = "delete it, and give the command that made it again"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PdfFormat:
  """How p(z) is written.

  Attributes:
    kind: "full", the density in every bin; "quantiles", the redshifts at which
      the CDF reaches LEVELS; or "none", estimates alone (qp cannot read that file).
    dtype: of the densities, "float32" or "float16" (11 bits of precision).
  """

  kind: str = "full"
  dtype: str = "float32"

  def __post_init__(self):
    if self.kind not in KINDS:
      raise ValueError(f"--pdf_format={self.kind}: choose one of {', '.join(KINDS)}")
    if self.dtype not in DTYPES:
      raise ValueError(f"--pdf_dtype={self.dtype}: choose one of {', '.join(DTYPES)}")
    if self.dtype != "float32" and self.kind != "full":
      raise ValueError(f"--pdf_dtype={self.dtype} is for --pdf_format=full, not {self.kind}")

  def meta(self, edges: np.ndarray) -> dict[str, np.ndarray]:
    """The group `meta`."""
    if self.kind == "none":
      return {}
    own = ({"pdf_name": np.array([b"hist"]), "bins": edges[np.newaxis]} if self.kind == "full"
           else {"pdf_name": np.array([b"quant"]), "quants": np.array([LEVELS]),
                 "pdf_constructor_name": np.array([b"piecewise_linear"]),
                 "ensure_extent": np.array([True])})
    return {**own, "pdf_version": np.array([0])}

  def data(self, edges: np.ndarray, pdf: np.ndarray) -> dict[str, np.ndarray]:
    """The group `data` for some galaxies; `pdf` is the probability of each bin [n, bins]."""
    if self.kind == "full":
      densities = pdf / np.diff(edges).astype(pdf.dtype)
      return {"pdfs": densities.astype(self.dtype, copy=False)}
    if self.kind == "quantiles":
      return {"locs": quantiles(edges, pdf, LEVELS).astype(np.float32)}
    return {}


class PredictionsWriter:
  """Fills an open HDF5 file, a few galaxies at a time.

  p(z) is written as it comes, and the columns once, when all galaxies have come.

  Args:
    file: empty, open for writing.
    edges: edges of the redshift bins [bins + 1].
    num: number of galaxies that will come.
    pdf_format: how p(z) is written.
    weights_digest: SHA-256 of the weights file.
    simulated: `GalaxyOrigin.mark` of the galaxies; "" where they are not known to be simulated.
    widths: {column of texts: bytes of each text} where other files of the same galaxies may have
      longer texts; see `text_width`.
    sealed: whether p(z) gets a digest; a file that `joined_file` takes up needs none, since the
      joined one has its own.
  """

  def __init__(self, file: h5py.File, edges: np.ndarray, num: int,
               pdf_format: PdfFormat = PdfFormat(), *, weights_digest: str = "",
               simulated: str = "", widths: Mapping[str, int] | None = None, sealed: bool = True):
    self._file, self._edges, self._num, self._format = file, edges, num, pdf_format
    self._done, self._widths, self._sealed = 0, dict(widths or {}), sealed
    file.attrs[WEIGHTS] = weights_digest
    if simulated:
      file.attrs[MARK] = simulated
    self._data: dict[str, GrowingDataset] = {}
    self._columns: list[Mapping[str, np.ndarray]] = []
    for name, value in pdf_format.meta(edges).items():
      hdf5_files.write(file, f"meta/{name}", value)

  def append(self, pdf: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """Writes the next galaxies.

    Args:
      pdf: probability of each bin [n, bins].
      columns: columns of `ancil` [n], the same ones in all calls.
    """
    for name, values in self._format.data(self._edges, pdf).items():
      if name not in self._data:
        self._data[name] = GrowingDataset(
            self._file, f"data/{name}", (self._num, *values.shape[1:]), values.dtype,
            sealed=self._sealed)
      self._data[name].append(values)
    self._columns.append(columns)
    self._done += len(pdf)
    if self._done == self._num:
      self._finish()

  def _finish(self):
    for dataset in self._data.values():
      dataset.seal()
    self._columns = [self.columns()]
    write_columns(self._file, self._columns[0], self._widths)

  def columns(self) -> dict[str, np.ndarray]:
    """The columns of all galaxies that have come."""
    return {name: np.concatenate([part[name] for part in self._columns])
            for name in self._columns[0]}

  def check_complete(self) -> None:
    """Raises OSError unless the announced number of galaxies came."""
    if self._done != self._num:
      raise OSError(f"{self._done} galaxies were predicted, {self._num} were expected; did the "
                    "data set change meanwhile?")


class GrowingDataset:
  """A dataset that is filled from its start.

  Args:
    file: open for writing.
    name: of the dataset.
    shape: in the end.
    dtype: of its values.
    sealed: whether it gets its digest.
  """

  def __init__(self, file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype, *,
               sealed: bool = True):
    self._dataset, self._done = file.create_dataset(name, shape, dtype), 0
    self._digest = hdf5_files.ValuesDigest(self._dataset.dtype, shape) if sealed else None

  def append(self, values: np.ndarray) -> None:
    """Writes the next values."""
    self._dataset[self._done:self._done + len(values)] = values
    if self._digest:
      self._digest.update(values)
    self._done += len(values)

  def seal(self) -> None:
    """Writes the digest of a complete dataset, if it is to have one."""
    if self._digest:
      self._digest.seal(self._dataset)


def write_columns(file: h5py.File, columns: Mapping[str, np.ndarray],
                  widths: Mapping[str, int] | None = None) -> None:
  """Writes the group `ancil`.

  Args:
    file: open for writing.
    columns: {name: [n]}.
    widths: as in `PredictionsWriter`.
  """
  for name, column in columns.items():
    hdf5_files.write(file, f"ancil/{name}", as_bytes(column, (widths or {}).get(name)))


def text_width(column: np.ndarray) -> int:
  """Bytes that hold any text of a column of str, as UTF-8."""
  letters = _numbers(column, np.uint32)
  return column.dtype.itemsize if (letters > _LAST_ASCII).any() else letters.shape[1]


def without_room(column: np.ndarray) -> np.ndarray:
  """Texts [n] in no more room than the longest one takes; other columns as they are."""
  if column.dtype.kind != "U":
    return column
  used = np.flatnonzero(_numbers(column, np.uint32).any(0))
  return column.astype(f"U{used[-1] + 1 if used.size else 1}", copy=False)


def check_columns(path: str) -> None:
  """Refuses a file whose group `ancil` lacks what all predictions have.

  Raises:
    OSError: the file is missing or no HDF5 file.
    ValueError: it holds something else.
  """
  with hdf5_files.opened(path, PREDICT_AGAIN) as file:
    group = file.get("ancil")
    missing = [name for name in NEEDED if not isinstance(group, h5py.Group) or name not in group]
  if missing:
    raise ValueError(f"{path} is not a predictions file: ancil/{missing[0]} is missing; name a "
                     "file of eval.predict or train.main")


def number_of_galaxies(path: str) -> int:
  """Number of galaxies of a predictions file."""
  with hdf5_files.opened(path, PREDICT_AGAIN) as file:
    return len(file["ancil/id"])


def has_pdf(path: str) -> bool:
  """Whether a file holds p(z) as densities over redshift bins."""
  with hdf5_files.opened(path, PREDICT_AGAIN) as file:
    return "meta/bins" in file and "data/pdfs" in file


def read_pdf(path: str) -> tuple[np.ndarray, np.ndarray]:
  """Edges of the redshift bins [bins + 1], and the probability of each bin [n, bins] float32."""
  with hdf5_files.opened(path, PREDICT_AGAIN) as file:
    edges = np.ravel(hdf5_files.read(file, "meta/bins"))
    density = hdf5_files.read(file, "data/pdfs")
  return edges, probabilities(edges, density)


def probabilities(edges: np.ndarray, density: np.ndarray) -> np.ndarray:
  """Probability of each bin [n, bins] float32, of densities as they are stored.

  Densities in float32 are overwritten: a second copy would be half of the memory.
  """
  pdf = density.astype(np.float32, copy=False)
  pdf *= np.diff(edges).astype(np.float32)
  if density.dtype == np.float16:  # rounded bin by bin
    pdf /= pdf.sum(-1, keepdims=True)
  return pdf


def read_columns(paths: Sequence[str], *, start: int = 0,
                 stop: int | None = None) -> dict[str, np.ndarray]:
  """The columns of `ancil`, joined over several files; texts as str.

  Args:
    paths: predictions files with the same columns.
    start: first galaxy that is read of each file.
    stop: the galaxy to stop at in each file; None for the end.
  """
  pieces: dict[str, list[np.ndarray]] = {}
  for path in paths:
    with hdf5_files.opened(path, PREDICT_AGAIN) as file:
      for name in file["ancil"]:
        column = hdf5_files.own_dataset(file, f"ancil/{name}")
        whole = not start and stop is None  # a part has no digest
        values = hdf5_files.read(file, f"ancil/{name}") if whole else column[start:stop]
        pieces.setdefault(name, []).append(_as_texts(values))
  return {name: np.concatenate(parts) for name, parts in pieces.items()}


def as_bytes(column: np.ndarray, width: int | None = None,
             encoding: str = "utf-8") -> np.ndarray:
  """A column as files take it: texts [n] as bytes; other columns as they are.

  Args:
    column: the column.
    width: bytes of each text; None for those of the longest.
    encoding: of letters beyond ASCII.

  Raises:
    UnicodeEncodeError: the encoding lacks a letter.
  """
  if column.dtype.kind != "U":
    return column
  width = width or text_width(column)
  letters = _numbers(column, np.uint32)
  if (letters > _LAST_ASCII).any():
    return np.char.encode(column, encoding).astype(f"S{width}")
  # What numpy's own function does letter by letter takes a microsecond a text.
  texts = letters.astype(np.uint8)
  return texts.view(f"S{texts.shape[1]}")[:, 0].astype(f"S{width}", copy=False)


def _as_texts(column):
  """A column as numpy has it: UTF-8 bytes as texts."""
  if column.dtype.kind != "S":
    return column
  letters = _numbers(column, np.uint8)
  if (letters > _LAST_ASCII).any():
    return np.char.decode(column, "utf-8")
  texts = letters.astype(np.uint32)
  return without_room(texts.view(f"U{texts.shape[1]}")[:, 0])


def _numbers(column, dtype):
  """The numbers of the letters, [n, longest text]; 0 beyond a text's end."""
  native = np.ascontiguousarray(column, column.dtype.newbyteorder("="))
  return native.view(dtype).reshape(len(column), -1 if column.size else 1)
