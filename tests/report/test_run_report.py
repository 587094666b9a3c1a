"""The report: a page that is complete, well-formed, and needs no other files."""

import base64
from html.parser import HTMLParser
import os
import tempfile
import warnings

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.report import captions, page
from pzbias_tf.report.run_report import draw_figures, write_report
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.survey import SDSS
from tests.report.sample_results import DESCRIPTION, LAWS, make_references, make_results

FIGURES = ("stages", "calibration", "residual_map", "pdfs", "density")
VOID = ("meta", "img", "wbr", "br", "link")


class Page(HTMLParser):
  """Collects text, tables and addresses of a page; refuses tags that do not match."""

  def __init__(self, text):
    super().__init__()
    self.open, self.addresses, self.rows, self.words = [], [], [], []
    self.feed(text)
    self.close()
    if self.open:
      raise ValueError(f"not closed: {self.open}")

  def handle_starttag(self, tag, attributes):
    self.addresses += [(tag, value) for name, value in attributes if name in ("src", "href")]
    if tag not in VOID:
      self.open.append(tag)
    if tag == "tr":
      self.rows.append([])
    if tag in ("td", "th"):
      self.rows[-1].append("")

  def handle_endtag(self, tag):
    if self.open.pop() != tag:
      raise ValueError(f"</{tag}> closes nothing")

  def handle_data(self, data):
    self.words.append(data)
    if any(tag in self.open for tag in ("td", "th")):
      self.rows[-1][-1] += data


def write(results):
  """Writes a report with warnings as errors; returns folder, paths and page."""
  folder = os.path.join(tempfile.mkdtemp(), "report")
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    paths = write_report(folder, results, SDSS, DESCRIPTION)
  with open(paths[-1], encoding="utf-8") as file:
    return folder, paths, Page(file.read())


class ReportTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.results = make_results(*LAWS)
    cls.folder, cls.paths, cls.read = write(cls.results)

  def test_files(self):
    self.assertEqual([os.path.relpath(path, self.folder) for path in self.paths], [
        "table.md", "stages.png", "stages.svg", "calibration.png", "calibration.svg",
        "residual_map.png", "residual_map.svg", "pdfs.png", "pdfs.svg", "density.png",
        "density.svg", "index.html"])
    self.assertCountEqual(os.listdir(self.folder), [os.path.basename(path) for path in self.paths])
    with open(self.paths[0], encoding="utf-8") as file:
      self.assertEqual(file.read(), format_table(
          {result.title: result.summary for result in self.results}) + "\n")

  def test_page_holds_its_pictures_and_points_nowhere_else(self):
    images = [value for tag, value in self.read.addresses if tag == "img"]
    for image, name in zip(images, FIGURES, strict=True):
      with open(os.path.join(self.folder, f"{name}.png"), "rb") as file:
        self.assertEqual(base64.b64decode(image.removeprefix("data:image/png;base64,")),
                         file.read())
    links = [value for tag, value in self.read.addresses if tag != "img"]
    self.assertEqual(links, [page.PAPER, *(f"{name}.svg" for name in FIGURES)])

  def test_stage_table(self):
    heading, better, *rows = self.read.rows[:8]
    self.assertEqual([row[0] for row in rows], [result.title for result in self.results])
    column = heading.index("TV")
    self.assertEqual(better[column], "as expected TV")
    for row, result in zip(rows, self.results):
      measured = result.summary["total_variation"]
      self.assertEqual(row[column], f"{measured.mean:.3f} \N{PLUS-MINUS SIGN} {measured.error:.3f}")
      errors = result.summary["errors"]
      eta = row[heading.index("\N{GREEK SMALL LETTER ETA}")]
      self.assertEqual(eta, f"{result.summary['outlier_fraction']:.4f} "
                       f"\N{PLUS-MINUS SIGN} {errors['outlier_fraction']:.4f}")
      self.assertEqual(row[heading.index("PIT-KS")] == "-", result.name in ("step4", "reference"))
    self.assertIn("slopes, rms(zphoto) and PIT-KS", "".join(self.read.words))

  def test_numbers_below_0_have_a_minus_sign(self):
    cells = {cell for row in self.read.rows for cell in row}
    self.assertTrue(any(cell.startswith("\N{MINUS SIGN}0.") for cell in cells))
    self.assertFalse(any(cell.startswith("-0") for cell in cells))

  def test_every_column_with_a_direction_is_in_the_table(self):
    heading = format_table({"Baseline": self.results[0].summary}).splitlines()[0]
    for name in captions.BETTER:
      self.assertIn(f" {name} ", heading)

  def test_head_and_settings(self):
    for word in ("run <1> & more", "Test galaxies", "3000"):
      self.assertIn(word, self.read.words)
    self.assertEqual(self.read.rows[-3:], [["", "Baseline", "Step 3"], ["iterations", "10", "20"],
                                           ["labels", "", "soft"]])

  def test_some_stages_and_few_galaxies(self):
    _, _, read = write(make_results("step1", "reference", num=30))
    self.assertEqual([row[0] for row in read.rows[2:4]], ["Step 1", "reference"])

  @parameterized.parameters(
      (("baseline",), "Baseline. "), (("baseline", "step1", "step2"), "Step 2. "),
      (("step2", "step3", "step4"), "Step 3, Step 4. "),
      (("step1", "reference"), "Step 1, reference. "))
  def test_the_last_stage_is_compared_with_what_comes_after(self, names, start):
    caption = draw_figures(make_results(*names, num=30), SDSS)[1].caption
    self.assertStartsWith(caption, start)
    self.assertEqual("Step 4 is designed" in caption, "step4" in names)
    self.assertEqual("Reference:" in caption, "reference" in names)

  def test_several_references_are_named(self):
    results = [*make_results("step3", num=300), *make_references("zphot", "bpz", num=200)]
    _, _, read = write(results)
    self.assertEqual([row[0] for row in read.rows[2:5]], ["Step 3", "zphot", "bpz"])
    for place in (0, 1, 4):
      self.assertEndsWith(draw_figures(results, SDSS)[place].caption,
                          " zphot, bpz: the photometric redshifts of the source catalogue, for "
                          "galaxies that have one.")

  def test_captions_name_stages_without_a_slope(self):
    few, many = make_results("baseline", num=3), self.results[:1]
    self.assertIn("No slope can be fitted for Baseline", captions.stages(few, SDSS))
    self.assertNotIn("No slope", captions.stages(many, SDSS))

  def test_no_stage_at_all(self):
    with self.assertRaisesRegex(ValueError, "need a stage with a network"):
      draw_figures(self.results[4:], SDSS)


if __name__ == "__main__":
  tf.test.main()
