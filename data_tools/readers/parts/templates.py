"""File names of images by template, such as '{id}_{band}.fits' or '{field}/{id:06d}.npy'.

`{band}` is the band, `{id}` the object's id; any other field is a column of the catalogue.
A name never leads out of the input folder, whatever a catalogue contains.
"""

from __future__ import annotations

import os
import re
import string
from typing import Collection, Mapping

import numpy as np

from data_tools.readers.parts import folder_listing
from data_tools.readers.parts.cutout_source import REASON_NO_ROW, ImageError

BAND = "band"
_WIDEST = 255  # letters that a file name can have
REASON_CLIMBS = "image path leads out of the input folder"


class ImageFiles:
  """File names of the images of all objects, by row; small when pickled."""

  def __init__(self, folder: str, template: str, columns: Mapping[str, np.ndarray]):
    """Stores the columns that the template uses.

    Args:
      folder: the input folder.
      template: file names relative to `folder`.
      columns: {field: values [objects]}; `id` among them.

    Raises:
      ValueError: the template is malformed, leads out of the folder, or names an unknown
        column.
    """
    self._folder, self._template = folder, template
    names = fields(template)
    unknown = sorted(names - set(columns) - {BAND})
    if unknown:
      raise ValueError(f"--image_template={template}: no column {', '.join(unknown)}; use "
                       f"{BAND}, {', '.join(columns)}")
    self.per_band, self._num = BAND in names, len(columns["id"])
    # Bytes take a quarter of the memory of text, here and in each worker.
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
      raise ValueError(f"--image_template={self._template}: {error}; a number "
                       "format does not fit a column of text") from error
    if climbs(name):
      raise ImageError(REASON_CLIMBS)
    return os.path.join(self._folder, name)

  def exists(self, row: int, bands: Collection[str]) -> bool:
    """Whether any file of an object exists."""
    try:
      return any(os.path.isfile(self.path(row, band)) for band in bands)
    except ImageError:
      return False

  def without_row(self, ids: Collection[str], bands: Collection[str]) -> list[str]:
    """Ids, sorted, of files that fit the template but belong to no object.

    Looks into the one folder of a template whose only fields are id and band.  Other
    templates could name files in any folder; the result is [] for them.
    """
    folder, name = os.path.split(self._template)
    if fields(self._template) - {BAND} != {"id"} or fields(folder) or ":" in name:
      return []
    pattern, known = _pattern(name, bands), set(ids)
    matches = (pattern.fullmatch(entry.name)
               for entry in os.scandir(os.path.join(self._folder, folder))
               if folder_listing.counts(entry.name))
    return sorted({match["id"] for match in matches if match and match["id"] not in known})


def fields(template: str) -> set[str]:
  """The names in braces of a template.

  Raises:
    ValueError: a brace is missing, a field is not a plain name, or the template leads out of
      the folder.
  """
  try:
    parts = list(string.Formatter().parse(template))
  except ValueError as error:
    raise ValueError(f"--image_template={template}: {error}") from error
  names = {name for _, name, _, _ in parts if name is not None}
  wrong = sorted(name if not name.isidentifier() else f"{name}:{form}"
                 for _, name, form, _ in parts
                 if name is not None and not (name.isidentifier() and "{" not in (form or "")))
  if wrong:
    raise ValueError(f"--image_template={template}: {{{wrong[0]}}} is not a plain name")
  wide = [form for _, _, form, _ in parts if form and any(
      int(number) > _WIDEST for number in re.findall(r"[0-9]+", form))]
  if wide:
    raise ValueError(f"--image_template={template}: {{:{wide[0]}}} asks for names of more than "
                     f"{_WIDEST} letters, which no file has; correct the width")
  if climbs("".join(text + "x" * bool(name) for text, name, _, _ in parts)):
    raise ValueError(f"--image_template={template}: leads out of the input folder; name the "
                     "folder of the images with --input")
  return names


def climbs(name: str) -> bool:
  """Whether the text of a relative name leads out of its folder.

  Links are not checked: unlike a name in a catalogue, somebody placed them on purpose.
  """
  return os.path.isabs(name) or ".." in re.split(r"[/\\]", name) or "\0" in name


def first_that_fits(folder: str, templates: Collection[str], columns: Mapping[str, np.ndarray],
                    bands: Collection[str]) -> str:
  """The template that fits the images of most objects in a sample.

  Raises:
    FileNotFoundError: no template fits any image.
  """
  num = len(columns["id"])
  rows = np.unique(np.linspace(0, max(num - 1, 0), 64).astype(int)) if num else ()
  num_images = {}
  for template in templates:
    files = ImageFiles(folder, template, columns)
    num_images[template] = sum(files.exists(row, bands) for row in rows)
  best = max(num_images, key=lambda template: num_images[template])  # the first of equals
  if not num_images[best]:
    raise FileNotFoundError(f"{folder}: no images called {', '.join(templates)}; give their "
                            "names with --image_template")
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
  """A value of a column as Python text or number."""
  value = value.item()
  return _Text(value.decode("utf-8")) if isinstance(value, bytes) else value


class _Text(str):
  """Text that has the formats of numbers, too, if it is a whole one: {id:06d} of 007."""

  def __format__(self, form: str) -> str:
    is_number = form.endswith("d") and self.isdecimal()
    return format(int(self), form) if is_number else super().__format__(form)
