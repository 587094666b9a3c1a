"""A small data set for the tests, with a simple relation between image and redshift."""

import dataclasses

import numpy as np

from data_tools.conversion.convert import ConversionSettings, convert
from data_tools.readers.parts.cutout_source import CutoutSource, with_split
from pzbias_tf.data.augment import dihedral_numpy
from pzbias_tf.data.catalog import object_table
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.survey import SDSS

SIZE = 16


@dataclasses.dataclass(frozen=True)
class _Images:
  """Images by row, as a reader returns them."""

  cube: np.ndarray

  def __call__(self, row):
    return self.cube[row]


def make_cube(z_spec: np.ndarray, bands: int, seed: int = 0) -> np.ndarray:
  """Images whose bands are each brightest at a redshift of their own, [n, SIZE, SIZE, band]."""
  rng = np.random.default_rng(seed)
  peak = np.exp(-0.5 * ((z_spec[:, None] / z_spec.max() * bands - np.arange(bands)) / 0.8) ** 2)
  profile = np.exp(-0.5 * ((np.arange(SIZE) - SIZE / 2 + 0.5) / 2) ** 2)
  image = 40 * peak[:, None, None, :] * np.outer(profile, profile)[None, :, :, None]
  return (image + rng.normal(0, 0.1, image.shape)).astype(np.float32)


def make_dataset(folder: str, *, num: int = 400, survey=SDSS, seed: int = 0, shard_size_mb=0.5,
                 split=(0.6, 0.1, 0.3), augment_copies: int = 1, columns=None, size: int = SIZE,
                 turn: int = 0, dtype: str = "float32", extra=None) -> Dataset:
  """Converts `num` galaxies into `folder` and opens the data set.

  The central `size` x `size` pixels are kept, turned by the dihedral element `turn`.
  `extra` are extra columns, {name: [num]}.
  """
  rng = np.random.default_rng(seed)
  z_spec = rng.beta(2, 4, num) * 0.95 * survey.z_max + 0.01
  table = {"id": np.array([f"g{i:05d}" for i in range(num)]), "z_spec": z_spec,
           "r_mag": rng.uniform(survey.r_min, survey.r_max, num),
           "ebv": rng.uniform(0, 0.2, num), **(columns or {})}
  images = make_cube(np.where(np.isfinite(table["z_spec"]), z_spec, 0.1), len(survey.bands), seed)
  margin = (SIZE - size) // 2
  images = images[:, margin:SIZE - margin, margin:SIZE - margin] * np.float32(survey.flux_divisor)
  images = np.stack([dihedral_numpy(image, turn) for image in images])
  catalog = with_split(object_table(num, **table))
  for name, values in (extra or {}).items():
    catalog[name] = values
  source = CutoutSource(catalog=catalog, images=_Images(images), image_shape=images.shape[1:],
                        rejected={}, description={"path": "memory"},
                        extra_columns=tuple(extra or ()))
  convert(source, survey, folder, settings=ConversionSettings(
      seed=seed, split=split, shard_size_mb=shard_size_mb, augment_copies=augment_copies,
      dtype=dtype))
  return Dataset.open(folder)
