import contextlib
import io
import os
import tempfile
from unittest import mock

from absl.testing import parameterized
from matplotlib.collections import QuadMesh
from matplotlib.patches import StepPatch
import numpy as np
import tensorflow as tf

from data_tools import summarize as summarize_lib
from data_tools.summary import distribution_figure, galaxy_table, image_sample, summary_tables
from data_tools.summary.image_sample import read_sample
from data_tools.summary.pixel_statistics import PERCENTILES, band_statistics
from pzbias_tf import pictures
from pzbias_tf.data.manifest import Manifest, Shard
from tests.small_data import make_dataset


def make_galaxies(num=1000, seed=0):
  """Galaxies of three splits; those of the target set have no redshift."""
  rng = np.random.default_rng(seed)
  split = rng.choice(["train", "test", "target"], num, p=(0.6, 0.3, 0.1))
  z_spec = np.where(split == "target", np.nan, rng.uniform(0.01, 0.39, num))
  return galaxy_table.Galaxies(z_spec=z_spec, r_mag=rng.uniform(14.1, 17.7, num), split=split)


class SampleTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.data = make_dataset(os.path.join(tempfile.mkdtemp(), "set"), num=150, shard_size_mb=0.05,
                            augment_copies=2)

  def test_images_and_rows_belong_together(self):
    everything, all_rows = read_sample(self.data, 10**6)
    self.assertAllEqual(all_rows, np.flatnonzero(self.data.column("copy") == 0))
    self.assertLen(set(self.data.column("id")[all_rows]), 150)
    # Images of this set brighten in one band or another with redshift.
    brightest = everything.sum((1, 2)).argmax(-1)
    z = self.data.column("z_spec")[all_rows]
    self.assertGreater(np.corrcoef(brightest, z)[0, 1], 0.95)
    images, rows = read_sample(self.data, 60)
    self.assertAllEqual(images, everything[np.searchsorted(all_rows, rows)])

  def test_of_more_shards_than_images_some_are_read(self):
    with mock.patch.object(tf.data, "TFRecordDataset", wraps=tf.data.TFRecordDataset) as read:
      _, rows = read_sample(self.data, 5)
    self.assertGreater(len(self.data.manifest.shards), 5)
    self.assertEqual(read.call_count, 5)
    self.assertBetween(len(rows), 1, 5)

  def test_shards_are_drawn_by_their_records(self):
    takes = image_sample._takes(np.array([1, 0, 1000, 1, 1]), 2)  # pylint: disable=protected-access
    self.assertEqual((takes[1], takes[2], takes.sum()), (0, 1, 2))

  def test_an_empty_sample_is_refused(self):
    with mock.patch.object(type(self.data), "column", return_value=np.ones(1000)):  # turned copies
      with self.assertRaisesRegex(ValueError, "--sample=5: a sample .* without any galaxy"):
        read_sample(self.data, 5)

  def test_all_shards_contribute(self):
    _, rows = read_sample(self.data, 60)
    self.assertBetween(len(rows), 30, 60)
    splits = self.data.column("split")[rows]
    self.assertEqual(set(splits), {"train", "validation", "test"})
    shards = set(zip(splits, self.data.column("shard")[rows]))
    # Here and there a shard begins with a turned copy, which does not count.
    self.assertGreater(len(shards), 0.8 * len(self.data.manifest.shards))


class StatisticsTest(tf.test.TestCase):

  def test_noise_of_the_sky_is_not_that_of_galaxies(self):
    rng, noise = np.random.default_rng(0), np.array([0.5, 2.0])
    images = rng.normal(3.0, noise, (200, 24, 24, 2))
    images[:, 8:16, 8:16] += 100.0
    found = band_statistics(images.astype(np.float32))
    self.assertAllClose(found.sky_rms, noise, rtol=0.02)
    self.assertAllClose(found.flux, np.full(2, 24 * 24 * 3 + 6400), rtol=1e-2)

  def test_sky_levels_do_not_count_as_noise(self):
    images = np.random.default_rng(0).normal(0.0, 1.0, (100, 16, 16, 1))
    images += np.random.default_rng(1).normal(0.0, 50.0, (100, 1, 1, 1))
    self.assertAllClose(band_statistics(images).sky_rms, [1.0], rtol=0.05)

  def test_a_bright_neighbour_at_the_border_does_not_count(self):
    images = np.random.default_rng(0).normal(0.0, 1.0, (100, 16, 16, 1))
    images[:, :3, :3] += 1000.0
    self.assertAllClose(band_statistics(images).sky_rms, [1.0], rtol=0.15)

  def test_percentiles_are_those_of_all_pixels(self):
    images = np.arange(1000.0).reshape(10, 10, 10, 1)
    expected = [value * 9.99 for value in PERCENTILES]
    self.assertAllClose(band_statistics(images).percentiles, np.array(expected)[:, None])


class DistributionTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      ([0.01, 0.39], 10, 0.0, 0.4, 8), ([14.1, 17.7], 12, 14.0, 18.0, 8),
      ([0.02, 3.9], 10, 0.0, 4.0, 8), ([16.0, 25.5], 12, 16.0, 26.0, 10),
      ([0.4, 0.4], 10, 0.4, 0.41, 1), ([np.nan, 0.1, np.inf, 0.3], 10, 0.1, 0.32, 11),
      ([14.0, 9999.0], 12, 0.0, 10000.0, 10), ([-9999.0, 20.0], 12, -10000.0, 1000.0, 11),
      ([0.0, 3e38], 10, 0.0, 3.5e38, 7), ([], 10, 0.0, 1.0, 1))
  def test_round_edges(self, values, most, low, high, bins):
    edges = galaxy_table.round_edges(np.array(values), most)
    self.assertAllClose(edges, np.linspace(low, high, bins + 1))

  @parameterized.parameters(0.1, 0.29, 0.3, 0.4, 0.7)
  def test_edges_hold_every_value(self, z):
    edges = galaxy_table.round_edges(np.array([0.0, z]), 10)
    self.assertEqual(np.histogram([0.0, z], edges)[0].sum(), 2)

  def test_galaxies_count_once(self):
    data = make_dataset(os.path.join(tempfile.mkdtemp(), "set"), num=50, augment_copies=3)
    self.assertLen(galaxy_table.Galaxies.of(data).z_spec, 50)


class TablesTest(tf.test.TestCase):

  def manifest(self):
    shards = (Shard(split="train", name="a", records=6, bytes=2_500_000, sha256=""),
              Shard(split="train", name="b", records=6, bytes=2_500_000, sha256=""),
              Shard(split="target", name="c", records=1, bytes=600_000, sha256=""))
    return Manifest(
        dataset="sdss", survey="sdss", bands=("g", "r"), image_shape=(4, 4, 2), shards=shards,
        galaxies={"read": 12, "written": 5, "rejected": 7}, replaced={"r_mag": 3},
        source={"rejected": {"duplicate id": 2, "z outside the redshift grid": 5}})

  def test_splits(self):
    galaxies = galaxy_table.Galaxies(
        z_spec=np.array([0.1, 0.2, 0.4, 0.1, np.nan]), split=np.array(["train"] * 4 + ["target"]),
        r_mag=np.array([15.0, 16, 17, 18, 17.5]))
    self.assertEqual(summary_tables.split_table(galaxies, self.manifest()).splitlines(), [
        "  split   galaxies  records  shards   MB  median z  median r",
        "  train          4       12       2  5.0    0.1500     16.50",
        "  target         1        1       1  0.6         -     17.50"])

  def test_cells(self):
    galaxies = galaxy_table.Galaxies(
        z_spec=np.array([0.1, 0.12, 0.31, np.nan]), split=np.array(["train"] * 3 + ["target"]),
        r_mag=np.array([15.0, 15.4, 17.1, 30.0]))
    lines = summary_tables.cell_table(galaxies).splitlines()
    self.assertEqual(lines[0].split()[-3:], ["0.25-0.3", "0.3-0.35", "all"])
    self.assertEqual(lines[1].split(), ["15-15.2", "1", *["."] * 4, "1"])
    self.assertEqual(lines[3].split(), ["15.4-15.6", "1", *["."] * 4, "1"])
    self.assertEqual(lines[-2].split(), ["17-17.2", *["."] * 4, "1", "1"])
    self.assertEqual(lines[-1].split(), ["all", "2", *["0"] * 3, "1", "3"])
    self.assertLen(set(map(len, lines)), 1)

  def test_bands(self):
    statistics = band_statistics(np.ones((3, 8, 8, 2)) * (1.0, 0.25))
    lines = summary_tables.band_table(("g", "r"), statistics).splitlines()
    self.assertEqual(lines[0].split(), ["band", "sky", "rms", "flux", "0.1%", "1%", "16%", "50%",
                                        "84%", "99%", "99.9%"])
    self.assertEqual(lines[2].split(), ["r", "0", "16", *["0.25"] * 7])

  def test_counts(self):
    self.assertEqual(summary_tables.count_lines(self.manifest()), [
        "12 galaxies read, 5 written, 7 rejected", "  5 rejected: z outside the redshift grid",
        "  2 rejected: duplicate id", "  3 values of r_mag replaced"])


