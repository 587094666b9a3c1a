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
from pzbias_tf.files import whole_file
from pzbias_tf.guards import hdf5_files
from pzbias_tf.guards.hdf5_locks import open_hdf5
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

_CHUNK = 4096  # galaxies at a time
_PREDICT_AGAIN = "delete it, and give the command that made it again"


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
      return {"pdfs": (pdf / np.diff(edges).astype(pdf.dtype)).astype(self.dtype)}
    if self.kind == "quantiles":
      return {"locs": quantiles(edges, pdf, LEVELS).astype(np.float32)}
    return {}


class PredictionsWriter:
  """Fills an open HDF5 file, a few galaxies at a time.

  Args:
    file: empty, open for writing.
    edges: edges of the redshift bins [bins + 1].
    num: number of galaxies that will come.
    pdf_format: how p(z) is written.
    weights_digest: SHA-256 of the weights file.
    simulated: `GalaxyOrigin.mark` of the galaxies; "" where they are not known to be simulated.
    widths: {column of texts: bytes of each text} where later galaxies may have
      longer texts than the first ones; see `text_width`.
  """

  def __init__(self, file: h5py.File, edges: np.ndarray, num: int,
               pdf_format: PdfFormat = PdfFormat(), *, weights_digest: str = "",
               simulated: str = "", widths: Mapping[str, int] | None = None):
    self._file, self._edges, self._num, self._format = file, edges, num, pdf_format
    self._done, self._widths = 0, dict(widths or {})
    file.attrs[WEIGHTS] = weights_digest
    if simulated:
      file.attrs[MARK] = simulated
    self._digests: dict[str, hdf5_files.ValuesDigest] = {}
    for name, value in pdf_format.meta(edges).items():
      hdf5_files.write(file, f"meta/{name}", value)

  def append(self, pdf: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """Writes the next galaxies.

    Args:
      pdf: probability of each bin [n, bins].
      columns: columns of `ancil` [n], the same ones in all calls.
    """
    pieces = {f"data/{name}": values
              for name, values in self._format.data(self._edges, pdf).items()}
    pieces |= {f"ancil/{name}": _as_bytes(column, self._widths.get(name))
               for name, column in columns.items()}
    for name, values in pieces.items():
      if name not in self._file:
        dataset = self._file.create_dataset(name, (self._num, *values.shape[1:]), values.dtype)
        self._digests[name] = hdf5_files.ValuesDigest(dataset.dtype, dataset.shape)
      self._file[name][self._done:self._done + len(pdf)] = values
      self._digests[name].update(values)
    self._done += len(pdf)
    if self._done == self._num:
      for name, digest in self._digests.items():
        digest.seal(self._file[name])

  def check_complete(self) -> None:
    """Raises OSError unless the announced number of galaxies came."""
    if self._done != self._num:
      raise OSError(f"{self._done} galaxies were predicted, {self._num} were expected; did the "
                    "data set change meanwhile?")


def text_width(column: np.ndarray) -> int:
  """Bytes that hold any text of a column of str, as UTF-8."""
  letters = np.ascontiguousarray(column).view(np.uint32)
  return column.dtype.itemsize if (letters > 127).any() else max(column.dtype.itemsize // 4, 1)


def concatenate(parts: Sequence[str], path: str, extra: Mapping[str, np.ndarray]) -> None:
  """Joins predictions files of the same kind, whole or not at all, in little memory.

  Args:
    parts: the files, in order.
    path: the file to write.
    extra: further columns of `ancil`, of all galaxies.
  """
  num = sum(number_of_galaxies(part) for part in parts)
  with whole_file(path) as hidden, open_hdf5(hidden, "w") as joined:
    done, digests = 0, {}
    for part in parts:
      with hdf5_files.opened(part, _PREDICT_AGAIN) as file:
        if not done:
          digests = _begin(joined, file, num)
        _copy(joined, file, done, digests)
        done += len(file["ancil/id"])
    for name, digest in digests.items():
      digest.seal(joined[name])
    for name, column in extra.items():
      hdf5_files.write(joined, f"ancil/{name}", _as_bytes(column))


def check_columns(path: str) -> None:
  """Refuses a file whose group `ancil` lacks what all predictions have.

  Raises:
    OSError: the file is missing or no HDF5 file.
    ValueError: it holds something else.
  """
  with hdf5_files.opened(path, _PREDICT_AGAIN) as file:
    group = file.get("ancil")
    missing = [name for name in NEEDED if not isinstance(group, h5py.Group) or name not in group]
  if missing:
    raise ValueError(f"{path} is not a predictions file: ancil/{missing[0]} is missing; name a "
                     "file of eval.predict or train.main")


def number_of_galaxies(path: str) -> int:
  """Number of galaxies of a predictions file."""
  with hdf5_files.opened(path, _PREDICT_AGAIN) as file:
    return len(file["ancil/id"])


def has_pdf(path: str) -> bool:
  """Whether a file holds p(z) as densities over redshift bins."""
  with hdf5_files.opened(path, _PREDICT_AGAIN) as file:
    return "meta/bins" in file and "data/pdfs" in file


def read_pdf(path: str) -> tuple[np.ndarray, np.ndarray]:
  """Edges of the redshift bins [bins + 1], and the probability of each bin [n, bins] float32."""
  with hdf5_files.opened(path, _PREDICT_AGAIN) as file:
    edges = np.ravel(hdf5_files.read(file, "meta/bins"))
    density = hdf5_files.read(file, "data/pdfs")
  pdf = density.astype(np.float32) * np.diff(edges).astype(np.float32)
  if density.dtype == np.float16:  # rounded bin by bin
    pdf /= pdf.sum(-1, keepdims=True)
  return edges, pdf


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
    with hdf5_files.opened(path, _PREDICT_AGAIN) as file:
      for name in file["ancil"]:
        column = hdf5_files.own_dataset(file, f"ancil/{name}")
        whole = not start and stop is None  # a part has no digest
        values = hdf5_files.read(file, f"ancil/{name}") if whole else column[start:stop]
        pieces.setdefault(name, []).append(
            np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values)
  return {name: np.concatenate(parts) for name, parts in pieces.items()}


def _as_bytes(column, width=None):
  """A column as HDF5 takes it: texts as UTF-8 bytes."""
  if column.dtype.kind != "U":
    return column
  return np.char.encode(column, "utf-8").astype(f"S{width or text_width(column)}")


def _columns(file):
  """Names of the HDF5 datasets that have one row per galaxy."""
  return [f"{group}/{name}" for group in ("data", "ancil") if group in file
          for name in file[group]]


def _begin(joined, file, num):
  """Makes room for `num` galaxies with the datasets of `file`; returns their digests."""
  joined.attrs.update(file.attrs)
  if "meta" in file:
    file.copy("meta", joined)
  for name in _columns(file):
    joined.create_dataset(name, (num, *file[name].shape[1:]), file[name].dtype)
  return {name: hdf5_files.ValuesDigest(joined[name].dtype, joined[name].shape)
          for name in _columns(file)}


def _copy(joined, file, at, digests):
  for name in _columns(file):
    for start in range(0, len(file[name]), _CHUNK):
      values = file[name][start:start + _CHUNK]
      joined[name][at + start:at + start + len(values)] = values
      digests[name].update(values)
