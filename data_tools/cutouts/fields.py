"""Which files belong to one field: its frames, one a band."""

from __future__ import annotations

import dataclasses
import os
import re
import string
from typing import Mapping, Sequence

SDSS_TEMPLATE = "frame-{band}-{field}.fits"
"""SDSS corrected frames; the field is <run>-<camcol>-<field>."""
_PACKED = r"(?:\.bz2|\.gz)?"


@dataclasses.dataclass(frozen=True)
class Field:
  """A part of the sky.

  Attributes:
    name: what its files have in common.
    files: {band: path of the frame}; bands may be missing.
  """

  name: str
  files: Mapping[str, str]


def find_fields(folder: str, bands: Sequence[str], template: str = SDSS_TEMPLATE) -> list[Field]:
  """The fields of a folder and of the folders inside it, by name.

  Args:
    folder: where the frames are.
    bands: names of the bands.
    template: file names with {band} and {field}; a further .bz2 or .gz is accepted.

  Raises:
    FileNotFoundError: there is no frame.
    ValueError: the template lacks a field, or two files are the same frame.
  """
  pattern = _pattern(template, bands)
  found: dict[str, dict[str, str]] = {}
  for place, _, names in os.walk(folder):
    for name in names:
      match = pattern.fullmatch(name)
      if match:
        path = os.path.join(place, name)
        other = found.setdefault(match["field"], {}).setdefault(match["band"], path)
        if other != path:
          raise ValueError(f"{other} and {path} are both field {match['field']}, band "
                           f"{match['band']}; remove one")
  if not found:
    raise FileNotFoundError(f"{folder}: no frame called {template} (or .bz2, .gz) in bands "
                            f"{', '.join(bands)}; name them with --frame_template")
  return [Field(name, files) for name, files in sorted(found.items())]


def _pattern(template: str, bands: Sequence[str]) -> re.Pattern:
  groups = {"band": f"(?P<band>{'|'.join(map(re.escape, bands))})", "field": "(?P<field>.+)"}
  parts = [(text, name) for text, name, _, _ in string.Formatter().parse(template)]
  names = [name for _, name in parts if name is not None]
  if sorted(names) != ["band", "field"] or os.sep in template:
    raise ValueError(f"--frame_template={template}: a file name with {{band}} and {{field}} is "
                     "needed, each once")
  return re.compile("".join(re.escape(text) + groups.get(name, "") for text, name in parts)
                    + _PACKED)
