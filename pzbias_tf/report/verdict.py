"""What the numbers of a report say, in words that their errors allow.

A difference of less than SURE errors is not called a difference.
"""

from __future__ import annotations

import math
from typing import Any, Mapping, NamedTuple, Sequence

from pzbias_tf.data.reference_columns import UNNAMED
from pzbias_tf.metrics.rms_residual import WEIGHTED_RMS
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report.stage_table import cell, value_and_error, with_error

SURE = 2.0
"""Errors that a difference must have to be called one."""

STEP4 = "step4"
"""Name of the result of Step 4."""

_FEW_BOOTSTRAPS = 25
_OF_THE_CHANGE = " of the change (the same galaxies drawn for both)"


class Quantity(NamedTuple):
  """A number that the verdict is about.

  Attributes:
    key: its key in a summary.
    symbol: its symbol.
    meaning: what the symbol stands for, where it is used first.
    digits: digits to show.
  """

  key: str
  symbol: str
  meaning: str
  digits: int

  @property
  def told(self) -> str:
    """What stands in a sentence, until `_with_meanings` has seen all of them."""
    return f"\0{self.key}\0"


_EXPECTED = "expected_total_variation"
_COLLAPSE = Quantity("total_variation", "TV", "the total variation between the distributions of "
                     "z_photo and z_spec, which measures mode collapse", 3)
_SLOPE = Quantity("slope_z_spec", "slope(z_spec)", "the slope of the mean residual against z_spec, "
                  "where the residual is dz = (z_photo - z_spec) / (1 + z_spec)", 3)
_SCATTER = Quantity("sigma_mad", "sigma_MAD", "the scatter (1.4826 times the median distance of dz "
                    "from its median)", 4)
_OUTLIERS = Quantity("outlier_fraction", "eta", "the share of outliers", 4)
_CRPS = Quantity("crps", "CRPS", "the continuous ranked probability score of p(z)", 4)
_RMS = Quantity(WEIGHTED_RMS, "weighted rms(z_photo)", "the root mean square of the mean residual "
                "in bins of z_photo, weighted by their galaxies", 5)
_PIT = Quantity("pit_ks", "PIT-KS", "the largest distance from uniform of the distribution of PIT "
                "values, each the CDF of a p(z) at z_spec", 3)
_MAIN = (_COLLAPSE, _SLOPE, _SCATTER)
_COMPARED = (*_MAIN, _OUTLIERS, _CRPS, _RMS)

Summaries = Mapping[str, Mapping[str, Any]]
"""{title: summary as in `stage_table.format_table`}, in the order of the method."""


def about_run(results: Sequence[StageResult], *, reference: str = "") -> list[str]:
  """Sentences on a run: the last stage after the first one, each after the one before it, Step 4.

  Args:
    results: the measured stages, in the order of the method; Step 4 and references
      where they exist.
    reference: the source's column of the reference; "" where it is not known.
  """
  networks = {result.title: result.summary for result in results
              if result.name != STEP4 and not result.is_reference}
  sentences = _about_estimates(networks)
  last = list(networks)[-1:]
  sentences += [_calibrated_pdfs(title, networks[title]) for title in last
                if "calibrated_pdfs" in networks[title]]
  sentences += [_about_step4((title, networks[title]), (result.title, result.summary))
                for result in results if result.name == STEP4 for title in last]
  sentences += [_about_reference(result, reference) for result in results if result.is_reference]
  return _with_meanings(sentences)


def about_estimates(summaries: Summaries,
                    after_step4: Sequence[tuple[str, str, float | None]] = ()) -> list[str]:
  """Sentences on the last estimates after the first ones, on each after the one before it, Step 4.

  Args:
    summaries: at least one, those after Step 4 included.
    after_step4: (title before, title after Step 4, change of the weighted
      rms(z_photo) in units of the error that it has for the same galaxies; None where
      this is not known) of some of them.
  """
  after = {title for _, title, _ in after_step4}
  sentences = _about_estimates({title: own for title, own in summaries.items()
                                if title not in after})
  return _with_meanings(sentences + [
      _about_step4((before, summaries[before]), (title, summaries[title]), change)
      for before, title, change in after_step4])


def cautions(number: int, *, stages: bool, same_galaxies: bool = True) -> list[str]:
  """What a reader of the verdict has to know.

  Args:
    number: number of bootstraps behind the errors; 0 where it is not known.
    stages: whether stages of a training were compared.
    same_galaxies: whether their numbers are of the same galaxies.
  """
  words = [f"Errors are one standard deviation of bootstraps of the galaxies; what differs by less "
           f"than {SURE:g} errors is not called a difference. By chance, one of twenty numbers "
           "that do not differ is called so."
           + (" The error of a difference takes the two samples for independent; they are the "
              "same galaxies, so that most differences are known better.") * same_galaxies]
  if stages:
    words.append("Each stage was trained once. Other seeds give other numbers, and how far they "
                 "scatter is not part of these errors.")
  if 0 < number < _FEW_BOOTSTRAPS:
    words.append(f"With {number} bootstraps the errors themselves are uncertain by "
                 f"{100 / math.sqrt(2 * (number - 1)):.0f}%.")
  return words


def _about_estimates(summaries):
  """Sentences in which quantities are still to be named."""
  pairs = list(summaries.items())
  first, last = pairs[0], pairs[-1]
  if len(pairs) == 1:
    return [_alone(last, own) for own in _MAIN]
  sentences = [_difference(first, last, own) for own in _MAIN]
  return sentences + [_changes(*pair) for pair in zip(pairs[:-1], pairs[1:])]


