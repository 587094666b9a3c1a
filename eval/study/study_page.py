"""The results page: tables and figures of the study, written from its results files."""

from __future__ import annotations

import os
from typing import Any

from eval.study import questions, sample_table
from eval.study.collect import SMOOTHING
from eval.study.contents import contents
from eval.study.sections import SECTIONS, Section
from pzbias_tf.guards import json_files
from pzbias_tf.metrics.peaks import LEAST_HEIGHT, SMOOTHING_BINS
from pzbias_tf.report.captions import DIRECTION
from pzbias_tf.report.figures.picture_files import save_figure

FIGURES = "figures"
_RESULT = {"scale": str, "bootstrap": int, "variants": [{}]}
_OPENING = ("in_short", "samples", "questions")  # remarks at the head of the page
_FIRST = "sdss/sdss_main"  # without which there is no page

_HEAD = """# Results

First real galaxies: redshifts and magnitudes of SDSS and zCOSMOS, with the network Net_C, which
takes magnitudes in place of images. Then every item of the study of Lin et al. 2022
(arXiv:2202.09964) on simulated galaxies, at a scale that a CPU can do: central 16 x 16 pixels, the
small network Net_Q, {train} training galaxies of SDSS in place of 393,000. What can be compared
with the paper are directions and orders, not values.

`make study SPECPHOTO=TABLE ZCOSMOS=TABLE PHOTOMETRY=TABLE` makes all of it again, without the
tables ([what they are](docs/real_galaxies.md)) the simulated surveys alone. Tables and figures are
written by `python -m eval.results` from the files in `results/`; what stands beside them is in
`results/remarks.json`. {direction}
Errors are one standard deviation, of {bootstrap} bootstraps of the test galaxies unless another
source is named. Step 4 with smoothing is `eval.main --smooth_calibration={smoothing:g}`.
Peaks of p(z) are bins above both neighbours and {least:.0%} of the highest; p(z) is smoothed with
a Gaussian of {bins:g} bins.
"""


def render(folder: str) -> str:
  """Writes all figures and returns the page.

  Args:
    folder: of the results files and the remarks; figures go into `FIGURES` there.

  Returns:
    The page as Markdown; sections without results are left out.

  Raises:
    OSError: a file is missing.
    ValueError: there are no results, or a section has no remarks.
  """
  results = load_results(folder)
  if _FIRST not in results:
    raise ValueError(f"{folder} holds no results of {_FIRST}; run python -m train.experiments "
                     "and python -m eval.results --workdir=FOLDER OF ITS RUNS")
  path = os.path.join(folder, "remarks.json")
  remarks = json_files.read(path, dict.fromkeys(_OPENING, [str]),
                            f"{path}: damaged ({{problem}}); restore it")
  os.makedirs(os.path.join(folder, FIGURES), exist_ok=True)
  parts = [_head(results),
           "\n".join(["## In short", "", *remarks["in_short"], "",
                      sample_table.table(results), "", *remarks["samples"], "",
                      questions.table(results), "", *remarks["questions"], ""])]
  for section in SECTIONS:
    own = {name: results[name] for name in section.results if name in results}
    if section.results[-1] in own:
      parts.append(_section(section, own, remarks, folder))
  return "\n".join(parts)


def _head(results) -> str:
  """The page's opening: what the galaxies and the scale are.

  Raises:
    ValueError: results are of another scale, or of another number of bootstraps.
  """
  first = results[_FIRST]
  for name, result in results.items():
    scale = "photometry" if name.startswith("real_") else "small"
    for key, own in (("scale", scale), ("bootstrap", first["bootstrap"])):
      if result[key] != own:
        raise ValueError(f"{name} was made with {key} {result[key]}, the page is about {own}; "
                         "measure it again, or give it another --results and --page")
  return _HEAD.format(train=f"{first['data']['train']:,}", direction=DIRECTION,
                      bootstrap=first["bootstrap"], smoothing=SMOOTHING, least=LEAST_HEIGHT,
                      bins=SMOOTHING_BINS)


def load_results(folder: str) -> dict[str, dict[str, Any]]:
  """{folder and name without ending: results}, sorted."""
  results = {}
  for path, _, files in sorted(os.walk(folder)):
    for name in sorted(files):
      if name.endswith(".json") and path != folder:
        key = os.path.join(os.path.relpath(path, folder), name.removesuffix(".json"))
        file = os.path.join(path, name)
        results[key.replace(os.sep, "/")] = json_files.read(
            file, _RESULT, f"{file}: damaged ({{problem}}); give python -m eval.results again")
  return results


def _section(section: Section, results, remarks, folder) -> str:
  """Heading, remarks, table, figure and how it was made."""
  if section.slug not in remarks:
    raise ValueError(f"{folder}/remarks.json says nothing about {section.slug}")
  table, figure, caption = contents(section, results)
  save_figure(figure, os.path.join(folder, FIGURES), section.slug, formats=("png",))
  result = list(results.values())[-1]
  picture = f"results/{FIGURES}/{section.slug}.png"
  return "\n".join([
      f"## {section.title}", "",
      *([f"Beside {section.published} of the paper.", ""] if section.published else []),
      *remarks[section.slug], "", table, "", f"![{section.title}]({picture})", "", caption, "",
      _made(results, result), ""])


def _made(results, result) -> str:
  """The commands, the galaxies, and how long it took."""
  commands = "\n".join(f"    {one['command']}" for one in results.values())
  taken_s = {}  # by the stage's folder: variants share some
  for one in results.values():
    for variant in one["variants"]:
      taken_s.update(variant["training_s"])
  minutes = sum(filter(None, taken_s.values())) / 60
  return (f"{result['data']['train']:,} galaxies in the training split, "
          f"{sample_table.tested(result):,} tested, seed {result['seed']}; {minutes:.0f} min of "
          "training, the sum over runs, those shared with other items of the study included."
          f"\n\n{commands}")
