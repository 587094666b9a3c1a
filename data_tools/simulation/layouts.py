"""Writes chunks in the file layouts that the surveys' authors publish.

The last step of the simulator; the readers of `data_tools.readers` read these files.  Every
writer streams: only a few chunks of images are in memory.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from typing import IO, Callable, Iterator
import zipfile

import numpy as np

from data_tools.simulation.observation import Chunk, Observation

IMAGE_BANDS = "ugriz"
FILE_GALAXIES = 2500
"""Number of galaxies in a CFHTLS cube file."""

_FIRST_OBJID = 1237645879551000000  # the range of SDSS DR8 object ids
# Fractions of training and validation galaxies in the published SDSS split.
_TRAIN, _VALIDATION = 393219 / 516524, 20000 / 516524

Progress = Callable[[int], None]
"""Called with the number of galaxies that were just written."""

_PUBLIC_COLUMNS = np.dtype(
    [("objid", np.int64), ("ra", np.float64), ("dec", np.float64), ("z", np.float64),
     ("EBV", np.float32), ("zphot", np.float32)]
    + [(f"dered_petro_{band}", np.float32) for band in IMAGE_BANDS]
    + [(f"petroMagErr_{band}", np.float32) for band in IMAGE_BANDS])
_GROUP_COLUMN = "split_group"  # galaxies of a group share a split; see data_tools.conversion.splits
_RESEARCH_COLUMNS = ("z", "EBV", "zphot", "dered_petro_r", "petroMagErr_r",
                     "dered_petro_i", "petroMagErr_i")


def write_public_npy(folder: str, observation: Observation, num: int, seed: int,
                     progress: Progress) -> None:
  """SDSS public release, unpacked: cube.npy beside labels.npy."""
  del seed
  tables: list[np.ndarray] = []
  images = _images(observation.chunks(0, num), num, public_labels, tables, progress)
  with open(os.path.join(folder, "cube.npy"), "wb") as file:
    _write_blocks(file, images, num)
  np.save(os.path.join(folder, "labels.npy"), np.concatenate(tables))


def write_public(folder: str, observation: Observation, num: int, seed: int,
                 progress: Progress) -> None:
  """SDSS public release: sdss.npz with cube and labels."""
  del seed
  tables: list[np.ndarray] = []
  images = _images(observation.chunks(0, num), num, public_labels, tables, progress)
  _write_cube_npz(os.path.join(folder, "sdss.npz"), images, num, "labels", tables)


def write_research(folder: str, observation: Observation, num: int, seed: int,
                   progress: Progress) -> None:
  """SDSS research code: one file per image, index arrays, labels (.npz, never a pickle)."""
  data = os.path.join(folder, "data")
  os.makedirs(data)
  tables: list[np.ndarray] = []
  rows = itertools.count()
  for images in _images(observation.chunks(0, num), num, public_labels, tables, progress):
    for image in images:
      np.save(os.path.join(data, f"{next(rows)}.py.npy"), image)
  labels = np.concatenate(tables)
  columns = {name: labels[name].astype(np.float64) for name in _RESEARCH_COLUMNS}
  group = np.arange(num)
  if _GROUP_COLUMN in (labels.dtype.names or ()):
    columns[_GROUP_COLUMN] = labels[_GROUP_COLUMN]
    group = np.unique(labels[_GROUP_COLUMN], return_inverse=True)[1]
  np.savez(os.path.join(folder, "label.npz"), **columns)
  groups = group.max() + 1
  order = np.random.default_rng(seed).permutation(groups)
  train, validation = round(_TRAIN * groups), round((_TRAIN + _VALIDATION) * groups)
  for name, part in zip(("train", "val", "test"), np.split(order, [train, validation])):
    np.save(os.path.join(folder, f"{name}.npy"), np.flatnonzero(np.isin(group, part)))


def write_cubes(folder: str, observation: Observation, num: int, seed: int,
                progress: Progress) -> None:
  """CFHTLS: CUBE_WD_ZHQ_0001.npz ... and CUBE_WD_ZLR_0001.npz ..., cube and info."""
  del seed
  low = round(observation.samples[1].share * num)
  for sample, sample_num in enumerate((num - low, low)):
    name = observation.samples[sample].name
    with contextlib.closing(observation.chunks(sample, sample_num)) as chunks:
      for number, first in enumerate(range(0, sample_num, FILE_GALAXIES), start=1):
        path = os.path.join(folder, f"CUBE_WD_Z{name}_{number:04d}.npz")
        file_num = min(FILE_GALAXIES, sample_num - first)
        tables: list[np.ndarray] = []
        images = _images(chunks, file_num, functools.partial(cube_info, sample=name),
                         tables, progress)
        _write_cube_npz(path, images, file_num, "info", tables)


LAYOUTS = {
    "sdss": {"public_npy": write_public_npy, "public": write_public, "research": write_research},
    "cfhtls": {"cubes": write_cubes},
}
"""{data set: {layout: writer}}; the first layout is the default."""


def public_labels(chunk: Chunk, first: int) -> np.ndarray:
  """The `labels` record array of the SDSS public release, with some of its 64 columns."""
  labels = np.empty(len(chunk.z), _PUBLIC_COLUMNS)
  labels["objid"] = _FIRST_OBJID + first + np.arange(len(chunk.z))
  labels["ra"], labels["dec"] = chunk.ra, chunk.dec
  labels["z"], labels["EBV"], labels["zphot"] = chunk.z, chunk.ebv, chunk.z_photo
  for column, band in enumerate(IMAGE_BANDS):
    labels[f"dered_petro_{band}"] = chunk.mag[:, column]
    labels[f"petroMagErr_{band}"] = chunk.mag_err[:, column]
  return _with_group(labels, chunk)


def cube_info(chunk: Chunk, first: int, *, sample: str) -> np.ndarray:
  """The `info` record array of a CFHTLS cube; HQ and LR have different column names."""
  del first  # the files have no ids
  r, i = IMAGE_BANDS.index("r"), IMAGE_BANDS.index("i")
  columns = (("zphot", "R", "Rerr", "I", "Ierr") if sample == "HQ"
             else ("ZPHOT", "R", "ERRR", "Ip_2", "ERRIp_2"))
  values = (chunk.z_photo, chunk.mag[:, r], chunk.mag_err[:, r],
            chunk.mag[:, i], chunk.mag_err[:, i])
  info = np.empty(len(chunk.z), np.dtype(
      [("ZSPEC", np.float64), ("EBV", np.float32)] + [(name, np.float32) for name in columns]
      + [("ZFLAG", np.float32), ("FIELD", "S2")]))
  info["ZSPEC"], info["EBV"] = chunk.z, chunk.ebv
  for name, column in zip(columns, values):
    info[name] = column
  info["ZFLAG"], info["FIELD"] = (4.0 if sample == "HQ" else 3.0), chunk.field
  return _with_group(info, chunk)


def _with_group(table: np.ndarray, chunk: Chunk) -> np.ndarray:
  """Adds the rows of the table of real galaxies, if one was rendered."""
  if np.all(chunk.row < 0):
    return table
  wider = np.empty(len(table), table.dtype.descr + [(_GROUP_COLUMN, np.int64)])
  for name in table.dtype.names:
    wider[name] = table[name]
  wider[_GROUP_COLUMN] = chunk.row
  return wider


def _images(chunks: Iterator[Chunk], num: int, make_table: Callable[[Chunk, int], np.ndarray],
            tables: list[np.ndarray], progress: Progress) -> Iterator[np.ndarray]:
  """Takes `num` galaxies from the chunks: yields their images and collects their tables."""
  first = 0
  while first < num:
    chunk = next(chunks)
    tables.append(make_table(chunk, first))
    yield chunk.images
    first += len(chunk.z)
    progress(len(chunk.z))


def _write_cube_npz(path: str, images: Iterator[np.ndarray], num: int, table: str,
                    tables: list[np.ndarray]) -> None:
  """Writes an uncompressed .npz with `cube`, streamed, and a record array.

  `np.savez` would need the whole cube in memory.  Zip members made from a ZipInfo have a
  fixed date, so that equal contents give equal bytes.
  """
  with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
    with archive.open(zipfile.ZipInfo("cube.npy"), "w", force_zip64=True) as member:
      _write_blocks(member, images, num)
    with archive.open(zipfile.ZipInfo(f"{table}.npy"), "w", force_zip64=True) as member:
      np.lib.format.write_array(member, np.concatenate(tables), allow_pickle=False)


def _write_blocks(file: IO[bytes], blocks: Iterator[np.ndarray], num: int) -> None:
  """Writes blocks of float32, `num` rows in all, as one .npy array."""
  first = next(blocks)
  np.lib.format.write_array_header_1_0(
      file, {"descr": "<f4", "fortran_order": False, "shape": (num, *first.shape[1:])})
  for block in itertools.chain([first], blocks):
    file.write(np.ascontiguousarray(block, "<f4").data)
