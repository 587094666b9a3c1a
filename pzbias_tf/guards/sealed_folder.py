"""Folders that are handed on: a manifest holds the SHA-256 of every file, to be checked later.

Whoever changes a file and the manifest with it makes another folder: its manifest has another
digest than the one that was told when the folder was sealed.
"""

from __future__ import annotations

import json
import os

from pzbias_tf.files import write_text
from pzbias_tf.versions import file_digest

SEAL = "manifest.json"

_FORMAT = "pzbias_tf bundle 1"
_BESIDE = (".git", ".gitattributes", ".cache", ".DS_Store")
"""At the root, what git, the client of Hugging Face and macOS put into copies; never read here."""


def seal(folder: str) -> str:
  """Writes the manifest of a folder, as the last of its files.

  Args:
    folder: the folder, complete but for the manifest.

  Returns:
    SHA-256 of the manifest, which stands for the whole folder.
  """
  path = os.path.join(folder, SEAL)
  digests = {name: file_digest(os.path.join(folder, name)) for name in _files(folder)}
  write_text(path, json.dumps({"format": _FORMAT, "files": digests}, indent=1) + "\n")
  return file_digest(path)


def check_seal(folder: str) -> None:
  """Refuses a folder that is not as it was sealed.

  Raises:
    FileNotFoundError: there is no such folder, or it has no manifest.
    ValueError: the manifest is damaged; a file was changed, added, or is missing.
  """
  sealed, found = _read(folder), _files(folder)
  remedy = "the bundle is not as it was exported; take a whole copy of it, or export it again"
  for name in sorted({*sealed, *found}):
    path = os.path.join(folder, name)
    if name not in sealed:
      raise ValueError(f"{path} was added: {remedy}")
    if name not in found:
      raise ValueError(f"{path} is missing: {remedy}")
    if file_digest(path) != sealed[name]:
      raise ValueError(f"{path} was changed: {remedy}")


def _read(folder):
  """{file: SHA-256} of the manifest."""
  path = os.path.join(folder, SEAL)
  if not os.path.isfile(path):
    raise FileNotFoundError(f"{path} is missing, so {folder} is not a bundle; name a folder that "
                            "python -m eval.export has written")
  try:
    with open(path, encoding="utf-8") as file:
      content = json.load(file)
    if content["format"] != _FORMAT:
      raise ValueError(f"its format is {content['format']!r}")
    return dict(content["files"])
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(f"{path} is not the manifest of a bundle ({error}); name a folder that "
                     "python -m eval.export has written, or export it again") from error


def _files(folder):
  """All files but the manifest, as paths below the folder with "/"; links to folders are files."""
  found = []
  for place, folders, names in os.walk(folder):
    links = [name for name in folders if os.path.islink(os.path.join(place, name))]
    if place == folder:
      folders[:] = [name for name in folders if name not in _BESIDE]
      names, links = ([name for name in some if name not in (*_BESIDE, SEAL)]
                      for some in (names, links))
    found += [os.path.relpath(os.path.join(place, name), folder) for name in (*names, *links)]
  return sorted(name.replace(os.sep, "/") for name in found)
