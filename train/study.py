"""The published study, experiment by experiment, as data.

An experiment is a set of flags of train.main, perhaps with one that varies, and
the stages that it looks at.  Stages are shared wherever train.main's own names
of runs are the same: all thresholds start from one Step 1.

Source: Lin et al. 2022, Sections 4 and 5 and the appendices.
"""

from __future__ import annotations

import dataclasses

ALL_STAGES = (0, 1, 2, 3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
  """One experiment.

  Attributes:
    title: what it asks, in words.
    flags: flags of every stage.
    varies: a flag that takes several values ("" for none).
    values: its published values.
    stages: `--tstep` of the stages that are compared.
    sdss_only: whether the study defines it for SDSS alone.
  """

  title: str
  flags: tuple[str, ...] = ()
  varies: str = ""
  values: tuple[str, ...] = ()
  stages: tuple[int, ...] = ALL_STAGES
  sdss_only: bool = True

  def variants(self, values: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The flags of each variant.

    Args:
      values: of the flag that varies; () for the published ones.

    Raises:
      ValueError: values are given, but nothing varies.
    """
    if values and not self.varies:
      raise ValueError(f"nothing varies in «{self.title}»: leave --values out")
    if not self.varies:
      return [self.flags]
    return [(*self.flags, f"--{self.varies}={value}") for value in values or self.values]


EXPERIMENTS = {
    "sdss_main": Experiment(title="SDSS: Baseline and Steps 1 to 3"),
    "folds": Experiment(title="five experiments with other seeds and balanced subsets",
                        varies="ne", values=("1", "2", "3", "4", "5"), sdss_only=False),
    "hard_labels": Experiment(title="Step 3a: labels that are not softened",
                              flags=("--softlabel=0",), sdss_only=False),
    "unshifted_labels": Experiment(title="Step 3b: labels that are not shifted",
                                   flags=("--shiftlabel=0",), sdss_only=False),
    "without_step2": Experiment(title="Step 3\\2: all galaxies in Steps 2 and 3",
                                flags=("--fth=10000",), sdss_only=False),
    "modified_sample": Experiment(title="a training sample with few galaxies around z = 0.1",
                                  flags=("--midreduce=1",)),
    "balancing_threshold": Experiment(
        title="the threshold of the balanced subset", varies="fth",
        values=("5", "10", "20", "50", "100", "200", "500", "1000", "2000"), sdss_only=False),
    "bin_size": Experiment(title="the number of redshift bins", varies="bins",
                           values=("20", "50", "180", "500", "1000")),
    "iterations": Experiment(
        title="how long Baseline and Step 1 train", varies="itealter",
        values=("2000", "5000", "10000", "20000", "30000", "60000", "90000", "120000", "160000",
                "200000", "240000")),
    "sample_size": Experiment(title="the number of training galaxies of Baseline and Step 1",
                              varies="nsub", values=("100000", "150000", "200000", "300000")),
    "label_errors": Experiment(title="errors of the training redshifts", varies="errl",
                               values=("0.2", "0.1", "0.06", "0.04", "0.02")),
    "network": Experiment(title="the network", varies="net", values=("0", "1", "2", "3", "4"),
                          sdss_only=False),
    "cfhtls_wide": Experiment(title="CFHTLS-WIDE: Baseline and Steps 1 to 3", sdss_only=False,
                              flags=("--usecfht=1", "--bins=1000", "--fth=100")),
    "cfhtls_deep": Experiment(title="CFHTLS-DEEP: Baseline and Steps 1 to 3", sdss_only=False,
                              flags=("--usecfht=1", "--usecfhtd=1", "--bins=1000", "--fth=5")),
}
"""The rows of the study, by name."""

_SMALL_WHOLE = ("--iterations=13500", "--batch_size=64", "--learning_rate=1e-3")

SCALES = {
    "full": ((), ()),
    "medium": (("--iterations=20000",), ("--iterations=10000",)),
    "small": (("--image_size=16", "--input_scaling=sqrt_whitened", *_SMALL_WHOLE),
              ("--image_size=16", "--input_scaling=sqrt_whitened")),
}
"""Flags of (Baseline and Step 1, Steps 2 and 3): full is the published schedule on the data set's
whole images, medium is for a few GPU hours, small for a CPU and simulated galaxies."""

NETWORKS = {"full": "0", "medium": "0", "small": "5"}
"""The network of a scale, where it does not vary."""
