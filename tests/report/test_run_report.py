"""The report: a page that is complete, well-formed, and needs no other files."""

import base64
import dataclasses
from html.parser import HTMLParser
import os
import tempfile
import warnings

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.galaxy_origin import REAL, RENDERED, SIMULATED, UNKNOWN, GalaxyOrigin
from pzbias_tf.report import captions, page
from pzbias_tf.report.run_report import draw_figures, write_report
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.report.verdict import about_run
from pzbias_tf.survey import SDSS
from tests.report.sample_results import DESCRIPTION, LAWS, make_references, make_results

FIGURES = ("stages", "calibration", "residual_map", "pdfs", "density")
VOID = ("meta", "img", "wbr", "br", "link")


class Page(HTMLParser):
  """Collects text, tables and addresses of a page; refuses tags that do not match."""

  def __init__(self, text):
    super().__init__()
    self.open, self.addresses, self.rows, self.words = [], [], [], []
    self.pictures, self.captions, self.ids = [], [], set()
    self.feed(text)
    self.close()
    if self.open:
      raise ValueError(f"not closed: {self.open}")

  def handle_starttag(self, tag, attributes):
    self.addresses += [(tag, value) for name, value in attributes if name in ("src", "href")]
    self.ids |= {value for name, value in attributes if name == "id"}
    if tag == "img":
      self.pictures.append(dict(attributes))
    if tag == "figcaption":
      self.captions.append("")
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
    if "figcaption" in self.open:
      self.captions[-1] += data
    if any(tag in self.open for tag in ("td", "th")):
      self.rows[-1][-1] += data


def write(results, **changes):
  """Writes a report with warnings as errors; returns folder, paths and page."""
  folder = os.path.join(tempfile.mkdtemp(), "report")
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    paths = write_report(folder, results, SDSS, dataclasses.replace(DESCRIPTION, **changes))
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
    self.assertEqual([link for link in links if not link.startswith(("data:", "#"))], [page.PAPER])
    svgs = [link for link in links if link.startswith("data:image/svg+xml;base64,")]
    for svg, name in zip(svgs, FIGURES, strict=True):
      with open(os.path.join(self.folder, f"{name}.svg"), "rb") as file:
        self.assertEqual(base64.b64decode(svg.partition(",")[2]), file.read())
    self.assertContainsSubset({link[1:] for link in links if link[0] == "#"}, self.read.ids)

  def test_the_contents_name_every_figure_by_what_it_shows(self):
    words = "".join(self.read.words)
    for number, name in enumerate(FIGURES, 1):
      heading = captions.HEADINGS[name][0].replace("z_", "z")
      self.assertEqual(words.count(f"Figure {number}: {heading}"), 2, name)

  def test_pictures_have_short_descriptions_and_sizes(self):
    self.assertLen(self.read.pictures, len(FIGURES))
    for picture in self.read.pictures:
      self.assertBetween(len(picture["alt"]), 20, 150)
      self.assertRegex(picture["style"], r"^--width: \d+px$")

  @parameterized.parameters((("step3",), 585), (("step3", "step4"), 1080))
  def test_narrow_figures_are_not_stretched(self, names, width):
    """A map of one panel is as high as one of two."""
    _, _, read = write(make_results(*names, num=30))
    picture = next(own for own in read.pictures if own["alt"].startswith("Maps"))
    self.assertEqual(picture["style"], f"--width: {width}px")

  @parameterized.parameters(
      (GalaxyOrigin(kind=SIMULATED), "Simulated galaxies"),
      (GalaxyOrigin(kind=RENDERED, source="a.csv"), "Simulated images of real galaxies"),
      (GalaxyOrigin(kind=REAL, source="photometry of a.csv"), "Real galaxies"),
      (GalaxyOrigin(kind=UNKNOWN, source="Why."), "Not known whether real or simulated"))
  def test_banner_and_captions_say_what_the_galaxies_are(self, origin, headline):
    _, _, read = write(make_results("step3", num=30), origin=origin)
    self.assertLen(read.captions, 5)
    for caption in read.captions:
      self.assertStartsWith(caption, f"{headline}. ")
    self.assertIn(f"{headline}\n{origin.note}", "".join(read.words))

  def test_names_with_markup_stay_text(self):
    wild = "<script>alert('z_$x$')</script> & |\\|"
    results = [dataclasses.replace(result, title=f"{wild}{place}")
               for place, result in enumerate(make_results("step2", "step3", num=30))]
    folder, paths, read = write(
        results, name=wild, facts={wild: wild}, settings={wild: {wild: wild}}, commands=[wild])
    words = "".join(read.words)
    self.assertGreater(words.count("<script>alert"), 10)
    with open(paths[-1], encoding="utf-8") as file:
      self.assertNotIn("<script", file.read())
    self.assertEqual(read.rows[2][0], f"{wild}0")
    with open(os.path.join(folder, "stages.svg"), encoding="utf-8") as file:
      self.assertNotIn("<script", file.read())

  def test_it_begins_with_a_verdict(self):
    words = "".join(self.read.words)
    verdict = about_run(self.results)[0].replace(" +- ", " \N{PLUS-MINUS SIGN} ")
    start = verdict[:verdict.index("z_photo")]
    self.assertIn(start, words)
    self.assertLess(words.index(start), words.index("Contents"))
    self.assertLess(words.index("Contents"), words.index("Test galaxies"))

  def test_the_table_explains_its_symbols(self):
    for symbol in ("TV, expected TV", "CRPS", "PIT-KS", "reference"):
      self.assertIn(symbol, self.read.words)
    self.assertIn("Weighted by galaxies it is", "".join(self.read.words))

  @parameterized.parameters("by_magnitude", "by_z_photo")
  def test_metrics_of_parts_are_those_of_the_summary(self, key):
    result = self.results[3]
    own = result.summary[key]
    heads = [place for place, row in enumerate(self.read.rows)
             if row[0] == ("r [mag]" if key == "by_magnitude" else "zphoto")]
    self.assertLen(heads, len(self.results))  # one table per stage
    filled = np.flatnonzero(own["galaxies"])
    rows = self.read.rows[heads[3] + 1:][:filled.size]
    self.assertEqual([row[1] for row in rows], [f"{own['galaxies'][index]}" for index in filled])
    column = self.read.rows[heads[3]].index("mean residual")
    value, error = own["mean_residual"].value[filled[1]], own["mean_residual"].error[filled[1]]
    self.assertEqual(rows[1][column].replace("\N{MINUS SIGN}", "-"),
                     f"{value:.4f} \N{PLUS-MINUS SIGN} {error:.4f}")

  def test_it_holds_its_metrics(self):
    path = os.path.join(self.create_tempdir().full_path, "metrics.json")
    with open(path, "w", encoding="utf-8") as file:
      file.write('{"stages": {}}\n')
    _, _, read = write(make_results("step3", num=30), metrics=path)
    (link,) = [own for _, own in read.addresses if own.startswith("data:application/json")]
    self.assertEqual(base64.b64decode(link.partition(",")[2]), b'{"stages": {}}\n')

  def test_commands_stand_on_the_page(self):
    _, _, read = write(make_results("step3", num=30), commands=["python -m train.main", "second"])
    self.assertIn("python -m train.main\nsecond", "".join(read.words))

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
