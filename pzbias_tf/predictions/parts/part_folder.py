"""The folder of all parts: its common metadata, and how it is read."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from typing import Sequence

import numpy as np

from pzbias_tf.files import whole_file
from pzbias_tf.guards.full_disks import clear_full_disk
from pzbias_tf.predictions.parts.part_schema import EDGES_KEY, PDF
from pzbias_tf.predictions.parts.part_writer import SUFFIX
from pzbias_tf.predictions.predictions_file import probabilities
from pzbias_tf.versions import file_digest

METADATA, COMMON = "_metadata", "_common_metadata"
"""Where the row groups of all parts are listed, and their schema, by the custom of Parquet."""

_HATS_DATA = "dataset"


def finish_parts(folder: str) -> int:
  """Writes METADATA and COMMON of a folder whose parts are complete.

  Args:
    folder: the folder.

  Returns:
    The number of galaxies.

  Raises:
    OSError: the disk is full.
  """
  from pyarrow import parquet  # an optional dependency
  paths = part_paths(folder)
  schema = parquet.read_schema(paths[0])
  footers = _footer(paths[0])
  for path in paths[1:]:
    footers.append_row_groups(_footer(path))
  with clear_full_disk(folder, "the finished parts"):
    with whole_file(os.path.join(folder, COMMON)) as hidden:
      parquet.write_metadata(schema, hidden)
    with whole_file(os.path.join(folder, METADATA)) as hidden:
      footers.write_metadata_file(hidden)
  return int(footers.num_rows)


def _footer(path):
  """What a part says of its row groups, with its name."""
  from pyarrow import parquet  # an optional dependency
  footer = parquet.read_metadata(path)
  footer.set_file_path(os.path.basename(path))
  return footer


def part_paths(folder: str) -> list[str]:
  """The parts of a folder, or of a HATS catalogue, in order.

  Raises:
    FileNotFoundError: there is none.
  """
  data = os.path.join(folder, _HATS_DATA)
  paths = (glob.glob(os.path.join(glob.escape(data), "Norder=*", "**", f"*{SUFFIX}"),
                     recursive=True) if os.path.isdir(data)
           else glob.glob(os.path.join(glob.escape(folder), f"*{SUFFIX}")))
  if not paths:
    raise FileNotFoundError(f"{folder} holds no part of predictions (*{SUFFIX}); name a folder "
                            "that eval.predict has written")
  return sorted(paths)


def parts_digest(folder: str) -> str:
  """SHA-256 of all parts, hexadecimal.

  Raises:
    OSError: there is no part, or one cannot be read.
  """
  digests = [f"{os.path.relpath(path, folder)} {file_digest(path)}\n"
             for path in part_paths(folder)]
  return hashlib.sha256("".join(digests).encode()).hexdigest()


def read_part_columns(folder: str, *, without: Sequence[str] = (), only: Sequence[str] = (),
                      stop: int | None = None) -> dict[str, np.ndarray]:
  """The columns of all parts in memory.

  Args:
    folder: the folder, or a HATS catalogue.
    without: columns to leave out, such as p(z).
    only: the columns to read; () for all.
    stop: number of galaxies to stop at; None for all.

  Returns:
    {name: values [n], of p(z) [n, values per galaxy]}; texts as str.  Columns of other
    kinds, which this package does not write, are left out.

  Raises:
    OSError: there is no part.
    ValueError: a part is damaged.
  """
  from pyarrow import parquet  # an optional dependency
  pieces: dict[str, list[np.ndarray]] = {}
  left = np.inf if stop is None else stop
  for path in part_paths(folder):
    if left <= 0:
      break
    try:
      with parquet.ParquetFile(path) as file:
        names = [field.name for field in file.schema_arrow
                 if field.name not in without and (not only or field.name in only)
                 and _has_one_shape(field.type)]
        for batch in file.iter_batches(columns=names):
          own = batch.slice(0, int(min(left, len(batch))))
          left -= len(own)
          for name in names:
            pieces.setdefault(name, []).append(_values(own.column(name)))
    except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
      raise ValueError(f"{path}: damaged ({error}); predict again into another folder") from error
  return {name: np.concatenate(parts) for name, parts in pieces.items()}


def read_part_pdf(folder: str) -> tuple[np.ndarray, np.ndarray]:
  """Edges of the redshift bins [bins + 1], and the probability of each bin [n, bins] float32.

  Raises:
    OSError: there is no part.
    ValueError: the parts hold no densities, or are damaged.
  """
  edges = read_part_edges(folder)
  return edges, probabilities(edges, read_part_columns(folder, only=(PDF,))[PDF])


def part_names(folder: str) -> list[str]:
  """Names of the columns of the parts; PDF and QUANTILES are those of p(z)."""
  from pyarrow import parquet  # an optional dependency
  return list(parquet.read_schema(part_paths(folder)[0]).names)


def read_part_edges(folder: str) -> np.ndarray:
  """Edges of the redshift bins of p(z) [bins + 1].

  Raises:
    ValueError: the parts hold no densities.
  """
  from pyarrow import parquet  # an optional dependency
  schema = parquet.read_schema(part_paths(folder)[0])
  edges = (schema.metadata or {}).get(EDGES_KEY.encode())
  if edges is None or PDF not in schema.names:
    raise ValueError(f"{folder} holds no full p(z); predict again with --pdf_format=full")
  return np.array(json.loads(edges))


def _has_one_shape(kind) -> bool:
  from pyarrow import types  # an optional dependency
  return types.is_fixed_size_list(kind) or not types.is_nested(kind)


def _values(column) -> np.ndarray:
  if hasattr(column.type, "list_size"):
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
  values = column.to_numpy(zero_copy_only=False)
  return values.astype(str) if values.dtype == object else values
