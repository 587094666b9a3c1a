"""From the plan to finished shards: their tasks, and what to leave out after all."""

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
class Work:
  """All shards of a data set, to be written.

  Attributes:
    plan: the records.
    fields: what all tasks share: folder, images, rules, dtype, divisor, compression.
  """

  plan: Plan
  fields: Mapping[str, Any]

  def task(self, number: int, left_out: tuple[int, ...] = ()) -> ShardTask:
    """The task of one shard."""
    split, name, part = self.plan.shard(number)
    rows = self.plan.rows[part]
    ids, z_spec, r_mag, ebv = (np.asarray(self.plan.catalog[column])[rows]
                               for column in ("id", "z_spec", "r_mag", "ebv"))
    return ShardTask(
        split=split, name=name, first_number=part.start, rows=rows,
        elements=self.plan.elements(part), ids=ids, z_spec=z_spec, r_mag=r_mag, ebv=ebv,
        left_out=left_out, **self.fields)

  def tasks(self) -> Iterator[ShardTask]:
    """The tasks in record order, each made when it is asked for."""
    return (self.task(number) for number in range(self.plan.num_shards))

  def finished(self) -> dict[int, int]:
    """{number: records} of the shards that an earlier run finished."""
    names, found = resume.finished(self.fields["folder"]), {}
    for number in range(self.plan.num_shards if names else 0):
      _, name, part = self.plan.shard(number)
      if name in names:
        found[number] = part.stop - part.start
    return found


@dataclasses.dataclass(kw_only=True)
class Done:
  """What the tasks gave.

  Attributes:
    shards: the shards, in record order.
    left_out: [shards] records of each that were left out.
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


def write(work: Work, rejects: Rejects, mapper: Callable) -> Done:
  """Writes all shards; those that an earlier run finished are kept.

  Args:
    work: the shards.
    rejects: is told of the images that are rejected.
    mapper: `map`, or that of a pool of processes.

  Raises:
    ValueError: too many images are rejected.
  """
  num_records, kept = len(work.plan.rows), work.finished()
  done = Done(shards=[], left_out=[], marks=np.zeros(num_records, np.uint64))
  with Progress(num_records, title="conversion", unit="records",
                done=sum(kept.values())) as progress:
    for number, result in enumerate(mapper(resume.finish_shard, work.tasks())):
      _, _, part = work.plan.shard(number)
      done.add(result, part)
      rejects.add(work.plan.rows[part], result.reasons)
      if number not in kept:
        progress.advance(len(result.reasons), f"{rejects.number} galaxies rejected")
  return done


def drop_same_images(work: Work, done: Done, rejects: Rejects, mapper: Callable) -> None:
  """Rejects galaxies that have an earlier one's image; their shards are written again.

  Args:
    work: the shards.
    done: what has been written; changed in place.
    rejects: is told of these galaxies.
    mapper: as in `write`.
  """
  rows = work.plan.rows
  looked_at = (work.plan.copies == 0) & (rejects.reasons[rows] == "")
  images, rules = work.fields["images"], work.fields["rules"]
  found = duplicate_images.find(lambda row: rules.check(images(row)), rows[looked_at],
                           done.marks[looked_at])
  duplicate_images.report(found, rejects.ids)
  rejects.add(list(found), [duplicate_images.SAME_IMAGE] * len(found))
  wanted = _positions(work.plan, np.array(list(found), np.int64))
  renewed = [number for number, left_out in enumerate(done.left_out)
             if left_out != wanted.get(number, ())]
  tasks = (work.task(number, wanted.get(number, ())) for number in renewed)
  for number, result in zip(renewed, mapper(resume.renew_shard, tasks)):
    done.shards[number] = result.shard


def _positions(plan: Plan, rows: np.ndarray) -> dict[int, tuple[int, ...]]:
  """Planned positions of some galaxies' records, by shard."""
  found = {}
  for record in np.flatnonzero(np.isin(plan.rows, rows)).tolist():
    number = int(plan.shard_of(record))
    found.setdefault(number, []).append(record - int(plan.starts[number]))
  return {number: tuple(positions) for number, positions in found.items()}
