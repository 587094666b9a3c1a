"""Errors by bootstrap: galaxies drawn with replacement, with their weights.

Each group of galaxies (a magnitude row, a redshift bin, or all) is drawn from
by itself, as often as it holds galaxies.  Every galaxy is equally likely and
keeps its weight.
"""

from __future__ import annotations

import dataclasses
from typing import Callable, Iterator, Mapping, NamedTuple

import numpy as np

from pzbias_tf import arguments
from pzbias_tf.metrics.draws import Draws, effective_number

_BLOCK = 1 << 18  # drawn galaxies at a time: 2 MB of weights, to stay in the cache
_KIND_COST = 4  # time of a multinomial number over that of a drawn galaxy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bootstrap:
  """How errors are estimated.

  Attributes:
    number: bootstraps, and draws of the expected total variation; at least 2.
    seed: their seed, not negative.
  """

  number: int = 100
  seed: int = 0

  def __post_init__(self):
    number = arguments.whole_number(self.number, "num_bootstrap", lowest=2)
    object.__setattr__(self, "number", number)
    object.__setattr__(self, "seed", arguments.whole_number(self.seed, "seed", lowest=0))


class Measurement(NamedTuple):
  """A number and its error.

  Attributes:
    mean: mean over bootstraps or draws.
    error: standard deviation over bootstraps or draws; NaN for one galaxy,
      which cannot tell it.
  """

  mean: float
  error: float


class GroupMetric(NamedTuple):
  """A metric of several groups; NaN in a group without galaxies.

  Attributes:
    value: the metric of the group's galaxies, [groups].
    mean: its mean over bootstraps, [groups].
    error: its standard deviation over bootstraps, [groups]; NaN for one galaxy.
  """

  value: np.ndarray
  mean: np.ndarray
  error: np.ndarray


Statistics = Callable[[Draws, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
"""(draws, columns in the order of the sorted values) -> {metric: [draws]}."""


def by_group(
    values: np.ndarray, group: np.ndarray, num_groups: int, statistics: Statistics, *,
    weights: np.ndarray, bootstrap: Bootstrap,
    columns: Mapping[str, np.ndarray] | None = None) -> dict[str, GroupMetric]:
  """Metrics of each group, with errors.

  Args:
    values: what the metrics rank, [n] float64.
    group: group of each galaxy, [n] integers in [0, num_groups).
    num_groups: number of groups.
    statistics: computes the metrics of samples.
    weights: [n] float64, positive.
    bootstrap: how errors are estimated.
    columns: further columns that the metrics average, [n] each.

  Returns:
    {metric: its estimates}, in the order of `statistics`.
  """
  order = np.lexsort((values, group))
  ends = np.cumsum(np.bincount(group, minlength=num_groups))
  metrics = {}
  for index in np.unique(group):
    own = order[ends[index - 1] if index else 0:ends[index]]
    sample = _of_group(
        values[own], weights[own], {name: column[own] for name, column in (columns or {}).items()},
        statistics, bootstrap.number, np.random.default_rng((bootstrap.seed, int(index))))
    for name, triple in sample.items():
      if name not in metrics:
        metrics[name] = GroupMetric(*np.full((3, num_groups), np.nan))
      for target, number in zip(metrics[name], triple):
        target[index] = number
  return metrics


def _of_group(values, weights, columns, statistics, number, rng):
  """{metric: (value, mean, error)} of one group whose values are sorted."""
  size = effective_number(weights)
  value = statistics(Draws(values, weights[None], size), columns)
  drawn = [statistics(Draws(values, counts * weights, size), columns)
           for counts in _counts(values.size, number, rng)]
  several = values.size > 1
  return {name: (float(value[name][0]), np.mean(draws), np.std(draws) if several else np.nan)
          for name in value for draws in [np.concatenate([block[name] for block in drawn])]}


def _counts(size: int, number: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
  """How often each of `size` galaxies is drawn, [bootstraps, size], some bootstraps at a time."""
  at_once = max(1, min(number, _BLOCK // size))
  for start in range(0, number, at_once):
    rows = min(at_once, number - start)
    drawn = rng.integers(size, size=(rows, size))
    drawn += size * np.arange(rows)[:, None]
    yield np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)


def drawn_kinds(
    code: np.ndarray, weights: np.ndarray, number: int,
    rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Bootstraps of a histogram over codes.

  Galaxies of one code and weight are alike: how many of each kind a bootstrap
  draws is multinomial, which costs what the kinds cost, not the galaxies.

  Args:
    code: what is counted, [n] integers.
    weights: [n] float64, positive.
    number: number of bootstraps.
    rng: the generator.

  Yields:
    The code of each kind and the weight drawn of it, [kinds] each.
  """
  weight_of, weight_index = np.unique(weights, return_inverse=True)
  kinds, kind, counts = np.unique(
      code * weight_of.size + weight_index, return_inverse=True, return_counts=True)
  kind_code, kind_weight = kinds // weight_of.size, weight_of[kinds % weight_of.size]
  size, share = code.size, counts / code.size
  for _ in range(number):
    if kinds.size * _KIND_COST < size:
      drawn = rng.multinomial(size, share)
    else:  # hardly two galaxies are alike: drawing each is the same, and faster
      drawn = np.bincount(kind[rng.integers(size, size=size)], minlength=kinds.size)
    yield kind_code, drawn * kind_weight
