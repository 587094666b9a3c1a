"""What made a result: versions of packages, revision of the source tree, digests, the day.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import os
import shlex
import subprocess

import pzbias_tf

_PACKAGES = ("tensorflow", "keras", "tensorflow-addons", "numpy", "astropy", "h5py")
_ELSEWHERE = "/path/to"  # in place of the folders of this machine


def package_versions() -> dict[str, str]:
  """Versions of the packages that the numbers depend on."""
  versions = {}
  for package in _PACKAGES:
    try:
      versions[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      versions[package] = "not installed"
  return versions


def git_revision() -> str:
  """Revision of the source tree that this package runs from, "" where it is no git checkout."""
  folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
  if not os.path.exists(os.path.join(folder, ".git")):
    return ""
  result = subprocess.run(["git", "-C", folder, "describe", "--always", "--dirty"],
                          capture_output=True, text=True, check=False)
  return result.stdout.strip()


def file_digest(path: str) -> str:
  """SHA-256 of a file, hexadecimal."""
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


def made_with() -> dict[str, str]:
  """The day and the versions, for the facts of a page."""
  revision = git_revision()
  versions = {"pzbias_tf": pzbias_tf.__version__ + (f" (revision {revision})" if revision else ""),
              **package_versions()}
  return {"Measured on": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d, UTC"),
          "Versions": ", ".join(f"{name} {version}" for name, version in versions.items())}


def for_others(command: str) -> str:
  """A command without the folders of this machine: paths are relative, or only end alike."""
  return shlex.join(_for_others(word) for word in shlex.split(command))


def _for_others(word):
  flag, equals, path = word.partition("=") if word.startswith("--") else ("", "", word)
  if not os.path.isabs(path):
    return word
  relative = os.path.relpath(path)
  outside = relative.startswith(os.pardir)
  return flag + equals + (os.path.join(_ELSEWHERE, os.path.basename(path)) if outside else relative)
