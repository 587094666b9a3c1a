"""Requests, data sets and names of runs of command lines of train.main, for the tests."""

from __future__ import annotations

from absl import flags

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.survey import SDSS
from pzbias_tf.training.stages import Stage
from train.flags import Request, define_flags, read_request
from train.settings import resolve
from train.variants import variant_of


def flag_values(*words: str) -> flags.FlagValues:
  """The flags of train.main, as given in a command line."""
  values = flags.FlagValues()
  define_flags(values)
  values(["train.main", *words])
  return values


def parse(*words: str) -> Request:
  """The request of a command line."""
  return read_request(flag_values(*words))


def no_data(preset: dict | None = None, extra: tuple[str, ...] = ()) -> Dataset:
  """A data set of which only the manifest exists; `extra` are its extra columns."""
  return Dataset("nowhere", Manifest(dataset="sdss", survey="sdss", bands=SDSS.bands,
                                     image_shape=(64, 64, 5), preset=preset or {},
                                     extra_columns=extra))


def run_name(*words: str, stage: Stage | None = None, preset: dict | None = None,
             extra: tuple[str, ...] = ()) -> str:
  """The default name of the run that a command line means."""
  request, data = parse(*words), no_data(preset, extra)
  return variant_of(request, resolve(request, data), data).run_name(stage or request.stage)
