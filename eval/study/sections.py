"""The sections of the results page: which results files each shows, and how."""

from __future__ import annotations

import dataclasses

ALL = ("baseline", "step1", "step2", "step3", "step4")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
  """One section.

  Attributes:
    title: its heading.
    published: the published figure to compare with, "" for none.
    results: the results files that it shows, folder and name without ending;
      each may be missing.
    kind: "main" (all stages of one run), "trends" (along the flag that varies),
      "folds" (mean and scatter over the values of all its results) or "rows"
      (one stage of several study items).
    stages: the stages that it shows.
    label: of the axis of what varies.
    words: {value of the flag: its name on the page}.
    apart: values that lie on no scale with the others, so that no line leads to them.
    names: for "rows": the name of each of `results` on the page.
  """

  title: str
  results: tuple[str, ...]
  kind: str
  published: str = ""
  stages: tuple[str, ...] = ALL
  label: str = ""
  words: dict[str, str] = dataclasses.field(default_factory=dict)
  apart: tuple[str, ...] = ()
  names: tuple[str, ...] = ()

  @property
  def slug(self) -> str:
    """Name of its figure and of its remarks."""
    return self.results[-1].replace("/", "_")


_REAL = "Real galaxies, SDSS photometry"

SECTIONS = (
    Section(title=f"{_REAL}: folds and splits", kind="folds", label="split.fold",
            results=("real_sdss_split1/folds", "real_sdss_split2/folds", "real_sdss/folds")),
    Section(title=f"{_REAL}: one run", results=("real_sdss/sdss_main",), kind="main"),
    Section(title=f"{_REAL}: width of Step 3's labels", results=("real_sdss/label_width",),
            kind="trends", stages=("step3", "step4"), label="factor on the fitted widths",
            words={"auto": "auto"}, apart=("auto",)),
    Section(title=f"{_REAL}: labels of Step 3", kind="rows", stages=("step3",),
            results=("real_sdss/sdss_main", "real_sdss/unshifted_labels",
                     "real_sdss/without_step2", "real_sdss/hard_labels"),
            names=("Step 3", "Step 3b: unshifted labels", "Step 3\\2: all galaxies",
                   "Step 3a: hard labels")),
    Section(title=f"{_REAL}: threshold of the balanced subset",
            results=("real_sdss/balancing_threshold",), kind="trends",
            stages=("step2", "step3", "step4"), label="galaxies per cell at most"),
    Section(title=f"{_REAL}: length of Step 3's training",
            results=("real_sdss/step3_iterations",), kind="trends", stages=("step3", "step4"),
            label="iterations of Step 3"),
    Section(title=f"{_REAL}: learning rate of Step 3",
            results=("real_sdss/step3_learning_rate",), kind="trends", stages=("step3", "step4"),
            label="initial learning rate of Step 3"),
    Section(title=f"{_REAL}: number of redshift bins", results=("real_sdss/bin_size",),
            kind="trends", label="redshift bins"),
    Section(title=f"{_REAL}: number of training galaxies", results=("real_sdss/sample_size",),
            kind="trends", label="training galaxies of Baseline and Step 1", words={"0": "all"}),
    Section(title=f"{_REAL} with r < 18: five folds", kind="folds", label="fold (`--ne`)",
            results=("real_sdss_r18/folds",)),
    Section(title="Real galaxies, zCOSMOS photometry: five folds", kind="folds",
            label="fold (`--ne`)", results=("real_zcosmos/folds",)),
    Section(title="Real galaxies, zCOSMOS photometry: width of Step 3's labels", kind="trends",
            words={"auto": "auto"}, apart=("auto",), label="factor on the fitted widths",
            results=("real_zcosmos/label_width",)),
    Section(title="SDSS", published="Figure 12", results=("sdss/sdss_main",), kind="main"),
    Section(title="SDSS: folds with other seeds and balanced subsets",
            results=("sdss/folds",), kind="folds", label="fold (`--ne`)"),
    Section(title="SDSS, simulated images of real galaxies",
            results=("sdss_photometry/sdss_main",), kind="main"),
    Section(title="CFHTLS-WIDE", results=("cfhtls/cfhtls_wide",), kind="main"),
    Section(title="CFHTLS-DEEP", results=("cfhtls/cfhtls_deep",), kind="main"),
    Section(title="Labels of Step 3, and Step 3 without the balanced subset",
            published="Figure 12", kind="rows", stages=("step3",),
            results=("sdss/sdss_main", "sdss/global_widths", "sdss/hard_labels",
                     "sdss/unshifted_labels", "sdss/without_step2"),
            names=("Step 3", "Step 3, widths by the global search", "Step 3a: hard labels",
                   "Step 3b: unshifted labels", "Step 3\\2: all galaxies")),
    *(Section(title=f"{survey}: width of Step 3's labels", results=(name,), kind="trends",
              stages=("step3", "step4"), label="factor on the fitted widths",
              words={"auto": "auto"}, apart=("auto",))
      for survey, name in (("SDSS", "sdss/label_width"),
                           ("CFHTLS-WIDE", "cfhtls/label_width_cfhtls_wide"),
                           ("CFHTLS-DEEP", "cfhtls/label_width_cfhtls_deep"))),
    Section(title="CFHTLS-WIDE: labels of Step 3", kind="rows", stages=("step3",),
            results=("cfhtls/cfhtls_wide", "cfhtls/hard_labels_cfhtls_wide",
                     "cfhtls/unshifted_labels_cfhtls_wide", "cfhtls/global_widths_cfhtls_wide"),
            names=("Step 3", "Step 3a: hard labels", "Step 3b: unshifted labels",
                   "Step 3, widths by the global search")),
    Section(title="Threshold of the balanced subset", results=("sdss/balancing_threshold",),
            kind="trends", stages=("step2", "step3", "step4"), label="galaxies per cell at most"),
    Section(title="CFHTLS-WIDE: threshold of the balanced subset",
            results=("cfhtls/balancing_threshold_cfhtls_wide",), kind="trends",
            stages=("step2", "step3", "step4"), label="galaxies per cell at most"),
    Section(title="Number of redshift bins", results=("sdss/bin_size",), kind="trends",
            label="redshift bins"),
    Section(title="Number of training galaxies", results=("sdss/sample_size",), kind="trends",
            label="training galaxies of Baseline and Step 1", words={"0": "all"}),
    Section(title="Errors of the training redshifts", results=("sdss/label_errors",),
            kind="trends", label="standard deviation of the errors"),
    Section(title="A training sample with few galaxies around z = 0.1",
            results=("sdss/modified_sample",), kind="main"),
    Section(title="How long Baseline and Step 1 train", results=("sdss/iterations",),
            kind="trends", label="iteration"),
    Section(title="Networks", results=("sdss/network",), kind="trends", label="network",
            words={"1": "Net_T", "2": "Net_S1", "3": "Net_S2", "4": "Net_S3", "5": "Net_Q"},
            apart=("1", "2", "3", "4", "5")),
)
"""In the order of the page."""

SAMPLES = tuple(sorted({name.split("/")[0] for section in SECTIONS for name in section.results}))
"""Folders of results files, one per sample of galaxies."""

MAIN = {"SDSS photometry": "real_sdss/sdss_main", "SDSS": "sdss/sdss_main",
        "SDSS, simulated images of real galaxies": "sdss_photometry/sdss_main",
        "CFHTLS-WIDE": "cfhtls/cfhtls_wide", "CFHTLS-DEEP": "cfhtls/cfhtls_deep"}
"""{column of the table of questions: results file}."""
