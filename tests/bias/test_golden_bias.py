"""Agreement with numbers of the published research code: labels, dispersions, Step 4."""

import pathlib

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import cells
from pzbias_tf.bias import calibration, dispersion, soft_labels
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

_FOLDER = pathlib.Path(__file__).parents[1] / "golden"
_SURVEYS = (("sdss", SDSS), ("cfhtls", CFHTLS_WIDE))


def _golden(name):
  return np.load(_FOLDER / f"shared_{name}.npz", allow_pickle=False)


def _train(golden):
  return golden["z_spec_train"], golden["z_photo_train"], golden["r_train"]


class GoldenBiasTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(survey=_SURVEYS, soften=(0, 1), shift=(0, 1))
  def test_labels(self, survey, soften, shift):
    name, survey = survey
    golden = _golden(name)
    z_spec, _, r_mag = _train(golden)
    model = soft_labels.LabelModel(
        survey=survey, sigma_disp=golden["sigma_disp"], sigma_scatter=golden["sigma_scatter"],
        density=soft_labels.density(z_spec, r_mag, survey))
    chosen = golden["label_index"]
    expected = golden[f"labels_soft{soften}_shift{shift}"]
    labels = model.targets(
        z_spec[chosen], r_mag[chosen], soften=bool(soften), shift=bool(shift))
    self.assertAllClose(
        labels.reshape(len(chosen), -1), expected[:, survey.rows:], rtol=0, atol=1e-5)
    self.assertAllEqual(
        survey.magnitude_row(r_mag[chosen]), expected[:, :survey.rows].argmax(axis=1))

  @parameterized.parameters(*_SURVEYS)
  def test_scatter(self, name, survey):
    golden = _golden(name)
    model = soft_labels.fit_label_model(
        *_train(golden), survey, sigma_disp=golden["sigma_disp"])
    self.assertAllClose(model.sigma_scatter, golden["sigma_scatter"], rtol=0, atol=1e-4)

  @parameterized.parameters(*_SURVEYS)
  def test_dispersions_are_the_published_ones(self, name, survey):
    golden = _golden(name)
    model = soft_labels.fit_label_model(*_train(golden), survey, dispersions="published")
    # The search stops early: rounding of its input alone moves a width by up to 0.2%.
    self.assertAllClose(model.sigma_disp, golden["sigma_disp"], rtol=0.01)
    self.assertAllClose(model.sigma_scatter, golden["sigma_scatter"], rtol=0.01)

  def test_flat_and_wide_minima_are_named(self):
    golden = _golden("cfhtls")
    z_spec, z_photo, r_mag = _train(golden)
    lines = {search: dispersion.doubtful_dispersions(
        dispersion.fit_dispersions(z_spec, z_photo, r_mag, CFHTLS_WIDE, search=search),
        z_spec, z_photo, r_mag, CFHTLS_WIDE) for search in dispersion.SEARCHES}
    outputs = {search: [line.split(":")[0] for line in own] for search, own in lines.items()}
    self.assertEqual(outputs["published"],
                     [f"output {k}" for k in (0, 1, 2, 6, 7, 8, 9)])
    self.assertRegex(lines["published"][0], "773 bins fit as well as 172, to within 0.01 nats")
    self.assertRegex(lines["global"][0], "780 bins are more than a quarter of the grid of 1000")

  def test_a_sharp_minimum_is_not_doubted(self):
    rng = np.random.default_rng(0)
    z_photo = rng.normal(0.2, 6 * SDSS.bin_width, 20000)
    z_spec = z_photo + rng.normal(0.0, 8 * SDSS.bin_width, z_photo.size)
    columns = z_spec, z_photo, np.full(z_photo.size, 12.6)
    fitted = dispersion.fit_dispersions(*columns, SDSS, search="published")
    self.assertAllClose(fitted[0], 8.0, atol=0.3)
    self.assertEmpty(dispersion.doubtful_dispersions(fitted, *columns, SDSS))

  def test_a_width_that_another_one_beats_is_named(self):
    rng = np.random.default_rng(0)
    z_photo = rng.normal(0.2, 6 * SDSS.bin_width, 20000)
    z_spec = z_photo + rng.normal(0.0, 8 * SDSS.bin_width, z_photo.size)
    columns = z_spec, z_photo, np.full(z_photo.size, 12.6), SDSS
    lines = dispersion.doubtful_dispersions(np.full(SDSS.outputs, 40.0), *columns)
    self.assertLen(lines, 1)  # the other outputs have no galaxies
    self.assertRegex(lines[0], r"^output 0: [78]\.?\d* bins fit better than 40$")
    self.assertEmpty(dispersion.doubtful_dispersions(np.full(SDSS.outputs, 12.0), *columns))

  @parameterized.parameters(*_SURVEYS)
  def test_the_global_search_reaches_a_cross_entropy_no_higher(self, name, survey):
    golden = _golden(name)
    z_spec, z_photo, r_mag = _train(golden)
    fitted = dispersion.fit_dispersions(z_spec, z_photo, r_mag, survey, search="global")
    x = dispersion.output_distributions(dispersion.density(z_photo, r_mag, survey), survey)
    y = dispersion.output_distributions(dispersion.density(z_spec, r_mag, survey), survey)
    score = lambda sigmas: np.array([
        soft_labels.dispersion_cross_entropy(*args) for args in zip(sigmas, x, y)])
    ours, theirs = score(fitted), score(golden["sigma_disp"])
    self.assertAllLessEqual(ours - theirs, 0.0)
    self.assertLess(ours.sum(), theirs.sum())

  @parameterized.parameters(*_SURVEYS)
  def test_calibration_given_the_resampled_set(self, name, survey):
    golden = _golden(name)
    fitted = calibration.Calibration.fit(
        golden["resampled_z_spec"], golden["resampled_z_photo"], golden["resampled_r"], survey)
    r_mag = golden["r_test"]
    corrected = fitted.apply(golden["step4_z_photo_test"], r_mag)
    # The published code leaves out the last magnitude row and part of the first.
    inside = (r_mag > survey.r_min + 0.5) & (r_mag <= survey.r_min + (survey.rows - 1) / 2)
    self.assertGreater(inside.sum(), 8000)
    self.assertAllClose(
        corrected[inside], golden["calibrated"][inside], rtol=0, atol=1e-9)

  @parameterized.parameters(*_SURVEYS)
  def test_resampled_set_has_the_published_distribution(self, name, survey):
    """Our draw and the published one fill the cells alike, within their noise."""
    golden = _golden(name)
    z_spec, _, r_mag = _train(golden)
    drawn = calibration.resample_to_expected(
        z_spec, r_mag, golden["z_photo_test"], golden["r_test"], survey,
        size=golden["resampled_r"].size)
    ours = _cell_fractions(z_spec[drawn], r_mag[drawn], survey)
    theirs = _cell_fractions(golden["resampled_z_spec"], golden["resampled_r"], survey)
    undrawn = _cell_fractions(z_spec, r_mag, survey)
    self.assertLess(0.5 * np.abs(ours - theirs).sum(), 0.01)
    self.assertGreater(0.5 * np.abs(undrawn - theirs).sum(), 0.1)  # the draw makes a difference


def _cell_fractions(z_spec, r_mag, survey):
  """Fractions of galaxies by (wide bin, magnitude row), in the range of both codes."""
  inside = (r_mag > survey.r_min + 0.5) & (r_mag < survey.r_min + (survey.rows - 1) / 2)
  cell = cells.wide_cell(z_spec, survey) * survey.rows + survey.magnitude_row(r_mag)
  counts = np.bincount(cell[inside], minlength=cells.WIDE_CELLS * survey.rows)
  return counts / counts.sum()


if __name__ == "__main__":
  tf.test.main()
