"""Figures show the data that they are given: artists, not pixels, are compared with it."""

import dataclasses
import os
import warnings
from xml.etree import ElementTree

from absl.testing import parameterized
import matplotlib
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.container import ErrorbarContainer
from matplotlib.patches import StepPatch
from matplotlib.text import Text
import numpy as np
import tensorflow as tf

from pzbias_tf import cells
from pzbias_tf.report.figures import (
  draw_calibration,
  draw_density,
  draw_pdfs,
  draw_residual_map,
  draw_stages,
  parts,
  save_figure,
  style,
)
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from tests.compare_pictures import different_pixels
from tests.report.sample_results import LAWS, make_references, make_result, make_results

NETWORKS = ("baseline", "step1", "step2", "step3")


def error_bars(ax, color):
  """(x, y, error) of all vertical error bars of one colour, in the order of x."""
  points = []
  for container in ax.containers:
    if isinstance(container, ErrorbarContainer):
      line, _, bars = container.lines  # horizontal bars, if any, come first
      if matplotlib.colors.same_color(line.get_color(), color):
        half = [0.5 * (segment[1, 1] - segment[0, 1]) for segment in bars[-1].get_segments()]
        points += list(zip(line.get_xdata(), line.get_ydata(), half))
  return np.array(sorted(points)).T


def arrowheads(ax, color):
  """Number of arrowheads of one colour at the edges of the axis."""
  carets = (parts.CARETUP, parts.CARETDOWN)
  return sum(len(line.get_xdata()) for line in ax.lines
             if line.get_marker() in carets
             and matplotlib.colors.same_color(line.get_color(), color))


def elements(path):
  """(tag, attributes, text) of everything in an SVG file."""
  return [(element.tag, element.attrib, element.text)
          for element in ElementTree.parse(path).iter()]


class FiguresTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.results = make_results(*LAWS)
    cls.networks = cls.results[:4]
    cls.stages = draw_stages(cls.networks, SDSS)
    cls.calibration = draw_calibration(cls.results[3:], SDSS)
    cls.density = draw_density(cls.results, SDSS)

  def setUp(self):
    super().setUp()
    warnings_as_errors = warnings.catch_warnings()
    warnings_as_errors.__enter__()
    self.addCleanup(warnings_as_errors.__exit__, None, None, None)
    warnings.simplefilter("error")

  def check_residuals(self, ax, results, key):
    """Every measured bin is drawn once, near its centre, with its error."""
    width = np.diff(SDSS.wide_edges())[0]
    for result in results:
      color, curve = style.style_of(result.name).color, parts.measured(result.summary[key])
      shown = np.abs(curve.mean) <= ax.get_ylim()[1]
      x, y, error = error_bars(ax, color)
      self.assertAllClose(y, curve.mean[shown])
      self.assertAllClose(error, curve.error[shown])
      self.assertAllInRange(np.abs(x - curve.z[shown]), 0.0, 0.5 * width)
      self.assertEqual(arrowheads(ax, color), np.sum(~shown))

  def test_residuals_against_z_spec(self):
    ax = self.stages.axes[0]
    self.check_residuals(ax, self.networks, "residual_z_spec")
    self.assertIn("z_\\mathrm{spec}", ax.get_xlabel())
    self.assertIn("residual", ax.get_ylabel())

  def test_straight_lines_are_the_fits_above_fit_z_min(self):
    lines = {line.get_gid(): line for line in self.stages.axes[0].lines if line.get_gid()}
    self.assertEqual(set(lines), {"crowding", *(f"fit {name}" for name in NETWORKS)})
    for result in self.networks:
      fit, line = result.summary["slope_z_spec"], lines[f"fit {result.name}"]
      z = np.array(line.get_xdata())
      self.assertEqual(z[0], SDSS.fit_z_min)
      self.assertAllClose(line.get_ydata(), fit.intercept + fit.slope * z)
      self.assertEqual(line.get_color(), style.style_of(result.name).color)
    self.assertAllClose(lines["crowding"].get_ydata(),
                        self.networks[0].summary["residual_simulated"].mean)

  def test_distributions(self):
    for ax, result in zip(self.stages.axes[1:5], self.networks):
      spec, photo = (patch.get_data() for patch in ax.patches if isinstance(patch, StepPatch))
      for drawn, z in ((spec, result.z_spec), (photo, result.z_photo)):
        self.assertAllClose(drawn.edges, SDSS.edges())
        counts = np.histogram(z, SDSS.edges())[0]
        self.assertAllClose(drawn.values * SDSS.bin_width * len(z), counts)
      self.assertEqual(ax.texts[0].get_text(), result.title)

  def test_very_many_bins_are_joined_for_the_eye(self):
    result = make_result("step1", survey=CFHTLS_WIDE)
    ax = draw_stages([result], CFHTLS_WIDE).axes[1]
    drawn = ax.patches[1].get_data()
    self.assertLen(drawn.values, 200)
    self.assertAllClose(np.sum(drawn.values * np.diff(drawn.edges)), 1.0)

  def test_scatter_by_magnitude(self):
    ax = self.stages.axes[5]
    for result in self.networks:
      curve = result.summary["sigma_mad_by_magnitude"]
      x, y, error = error_bars(ax, style.style_of(result.name).color)
      self.assertAllClose(np.stack([x, y, error]), np.stack(curve))
    self.assertEqual(ax.get_xlabel(), "r [mag]")

  def test_total_variation_and_its_floor_against_slope(self):
    ax = self.stages.axes[6]
    for result in self.networks:
      slope = result.summary["slope_z_spec"].slope
      points = error_bars(ax, style.style_of(result.name).color)
      expected = sorted((slope, *result.summary[key]) for key in
                        ("total_variation", "expected_total_variation"))
      self.assertAllClose(points.T, expected)
    self.assertLen([c for c in ax.collections if isinstance(c, LineCollection)], 12)

  def test_legend_is_outside_and_names_every_stage(self):
    (legend,) = self.stages.legends
    words = [text.get_text() for text in legend.get_texts()]
    self.assertEqual(words[:4], ["Baseline", "Step 1", "Step 2", "Step 3"])
    self.assertTrue(all(ax.get_legend() is None for ax in self.stages.axes))

  def test_before_and_after_step_4(self):
    left, right = self.calibration.axes
    self.check_residuals(left, self.results[3:], "residual_z_spec")
    self.check_residuals(right, self.results[3:], "residual_z_photo")
    self.assertIn("photo", right.get_xlabel())

  def test_density_counts_the_galaxies(self):
    lower, upper = parts.redshift_range(self.results, SDSS)
    for ax, result in zip(self.density.axes, self.results):
      (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
      inside = np.all([(z >= lower) & (z <= upper) for z in (result.z_spec, result.z_photo)], 0)
      self.assertEqual(mesh.get_array().sum(), inside.sum())
      brightest = np.unravel_index(mesh.get_array().argmax(), (80, 80))
      self.assertLess(abs(brightest[0] - brightest[1]), 12)  # near the one-to-one line
      self.assertAllEqual(ax.lines[0].get_xdata(), ax.lines[0].get_ydata())
      self.assertIn(f"{result.summary['sigma_mad']:.4f}", ax.texts[0].get_text())
      self.assertIn(f"{100 * result.summary['outlier_fraction']:.2f}", ax.texts[0].get_text())
    norms = {ax.collections[0].norm for ax in self.density.axes[:6]}
    self.assertLen(norms, 1)

  def test_z_spec_runs_to_the_right(self):
    result = make_result("step2")
    mesh = draw_density([result], SDSS).axes[0].collections[0]
    edges = mesh.get_coordinates()[0, :, 0]
    cell = int(np.digitize(np.median(result.z_spec), edges)) - 1
    column = np.histogram(result.z_spec, edges)[0][cell]
    self.assertEqual(mesh.get_array()[:, cell].sum(), column)

  @parameterized.parameters(
      (("baseline",), 1), (("step1", "step3"), 2), (("baseline", "step1", "step2"), 20))
  def test_any_stages_and_few_galaxies(self, names, num):
    results = make_results(*names, num=num)
    for draw in (draw_stages, draw_calibration, draw_density):
      draw(results, SDSS).draw_without_rendering()

  def test_a_stage_without_a_slope_is_left_out_of_the_slope_panel(self):
    few = make_result("baseline", num=2)
    self.assertTrue(np.isnan(few.summary["slope_z_spec"].slope))
    figure = draw_stages([few], SDSS)
    self.assertEmpty(figure.axes[-1].containers)
    self.assertNotIn("fit baseline", [line.get_gid() for line in figure.axes[0].lines])

  def test_a_thin_bin_does_not_set_the_range(self):
    limit = parts.residual_limit(self.networks, "residual_z_spec", SDSS)
    curve = self.networks[0].summary["residual_z_spec"]
    filled = np.bincount((self.networks[0].z_spec / 0.01).astype(int), minlength=40)
    thin = int(np.argmin(np.where(filled > 0, filled, 10**6)))
    self.assertLess(filled[thin], 10)
    curve.mean[thin], old = 5.0, curve.mean[thin]
    self.assertEqual(parts.residual_limit(self.networks, "residual_z_spec", SDSS), limit)
    curve.mean[thin] = old

  def test_text_can_be_read_at_column_width(self):
    for figure in (self.stages, self.calibration, self.density):
      self.assertLessEqual(figure.get_figwidth(), 7.2)
      sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]
      self.assertGreaterEqual(min(sizes), 7.0)

  def test_references_are_drawn_beside_the_stages(self):
    references = make_references("zphot", "z_template")
    figure = draw_stages(self.networks, SDSS, references)
    self.check_residuals(figure.axes[0], self.networks, "residual_z_spec")
    for result in references:
      color = style.style_of(result.name).color
      x, y, error = error_bars(figure.axes[5], color)
      self.assertAllClose([x, y, error], np.stack(result.summary["sigma_mad_by_magnitude"]))
      self.assertAllClose(error_bars(figure.axes[6], color)[0],
                          np.full(2, result.summary["slope_z_spec"].slope))
      self.assertEmpty(error_bars(figure.axes[0], color))
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    self.assertEqual(words[4:6], ["zphot", "z_template"])
    after = draw_calibration([self.results[3], *references], SDSS)
    for ax, key in zip(after.axes, ("residual_z_spec", "residual_z_photo")):
      self.check_residuals(ax, references, key)

  def test_long_names_stay_within_the_figure(self):
    references = make_references("z_" * 12, "photo_z_of_a_random_forest_in_colours", num=300)
    for figure in (draw_stages(self.networks, SDSS, references),
                   draw_calibration(references, SDSS)):
      figure.draw_without_rendering()
      legend = figure.legends[0].get_window_extent()
      self.assertGreaterEqual(legend.x0, figure.bbox.x0)
      self.assertLessEqual(legend.x1, figure.bbox.x1)
    figure = draw_density(references, SDSS)
    figure.draw_without_rendering()
    for ax in figure.axes[:2]:
      title = next(text for text in ax.findobj(Text) if "_" in text.get_text())
      self.assertLessEqual(title.get_window_extent().width, ax.get_window_extent().width)

  def test_references_differ_in_colour_or_marker(self):
    names = ["reference", *(f"reference{number}" for number in range(2, 9))]
    styles = [*map(style.style_of, names), *(style.style_of(f"step{n}") for n in range(1, 5))]
    self.assertLen({(look.color, look.marker) for look in styles}, 12)
    self.assertLen({look.color for look in styles[:4] + styles[8:]}, 8)
    with self.assertRaisesRegex(ValueError, "no style for 'reference1'"):
      style.style_of("reference1")

  def test_stages_differ_in_colour_marker_and_line(self):
    styles = [style.style_of(name) for name in LAWS]
    for kind in zip(*styles):
      self.assertLen(set(kind), len(LAWS))
    with self.assertRaisesRegex(ValueError, "no style for 'step5'"):
      style.style_of("step5")


class ResidualMapTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.results = make_results("step3", "step4")
    cls.figure = draw_residual_map(cls.results, SDSS)

  def test_cells_hold_the_mean_residuals(self):
    for ax, result in zip(self.figure.axes, self.results):
      mesh, = (artist for artist in ax.collections if isinstance(artist, QuadMesh))
      shown, residuals = mesh.get_array(), result.summary["residual_map"]
      limit = mesh.norm.vmax
      self.assertEqual(mesh.norm.vmin, -limit)
      known = np.nan_to_num(residuals.error, nan=np.inf) <= limit
      self.assertAllEqual(np.ma.getmaskarray(shown), ~known)
      self.assertAllEqual(shown[known], residuals.mean[known])
      dz = (result.z_photo - result.z_spec) / (1 + result.z_spec)
      own = cells.wide_cell(result.z_photo, SDSS) == 11  # from 0.10 to 0.11
      self.assertAllClose(
          np.nansum((residuals.mean * residuals.galaxies)[:, 10]), dz[own].sum())

  def test_signs_mark_significant_residuals(self):
    for ax, result in zip(self.figure.axes, self.results):
      residuals = result.summary["residual_map"]
      limit = ax.collections[0].norm.vmax
      known = np.nan_to_num(residuals.error, nan=np.inf) <= limit
      mean, error = residuals.mean, np.nan_to_num(residuals.error)
      sure = known & (np.abs(np.nan_to_num(mean)) > 3 * error)
      for marker, own in (("+", sure & (mean > 0)), ("_", sure & (mean < 0))):
        marked = {(round(x, 6), round(y, 6)) for line in ax.lines if line.get_marker() == marker
                  for x, y in zip(line.get_xdata(), line.get_ydata())}
        magnitude_row, wide_bin = np.nonzero(own)
        self.assertEqual(marked, {(round(0.005 + 0.01 * z, 6), round(12.75 + 0.5 * r, 6))
                                  for r, z in zip(magnitude_row, wide_bin)})
      self.assertGreater(sure.sum(), 10)

  def test_few_galaxies_and_one_stage(self):
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      for num in (1, 20):
        figure = draw_residual_map(make_results("baseline", num=num), SDSS)
        figure.draw_without_rendering()
    self.assertLen(figure.axes, 2)  # the panel and its colour bar


class PdfsTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.results = make_results("step2", "step3")
    summary = cls.results[1].summary
    cls.results[1] = dataclasses.replace(cls.results[1], summary={
        **summary, "calibrated_pdfs": {**summary, "pit_histogram": np.ones(20)}})
    cls.figure = draw_pdfs(cls.results, SDSS)
    cls.pit, *cls.strips, cls.shifts = cls.figure.axes

  def test_pit_histograms(self):
    steps = [artist for artist in self.pit.patches if isinstance(artist, StepPatch)]
    for step, expected in zip(steps, (
        *(result.summary["pit_histogram"] for result in self.results), np.ones(20)), strict=True):
      self.assertAllEqual(step.get_data().values, expected)
    self.assertAllClose(self.results[0].summary["pit_histogram"].mean(), 1.0)

  def test_strips_hold_both_distributions(self):
    bins = self.results[1].summary["tomography"]
    for ax, *densities in zip(self.strips, bins.true, bins.stacked, strict=True):
      for step, density in zip(ax.patches, densities, strict=True):
        values, edges, _ = step.get_data()
        self.assertAllClose(values, density.reshape(60, 3).mean(axis=1))
        self.assertAllClose(np.sum(values * np.diff(edges)), 1.0)

  def test_bins_that_do_not_divide_keep_their_number(self):
    survey = SDSS.with_bins(170)
    figure = draw_pdfs(make_results("step1", survey=survey), survey)
    values, edges, _ = figure.axes[1].patches[0].get_data()
    self.assertAllClose(np.sum(values * np.diff(edges)), 1.0)
    self.assertAllClose(edges[-1], 0.4)

  def test_shifts_have_their_errors(self):
    for result in self.results:
      bins = result.summary["tomography"]
      x, y, error = error_bars(self.shifts, style.style_of(result.name).color)
      self.assertAllClose([x, y, error], [bins.mean_z_spec, bins.shift, bins.error])

  def test_legend_names_the_calibrated_pdfs(self):
    words = [text.get_text() for text in self.figure.legends[0].get_texts()]
    self.assertIn("Step 3, p(z) calibrated", words)
    self.assertNotIn("Step 2, p(z) calibrated", words)

  def test_few_galaxies(self):
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      for num in (1, 2, 20):
        draw_pdfs(make_results("baseline", num=num), SDSS).draw_without_rendering()


class FilesTest(tf.test.TestCase):

  def save(self, folder):
    results = make_results("baseline", num=300)
    os.makedirs(folder)
    return [path for name, draw in (("a", draw_stages), ("b", draw_calibration),
                                    ("c", draw_density))
            for path in save_figure(draw(results, SDSS), folder, name)]

  def test_both_formats_and_the_same_picture_whatever_the_users_settings(self):
    folder = self.create_tempdir().full_path
    before = dict(matplotlib.rcParams)
    first = self.save(os.path.join(folder, "1"))
    self.assertEqual(dict(matplotlib.rcParams), before)
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black"}):
      second = self.save(os.path.join(folder, "2"))
    self.assertEqual([os.path.basename(path) for path in first],
                     ["a.png", "a.svg", "b.png", "b.svg", "c.png", "c.svg"])
    for one, two in zip(first, second):
      if one.endswith(".png"):
        self.assertEqual(different_pixels(one, two), 0, one)
      else:
        self.assertEqual(elements(one), elements(two), one)

  def test_vector_graphics_have_no_date(self):
    """Without a date and random names, the same results give the same file."""
    (path,) = [path for path in self.save(os.path.join(self.create_tempdir().full_path, "1"))
               if path.endswith("a.svg")]
    self.assertNotIn("{http://purl.org/dc/elements/1.1/}date", [tag for tag, *_ in elements(path)])
    self.assertGreater(len(elements(path)), 100)


if __name__ == "__main__":
  tf.test.main()
