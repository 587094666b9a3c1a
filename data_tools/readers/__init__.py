"""Readers of the surveys' published files, one file per layout."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Mapping

from absl import logging

from data_tools.flag_groups.layout_words import AUTO
from data_tools.readers import (
  cfhtls,
  cube,
  fits_cutouts,
  hdf5,
  photometry,
  sdss_public,
  sdss_research,
  zphoto_catalog,
)
from data_tools.readers.parts.columns import NAMED, check_extra, check_names
from data_tools.readers.parts.cutout_source import CutoutSource, Reader, ReaderOptions
from data_tools.readers.parts.images import BandsFirst, r_from_images
from pzbias_tf.data.data_set_facts import R_FROM_IMAGE
from pzbias_tf.data.manifest import PhotometryColumns, photometry_names
from pzbias_tf.survey import Survey

PHOTOMETRY = "photometry"
"""The layout that --magnitude_columns asks for; no file is taken for it without."""

# In the order of detection: from the most specific layout to the most general.
READERS: dict[str, Reader] = {
    "sdss_research": sdss_research.READER,
    "cfhtls": cfhtls.READER,
    "zphoto_catalog": zphoto_catalog.READER,
    "sdss_public": sdss_public.READER,
    "cube": cube.READER,
    "hdf5": hdf5.READER,
    "fits_cutouts": fits_cutouts.READER,
    PHOTOMETRY: photometry.READER,
}


def detect(path: str) -> str:
  """Recognises the layout of a path from its files.

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
  raise ValueError(f"--input={path}: no known layout; name one of these with --layout\n{known}")


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
    ValueError: the files do not fit the layout.
  """
  check_names(options.columns)
  check_extra(options, photometry_names(survey.bands, PhotometryColumns(
      magnitudes=options.magnitude_columns, errors=options.error_columns)
      if options.magnitude_columns else None))
  if layout != AUTO and layout not in READERS:
    raise ValueError(f"--layout={layout}: choose one of {', '.join([AUTO, *READERS])}")
  if not os.path.exists(path):
    raise FileNotFoundError(f"--input={path} does not exist")
  if layout == AUTO:
    layout = PHOTOMETRY if options.magnitude_columns else detect(path)
  _check_options(options, layout)
  source = READERS[layout].read(path, survey, options)
  if not len(source.catalog):
    raise ValueError(f"{options.table or path}: its table has no rows; name a file with galaxies")
  logging.info("%s: columns %s", path, _named(source.description.get("columns", {})))
  if not source.photometry:
    source = _with_bands_last(source, survey, path)
  if options.r_from_image:
    _sum_r(source, survey, path)
  named = source.catalog.meta.pop(NAMED, {})
  if named or options.r_from_image:  # prediction from files of the same kind takes these, too
    named |= {"r": R_FROM_IMAGE} if options.r_from_image else {}
    source = dataclasses.replace(
        source, description={**source.description, "named_columns": named})
  return dataclasses.replace(
      source, extra_columns=options.extra_columns, extra_fill=options.extra_fill,
      scratch=options.scratch)


def _with_bands_last(source, survey, path):
  """The source with images [height, width, band], turned where they are [band, height, width]."""
  shape, bands = source.image_shape, len(survey.bands)
  if shape[2] == bands:
    return source
  if shape[0] != bands or shape[1] != shape[2]:
    raise ValueError(
        f"{path}: images of shape {shape}, but survey {survey.name} has the {bands} bands "
        f"{', '.join(survey.bands)}, which are expected on the last axis or on the first")
  logging.info("%s: images of shape %s have their bands on the first axis", path, shape)
  return dataclasses.replace(
      source, images=BandsFirst(source.images), image_shape=(*shape[1:], bands),
      description={**source.description, "bands": "on the first axis"})


def _named(columns: Mapping[str, Any]) -> str:
  """Which column was taken for what; a layout may have several kinds of files."""
  return ", ".join(f"{role} = {name}" if isinstance(name, str) else f"{role}: {_named(name)}"
                   for role, name in columns.items()) or "none"


def _check_options(options, layout):
  """Refuses options that the layout would ignore."""
  special = {name for reader in READERS.values() for name in reader.uses}
  for name in sorted(special - set(READERS[layout].uses)):
    if getattr(options, name):
      users = [other for other, reader in READERS.items() if name in reader.uses]
      raise ValueError(f"--{name} works with --layout={', '.join(users)}, not with {layout}")


def _sum_r(source, survey, path):
  logging.warning("%s: r magnitudes come from the images, as requested by --r_from_image", path)
  source.catalog["r_mag"] = r_from_images(source.images, len(source.catalog), survey)
  source.description["columns"]["r"] = "sum of the r band of the image, nanomaggies"
