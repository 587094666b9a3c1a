"""One small trained run of all stages, for the tests of the commands that read it."""

import functools
import os
import tempfile
from typing import NamedTuple

import numpy as np

from tests.small_data import make_dataset
from tests.small_runs import request, train

KEPT = "kept_"
"""Beginning of the names of folders that several files of tests use."""


class SmallRun(NamedTuple):
  """Where things are; only what the commands write may change."""

  data: str
  workdir: str
  run: str

  def stage(self, name: str) -> str:
    """Folder of a stage."""
    return os.path.join(self.run, name)


@functools.cache
def small_run() -> SmallRun:
  """500 galaxies, every second one with a photometric redshift of the catalogue's own."""
  folder = tempfile.mkdtemp(prefix=KEPT)
  data, workdir = os.path.join(folder, "data"), os.path.join(folder, "runs")
  make_dataset(data, num=500, columns={
      "z_photo_ref": np.where(np.arange(500) % 2, 0.1, -9999.0)})
  for number in range(4):
    train(request(number, data, workdir))
  return SmallRun(data, workdir, os.path.join(workdir, "sdss_net5_ne1"))


@functools.cache
def other_fold() -> str:
  """Folder of the Baseline of another fold on the same galaxies."""
  return train(request(0, small_run().data, tempfile.mkdtemp(prefix=KEPT), ne=2))
