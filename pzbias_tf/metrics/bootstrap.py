"""Errors of metrics by bootstrap: galaxies are drawn with replacement, with their weights.

Each group of galaxies (a magnitude row, a redshift bin, or all galaxies) is
bootstrapped separately: as many galaxies are drawn as it holds.  Every galaxy is
equally likely and keeps its weight.
"""

from __future__ import annotations

import dataclasses
from typing import Callable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from pzbias_tf import arguments
from pzbias_tf.compat import sorting
from pzbias_tf.metrics.draws import Draws, effective_number

_BLOCK = 1 << 18  # galaxies drawn at a time: 2 MB of weights, which fit into the cache
_KIND_COST = 4  # time per multinomial number, divided by the time per drawn galaxy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bootstrap:
  """How errors are estimated.

  Attributes:
    number: number of bootstraps, and of draws of the expected total variation; at
      least 2.
    seed: their seed, not negative.

  Raises:
    ValueError: a setting is not a whole number, or out of range.
  """

  number: int = 100
  seed: int = 0

  def __post_init__(self):
    number = arguments.whole_number(self.number, "num_bootstrap", lowest=2)
    object.__setattr__(self, "number", number)
    object.__setattr__(self, "seed", arguments.whole_number(self.seed, "seed", lowest=0))


class Measurement(NamedTuple):
  """A number of one sample and its error.

  Attributes:
    mean: mean over bootstraps or draws.
    error: standard deviation over bootstraps or draws; NaN for a single galaxy.
  """

  mean: float
  error: float


class GroupMetric(NamedTuple):
  """A metric of several groups; NaN in a group without galaxies.

  Attributes:
    value: the metric of the group's galaxies, [groups].
    mean: its mean over bootstraps, [groups].
    error: its standard deviation over bootstraps, [groups]; NaN for a single
      galaxy.
  """

  value: np.ndarray
  mean: np.ndarray
  error: np.ndarray


Statistics = Callable[[Draws, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
"""A function (draws, columns in the order of the sorted values) -> {metric: [draws]}."""


class Measured(NamedTuple):
  """What some metrics are computed from.

  Attributes:
    values: the values that the metrics sort, [n] float64.
    statistics: computes the metrics of samples.
    columns: further columns that the metrics average, [n] each.
  """

  values: np.ndarray
  statistics: Statistics
  columns: Mapping[str, np.ndarray]


def by_group(
    measured: Sequence[Measured], group: np.ndarray, num_groups: int, *, weights: np.ndarray,
    bootstrap: Bootstrap) -> dict[str, GroupMetric]:
  """Metrics of each group, with errors.

  Args:
    measured: the metrics; a bootstrap draws as often from the first, second, ... value of each
      in their order, so that the draws are made once for all.
    group: group of each galaxy, [n] integers in [0, num_groups).
    num_groups: number of groups.
    weights: weight of each galaxy, [n] float64, positive.
    bootstrap: how errors are estimated.

  Returns:
    {name of the metric: its value and error in each group}, in the order of
    their statistics.
  """
  orders = [sorting.order_in_groups(own.values, group, num_groups) for own in measured]
  ends = np.cumsum(np.bincount(group, minlength=num_groups))
  metrics = {}
  for index in np.unique(group):
    part = slice(ends[index - 1] if index else 0, ends[index])
    samples = [_sorted(own, weights, order[part]) for own, order in zip(measured, orders)]
    rng = np.random.default_rng((bootstrap.seed, int(index)))
    for name, triple in _of_group(samples, bootstrap.number, rng).items():
      if name not in metrics:
        metrics[name] = GroupMetric(*np.full((3, num_groups), np.nan))
      for target, number in zip(metrics[name], triple):
        target[index] = number
  return metrics


def _sorted(measured, weights, order):
  """What is measured of some galaxies in an order, and their weights."""
  return Measured(measured.values[order], measured.statistics, {
      name: column[order] for name, column in measured.columns.items()}), weights[order]


def _of_group(samples, number, rng):
  """{metric: (value, mean, error)} of one group whose values are sorted."""
  value: dict[str, np.ndarray] = {}
  for own, weights in samples:
    value |= own.statistics(Draws(own.values, weights[None], effective_number(weights)),
                            own.columns)
  drawn = [_of_draws(samples, counts)
           for counts in _counts(samples[0][0].values.size, number, rng)]
  several = samples[0][0].values.size > 1
  return {name: (float(value[name][0]), np.mean(draws), np.std(draws) if several else np.nan)
          for name in value for draws in [np.concatenate([block[name] for block in drawn])]}


def _of_draws(samples, counts):
  """{metric: [bootstraps]} of some bootstraps that drew each value so often."""
  metrics: dict[str, np.ndarray] = {}
  before = None
  for own, weights in samples:
    if not np.all(weights == 1.0):
      draws = Draws(own.values, counts * weights, effective_number(weights))
    elif before is None:
      draws = before = Draws(own.values, counts, effective_number(weights))
    else:
      draws = before.of(own.values)
    metrics |= own.statistics(draws, own.columns)
  return metrics


def _counts(size: int, number: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
  """How often each of `size` galaxies is drawn, [bootstraps, size], a few bootstraps at a time."""
  at_once = max(1, min(number, _BLOCK // size))
  for start in range(0, number, at_once):
    bootstraps = min(at_once, number - start)
    counts = np.empty((bootstraps, size))
    for own, drawn in zip(counts, rng.integers(size, size=counts.shape)):
      own[...] = np.bincount(drawn, minlength=size)
    yield counts


def drawn_histograms(
    first: np.ndarray, second: np.ndarray, slots: int, weights: np.ndarray, number: int,
    rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
  """Bootstraps of two histograms of the same galaxies.

  Galaxies of the same two bins and weight are of one kind.  How many galaxies of each
  kind a bootstrap draws is multinomial, which takes time per kind, not per galaxy.

  Args:
    first: bin of each galaxy in the first histogram, [n] integers in [0, slots).
    second: its bin in the second histogram, [n].
    slots: number of bins.
    weights: weight of each galaxy, [n] float64, positive.
    number: number of bootstraps.
    rng: the generator.

  Yields:
    Both histograms of a bootstrap, [slots] each, and the weight of all its galaxies.
  """
  weight_of, weight_index = np.unique(weights, return_inverse=True)
  kinds, kind, counts = np.unique(
      (first * slots + second) * weight_of.size + weight_index, return_inverse=True,
      return_counts=True)
  size, share, kind_weight = first.size, counts / first.size, weight_of[kinds % weight_of.size]
  alike = kinds.size * _KIND_COST < size  # else, drawing each gives the same law, and is faster
  if not alike and np.all(weight_of == 1.0):  # nor need kinds be counted
    for _ in range(number):
      drawn = rng.integers(size, size=size)
      yield (np.bincount(first[drawn], minlength=slots),
             np.bincount(second[drawn], minlength=slots), size)
    return
  kind_first, kind_second = np.divmod(kinds // weight_of.size, slots)
  for _ in range(number):
    weight = kind_weight * (rng.multinomial(size, share) if alike else np.bincount(
        kind[rng.integers(size, size=size)], minlength=kinds.size))
    yield (np.bincount(kind_first, weight, slots), np.bincount(kind_second, weight, slots),
           weight.sum())
