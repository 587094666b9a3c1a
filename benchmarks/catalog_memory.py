"""Memory of a conversion per galaxy: the catalogue's, beside images as small as they can be.

  python -m benchmarks.catalog_memory [--num=200000,600000] [--only=hdf5,parquet] [--workers=1]

Each format is converted in two sizes, each by a process of its own.  What is printed is the slope
between the two: bytes a galaxy of the peak of resident memory (as the system counts it, pages of
temporary files that are mapped among them), and of the part of it that is no file.  Tables hold
ids, redshift, E(B-V), position, five magnitudes and their errors; parts of Parquet hold 20,000
galaxies, and 20 files of HDF5 images of 4 x 4 pixels in five bands beside the same columns.  Shards
have 5 MB, so that what is done by the shard takes little.  Needs 1500 bytes of disk space per
galaxy, and pyarrow.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterator

import numpy as np

BANDS = "ugriz"
_GOAL = 100  # bytes a galaxy
PART = 20_000  # galaxies of a part
_HDF5_FILES = 20  # in any size, since some MB belong to each that is open
_SIZE = 4  # pixels
_INTERVAL_S = 0.01
_PHOTOMETRY = [f"--magnitude_columns={','.join(BANDS)}", "--z_column=redshift",
               f"--error_columns={','.join(f'{band}_err' for band in BANDS)}"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
  """What a conversion took.

  Attributes:
    peak: largest resident memory of the process that gives the command, bytes.
    anonymous: largest part of it that is no file, bytes, looked at every 10 ms.
    cpu_s: processor time of all of its processes.
  """

  peak: int
  anonymous: int
  cpu_s: float


def main() -> None:
  """Measures the formats, and prints a line for each."""
  parser = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--num", default="200000,600000", help="two numbers of galaxies")
  parser.add_argument("--only", default=",".join(FORMATS), help="formats")
  parser.add_argument("--workers", type=int, default=1, help="processes of a conversion")
  parser.add_argument("--folder", default=None, help="where to work; default: a temporary folder")
  options = parser.parse_args()
  sizes = [int(number) for number in options.num.split(",")]
  print(f"{' and '.join(map(str, sizes))} galaxies, {options.workers} worker(s); bytes a galaxy, "
        f"goal {_GOAL}")
  for name in options.only.split(","):
    measured = [_measured(name, number, options) for number in sizes]
    print(f"  {name:14} {slope(sizes, [one.peak for one in measured]):6.0f}, of which no file "
          f"{slope(sizes, [one.anonymous for one in measured]):6.0f}; "
          f"peak {' and '.join(f'{one.peak / 1e6:.0f}' for one in measured)} MB, processor time "
          f"{' and '.join(f'{one.cpu_s:.1f}' for one in measured)} s", flush=True)


def slope(sizes, values) -> float:
  """Between the smallest and the largest size."""
  return (values[-1] - values[0]) / (sizes[-1] - sizes[0])


def _measured(name: str, number: int, options) -> Measured:
  with tempfile.TemporaryDirectory(dir=options.folder) as folder:
    source = os.path.join(folder, "input")
    flags = FORMATS[name](source, number)
    return measure([
        "data_tools.make_tfrecords", f"--output={folder}/output", "--shard_size_mb=5",
        f"--num_workers={options.workers}", "--max_r_mag=none", *flags])


def measure(words: list[str]) -> Measured:
  """Runs a module with flags.

  Raises:
    RuntimeError: it fails; the message is what it says.
  """
  with tempfile.TemporaryFile("w+") as said:
    process = subprocess.Popen([sys.executable, "-m", *words], stdout=said, stderr=said)
    anonymous, ended = 0, 0
    while not ended:
      anonymous = max(anonymous, _anonymous(process.pid))
      time.sleep(_INTERVAL_S)
      ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
      said.seek(0)
      raise RuntimeError(f"{' '.join(words)}\n{said.read()[-3000:]}")
  return Measured(peak=usage.ru_maxrss << 10, anonymous=anonymous,
                  cpu_s=usage.ru_utime + usage.ru_stime)


def _anonymous(pid: int) -> int:
  try:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
      found = re.search(r"RssAnon:\s*(\d+) kB", file.read())
  except OSError:
    return 0
  return int(found[1]) << 10 if found else 0


def columns(start: int, num: int) -> dict[str, np.ndarray]:
  """Some galaxies of a catalogue; the same of each number in any block."""
  rng = np.random.default_rng(start)
  made = {"objid": 1237648720693755918 + np.arange(start, start + num),
          "redshift": rng.uniform(0.01, 0.39, num), "EBV": rng.uniform(0, 0.1, num),
          "ra": rng.uniform(0, 360, num), "dec": rng.uniform(-90, 90, num)}
  for band in BANDS:
    made[band], made[f"{band}_err"] = rng.uniform(14, 17.8, num), rng.uniform(0.01, 0.1, num)
  return made


def _blocks(num: int, size: int = 0) -> Iterator[dict[str, np.ndarray]]:
  size = size or PART
  for start in range(0, num, size):
    yield columns(start, min(size, num - start))


def _parquet(path: str, num: int) -> list[str]:
  import pyarrow
  from pyarrow import parquet
  tables = [pyarrow.table(block) for block in _blocks(num)]
  parquet.write_table(pyarrow.concat_tables(tables), f"{path}.parquet")
  return [f"--input={path}.parquet", *_PHOTOMETRY]


def _parquet_parts(path: str, num: int) -> list[str]:
  import pyarrow
  from pyarrow import parquet
  os.makedirs(path)
  for number, block in enumerate(_blocks(num)):
    parquet.write_table(pyarrow.table(block), os.path.join(path, f"part-{number:05d}.parquet"))
  return [f"--input={path}", *_PHOTOMETRY]


def _fits(path: str, num: int) -> list[str]:
  from astropy.table import Table, vstack
  vstack([Table(block) for block in _blocks(num)]).write(f"{path}.fits")
  return [f"--input={path}.fits", *_PHOTOMETRY]


def _csv(path: str, num: int) -> list[str]:
  with open(f"{path}.csv", "w", encoding="ascii") as file:
    for number, block in enumerate(_blocks(num)):
      if not number:
        print(",".join(block), file=file)
      for row in zip(*(values.tolist() for values in block.values())):
        print(",".join(f"{value:.6g}" if isinstance(value, float) else str(value)
                       for value in row), file=file)
  return [f"--input={path}.csv", *_PHOTOMETRY]


def _hdf5(path: str, num: int) -> list[str]:
  import h5py
  os.makedirs(path)
  for number, block in enumerate(_blocks(num, -(-num // _HDF5_FILES))):
    with h5py.File(os.path.join(path, f"{number:05d}.hdf5"), "w") as file:
      rng = np.random.default_rng(number)
      file["images"] = rng.standard_normal(
          (len(block["objid"]), _SIZE, _SIZE, len(BANDS)), np.float32)
      names = {"redshift": "z_spec", "EBV": "ebv"}
      for name, values in block.items():
        file[names.get(name, name)] = values
  return [f"--input={path}", "--z_column=z_spec"]


FORMATS: dict[str, Callable[[str, int], list[str]]] = {
    "parquet_parts": _parquet_parts, "hdf5_folder": _hdf5, "parquet": _parquet, "fits": _fits,
    "csv": _csv}
"""{name: writes so many galaxies to a path, and returns the flags that read them}."""


if __name__ == "__main__":
  main()
