"""Labels of Step 3."""

import dataclasses
import pathlib

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias import channels, soft_labels
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

_SURVEY = SDSS.with_bins(20)
_LEFT = 20


def _model(**changes):
  tables = dict(
      sigma_disp=np.full(6, 2.0), sigma_scatter=np.full((6, 20), 3.0),
      density=np.full((20, 11), 1 / 220))
  return soft_labels.LabelModel(survey=_SURVEY, **dict(tables, **changes))


def _catalogue(size=2000):
  rng = np.random.default_rng(0)
  z, r = rng.uniform(0.0, 0.4, size), rng.uniform(12.0, 18.5, size)
  return z, (z + rng.normal(0.0, 0.02, size)).clip(0, 0.4), r


class LabelModelTest(tf.test.TestCase, parameterized.TestCase):

  def test_mean_is_mirrored_at_the_bin(self):
    # All galaxies of every magnitude row are in bin 12, towards which estimates drift.
    density = np.zeros((20, 11))
    density[12] = 1 / 11
    mean = _model(density=density).shifted_means()
    self.assertEqual(mean.shape, (6, 20, 11))
    self.assertAllClose(
        mean, np.broadcast_to((2 * np.arange(20) - 12 + _LEFT)[None, :, None], mean.shape))

  def test_mean_by_loops(self):
    rng = np.random.default_rng(1)
    density, scatter = rng.dirichlet(np.ones(220)).reshape(20, 11), rng.uniform(1, 5, (6, 20))
    mean = _model(density=density, sigma_scatter=scatter).shifted_means()
    bins = np.arange(20)
    for k, i, j in ((0, 0, 1), (3, 19, 5), (5, 7, 10)):
      weight = np.exp(-(bins - i) ** 2 / (2 * scatter[k, i] ** 2)) * density[:, j]
      drift = np.sum(weight * bins) / weight.sum()
      self.assertAllClose(mean[k, i, j], 2 * i - drift + _LEFT)

  def test_unshifted_mean_is_the_bin(self):
    mean = _model().shifted_means(shift=False)
    self.assertAllEqual(mean[2, :, 3], np.arange(20) + _LEFT)

  def test_narrow_scatter_does_not_shift(self):
    mean = _model(sigma_scatter=np.full((6, 20), 0.05)).shifted_means()
    self.assertAllEqual(mean, _model().shifted_means(shift=False))

  @parameterized.product(soften=(False, True), shift=(False, True))
  def test_labels_are_distributions_flat_for_other_outputs(self, soften, shift):
    z, _, r = _catalogue(200)
    labels = _model().targets(z, r, soften=soften, shift=shift)
    self.assertEqual((labels.shape, labels.dtype), ((200, 6, 60), np.float32))
    self.assertAllClose(labels.sum(axis=2), np.ones((200, 6)), atol=1e-5)
    other = channels.membership(r, _SURVEY) == 0
    self.assertAllClose(labels[other], np.full((other.sum(), 60), 1 / 60))
    self.assertAllGreater(labels[~other].max(axis=1), 0.1)

  def test_targets_follow_the_table_of_means(self):
    """The table gives the same labels on the device, as a training step makes them."""
    rng = np.random.default_rng(2)
    model = _model(density=rng.dirichlet(np.ones(220)).reshape(20, 11))
    labels = model.targets([0.31], [15.2])
    magnitude_row, output = _SURVEY.magnitude_row(15.2), 3
    mean = model.shifted_means()[output, _SURVEY.redshift_bin(0.31), magnitude_row]
    logits = -(np.arange(60) - mean) ** 2 / (2 * model.sigma_disp[output] ** 2)
    self.assertAllClose(labels[0, output], tf.nn.softmax(logits), atol=1e-6)

  def test_hard_label_is_at_the_integer_part_of_the_mean(self):
    labels = soft_labels.soft_labels(np.array([3.9, -2.5, 99.0, -0.5]), 2.0, 10, soften=False)
    self.assertAllEqual(labels.argmax(axis=1), [3, 0, 9, 0])
    self.assertAllEqual(labels.sum(axis=1), np.ones(4))

  def test_narrow_dispersion_gives_hard_labels(self):
    labels = soft_labels.soft_labels(np.array([3.9]), 0.09, 10)
    self.assertAllEqual(labels, np.eye(10)[[3]])

  def test_mean_far_off_the_grid_labels_the_edge(self):
    labels = soft_labels.soft_labels(np.array([-1e6, 1e6]), 0.2, 10)
    self.assertAllClose(labels, np.eye(10)[[0, 9]])

  def test_fit_finds_scatter_and_density(self):
    z, z_photo, r = _catalogue(20000)
    model = soft_labels.fit_label_model(z, z_photo, r, _SURVEY, sigma_disp=np.full(6, 0.5))
    self.assertAllClose(model.density.sum(), 1.0)
    # Residuals of 0.02 = 1 bin; (median + mean)/2 of their squares is (0.455 + 1)/2.
    self.assertAllClose(
        model.sigma_scatter[3, 5:15], np.full(10, np.sqrt(0.727 + 0.25)), atol=0.1)

  @parameterized.parameters(0.5, 1.0, 3.0)
  def test_width_factor_widens_labels_and_scatter(self, factor):
    z, z_photo, r = _catalogue(5000)
    fitted = soft_labels.fit_label_model(z, z_photo, r, _SURVEY)
    model = soft_labels.fit_label_model(z, z_photo, r, _SURVEY, width_factor=factor)
    self.assertAllClose(model.sigma_disp, factor * fitted.sigma_disp)
    given = soft_labels.fit_label_model(z, z_photo, r, _SURVEY, sigma_disp=model.sigma_disp)
    self.assertAllClose(model.sigma_scatter, given.sigma_scatter)

  def test_output_without_galaxies_has_its_dispersion_as_scatter(self):
    z, z_photo, _ = _catalogue(500)
    model = soft_labels.fit_label_model(z, z_photo, np.full(500, 12.6), _SURVEY)
    self.assertAllEqual(model.sigma_disp[1:], np.ones(5))
    self.assertAllEqual(model.sigma_scatter[1:], np.ones((5, 20)))

  def test_tables_cannot_be_changed(self):
    with self.assertRaises(ValueError):
      _model().density[0, 0] = 1.0

  def test_wrong_tables_are_refused(self):
    with self.assertRaisesRegex(ValueError, r"density must have shape \[20, 11\]"):
      _model(density=np.zeros((20, 10)))
    with self.assertRaisesRegex(ValueError, "sigma_disp holds values"):
      _model(sigma_disp=np.full(6, np.nan))
    z, z_photo, r = _catalogue(10)
    with self.assertRaisesRegex(ValueError, r"sigma_disp must have shape \[6\]"):
      soft_labels.fit_label_model(z, z_photo, r, _SURVEY, sigma_disp=np.ones(5))

  def test_bad_columns_are_refused(self):
    with self.assertRaisesRegex(ValueError, "r_mag has 1"):
      _model().targets([0.1, 0.2], [15.0])
    with self.assertRaisesRegex(ValueError, "z_photo is not finite"):
      soft_labels.fit_label_model([0.1], [np.nan], [15.0], _SURVEY)


