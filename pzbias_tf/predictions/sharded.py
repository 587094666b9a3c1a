"""Predictions of any number of galaxies, shard by shard, in bounded memory.

Each shard gives a file of its own in a working folder, complete or absent, so
that an interrupted prediction goes on with the missing shards.  The catalogue's
columns are in memory as a whole, p(z) batch by batch.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Mapping, NamedTuple, Sequence

from absl import logging
import numpy as np

from pzbias_tf.bias.pdf_calibration import PdfCalibration
from pzbias_tf.data.data_set_facts import DataSetFacts
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.files import whole_file, write_text
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.predictions.estimates import modes, point_estimates
from pzbias_tf.predictions.predictions_file import PdfFormat, PredictionsWriter, text_width
from pzbias_tf.predictions.predictor import COLUMNS, Predictor
from pzbias_tf.progress import Progress

PDF_CALIBRATED = "pdf_calibrated"
"""Attribute of a predictions file: whether its p(z) has been calibrated."""

COMBINATION = "combination"
"""Attribute of a predictions file: how p(z) of several networks became one; "" for one network."""

KEY_NAME = "key.json"
"""The first file of a working folder: what decides the numbers."""

_SUFFIX = ".hdf5"


class ShardFiles(NamedTuple):
  """What `predict_shards` wrote.

  Attributes:
    paths: one predictions file per shard that has galaxies, in record order.
    galaxies: number of galaxies in them.
    predicted: how many of them this call predicted.
    took_s: time that it took, seconds.
  """

  paths: list[str]
  galaxies: int
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
    if name.endswith(_SUFFIX):
      logging.warning("%s belongs to an unfinished prediction with other settings; it is removed",
                      os.path.join(folder, name))
      os.remove(os.path.join(folder, name))
  write_text(path, text)


def predict_shards(predictor: Predictor, data: Dataset, splits: Sequence[str], folder: str, *,
                   pdf_format: PdfFormat, weights_digest: str,
                   pdf_calibration: PdfCalibration | None = None) -> ShardFiles:
  """Predicts the galaxies of some splits, but not their augmented copies.

  Args:
    predictor: the networks.
    data: the data set.
    splits: names of splits.
    folder: where the files are written, see `begin`.
    pdf_format: how p(z) is written.
    weights_digest: SHA-256 of the weights files.
    pdf_calibration: corrects p(z), and all estimates but "zmode", which Step 4 corrects.

  Raises:
    ValueError: the splits hold no galaxy.
    FloatingPointError: a network gave NaN.
  """
  shards = _shards(data, splits)
  if not shards:
    filled = dict.fromkeys(shard.split for shard in data.manifest.shards if shard.records)
    raise ValueError(f"{data.folder}: no galaxy of the split {' or '.join(splits)} is left to use; "
                     f"it has {', '.join(filled)}")
  simulated = DataSetFacts.of(data.manifest, data.folder).origin.mark
  widths = {name: text_width(column) for name in COLUMNS
            for column in [data.column(name)] if column.dtype.kind == "U"}
  paths = {row: os.path.join(folder, part.manifest.shards[0].name + _SUFFIX)
           for row, part in shards.items()}
  counts = {row: int(_originals(part).sum()) for row, part in shards.items()}
  missing = [row for row in shards if not os.path.exists(paths[row])]
  done, total = sum(counts.values()) - sum(counts[row] for row in missing), sum(counts.values())
  if done:
    logging.info("%s: going on with an unfinished prediction of %d galaxies", folder, done)
  start_s = time.monotonic()
  with Progress(total, title="predicting", unit="galaxies", done=done) as progress:
    for row in missing:
      with whole_file(paths[row]) as hidden, open_hdf5(hidden, "w") as file:
        writer = PredictionsWriter(file, predictor.edges, counts[row], pdf_format,
                                   weights_digest=weights_digest, simulated=simulated,
                                   widths=widths)
        file.attrs[PDF_CALIBRATED] = pdf_calibration is not None
        file.attrs[COMBINATION] = predictor.combination
        _predict_shard(predictor, shards[row], row, writer, progress, pdf_calibration)
  return ShardFiles(list(paths.values()), total, total - done, time.monotonic() - start_s)


def _shards(data, splits):
  """{row of its first record: shard as a data set} of the shards that have galaxies."""
  records = [shard.records for shard in data.manifest.shards]
  starts = np.cumsum([0, *records])
  parts = {int(start): data.shard(number) for number, start in enumerate(starts[:-1])
           if data.manifest.shards[number].split in splits and records[number]}
  return {start: part for start, part in parts.items() if _originals(part).any()}


def _originals(part):
  return part.column("copy") == 0


def _predict_shard(predictor, part, first_row, writer, progress, pdf_calibration):
  split = part.manifest.shards[0].split
  for pdf, columns in predictor.batches(part, split, _originals(part)):
    zmode = modes(predictor.edges, pdf)
    if pdf_calibration:
      pdf = pdf_calibration.apply(pdf, columns["r_mag"])
    estimates = {**point_estimates(predictor.edges, pdf), "zmode": zmode}
    writer.append(pdf, {**columns, "row": columns["row"] + first_row, **estimates})
    progress.advance(len(pdf))
  writer.check_complete()
