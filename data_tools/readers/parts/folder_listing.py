"""Which names in a folder or archive count: not what systems and programs leave there."""

from __future__ import annotations

import os
import re
from typing import Iterable

_LEFT = {"__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information", "@eaDir",
         "@Recycle", "@Recently-Snapshot", "#recycle", "#snapshot", "~snapshot"}
"""Folders of systems: of copies, snapshots and remarks."""
_OPEN = "~$"  # beginning of the files that Office keeps beside open ones


def counts(name: str) -> bool:
  """Whether a name or relative path is one of the user's own, and not hidden."""
  parts = set(re.split(r"[/\\]", name)) - {"", ".", ".."}
  return not parts & _LEFT and not any(part.startswith((".", _OPEN)) for part in parts)


def own(names: Iterable[str]) -> list[str]:
  """The names that count, in their order."""
  return [name for name in names if counts(name)]


def listed(folder: str) -> list[str]:
  """The names in a folder that count, sorted."""
  return own(sorted(os.listdir(folder)))
