"""Catalogues with one row per object, band and file, as cutout services deliver them.

They become a table with one row per object, and the names of the files by object and band.
"""

from __future__ import annotations

import os
from typing import Collection, Mapping, Sequence

from absl import logging
import numpy as np

from data_tools.fits_headers.band_words import word_of
from data_tools.readers.parts import fits_planes, templates
from data_tools.readers.parts.cutout_source import REASON_NO_ROW, ImageError
from pzbias_tf import table_columns, table_ids
from pzbias_tf.table_columns import USUAL_NAMES
from pzbias_tf.tables import TableColumns

FILE_COLUMNS = ("file", "filename", "file_name", "filepath", "file_path", "path", "image_file",
                "image_path", "image", "fits_file", "cutout_file", "cutout")
BAND_COLUMNS = ("band", "filter", "filter_name", "band_name", "filtername", "bandpass")
DIFFERS = "differs between the rows of one object"
_SAMPLED = 64


class ListedFiles:
  """File names of the images of all objects, by row and band; as `templates.ImageFiles`."""

  per_band = True

  def __init__(self, folder: str, names: np.ndarray, bands: Sequence[str]):
    """Stores the names.

    Args:
      folder: the folder that they are relative to.
      names: [objects, bands] bytes; b"" where there is none.
      bands: the survey's bands.
    """
    self._folder, self._names, self._bands = folder, names, tuple(bands)

  def path(self, row: int, band: str = "") -> str:
    """The file of an object and band.

    Raises:
      ImageError: there is none, the name leads out of the folder, or there is no such row.
    """
    if row >= len(self._names):
      raise ImageError(REASON_NO_ROW)
    name = self._names[row, self._bands.index(band)].decode("utf-8")
    if not name:
      raise ImageError(fits_planes.missing(band))
    if templates.climbs(name):
      raise ImageError(templates.REASON_CLIMBS)
    return os.path.join(self._folder, name)

  def exists(self, row: int, bands: Collection[str]) -> bool:
    """Whether any file of an object exists."""
    for band in bands:
      try:
        if os.path.isfile(self.path(row, band)):
          return True
      except ImageError:
        continue
    return False

  def without_row(self, ids: Collection[str], bands: Collection[str]) -> list[str]:
    """Ids of files that belong to no object: files that the table does not name do not count."""
    del ids, bands
    return []


def gather(table: TableColumns, columns: Mapping[str, str], bands: Sequence[str], origin: str,
           folders: Sequence[str]) -> tuple[TableColumns, ListedFiles, str] | None:
  """One row per object, the files, and the column that names them.

  Args:
    table: the catalogue.
    columns: {role: column name} that the user gave.
    bands: the survey's bands.
    origin: the catalogue's file, for messages.
    folders: what the names may be relative to; the first that has most of them is taken.

  Returns:
    None if this is no such catalogue: one of its columns is missing, no id stands twice, or no
    named file exists.

  Raises:
    ValueError: a file stands twice for one object and band, or no band is one of the survey's.
  """
  file_column = _text_column(table, FILE_COLUMNS)
  band_column = _text_column(table, BAND_COLUMNS)
  id_column = columns.get("id") or table_columns.find(table, USUAL_NAMES["id"])
  if not (file_column and band_column and id_column in table):
    return None
  ids = table_ids.ids_of(table, id_column, origin)
  _, first, objects = np.unique(ids, return_index=True, return_inverse=True)
  if len(first) == len(ids):
    return None
  order = np.argsort(first)  # objects in the order of their first rows
  objects, first = np.argsort(order)[objects.ravel()], first[order]
  names = _names(table, file_column, band_column, objects, tuple(bands), origin)
  best = max((ListedFiles(folder, names, bands) for folder in folders),
             key=lambda files: _existing(files, len(names), bands))
  if not _existing(best, len(names), bands):
    return None
  logging.info("%s: %d rows are %d objects; column %s names their files, %s the bands", origin,
               len(ids), len(first), file_column, band_column)
  return _one_row_each(table, first, objects), best, file_column


def _text_column(table: TableColumns, candidates) -> str:
  texts = {name: values for name, values in table.items() if values.dtype.kind in "SU"}
  return table_columns.find(texts, candidates)


def _names(table, file_column, band_column, objects, bands, origin) -> np.ndarray:
  """[objects, bands] bytes: the names of the files."""
  files = _bytes(table[file_column])
  kinds, kind = np.unique(_bytes(table[band_column]), return_inverse=True)
  words = [word_of(value.decode("utf-8"), bands).band for value in kinds]
  if not any(words):
    raise ValueError(f"{origin}: column {band_column} names {_listed(kinds)}, but the survey has "
                     f"the bands {', '.join(bands)}; give another --survey")
  unused = [value for value, word in zip(kinds, words) if not word]
  if unused:
    logging.warning("%s: rows of %s are not used, since the survey has the bands %s", origin,
                    _listed(unused), ", ".join(bands))
  places = np.array([bands.index(word) if word else -1 for word in words])[kind.ravel()]
  used = places >= 0
  cells = objects[used].astype(np.int64) * len(bands) + places[used]
  ranked, count = np.unique(cells, return_counts=True)
  if np.any(count > 1):
    cell = ranked[np.argmax(count > 1)]
    twice = files[used][cells == cell]
    raise ValueError(f"{origin}: {_listed(twice)} are files of one object in band "
                     f"{bands[cell % len(bands)]}; keep one row of each")
  names = np.zeros((objects.max() + 1) * len(bands), files.dtype)
  names[cells] = files[used]
  return names.reshape(-1, len(bands))


def _bytes(values: np.ndarray) -> np.ndarray:
  values = np.asarray(values)
  values = np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
  return np.char.strip(values)


def _listed(values) -> str:
  return ", ".join(value.decode("utf-8", "replace") for value in values[:5])


def _existing(files: ListedFiles, num: int, bands) -> int:
  """How many objects of a sample have an image."""
  rows = np.unique(np.linspace(0, num - 1, _SAMPLED).astype(int))
  return sum(files.exists(int(row), bands) for row in rows)


def _one_row_each(table: TableColumns, first: np.ndarray, objects: np.ndarray) -> TableColumns:
  """The rows `first` of a table; columns that differ between the rows of an object are skipped."""
  columns = TableColumns()
  columns.header, columns.twice = table.header, set(table.twice)
  columns.aliases, columns.skipped = dict(table.aliases), dict(table.skipped)
  for name, values in table.items():
    exact = table.texts.get(name, values)
    same = exact[first][objects]
    if np.all((same == exact) | ((same != same) & (exact != exact))):
      columns.add(name, values[first], table.texts[name][first] if name in table.texts else None)
    else:
      columns.skip(name, DIFFERS)
  return columns