def _about_step4(before, after, change=None):
  rest = [own for own in _COMPARED if own is not _RMS]
  return f"{_difference(before, after, _RMS, change)} {_changes(before, after, rest)}"


def _with_meanings(sentences: Sequence[str]) -> list[str]:
  """The sentences with the symbols of quantities; what one stands for is said once."""
  known: set[str] = set()
  words = []
  for sentence in sentences:
    for own in (*_COMPARED, _PIT):
      if own.told in sentence and own.key not in known:
        sentence = sentence.replace(own.told, f"{own.symbol}, {own.meaning},", 1)
        known.add(own.key)
      sentence = sentence.replace(own.told, own.symbol)
    words.append(sentence.replace(",;", ";").replace(",.", "."))
  return words


def _difference(first, last, own, known_errors=None):
  """How a quantity differs between two estimates, (title, summary) each."""
  (before, old), (after, new) = first, last
  errors = _errors(old, new, own) if known_errors is None else known_errors
  if errors is None:
    missing = [title for title, summary in (first, last) if _known(summary, own) is None]
    return (f"{own.told} cannot be compared: these galaxies do not determine that of "
            f"{' and '.join(missing)}.")
  ends = f"{_shown(old, own)} ({before})", f"{_shown(new, own)} ({after})"
  distance = _distance(errors) + _OF_THE_CHANGE * (known_errors is not None)
  change = (f"shows no difference: {' and '.join(ends)}, {distance} apart"
            if abs(errors) < SURE else
            f"{'rises' if errors > 0 else 'falls'} from {' to '.join(ends)}, by {distance}")
  return f"{own.told} {change}{_about_target(after, new, own)}."


def _alone(only, own):
  """A quantity of the only estimates, (title, summary)."""
  title, summary = only
  if _known(summary, own) is None:
    return f"{own.told} of {title} is not determined by these galaxies."
  return f"{own.told} is {_shown(summary, own)} ({title}){_about_target(title, summary, own)}."


def _about_target(title, summary, own):
  """How far a number is from the best one, as the end of a sentence."""
  known = _known(summary, own)
  if known is None:
    return ""
  if own is _SLOPE:
    errors = known[0] / known[1]
    verb = "is not 0" if abs(errors) >= SURE else "is compatible with 0"
    return f"; that of {title} {verb} ({_distance(errors)} away)"
  best, error = value_and_error(summary.get(_EXPECTED)) if own is _COLLAPSE else (None, None)
  if best is None or not math.isfinite(best):
    return ""
  errors = (known[0] - best) / math.hypot(known[1], error or 0.0)
  below = f" ({_distance(errors)} below)" if errors <= -SURE else ""
  seen = (f"{title} shows mode collapse ({_distance(errors)} above)" if errors >= SURE else
          f"no mode collapse is seen in {title}{below}")
  return (f"; a sample of this size without mode collapse would have "
          f"{cell(summary[_EXPECTED], own.digits)}, so that {seen}")


def _changes(first, last, compared=_COMPARED):
  """All that differs between two neighbouring stages, (title, summary) each."""
  (before, old), (after, new) = first, last
  words = []
  for own in compared:
    errors = _errors(old, new, own)
    if errors is not None and abs(errors) >= SURE:
      ends = [_shown(summary, own).partition(" +- ")[0] for summary in (old, new)]
      words.append(f"{own.told} is {'higher' if errors > 0 else 'lower'} ({' to '.join(ends)}, "
                   f"{_distance(errors)})")
  if not words:
    return f"{after} after {before}: none of these numbers differs."
  return f"{after} after {before}: {'; '.join(words)}."


def _errors(old, new, own) -> float | None:
  """The difference of a quantity in units of its error; None where that is not known."""
  before, after = _known(old, own), _known(new, own)
  if before is None or after is None:
    return None
  return (after[0] - before[0]) / math.hypot(before[1], after[1])


def _calibrated_pdfs(title, summary):
  """What the calibration of p(z) does."""
  after = f"{title} with its p(z) calibrated"
  return _difference((title, summary), (after, summary["calibrated_pdfs"]), _PIT)


def _about_reference(result, column):
  """The numbers of photometric redshifts of the source catalogue."""
  named = f", its column {column}" * bool(column and result.title == UNNAMED)
  shown = "; ".join(f"{own.told} {_shown(result.summary, own)}"
                    for own in (_SCATTER, _OUTLIERS, _COLLAPSE, _SLOPE))
  return (f"{result.title[:1].upper()}{result.title[1:]}, the photometric redshifts of the source "
          f"catalogue{named}, for {result.summary['galaxies']} galaxies: {shown}.")


def _known(summary, own) -> tuple[float, float] | None:
  """A number and its error; None where one of them is missing."""
  if own.key not in summary:
    return None
  value, error = value_and_error(with_error(summary, own.key))
  if value is None or error is None or not math.isfinite(value) or not math.isfinite(error):
    return None
  return (float(value), float(error)) if error > 0.0 else None


def _shown(summary, own):
  return cell(with_error(summary, own.key), own.digits)


def _distance(errors):
  number = f"{abs(errors):.1f}" if abs(errors) < 10 else f"{abs(errors):.0f}"
  return f"{number} errors"
