"""Names of images by template, such as '{id}_{band}.fits' or '{field}/{id:06d}.npy'.

`{band}` is the band; any other field is `{id}`, the object's id, or a column of the
catalogue.  A name never leads out of the input folder, whatever a catalogue holds.
"""

from __future__ import annotations

import os
import re
import string
from typing import Collection, Mapping

import numpy as np

from data_tools.readers.parts.cutout_source import REASON_NO_ROW, ImageError

BAND = "band"
REASON_CLIMBS = "image path leads out of the input folder"


class ImageFiles:
  """File names of the images of all objects, by row; small when pickled."""

  def __init__(self, folder: str, template: str, columns: Mapping[str, np.ndarray]):
    """Keeps the columns that the template uses.

    Args:
      folder: the input folder.
      template: names relative to `folder`.
      columns: {field: values [objects]}; `id` among them.

    Raises:
      ValueError: the template is damaged, climbs, or names an unknown column.
    """
    self._folder, self._template = folder, template
    names = fields(template)
    unknown = sorted(names - set(columns) - {BAND})
    if unknown:
      raise ValueError(f"--image_template={template}: no column {', '.join(unknown)}; known are "
                       f"{BAND}, {', '.join(columns)}")
    self.per_band, self._num = BAND in names, len(columns["id"])
    # Bytes take a quarter of the memory of text, here and in every worker.
    self._columns = {name: _bytes(columns[name]) for name in names - {BAND}}

  def path(self, row: int, band: str = "") -> str:
    """The file of an object (and band).

    Raises:
      ImageError: the name leads out of the folder, or the catalogue has no such row.
    """
    if row >= self._num:
      raise ImageError(REASON_NO_ROW)
    values = {name: _plain(column[row]) for name, column in self._columns.items()}
    try:
      name = self._template.format(**values, **({BAND: band} if self.per_band else {}))
    except ValueError as error:
      raise ValueError(f"--image_template={self._template}: {error}; text takes no "
                       "number's format") from error
    if climbs(name):
      raise ImageError(REASON_CLIMBS)
    return os.path.join(self._folder, name)

  def exists(self, row: int, bands: Collection[str]) -> bool:
    """Whether any file of an object is there."""
    try:
      return any(os.path.isfile(self.path(row, band)) for band in bands)
    except ImageError:
      return False

  def without_row(self, ids: Collection[str], bands: Collection[str]) -> list[str]:
    """Ids, sorted, of files that look like the template's but stand for no object.

    Looks into the one folder of a template whose only fields are id and band; other
    templates could name files anywhere, and give [].
    """
    folder, name = os.path.split(self._template)
    if fields(self._template) - {BAND} != {"id"} or fields(folder) or ":" in name:
      return []
    pattern, known = _pattern(name, bands), set(ids)
    matches = (pattern.fullmatch(entry.name)
               for entry in os.scandir(os.path.join(self._folder, folder)))
    return sorted({match["id"] for match in matches if match and match["id"] not in known})


def fields(template: str) -> set[str]:
  """The names in braces of a template.

  Raises:
    ValueError: a brace is missing, a field is no plain name, or the template climbs.
  """
  try:
    parts = list(string.Formatter().parse(template))
  except ValueError as error:
    raise ValueError(f"--image_template={template}: {error}") from error
  names = {name for _, name, _, _ in parts if name is not None}
  wrong = sorted(name if not name.isidentifier() else f"{name}:{form}"
                 for _, name, form, _ in parts
                 if name is not None and not (name.isidentifier() and "{" not in form))
  if wrong:
    raise ValueError(f"--image_template={template}: {{{wrong[0]}}} is no plain name")
  if climbs("".join(text + "x" * bool(name) for text, name, _, _ in parts)):
    raise ValueError(f"--image_template={template}: leads out of the input folder; name the "
                     "folder that holds the images with --input")
  return names


def climbs(name: str) -> bool:
  """Whether a relative name leads out of its folder, as the words stand.

  Links are followed: unlike a name in a catalogue, they are put there on purpose.
  """
  return os.path.isabs(name) or ".." in re.split(r"[/\\]", name) or "\0" in name


def first_that_fits(folder: str, templates: Collection[str], columns: Mapping[str, np.ndarray],
                    bands: Collection[str]) -> str:
  """The template under which most of a sample of objects have an image.

  Raises:
    FileNotFoundError: no image is found under any of them.
  """
  num = len(columns["id"])
  rows = np.unique(np.linspace(0, max(num - 1, 0), 64).astype(int)) if num else ()
  found = {}
  for template in templates:
    files = ImageFiles(folder, template, columns)
    found[template] = sum(files.exists(row, bands) for row in rows)
  best = max(found, key=found.get)  # of equals the first
  if not found[best]:
    raise FileNotFoundError(f"{folder}: no images called {', '.join(templates)}; name them "
                            "with --image_template")
  return best


def _pattern(name: str, bands: Collection[str]) -> re.Pattern:
  """A template's file name as a regular expression with a group `id`."""
  expressions = {"id": "(?P<id>.+)", BAND: f"(?:{'|'.join(re.escape(band) for band in bands)})"}
  text, seen = "", set()
  for literal, field, _, _ in string.Formatter().parse(name):
    text += re.escape(literal)
    if field:
      text += "(?P=id)" if field == "id" and "id" in seen else expressions[field]
      seen.add(field)
  return re.compile(text)


def _bytes(values: np.ndarray) -> np.ndarray:
  values = np.asarray(values)
  return np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values


def _plain(value):
  """A column's value as Python's own: text or number."""
  value = value.item()
  return value.decode("utf-8") if isinstance(value, bytes) else value
