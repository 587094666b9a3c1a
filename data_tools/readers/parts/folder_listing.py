"""Which names in a folder or archive count: not what macOS leaves beside the files."""

from __future__ import annotations

import os
import re
from typing import Iterable

_FOLDER = "__MACOSX"
_PREFIX = "._"


def counts(name: str) -> bool:
  """Whether a name or relative path is one of the user's own, and no AppleDouble file."""
  parts = re.split(r"[/\\]", name)
  return _FOLDER not in parts and not any(part.startswith(_PREFIX) for part in parts)


def own(names: Iterable[str]) -> list[str]:
  """The names that count, in their order."""
  return [name for name in names if counts(name)]


def listed(folder: str) -> list[str]:
  """The names in a folder that count, sorted."""
  return own(sorted(os.listdir(folder)))
