"""What Baseline and Steps 1, 2, 3 each train, on what, and for how long.

Source: Lin et al. 2022, Sections 3.3 to 3.5 and Appendix A.
"""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
  """One stage of the method.

  Attributes:
    name: folder name.
    number: `--tstep`.
    title: its name in tables and figures.
    multi_output: several redshift outputs and the magnitude output.
    extended: redshift outputs on the extended grid.
    trains_all: True: the whole network trains on all training galaxies, from
      scratch.  False: the redshift layers alone train, on the balanced subset,
      behind a frozen representation.
    predecessor: stage whose weights it starts from ("" for none).
    labels_from: stage whose predictions shape the labels ("" for hard labels).
    iterations: published number of iterations.
    learning_rate: published initial learning rate.
    lr_drops: fractions of the iterations after which the rate is divided by 5.
  """

  name: str
  number: int
  title: str
  multi_output: bool = True
  extended: bool = False
  trains_all: bool = False
  predecessor: str = ""
  labels_from: str = ""
  iterations: int = 40_000
  learning_rate: float = 2e-5
  lr_drops: tuple[float, ...] = ()


BASELINE = Stage(name="baseline", number=0, title="Baseline", multi_output=False, trains_all=True,
                 iterations=120_000, learning_rate=1e-4, lr_drops=(0.5,))
STEP1 = Stage(name="step1", number=1, title="Step 1", trains_all=True,
              iterations=120_000, learning_rate=1e-4, lr_drops=(0.5,))
STEP2 = Stage(name="step2", number=2, title="Step 2", predecessor="step1")
STEP3 = Stage(name="step3", number=3, title="Step 3", extended=True, predecessor="step1",
              labels_from="step2")

STAGES = (BASELINE, STEP1, STEP2, STEP3)

LR_DROP_FACTOR = 5.0

# --itealter: the run of 240,000 iterations at constant rate, and what it keeps.
ITEALTER_ITERATIONS = 240_000
ITEALTER_KEPT = (2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 90_000, 120_000, 160_000,
                 200_000, 240_000)


PHOTOMETRY_EPOCHS = 40
"""Passes over the training galaxies of Baseline and Step 1 on photometry."""


def photometry_schedule(galaxies: int) -> dict[str, dict[str, Any]]:
  """A schedule for photometry of some 10^4 to 10^6 galaxies, which suits a CPU.

  Args:
    galaxies: number of training galaxies.

  Returns:
    {name of the stage: its iterations, batch_size, learning_rate and lr_drops}.
  """
  iterations = min(40_000, max(2_000, round(PHOTOMETRY_EPOCHS * galaxies / 256 / 100) * 100))
  whole = {"iterations": iterations, "batch_size": 256, "learning_rate": 1e-3,
           "lr_drops": [0.5, 0.75, 0.9]}
  return {
      BASELINE.name: whole, STEP1.name: whole,
      # A fifth of Step 1's rate, as published: Step 2 continues from its weights.
      STEP2.name: {"iterations": iterations // 4, "batch_size": 128, "learning_rate": 2e-4,
                   "lr_drops": []},
      # The layers of Step 3 start from new weights.
      STEP3.name: {"iterations": iterations, "batch_size": 128, "learning_rate": 1e-3,
                   "lr_drops": [0.6, 0.85]}}


def stage_named(name: str) -> Stage:
  """The stage of that name.

  Raises:
    ValueError: there is none.
  """
  for stage in STAGES:
    if stage.name == name:
      return stage
  raise ValueError(f"no stage {name!r}; choose one of {', '.join(s.name for s in STAGES)}")
