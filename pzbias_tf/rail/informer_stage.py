"""RAIL's informer: trains Baseline and Steps 1 to 3 on a table of galaxies with redshifts.

It writes the galaxies to a file and gives the commands that a user would give, each in a process
of its own: the run is that of the commands, and TensorFlow's settings are not those of the
pipeline.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from typing import Iterator, Mapping

from astropy.table import Table
from ceci.config import StageParameter
import h5py
import numpy as np
from rail.estimation.informer import CatInformer

from pzbias_tf.rail import bundle_model, rail_tables
from pzbias_tf.survey import load_survey

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_RUN = "model"
_STAGES = (("--tstep=0",), *((f"--tstep={step}", "--multir") for step in (1, 2, 3)))
_TOLD = 20  # last lines of a command that failed


class PzbiasInformer(CatInformer):
  """Trains on galaxies with spectroscopic redshifts.

  The model is the exported Step 3, with Step 4 as `eval.main` fits it to the galaxies that the
  split keeps for tests.
  """

  name = "PzbiasInformer"
  entrypoint_function = "inform"
  interactive_function = "pzbias_informer"
  config_options = CatInformer.config_options.copy()
  config_options.update(
      **rail_tables.column_options(),
      survey=StageParameter(str, "lsst", msg="name of a survey, or its .toml file"),
      split=StageParameter(list, [0.7, 0.1, 0.2], msg=(
          "fractions of the galaxies that train, validate and test")),
      missing_magnitudes=StageParameter(str, "limit", msg=(
          "galaxies with a missing magnitude: limit lets the faint limit stand for it, reject "
          "leaves them out")),
      seed=StageParameter(int, 0, msg="seed of splits and training"),
      train_flags=StageParameter(list, [], msg=(
          "further flags of train.main for all stages, such as --iterations=5000")),
      workdir=StageParameter(str, "", msg=(
          "folder where data set and run stay; an interrupted training goes on there. '' for a "
          "temporary one")),
  )

  def validate(self) -> None:
    """Checks that the table has all columns, before anything is trained."""
    self._get_stage_columns()
    self._check_column_names(self.get_handle("input", allow_missing=True), self.stage_columns)

  def _get_stage_columns(self) -> None:
    self.stage_columns = [*rail_tables.wanted_columns(self.config), self.config.redshift_col]

  def run(self) -> None:
    """Trains, and adds the model."""
    data = self.get_data("input")
    group = self.config.hdf5_groupname
    table = self._convert_table_format(data[group] if group else data, "numpyDict")
    with self._folder() as folder:
      for words in self._commands(table, folder):
        _call(words, folder)
      self.model = bundle_model.packed(os.path.join(folder, "bundle"))
    self.add_data("model", self.model)

  @contextlib.contextmanager
  def _folder(self) -> Iterator[str]:
    if self.config.workdir:
      os.makedirs(self.config.workdir, exist_ok=True)
      yield os.path.abspath(self.config.workdir)
      return
    with tempfile.TemporaryDirectory(prefix="pzbias-rail-") as folder:
      yield folder

  def _commands(self, table: Mapping[str, np.ndarray], folder: str) -> Iterator[list[str]]:
    """The commands, each for the words after `pzbias`."""
    config, place = self.config, lambda name: os.path.join(folder, name)
    survey, run = f"--survey={config.survey}", os.path.join(folder, "runs", _RUN)
    yield ["make-tfrecords", survey, f"--output={place('data')}", f"--seed={config.seed}",
           f"--split={','.join(map(str, config.split))}", *self._input(table, folder)]
    for words in _STAGES:
      yield ["train", survey, f"--data_dir={place('data')}", f"--workdir={place('runs')}",
             f"--experiment={_RUN}", f"--seed={config.seed}", *words, *config.train_flags]
    yield ["eval", f"--run={run}"]
    if not os.path.exists(place("bundle")):
      yield ["export", f"--run={run}", f"--output={place('bundle')}"]

  def _input(self, table: Mapping[str, np.ndarray], folder: str) -> list[str]:
    """Writes the galaxies, and returns the flags that read them."""
    config = self.config
    columns = self._columns(table)
    flags = ["--id_column=id", f"--z_column={config.redshift_col}", "--ebv_column=ebv"]
    flags += [f"--extra_columns={','.join(config.extra_cols)}"] if config.extra_cols else []
    if config.image_col:
      path = os.path.join(folder, "galaxies.hdf5")
      with h5py.File(path, "w") as file:
        for name, values in {**columns, "images": table[config.image_col]}.items():
          file[name] = values.astype("S") if values.dtype.kind == "U" else values
      return [*flags, f"--input={path}", "--image_dataset=images", f"--r_column={config.r_col}"]
    path = os.path.join(folder, "galaxies.fits")
    Table(columns).write(path, overwrite=True)
    errors = [f"--error_columns={','.join(config.err_bands)}"] if config.err_bands else []
    return [*flags, *errors, f"--input={path}", f"--magnitude_columns={','.join(config.bands)}",
            f"--missing_magnitudes={config.missing_magnitudes}", *self._r_flag()]

  def _r_flag(self) -> list[str]:
    """Names the r magnitude where it is not that of the survey's band r."""
    bands = dict(zip(load_survey(self.config.survey).bands, self.config.bands))
    return [] if bands.get("r") == self.config.r_col else [f"--r_column={self.config.r_col}"]

  def _columns(self, table: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All columns but images."""
    config, num = self.config, len(table[self.config.redshift_col])
    magnitudes = dict.fromkeys([*(() if config.image_col else (*config.bands, *config.err_bands)),
                                config.r_col])
    return {
        "id": np.asarray(table.get(config.id_col, np.arange(num))).astype(str),
        config.redshift_col: np.asarray(table[config.redshift_col], np.float64),
        "ebv": rail_tables.optional_column(table, config.ebv_col),
        **{name: rail_tables.magnitude_column(table, name, config) for name in magnitudes},
        **{name: rail_tables.number_column(table, name) for name in config.extra_cols}}


def _call(words: list[str], folder: str) -> None:
  """Gives a command, whose lines go to a log in the folder.

  Raises:
    RuntimeError: it failed; the message has its last lines.
  """
  environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
      [_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])}
  done = subprocess.run([sys.executable, "-m", "pzbias_tf", *words], env=environment, check=False,
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                        stderr=subprocess.STDOUT)
  with open(os.path.join(folder, "commands.log"), "a", encoding="utf-8") as log:
    log.write(f"pzbias {' '.join(words)}\n{done.stdout}\n")
  if done.returncode:
    lines = "\n".join(done.stdout.splitlines()[-_TOLD:])
    raise RuntimeError(f"pzbias {' '.join(words)} failed:\n{lines}")
