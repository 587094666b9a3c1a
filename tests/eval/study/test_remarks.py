"""The numbers that remarks and pages quote stand in the tables of the results page."""

import json
import pathlib
import re

from absl.testing import parameterized
import tensorflow as tf

from eval.study.sections import SECTIONS

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
REMARKS = json.loads((ROOT / "results" / "remarks.json").read_text(encoding="utf-8"))
OPENING = ("in_short", "samples", "questions")
NUMBER = re.compile(r"(?<![\d.,])-?\d+\.\d{3,4}(?!\d|\.\d)")
"""One with three or four decimals, as metrics are printed."""

ELSEWHERE = {
    "cfhtls_cfhtls_deep": {
        "0.0217": "--dispersions=global: results/cfhtls/cfhtls_deep.json before that changed",
        "0.0004": "its error", "0.0564": "its CRPS", "0.0015": "and error",
        "0.252": "its total variation", "0.007": "and error"},
    "sdss_without_step2": {"0.203": "docs/study.md, why hard labels collapse"},
    "sdss_iterations": {"0.144": "section SDSS", "0.146": "section SDSS"},
    "real_sdss_balancing_threshold": {"0.006": "standard deviation over the fifteen runs"},
    "real_sdss_step3_iterations": {"0.009": "standard deviation over the fifteen runs"},
    "real_sdss_bin_size": {"0.0022": "width of a bin, 0.4 / 180"},
    "real_sdss_folds": {"-0.015": "mean of a split: results/real_sdss_split1/folds.json",
                        "0.023": "mean of a split: results/real_sdss_split2/folds.json",
                        "0.006": "mean of Step 1 less the Baseline over the fifteen runs"},
    "sdss_photometry_sdss_main": {"0.023": "Step 3: TV less expected TV"},
}
"""{remarks: {number: the place that it comes from}} of numbers that no table of theirs has."""

ELSEWHERE_ON_REAL_GALAXIES = {
    **dict.fromkeys(("0.315", "0.144", "0.136", "0.107", "0.0148", "0.0162", "0.0159",
                     "0.319", "0.143", "0.106"), "runs with other NET_C_UNITS"),
    **dict.fromkeys(("0.182", "0.114", "0.119"), "two runs on smooth.csv, which the page makes"),
    "0.178": "the section one run, repeated on another processor",
    **dict.fromkeys(("0.0136", "0.0145", "0.0149", "0.0192", "0.0163", "0.0162", "0.0545", "0.0118",
                     "0.153", "0.0154", "0.0150", "0.0145", "0.0301", "0.0107", "0.089"),
                    "benchmarks.photometry_baselines"),
    **dict.fromkeys(("-0.015", "0.023", "0.006"), "as in the remarks on the fifteen runs"),
}
"""The same of docs/real_galaxies.md."""


def numbers(text):
  return NUMBER.findall(text)


def tables(text):
  """The lines of a Markdown text that belong to tables."""
  return "\n".join(line for line in text.splitlines() if line.startswith("|"))


def section(title):
  """The text of a section of the page, without its heading."""
  return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


SHOWN = {part.slug: tables(section(part.title)) for part in SECTIONS if part.slug in REMARKS}


class RemarksTest(tf.test.TestCase, parameterized.TestCase):

  def check(self, text, known, elsewhere):
    """Each number of a text is known or stands elsewhere, and no place is named for nothing."""
    quoted = set(numbers(text))
    self.assertEmpty(quoted - set(numbers(known)) - set(elsewhere))
    self.assertContainsSubset(elsewhere, quoted)

  def test_sections_have_tables(self):
    self.assertEqual({*SHOWN, *OPENING}, set(REMARKS))
    for slug, table in SHOWN.items():
      self.assertGreater(len(numbers(table)), 20, slug)

  @parameterized.parameters(*SHOWN)
  def test_numbers_of_a_section_stand_in_its_tables(self, slug):
    self.check("\n".join(REMARKS[slug]), SHOWN[slug], ELSEWHERE.get(slug, {}))

  @parameterized.parameters(*OPENING)
  def test_numbers_of_the_opening_stand_in_the_tables(self, name):
    self.check("\n".join(REMARKS[name]), "\n".join(SHOWN.values()), ELSEWHERE.get(name, {}))

  def test_numbers_on_real_galaxies_stand_in_the_tables(self):
    page = (ROOT / "docs" / "real_galaxies.md").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^    .*", "", page)  # without commands
    shown = "\n".join(table for slug, table in SHOWN.items() if slug.startswith("real_sdss"))
    self.check(text, shown, ELSEWHERE_ON_REAL_GALAXIES)

  def test_numbers_are_found(self):
    self.assertEqual(numbers("from -0.040 +- 0.0015 to 0.11, 1,000.123 v1.234.5 (0.203), 0.006."),
                     ["-0.040", "0.0015", "0.203", "0.006"])


if __name__ == "__main__":
  tf.test.main()
