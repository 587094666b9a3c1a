"""Predictions of any number of galaxies, shard by shard, in bounded memory.

Each shard gives a file of its own in a working folder, complete or absent, so
that an interrupted prediction goes on with the missing shards.  The catalogue is in
memory shard by shard, p(z) batch by batch.
"""

from __future__ import annotations

import collections
from concurrent import futures
import contextlib
import dataclasses
import json
import os
import shutil
import time
from typing import Any, Callable, Generator, Iterator, Mapping, NamedTuple, Sequence, TypeVar

from absl import logging
import numpy as np

from pzbias_tf.bias.pdf_calibration import PdfCalibration
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.files import whole_file, write_text
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.predictions.predictions_file import (
  PdfFormat,
  PredictionsWriter,
  read_columns,
  text_width,
)
from pzbias_tf.predictions.predictor import COLUMNS, Columns, Predictor
from pzbias_tf.progress import Progress

PDF_CALIBRATED = "pdf_calibrated"
"""Attribute of a predictions file: whether its p(z) has been calibrated."""

COMBINATION = "combination"
"""Attribute of a predictions file: how p(z) of several networks became one; "" for one network."""

KEY_NAME = "key.json"
"""The first file of a working folder: what decides the numbers."""

PARTS = "parts"
"""What a working folder holds where the output is a folder of parts, see `eval.predict`."""

AHEAD = 4
"""Batches that are predicted before the one that is being written is done."""

_SUFFIX = ".hdf5"

T = TypeVar("T")
Written = Generator[Columns, None, None]


class Shard(NamedTuple):
  """A shard that has galaxies to predict; their augmented copies are not predicted.

  Attributes:
    part: the shard as a data set of its own.
    first_row: row of its first record in the catalogue of the whole data set.
    path: its predictions file.
    galaxies: their number.
  """

  part: Dataset
  first_row: int
  path: str
  galaxies: int

  @property
  def keep(self) -> np.ndarray | None:
    """Which records are no copies, [records] bool; None where none is one."""
    whole = self.galaxies == self.part.manifest.shards[0].records
    return None if whole else _originals(self.part)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardPrediction:
  """How shards are predicted; one object serves any number of them, with one graph.

  Attributes:
    predictor: the networks with their weights.
    pdf_format: how p(z) is written.
    weights_digest: SHA-256 of the weights files.
    simulated: `GalaxyOrigin.mark` of the galaxies.
    widths: {column of texts: bytes of each text}, the same for all shards.
    pdf_calibration: corrects p(z), and all estimates but "zmode", which Step 4 corrects.
    sealed: as in `PredictionsWriter`.
  """

  predictor: Predictor
  pdf_format: PdfFormat
  weights_digest: str
  simulated: str
  widths: Mapping[str, int]
  pdf_calibration: PdfCalibration | None = None
  sealed: bool = True

  def batches(self, shards: Sequence[Shard]) -> Iterator[Iterator[tuple[np.ndarray, Columns]]]:
    """p(z) and finished columns of shards, a batch at a time, whatever they are written to.

    Batches never reach into the next shard, so that a shard's numbers do not depend on which
    others are predicted, in what order and by whom.

    Yields:
      For each shard an iterator, to be used up before the next one, of the probability of each
      bin [n, bins], and the columns of these galaxies.

    Raises:
      FloatingPointError: a network gave NaN.
    """
    keep = [shard.keep for shard in shards]
    predicted = self.predictor.shard_batches([shard.part for shard in shards], keep)
    for shard, batches in zip(shards, predicted):
      yield (self._finished(shard, *batch) for batch in batches)

  def _finished(self, shard, pdf, columns):
    if self.pdf_calibration:
      pdf = self.pdf_calibration.apply(pdf, columns["r_mag"])
      columns = {**columns, **self.predictor.estimates(pdf), "zmode": columns["zmode"]}
    return pdf, {**columns, "row": columns["row"] + shard.first_row}

  def write(self, shards: Sequence[Shard],
            advance: Callable[[int], object] = lambda count: None) -> Written:
    """Predicts shards and writes their files, each whole or not at all.

    A thread predicts the next batches, of the next shard as well, while this one writes.

    Args:
      shards: the shards.
      advance: called with the number of galaxies after each batch.

    Yields:
      The columns of each shard, once its file is complete.
    """
    with contextlib.closing(ahead(self._all_batches(shards))) as batches:
      for shard in shards:
        yield self._write_shard(shard, iter(batches.__next__, None), advance)

  def _all_batches(self, shards):
    """Batches of several shards; None ends each shard, so that none waits for the next one."""
    for shard, batches in zip(shards, self.batches(shards)):
      yield from batches
      shard.part.forget()
      yield None

  def _write_shard(self, shard, batches, advance):
    with whole_file(shard.path) as hidden, open_hdf5(hidden, "w") as file:
      writer = PredictionsWriter(file, self.predictor.edges, shard.galaxies, self.pdf_format,
                                 weights_digest=self.weights_digest, simulated=self.simulated,
                                 widths=self.widths, sealed=self.sealed)
      file.attrs[PDF_CALIBRATED] = self.pdf_calibration is not None
      file.attrs[COMBINATION] = self.predictor.combination
      for pdf, columns in batches:
        writer.append(pdf, columns)
        advance(len(pdf))
      writer.check_complete()
    return writer.columns()


