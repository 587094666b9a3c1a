"""The published study as data, item by item.

A study item is a set of flags of train.main, perhaps with one that varies, and
the stages that it compares.  Items share stages wherever train.main gives their
runs the same name: all thresholds start from one Step 1.

Source: Lin et al. 2022, Sections 4 and 5 and the appendices.
"""

from __future__ import annotations

import dataclasses

ALL_STAGES = (0, 1, 2, 3)

SURVEYS = {
    "sdss": (),
    "cfhtls_wide": ("--usecfht=1", "--bins=1000", "--fth=100"),
    "cfhtls_deep": ("--usecfht=1", "--usecfhtd=1", "--bins=1000", "--fth=5"),
}
"""Flags of the surveys of the study."""

# The published thresholds, in proportion to the galaxies at scale small.
_SMALL_SURVEYS = {**SURVEYS, "cfhtls_wide": ("--usecfht=1", "--bins=1000", "--fth=25")}
_CFHTLS = ("cfhtls_wide", "cfhtls_deep")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyItem:
  """One item of the study.

  Attributes:
    title: what it asks, in words.
    flags: flags of every stage.
    varies: a flag that takes several values ("" for none).
    values: its published values.
    stages: `--tstep` of the stages that are compared.
    other_surveys: keys of `SURVEYS` besides "sdss" that it is defined for.
    cfhtls_values: instead of `values` for CFHTLS, where they differ.
    small: flags of every stage at scale small, instead of `flags`.
    small_values: instead of `values` at scale small, where the published ones
      do not fit; the last is that of the main item, except for `iterations`,
      where the learning rate does not fall.
    step3_alone: whether Step 3 alone takes the flag that varies.
  """

  title: str
  flags: tuple[str, ...] = ()
  varies: str = ""
  values: tuple[str, ...] = ()
  stages: tuple[int, ...] = ALL_STAGES
  other_surveys: tuple[str, ...] = ()
  cfhtls_values: tuple[str, ...] = ()
  small: tuple[str, ...] = ()
  small_values: tuple[str, ...] = ()
  step3_alone: bool = False

  def variants(self, values: tuple[str, ...] = (), *, scale: str = "full",
               survey: str = "sdss") -> dict[str, tuple[str, ...]]:
    """{value of the flag that varies, "" for none: the flags of that variant}.

    Args:
      values: of the flag that varies; () for those of the scale.
      scale: a key of `SCALES`.
      survey: a key of `SURVEYS`, or another value of --survey of train.main,
        which is not checked.

    Raises:
      ValueError: values are given, but nothing varies; or the study does not
        define the item for that survey.
    """
    if survey in SURVEYS and survey not in ("sdss", *self.other_surveys):
      raise ValueError(f'--survey={survey}: the study asks "{self.title}" of '
                       f"{', '.join(('sdss', *self.other_surveys))} alone")
    if values and not self.varies:
      raise ValueError(f'nothing varies in "{self.title}": leave --values out')
    small = scale == "small"
    named = _SMALL_SURVEYS if small else SURVEYS
    common = (*named.get(survey, (f"--survey={survey}",)),
              *(self.small if small and self.small else self.flags))
    if not self.varies:
      return {"": common}
    published = (survey in _CFHTLS and self.cfhtls_values) or self.values
    values = values or (small and self.small_values) or published
    return {value: (*common, f"--{self.varies}={value}") for value in values}