class SaveTest(tf.test.TestCase, parameterized.TestCase):

  def test_round_trip(self):
    path = pathlib.Path(self.get_temp_dir()) / "labels.npz"
    rng = np.random.default_rng(3)
    model = _model(sigma_scatter=rng.uniform(1, 5, (6, 20)))
    model.save(path)
    loaded = soft_labels.LabelModel.load(path, _SURVEY)
    for table in ("sigma_disp", "sigma_scatter", "density"):
      self.assertAllEqual(getattr(loaded, table), getattr(model, table))
    self.assertLen(list(path.parent.iterdir()), 1)  # no temporary file is left

  @parameterized.parameters(
      (SDSS, "bins is 20 in the file and 180 in the survey"),
      (CFHTLS_WIDE.with_bins(20), "z_max is 0.4 in the file and 4.0"),
      (dataclasses.replace(_SURVEY, extend_exceptions={}), "bins_left is 20 .* and 10"),
  )
  def test_another_grid_is_refused(self, survey, message):
    path = pathlib.Path(self.get_temp_dir()) / "labels.npz"
    _model().save(path)
    with self.assertRaisesRegex(ValueError, message):
      soft_labels.LabelModel.load(path, survey)

  def test_other_files_are_refused_by_name(self):
    folder = pathlib.Path(self.get_temp_dir())
    (folder / "text.npz").write_text("hello")
    np.savez(folder / "other.npz", a=1)
    np.save(folder / "array.npy", np.ones(3))
    np.savez(folder / "pickled.npz", sigma_disp=np.array([{}], dtype=object))
    for name in ("text.npz", "other.npz", "array.npy", "pickled.npz"):
      with self.assertRaisesRegex(ValueError, f"{name} is not a label model"):
        soft_labels.LabelModel.load(folder / name, _SURVEY)
    with self.assertRaises(FileNotFoundError):
      soft_labels.LabelModel.load(folder / "missing.npz", _SURVEY)

  def test_failed_save_leaves_the_old_file(self):
    folder = pathlib.Path(self.get_temp_dir())
    with self.assertRaises(OSError):
      _model().save(folder / "missing" / "labels.npz")
    self.assertEmpty(list(folder.iterdir()))


if __name__ == "__main__":
  tf.test.main()