class Outcome(NamedTuple):
  """What `predict_shards` did.

  Attributes:
    predicted: number of galaxies that it predicted.
    took_s: time that it took, seconds.
  """

  predicted: int
  took_s: float


def begin(folder: str, key: Mapping[str, Any]) -> None:
  """Removes from a working folder what belongs to another prediction.

  Args:
    folder: an existing folder, locked by this process; files of shards with the
      same key stay.
    key: everything that decides the numbers, as JSON values.
  """
  text, path = json.dumps(key, indent=1, sort_keys=True) + "\n", os.path.join(folder, KEY_NAME)
  if os.path.exists(path):
    with open(path, encoding="utf-8") as file:
      if file.read() == text:
        return
  for name in os.listdir(folder):
    if name.endswith(_SUFFIX) or name == PARTS:
      other = os.path.join(folder, name)
      logging.warning("%s belongs to an unfinished prediction with other settings; it is removed",
                      other)
      shutil.rmtree(other) if name == PARTS else os.remove(other)
  write_text(path, text)


def find_shards(data: Dataset, splits: Sequence[str], folder: str) -> list[Shard]:
  """The shards of some splits that have galaxies, in record order.

  Args:
    data: the data set.
    splits: names of splits.
    folder: of the predictions files.

  Raises:
    ValueError: the splits hold no galaxy.
  """
  records = [shard.records for shard in data.manifest.shards]
  starts = np.cumsum([0, *records])
  parts = {int(start): data.shard(number) for number, start in enumerate(starts[:-1])
           if data.manifest.shards[number].split in splits and records[number]}
  shards = []
  for start, part in parts.items():
    path = os.path.join(folder, part.manifest.shards[0].name + _SUFFIX)
    shards.append(Shard(part, start, path, int(_originals(part).sum())))
    if not data.remembers:
      part.forget()  # the catalogues of all shards need not fit into memory
  shards = [shard for shard in shards if shard.galaxies]
  if not shards:
    filled = dict.fromkeys(shard.split for shard in data.manifest.shards if shard.records)
    raise ValueError(f"{data.folder}: no galaxy of the split {' or '.join(splits)} is left to use; "
                     f"it has {', '.join(filled)}")
  return shards


def text_widths(data: Dataset) -> dict[str, int]:
  """{column of texts: bytes of its longest text}, of what predictions repeat of the catalogue."""
  columns = {name: data.column(name) for name in COLUMNS}
  return {name: text_width(column) for name, column in columns.items() if column.dtype.kind == "U"}


def predict_shards(shards: Sequence[Shard], prediction: ShardPrediction,
                   take: Callable[[str, Columns], None]) -> Outcome:
  """Predicts the shards that have no predictions file yet.

  Args:
    shards: of `find_shards`.
    prediction: how.
    take: called with each shard's file and columns, in record order, as soon as they are there.

  Raises:
    FloatingPointError: a network gave NaN.
  """
  missing = [shard for shard in shards if not os.path.exists(shard.path)]
  total, left = (sum(shard.galaxies for shard in some) for some in (shards, missing))
  if left < total:
    logging.info("%s: going on with an unfinished prediction of %d galaxies",
                 os.path.dirname(shards[0].path), total - left)
  waiting, start_s = {shard.path for shard in missing}, time.monotonic()
  with Progress(total, title="predicting", unit="galaxies", done=total - left) as progress:
    with contextlib.closing(prediction.write(missing, progress.advance)) as written:
      for shard in shards:
        take(shard.path, next(written) if shard.path in waiting else read_columns([shard.path]))
  return Outcome(left, time.monotonic() - start_s)


def ahead(values: Iterator[T], most: int = AHEAD) -> Generator[T, None, None]:
  """The same values; a thread makes some of them while those before are used."""
  end: Any = object()
  with futures.ThreadPoolExecutor(1) as thread:
    coming = collections.deque(thread.submit(next, values, end) for _ in range(most))
    try:
      while (value := coming.popleft().result()) is not end:
        coming.append(thread.submit(next, values, end))
        yield value
    finally:
      thread.shutdown(cancel_futures=True)


def _originals(part):
  return part.column("copy") == 0