STUDY_ITEMS = {
    "sdss_main": StudyItem(title="SDSS: Baseline and Steps 1 to 3"),
    "folds": StudyItem(title="five folds: other seeds and balanced subsets",
                       varies="ne", values=("1", "2", "3", "4", "5"), other_surveys=_CFHTLS,
                       small_values=("5", "4", "3", "2", "1")),
    "hard_labels": StudyItem(title="Step 3a: labels that are not softened",
                             flags=("--softlabel=0",), other_surveys=_CFHTLS),
    "global_widths": StudyItem(title="widths of Step 3's labels by the global search",
                               flags=("--dispersions=global",), other_surveys=_CFHTLS),
    "label_width": StudyItem(title="a factor on the widths of Step 3's labels",
                             varies="label_width", values=("0.5", "1", "1.5", "2", "3", "auto"),
                             other_surveys=_CFHTLS),
    "unshifted_labels": StudyItem(title="Step 3b: labels that are not shifted",
                                  flags=("--shiftlabel=0",), other_surveys=_CFHTLS),
    "without_step2": StudyItem(title="Step 3\\2: all galaxies in Steps 2 and 3",
                               flags=("--fth=10000",), other_surveys=_CFHTLS),
    "modified_sample": StudyItem(title="a training sample with few galaxies around z = 0.1",
                                 flags=("--midreduce=1",)),
    "balancing_threshold": StudyItem(
        title="the threshold of the balanced subset", varies="fth",
        values=("5", "10", "20", "50", "100", "200", "500", "1000", "2000"),
        cfhtls_values=("5", "10", "20", "50", "100", "200"), other_surveys=_CFHTLS,
        small_values=("2", "5", "10", "50", "100", "200", "25")),
    "bin_size": StudyItem(title="the number of redshift bins", varies="bins",
                          values=("20", "50", "180", "500", "1000"),
                          small_values=("20", "500", "180")),
    "iterations": StudyItem(
        title="how long Baseline and Step 1 train", varies="itealter",
        values=("2000", "5000", "10000", "20000", "30000", "60000", "90000", "120000", "160000",
                "200000", "240000"),
        small_values=("2000", "5000", "10000", "20000")),
    "step3_iterations": StudyItem(
        title="how long Step 3 trains", varies="iterations", step3_alone=True,
        values=("10000", "20000", "80000", "40000"),
        small_values=("1500", "3000", "12000", "6000"), other_surveys=_CFHTLS),
    "step3_learning_rate": StudyItem(
        title="the learning rate of Step 3", varies="learning_rate", step3_alone=True,
        values=("5e-6", "1e-5", "4e-5", "2e-5"),
        small_values=("2e-4", "5e-4", "2e-3", "1e-3"), other_surveys=_CFHTLS),
    "sample_size": StudyItem(title="the number of training galaxies of Baseline and Step 1",
                             varies="nsub", values=("100000", "150000", "200000", "300000"),
                             small_values=("5000", "15000", "0")),
    "label_errors": StudyItem(title="errors of the training redshifts", varies="errl",
                              values=("0.2", "0.1", "0.06", "0.04", "0.02"),
                              small_values=("0.1", "0.02", "0")),
    "network": StudyItem(title="the network", varies="net", values=("0", "1", "2", "3", "4"),
                         other_surveys=_CFHTLS,
                         small_values=("2", "3", "4", "5")),
    "cfhtls_wide": StudyItem(title="CFHTLS-WIDE: Baseline and Steps 1 to 3",
                             flags=SURVEYS["cfhtls_wide"], small=_SMALL_SURVEYS["cfhtls_wide"]),
    "cfhtls_deep": StudyItem(title="CFHTLS-DEEP: Baseline and Steps 1 to 3",
                             flags=SURVEYS["cfhtls_deep"]),
}
"""All items of the study, by name."""

_SMALL = ("--image_size=16", "--input_scaling=sqrt_whitened")
_SMALL_WHOLE = (*_SMALL, "--iterations=20000", "--batch_size=64", "--learning_rate=1e-3")
# The published 200 of 393,000 training galaxies, in proportion to 50,000.
_SMALL_OUTPUT = (*_SMALL, "--batch_size=128", "--fth=25")

SCALES = {
    "full": ((), (), (), ()),
    "medium": 2 * (("--iterations=20000",),) + 2 * (("--iterations=10000",),),
    "small": (_SMALL_WHOLE, _SMALL_WHOLE,
              (*_SMALL_OUTPUT, "--iterations=2000", "--learning_rate=2e-4"),
              (*_SMALL_OUTPUT, "--iterations=6000", "--learning_rate=1e-3")),
    "photometry": ((), (), (), ()),
}
"""Flags of Baseline and Steps 1 to 3: full is the published schedule on the data set's whole
images, medium is for a few GPU hours, small for a CPU and 100,000 simulated galaxies; photometry
for a data set of magnitudes, whose schedule follows from its number of galaxies."""

NETWORKS = {"full": "0", "medium": "0", "small": "5", "photometry": "6"}
"""Number of the network at each scale, where it does not vary."""
