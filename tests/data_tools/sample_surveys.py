"""Small random surveys in the layouts that the readers know, for the tests."""

import os

import numpy as np

SIZE = 8  # pixels


def cube(num: int, seed: int = 0, size: int = SIZE) -> np.ndarray:
  """Random images [num, size, size, 5] float32."""
  return np.random.default_rng(seed).normal(size=(num, size, size, 5)).astype(np.float32)


def columns(num: int, seed: int = 0) -> dict[str, np.ndarray]:
  """SDSS columns; every galaxy is usable."""
  rng = np.random.default_rng(seed)
  return {
      "objid": 10**18 + np.arange(num), "ra": rng.uniform(0, 360, num),
      "dec": rng.uniform(-10, 60, num), "z": rng.uniform(0, 0.4, num),
      "EBV": rng.uniform(0, 0.2, num), "zphot": rng.uniform(0, 0.4, num),
      "dered_petro_r": rng.uniform(14, 17.8, num), "petroMagErr_r": np.full(num, 0.01),
      "dered_petro_i": rng.uniform(14, 17.8, num), "petroMagErr_i": np.full(num, 0.02),
  }


def record_array(table: dict[str, np.ndarray]) -> np.ndarray:
  """Columns as a record array."""
  array = np.empty(len(next(iter(table.values()))),
                   [(name, values.dtype) for name, values in table.items()])
  for name, values in table.items():
    array[name] = values
  return array


def write_public(folder: str, images: np.ndarray, table: dict[str, np.ndarray],
                 kind: str = "npy") -> str:
  """SDSS public release as "npy", "npz" or "npz_compressed"; returns its path."""
  os.makedirs(folder, exist_ok=True)
  if kind == "npy":
    np.save(os.path.join(folder, "cube.npy"), images)
    np.save(os.path.join(folder, "labels.npy"), record_array(table))
    return folder
  path = os.path.join(folder, "sdss.npz")
  save = np.savez if kind == "npz" else np.savez_compressed
  save(path, cube=images, labels=record_array(table))
  return path


def write_research(folder: str, images: np.ndarray, table: dict[str, np.ndarray],
                   split: dict[str, list[int]] | None = None) -> str:
  """Research layout with label.npz and, where given, index arrays."""
  os.makedirs(os.path.join(folder, "data"), exist_ok=True)
  for row, image in enumerate(images):
    np.save(os.path.join(folder, "data", f"{row}.py.npy"), image)
  np.savez(os.path.join(folder, "label.npz"),
           **{name: values for name, values in table.items() if name != "objid"})
  for name, index in (split or {}).items():
    np.save(os.path.join(folder, f"{name}.npy"), np.array(index, np.int64))
  return folder


def write_cfhtls(folder: str, sample: str, number: int, images: np.ndarray,
                 field: list[str], z: np.ndarray) -> str:
  """One CFHTLS cube; returns its file name."""
  num = len(images)
  names = {"HQ": ("zphot", "R", "Rerr", "I", "Ierr"),
           "LR": ("ZPHOT", "R", "ERRR", "Ip_2", "ERRIp_2")}[sample]
  table = {"ZSPEC": np.asarray(z, np.float64), "EBV": np.full(num, 0.02)}
  table.update({name: np.linspace(18, 24, num) for name in names})
  table.update(ZFLAG=np.zeros(num), FIELD=np.asarray(field, "U8"))
  os.makedirs(folder, exist_ok=True)
  name = f"CUBE_WD_Z{sample}_{number:04d}.npz"
  np.savez(os.path.join(folder, name), cube=images, info=record_array(table))
  return name
