"""Readers of the surveys' published files, one layout a file."""

from __future__ import annotations

import os

from data_tools.readers import cfhtls
from data_tools.readers import cube
from data_tools.readers import sdss_public
from data_tools.readers import sdss_research
from data_tools.readers.base import CutoutSource, Reader, ReaderOptions
from data_tools.readers.columns import check_names
from pzbias_tf.survey import Survey

# In the order of detection: from the most particular layout to the most general.
READERS: dict[str, Reader] = {
    "sdss_research": sdss_research.READER,
    "cfhtls": cfhtls.READER,
    "sdss_public": sdss_public.READER,
    "cube": cube.READER,
}
AUTO = "auto"


def detect(path: str) -> str:
  """Recognises the layout of a path from the files that are there.

  Returns:
    A key of READERS.

  Raises:
    FileNotFoundError: the path does not exist.
    ValueError: no layout fits.
  """
  if not os.path.exists(path):
    raise FileNotFoundError(f"--input={path} does not exist")
  for name, reader in READERS.items():
    if reader.matches(path):
      return name
  known = "\n".join(f"  --layout={name}: {reader.files}" for name, reader in READERS.items())
  raise ValueError(f"--input={path}: no known layout; the layouts are\n{known}")


def read(path: str, survey: Survey, options: ReaderOptions = ReaderOptions(), *,
         layout: str = AUTO) -> CutoutSource:
  """Reads a survey's files.

  Args:
    path: file or folder.
    survey: gives the redshift grid and the bands.
    options: column names and constants.
    layout: a key of READERS, or "auto".

  Raises:
    OSError: a file is missing or cannot be read.
    ValueError: the files are not what the layout says.
  """
  check_names(options.columns)
  if layout != AUTO and layout not in READERS:
    raise ValueError(f"--layout={layout}: choose one of {', '.join([AUTO, *READERS])}")
  if not os.path.exists(path):
    raise FileNotFoundError(f"--input={path} does not exist")
  layout = detect(path) if layout == AUTO else layout
  if options.r_from_image and layout != "cube":
    raise ValueError(f"--r_from_image works with --layout=cube, not with {layout}")
  source = READERS[layout].read(path, survey, options)
  if source.image_shape[2] != len(survey.bands):
    raise ValueError(
        f"{path}: images of shape {source.image_shape}, but survey {survey.name} has the "
        f"{len(survey.bands)} bands {', '.join(survey.bands)} on the last axis")
  return source
