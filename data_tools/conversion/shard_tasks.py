"""From the plan to finished shards: their tasks, and the galaxies to leave out afterwards."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterator, Mapping

import numpy as np

from data_tools.conversion import duplicate_images, resume
from data_tools.conversion.record_plan import Plan
from data_tools.conversion.rejects import Rejects
from data_tools.conversion.shard_writer import ShardResult, ShardTask
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.progress import Progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardTasks:
  """The tasks of all shards of a data set.

  Attributes:
    plan: the records.
    shared: what all tasks share: folder, images, rules, dtype, divisor, compression.
  """

  plan: Plan
  shared: Mapping[str, Any]

  def task(self, number: int, left_out: tuple[int, ...] = ()) -> ShardTask:
    """The task of one shard."""
    split, name, part = self.plan.shard(number)
    rows = self.plan.rows[part]
    z_spec, r_mag, ebv, ids = (self.plan.values(column, rows)
                               for column in ("z_spec", "r_mag", "ebv", "id"))
    return ShardTask(
        split=split, name=name, first_number=part.start, rows=rows,
        elements=self.plan.elements(part), ids=ids, z_spec=z_spec, r_mag=r_mag, ebv=ebv,
        left_out=left_out, **self.shared)

  def in_order(self) -> Iterator[ShardTask]:
    """All tasks in record order, each made on demand."""
    return (self.task(number) for number in range(self.plan.num_shards))

  def finished_records(self) -> dict[int, int]:
    """{number: records} of the shards that an earlier run finished."""
    names, records = resume.finished_shards(self.shared["folder"]), {}
    for number in range(self.plan.num_shards if names else 0):
      _, name, part = self.plan.shard(number)
      if name in names:
        records[number] = part.stop - part.start
    return records


@dataclasses.dataclass(kw_only=True)
class WrittenShards:
  """The results of all tasks.

  Attributes:
    shards: the shards, in record order.
    left_out: [shards] the records of each that were left out.
    marks: [records] uint64, marks of the images.
    float16_error: largest absolute error of float16.
  """

  shards: list[manifest_lib.Shard]
  left_out: list[tuple[int, ...]]
  marks: np.ndarray
  float16_error: float = 0.0

  def add(self, result: ShardResult, part: slice) -> None:
    """Adds the next shard's result."""
    self.shards.append(result.shard)
    self.left_out.append(result.left_out)
    self.marks[part] = result.marks
    self.float16_error = max(self.float16_error, result.float16_error)


def without_files(plan: Plan) -> WrittenShards:
  """The shards of photometry: rows of the catalogue, which holds everything."""
  shards = []
  for number in range(plan.num_shards):
    split, name, part = plan.shard(number)
    shards.append(manifest_lib.Shard(split=split, name=name, records=part.stop - part.start,
                                     bytes=0, sha256=""))
  return WrittenShards(shards=shards, left_out=[()] * len(shards),
                       marks=np.zeros(len(plan.rows), np.uint64))


def write_shards(tasks: ShardTasks, rejects: Rejects, mapper: Callable) -> WrittenShards:
  """Writes all shards, except for those that an earlier run finished.

  Args:
    tasks: the shards.
    rejects: collects the galaxies whose images are rejected.
    mapper: `map`, or that of a pool of processes.

  Raises:
    ValueError: too many images are rejected.
  """
  num_records, finished = len(tasks.plan.rows), tasks.finished_records()
  written = WrittenShards(shards=[], left_out=[], marks=np.zeros(num_records, np.uint64))
  with Progress(num_records, title="conversion", unit="records",
                done=sum(finished.values())) as progress:
    for number, result in enumerate(mapper(resume.write_unless_finished, tasks.in_order())):
      _, _, part = tasks.plan.shard(number)
      written.add(result, part)
      rejects.add(tasks.plan.rows[part], result.reasons)
      if number not in finished:
        progress.advance(len(result.reasons), f"{rejects.number} galaxies rejected")
  return written


def drop_duplicate_images(tasks: ShardTasks, written: WrittenShards, rejects: Rejects,
                          mapper: Callable) -> None:
  """Rejects galaxies whose image an earlier one has, and writes their shards again.

  Args:
    tasks: the shards.
    written: what has been written; changed in place.
    rejects: collects these galaxies.
    mapper: as in `write_shards`.
  """
  rows = tasks.plan.rows
  compared = (tasks.plan.copies == 0) & ~rejects.are_rejected(rows)
  images, rules = tasks.shared["images"], tasks.shared["rules"]
  marks = written.marks if compared.all() else written.marks[compared]
  first_of = duplicate_images.find_duplicates(
      lambda row: rules.check(images(row)), rows if compared.all() else rows[compared], marks)
  duplicate_images.warn_of_duplicates(first_of, rejects.ids)
  rejects.add(list(first_of), [duplicate_images.DUPLICATE_IMAGE] * len(first_of))
  left_out = _positions(tasks.plan, np.array(list(first_of), np.int64))
  changed = [number for number, before in enumerate(written.left_out)
             if before != left_out.get(number, ())]
  again = (tasks.task(number, left_out.get(number, ())) for number in changed)
  for number, result in zip(changed, mapper(resume.rewrite, again)):
    written.shards[number] = result.shard
  written.marks = np.zeros(0, np.uint64)  # they have done their work


def _positions(plan: Plan, rows: np.ndarray) -> dict[int, tuple[int, ...]]:
  """Planned positions of some galaxies' records, by shard."""
  positions: dict[int, list[int]] = {}
  for record in np.flatnonzero(np.isin(plan.rows, rows)).tolist():
    number = int(plan.shard_of(record))
    positions.setdefault(number, []).append(record - int(plan.starts[number]))
  return {number: tuple(places) for number, places in positions.items()}
