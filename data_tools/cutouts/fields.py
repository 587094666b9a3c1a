"""The fields of a survey: one frame per band each."""

from __future__ import annotations

import dataclasses
import os
import re
import string
from typing import Mapping, Sequence

from data_tools.flag_groups.layout_words import SDSS_TEMPLATE
from data_tools.readers.parts import folder_listing

_PACKED = r"(?:\.bz2|\.gz)?"


@dataclasses.dataclass(frozen=True)
class ImagedField:
  """A part of the sky that was imaged in several bands.

  Attributes:
    name: the part of the file names that its frames share.
    files: {band: path of the frame}; bands may be missing.
  """

  name: str
  files: Mapping[str, str]


def find_fields(folder: str, bands: Sequence[str], template: str = SDSS_TEMPLATE
                ) -> list[ImagedField]:
  """The fields of a folder and its subfolders, sorted by name.

  Args:
    folder: where the frames are.
    bands: names of the bands.
    template: file names with {band} and {field}; .bz2 or .gz may follow.

  Raises:
    FileNotFoundError: no frame is found.
    ValueError: the template lacks a field, or two files are the same frame.
  """
  pattern = _pattern(template, bands)
  by_name: dict[str, dict[str, str]] = {}
  for place, folders, names in os.walk(folder):
    folders[:] = folder_listing.own(folders)
    for name in folder_listing.own(names):
      match = pattern.fullmatch(name)
      if match:
        path = os.path.join(place, name)
        other = by_name.setdefault(match["field"], {}).setdefault(match["band"], path)
        if other != path:
          raise ValueError(f"{other} and {path} are both field {match['field']}, band "
                           f"{match['band']}; remove one")
  if not by_name:
    raise FileNotFoundError(f"{folder}: no frame called {template} (or .bz2, .gz) in bands "
                            f"{', '.join(bands)}; give the file names with --frame_template")
  return [ImagedField(name, files) for name, files in sorted(by_name.items())]


def _pattern(template: str, bands: Sequence[str]) -> re.Pattern:
  """The template as a regular expression with groups `band` and `field`."""
  groups = {"band": f"(?P<band>{'|'.join(map(re.escape, bands))})", "field": "(?P<field>.+)"}
  parts = [(text, name) for text, name, _, _ in string.Formatter().parse(template)]
  names = [name for _, name in parts if name is not None]
  if sorted(names) != ["band", "field"] or os.sep in template:
    raise ValueError(f"--frame_template={template}: give a file name with {{band}} "
                     f"and {{field}}, each once")
  return re.compile("".join(re.escape(text) + groups.get(name or "", "") for text, name in parts)
                    + _PACKED)