class FigureTest(tf.test.TestCase):

  def steps(self, axes):
    return [patch for patch in axes.patches if isinstance(patch, StepPatch)]

  def test_every_galaxy_is_drawn(self):
    galaxies = make_galaxies()
    figure = distribution_figure.draw_distribution(galaxies)
    plane, redshifts, magnitudes = figure.axes[:3]
    mesh, = (child for child in plane.collections if isinstance(child, QuadMesh))
    self.assertEqual(mesh.get_array().sum(), np.isfinite(galaxies.z_spec).sum())
    self.assertEqual([step.get_label().split()[0] for step in self.steps(redshifts)],
                     ["train", "test"])
    self.assertEqual([step.get_label() for step in self.steps(magnitudes)], [
        f"{split} ({np.sum(galaxies.split == split)})" for split in ("train", "test", "target")])
    for step in [*self.steps(redshifts), *self.steps(magnitudes)]:
      values, edges, _ = step.get_data()
      self.assertAllClose(np.sum(values * np.diff(edges)), 1.0)

  def test_galaxies_without_any_redshift(self):
    galaxies = make_galaxies(50)
    unknown = galaxy_table.Galaxies(z_spec=np.full(50, np.nan), r_mag=galaxies.r_mag,
                                    split=np.full(50, "target"))
    figure = distribution_figure.draw_distribution(unknown)
    figure.draw_without_rendering()
    self.assertEmpty(self.steps(figure.axes[1]))
    self.assertLen(self.steps(figure.axes[2]), 1)


class CommandTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(tempfile.mkdtemp(), "set")
    self.data = make_dataset(self.folder, num=60)

  def summarize(self, **options):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      paths = summarize_lib.summarize(self.folder, **options)
    return paths, printed.getvalue()

  def test_tables_and_pictures(self):
    paths, printed = self.summarize()
    self.assertEqual([os.path.relpath(path, self.folder) for path in paths], [
        "summary/distribution.png", "summary/distribution.svg", "summary/contact_sheet.png"])
    for path in paths:
      self.assertGreater(os.path.getsize(path), 10_000)
    for words in ("16 x 16 pixels in u g r i z", "60 galaxies read, 60 written, 0 rejected",
                  "median z", "r \\ z", "sky rms", f"wrote {paths[0]}"):
      self.assertIn(words, printed)

  def test_pictures_of_all_magnitudes_with_z_and_r_below(self):
    output = tempfile.mkdtemp()
    with mock.patch.object(pictures, "contact_sheet") as sheet:
      self.summarize(output=output)
    (images, captions, bands, path), options = sheet.call_args
    self.assertEqual((images.shape, bands), ((24, 16, 16, 5), tuple("ugriz")))
    self.assertEqual(os.path.dirname(path), output)
    self.assertIn("sdss: 24 of 60 galaxies", options["title"])
    order = np.argsort(self.data.column("r_mag"))
    row = order[0]
    self.assertEqual(captions[0], f"r = {self.data.column('r_mag')[row]:.2f}, "
                                  f"z = {self.data.column('z_spec')[row]:.2f}")
    self.assertIn(f"r = {self.data.column('r_mag')[order[-1]]:.2f}", captions[-1])
    everything, _ = read_sample(self.data, 60)
    self.assertAllEqual(images[0], everything[row])

  def test_a_damaged_shard(self):
    path = os.path.join(self.folder, self.data.manifest.shards[0].name)
    with open(path, "r+b") as file:
      file.seek(100)
      file.write(b"damage")
    with self.assertRaisesRegex(ValueError, f"{path}: damaged .*; run .*data_tools.verify"):
      self.summarize()

  def test_a_shard_without_its_last_records(self):
    shard = self.data.manifest.shards[0]
    path = os.path.join(self.folder, shard.name)
    with mock.patch.object(image_sample.tf.data, "TFRecordDataset", return_value=(
        tf.data.TFRecordDataset(path).take(1))):  # of the right size, all the same
      with self.assertRaisesRegex(ValueError, f"{path}: damaged .1 records in place of"):
        self.summarize()

  def test_remote_output_is_refused(self):
    with self.assertRaisesRegex(ValueError, "gs://a/b: pictures are written to local folders"):
      self.summarize(output="gs://a/b")

  def test_captions(self):
    self.assertEqual(pictures.caption(16.543, 0.1234), "r = 16.54, z = 0.12")
    self.assertEqual(pictures.caption(16.0, np.nan, "z_colour"), "r = 16.00, no z_colour")


if __name__ == "__main__":
  tf.test.main()
