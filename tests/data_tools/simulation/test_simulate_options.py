"""What a user may ask of the simulator: size, neighbours, real photometry."""

from __future__ import annotations

import os
import tempfile

from absl import flags
from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools import simulate as simulate_lib
from data_tools.conversion import splits as splits_lib
from data_tools.readers import READERS, ReaderOptions
from data_tools.simulation import instruments, neighbours, photometry, real_photometry
from data_tools.simulation import options as options_lib
from data_tools.simulation.observation import Observation
from data_tools.simulation.options import PhotometryTable, SimulationOptions
from data_tools.simulation.samples import simulated_survey
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import load_survey

BANDS = "ugriz"


def galaxies(num=40, seed=0):
  """A table of plausible galaxies: z, ugriz."""
  rng = np.random.default_rng(seed)
  z = rng.uniform(0.03, 0.3, num)
  mag = rng.uniform(15, 17.5, num)[:, None] + [2.6, 0.9, 0.0, -0.4, -0.7]
  return Table([z, *(mag + 0.1 * rng.standard_normal(mag.shape)).T],
               names=("redshift", *BANDS))


class OptionsTest(parameterized.TestCase, tf.test.TestCase):

  @parameterized.parameters(
      (dict(image_size=4), "--image_size=4: 8 to 256"),
      (dict(image_size=1000), "--image_size=1000"),
      (dict(neighbours=-1), "--neighbours=-1"),
      (dict(neighbours=float("nan")), "--neighbours=nan"),
      (dict(fwhm_arcsec=(1.0, 1.0)), "--fwhm_arcsec=1.0,1.0: give five"),
      (dict(fwhm_arcsec=(1.0, 1.0, 1.0, 1.0, 0.0)), "0.3 to 5 arcsec"))
  def test_bad_options(self, options, message):
    with self.assertRaisesRegex(ValueError, message):
      SimulationOptions(**options)

  @parameterized.parameters(
      (["--photometry_u_column=u"], "give --photometry=FILE"),
      (["--fwhm_arcsec=a,b"], "--fwhm_arcsec=a,b: could not convert"))
  def test_bad_flags(self, arguments, message):
    values = flags.FlagValues()
    options_lib.define_flags(values)
    values(["program", *arguments])
    with self.assertRaisesRegex(ValueError, message):
      options_lib.from_flags(values)

  @parameterized.parameters("sdss", "cfhtls")
  def test_small_images_show_the_same_middle(self, survey):
    """Of the noise-free galaxy; the noise is drawn anew."""
    large, small = (Observation(survey, seed=2, image_size=size,
                                options=SimulationOptions(neighbours=0)).chunk(0, 0, 60)
                    for size in (33, 17))
    self.assertEqual(small.images.shape, (60, 17, 17, 5))
    self.assertAllEqual(large.mag, small.mag)
    difference = large.images[:, 8:25, 8:25, 2] - small.images[..., 2]
    shift = np.median(difference, axis=(1, 2)) / np.std(difference, axis=(1, 2))
    self.assertAllLess(np.abs(shift), 0.4)  # six standard errors

  def test_size_is_recorded_and_reaches_the_records(self):
    output = os.path.join(self.get_temp_dir(), "small")
    config = make_tfrecords.ConversionConfig(
        output=output, num=12, simulation=SimulationOptions(image_size=16, neighbours=0))
    manifest = make_tfrecords.run(config)
    self.assertEqual(manifest.image_shape, (16, 16, 5))
    self.assertEqual(manifest.source["simulated"]["image_size"], 16)
    self.assertEqual(manifest.source["simulated"]["neighbours"], 0)

  def test_options_do_not_go_with_an_input(self):
    with self.assertRaisesRegex(ValueError, "--input=real.npz has images of its own"):
      make_tfrecords.ConversionConfig(
          input="real.npz", simulation=SimulationOptions(image_size=32))


class NeighboursTest(parameterized.TestCase, tf.test.TestCase):

  @parameterized.parameters(("sdss", 0), ("cfhtls", 1))
  def test_only_the_light_of_others_is_added(self, survey, sample):
    lonely, usual, crowded = (
        Observation(survey, seed=4, image_size=16, options=SimulationOptions(neighbours=density))
        .chunk(sample, 0, 120) for density in (0.0, 1.0, 30.0))
    self.assertAllEqual(lonely.z, crowded.z)
    self.assertAllEqual(lonely.mag, crowded.mag)
    changed = [np.mean(np.any(lonely.images != chunk.images, axis=(1, 2, 3)))
               for chunk in (usual, crowded)]
    self.assertBetween(changed[0], 0.05, 0.7)
    self.assertGreater(changed[1], 0.9)

  def test_numbers_are_those_of_the_sky(self):
    """Objects to r = 20, 21 and 22 as counted on an SDSS field, within 25%."""
    survey = simulated_survey("sdss")
    instrument, field = survey.instrument, survey.field
    grid = photometry.flux_grid(instrument.filters, field.galaxies.z_max)
    drawn = neighbours.Population(field.galaxies, grid, instrument).draw(
        20000, np.random.default_rng(0))
    r_mag = 22.5 - 2.5 * np.log10(drawn.flux[:, 2])
    for limit, counted in ((20, 2412), (21, 4336), (22, 8456)):
      stars = 2400 * 10 ** (0.13 * (limit - 22))
      total = field.galaxies_per_deg2 * np.mean(r_mag < limit) + stars
      self.assertAllClose(total, counted, rtol=0.25)

  def test_density_of_places(self):
    survey = simulated_survey("sdss")
    others = neighbours.Neighbours(
        survey.field, photometry.flux_grid(survey.instrument.filters, 1.2, num_z=21),
        survey.instrument, 1.0)
    owner, place = others._places(20000, 64, 10000.0, np.random.default_rng(0))
    inside = np.all(np.abs(place) < 32, axis=1)
    self.assertAllClose(np.sum(inside) / 20000, 10000 * (64 * 0.396 / 3600) ** 2, rtol=0.05)
    self.assertAllGreater(np.hypot(*place.T) * 0.396, 2.0)
    self.assertAllInRange(owner, 0, 19999)

  @parameterized.parameters(-20, -3, 0, 17, 40, 63)
  def test_stamps_at_the_edge(self, corner):
    image, stamp = np.zeros((64, 64, 1)), np.arange(32.0 * 32).reshape(32, 32, 1)
    neighbours._add_stamp(image, stamp, np.array([corner, 5]))
    padded = np.zeros((192, 192, 1))
    padded[64 + 5:64 + 37, 64 + corner:64 + corner + 32] = stamp
    self.assertAllEqual(image, padded[64:128, 64:128])

  def test_a_star_stands_where_it_should(self):
    for size in (31, 64):
      corner, offset = neighbours._corners(np.array([[3.3, -7.8]]), size, 32)
      middle = corner + 15.5 + offset - (size - 1) / 2
      self.assertAllClose(middle, [[3.3, -7.8]])
      self.assertAllInRange(offset, -0.5, 0.5)


class PhotometryTest(parameterized.TestCase, tf.test.TestCase):

  def write(self, table, name="table.csv", **kwargs):
    path = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), name)
    if name.endswith(".txt"):
      kwargs["format"] = "ascii.commented_header"
    table.write(path, **kwargs)
    return path

  def options(self, path, **columns):
    names = tuple(columns.get(name, "") for name in ("redshift", *BANDS))
    return SimulationOptions(image_size=16, neighbours=0,
                             photometry=PhotometryTable(path=path, columns=names))

  def read(self, path, **columns):
    table = self.options(path, **columns).photometry
    return real_photometry.RealGalaxies(table, z_max=0.4, seed=1)

  @parameterized.parameters("table.csv", "table.fits", "table.txt", "table.dat")
  def test_formats(self, name):
    kwargs = {"format": "ascii"} if name.endswith(".dat") else {}
    found = self.read(self.write(galaxies(), name, **kwargs))
    self.assertAllClose(found.z, galaxies()["redshift"], atol=1e-12)
    self.assertAllClose(found.mag[:, 1], galaxies()["g"], atol=1e-12)

  def test_named_columns_and_the_two_meanings_of_z(self):
    table = galaxies()
    table.rename_columns(("redshift", "z", "u"), ("photoz", "z_band", "uu"))
    path = self.write(table)
    with self.assertRaisesRegex(ValueError, "of redshift; .*--photometry_redshift_column"):
      self.read(path)
    with self.assertRaisesRegex(ValueError, "no column 'u' of u; .*--photometry_u_column"):
      self.read(path, redshift="photoz")
    found = self.read(path, redshift="photoz", z="z_band", u="uu")
    self.assertAllClose(found.mag[:, 4], table["z_band"])
    for band in BANDS:
      table.rename_column({"z": "z_band", "u": "uu"}.get(band, band), f"dered_petro_{band}")
    table.rename_column("photoz", "z")
    self.assertAllClose(self.read(self.write(table)).z, table["z"])

  def test_the_z_band_is_not_taken_for_the_redshift(self):
    table = galaxies()
    table.remove_column("redshift")
    with self.assertRaisesRegex(ValueError, "--photometry_redshift_column"):
      self.read(self.write(table))
    with self.assertRaisesRegex(ValueError, "one column for two things"):
      self.read(self.write(table), redshift="z")

  def test_unusable_rows_are_left_out(self):
    table = galaxies(6)
    table["redshift"][0], table["g"][1], table["r"][2], table["redshift"][3] = (
        -1.0, np.nan, -9999.0, 0.9)
    self.assertAllEqual(self.read(self.write(table)).rows, [4, 5])
    table["u"] = 99.0
    with self.assertRaisesRegex(ValueError, "none of 6 rows"):
      self.read(self.write(table))

  def test_masked_values_are_no_values(self):
    table = Table(galaxies(5), masked=True)
    table["i"].mask[3] = True
    self.assertAllEqual(self.read(self.write(table, "table.fits")).rows, [0, 1, 2, 4])

  def test_not_a_table(self):
    path = os.path.join(self.get_temp_dir(), "broken.fits")
    with open(path, "w", encoding="utf-8") as file:
      file.write("no table")
    with self.assertRaises((OSError, ValueError)):
      self.read(path)
    with self.assertRaisesRegex(FileNotFoundError, "no such file"):
      self.read(path + "2")

  def test_every_row_once_a_round(self):
    found = self.read(self.write(galaxies()))
    order = found.order(np.arange(100))
    self.assertAllEqual(np.sort(order[:40]), np.arange(40))
    self.assertAllEqual(np.sort(order[40:80]), np.arange(40))
    self.assertNotAllEqual(order[:40], order[40:80])
    self.assertAllEqual(found.order(np.array([70, 3])), order[[70, 3]])

  def test_images_and_labels_are_those_of_the_table(self):
    table = galaxies()
    options = SimulationOptions(
        neighbours=0, photometry=PhotometryTable(path=self.write(table)))
    chunk = Observation("sdss", seed=1, image_size=96, options=options).chunk(0, 0, 120)
    row = chunk.row
    self.assertAllEqual(np.bincount(row), np.full(40, 3))
    self.assertAllClose(chunk.z, np.asarray(table["redshift"])[row])
    truth = np.stack([table[band] for band in BANDS], axis=-1)[row]
    self.assertAllLess(np.abs(chunk.mag - truth) / chunk.mag_err, 5.0)
    flux = chunk.images.sum((1, 2))
    dust = chunk.ebv[:, None] * np.asarray(instruments.SDSS_EXTINCTION)
    measured = 22.5 - 2.5 * np.log10(flux[:, 1:4]) - dust[:, 1:4]
    self.assertAllLess(np.abs(np.median(measured - truth[:, 1:4], axis=0)), 0.05)
    # The same galaxy comes in several shapes.
    first = chunk.images[row == row[0]]
    self.assertNotAllClose(first[0], first[1])

  def test_redder_galaxies_get_redder_types(self):
    survey = simulated_survey("sdss")
    grid = photometry.flux_grid(survey.instrument.filters, 0.4)
    colour = np.array([1.4, 1.9, 2.4])
    z = np.full(3, 0.1)
    maggies = grid.mix(z, photometry.mean_shares(colour))
    found = real_photometry._rest_colour(z, 17 - 2.5 * np.log10(maggies), grid)
    self.assertAllClose(found, colour, atol=0.05)

  @parameterized.parameters(("sdss", "public_npy", "sdss_public"),
                            ("sdss", "research", "sdss_research"),
                            ("cfhtls", "cubes", "cfhtls"))
  def test_no_row_stands_in_two_splits(self, survey, layout, reader):
    out = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), "out")
    options = self.options(self.write(galaxies(30)))
    simulate_lib.simulate(survey, 200, 1, out, layout, options=options)
    config = load_survey(survey)
    source = READERS[reader].read(out, config, ReaderOptions())
    group = np.asarray(source.catalog["split_group"]).astype(str)
    self.assertLen(np.unique(group), 30)
    split, _ = splits_lib.assign_splits(source.catalog, config.dataset, seed=0)
    self.assertGreater(len(np.unique(split)), 1)
    for one in np.unique(group):
      self.assertLen(np.unique(split[group == one]), 1)

  def test_the_data_set(self):
    """Converted: the columns of catalog.fits are the usual ones, rows keep to one split."""
    output = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), "ds")
    table = galaxies(30)
    options = self.options(self.write(table))
    manifest = make_tfrecords.run(make_tfrecords.ConversionConfig(
        output=output, num=150, simulation=options))
    self.assertIn("hash of the split_group", manifest.split_rule)
    self.assertLen(manifest.source["simulated"]["photometry"]["sha256"], 64)
    with fits.open(os.path.join(output, manifest_lib.CATALOG_NAME)) as file:
      rows = file[1].data
    self.assertCountEqual(
        rows.names, [*catalog_lib.OBJECT_COLUMNS, *catalog_lib.RECORD_COLUMNS])
    for z in table["redshift"]:
      self.assertLen(np.unique(rows["split"][np.abs(rows["z_spec"] - z) < 1e-6]), 1)

  def test_another_table_is_another_simulation(self):
    out = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), "out")
    simulate_lib.simulate("sdss", 5, 1, out, options=self.options(self.write(galaxies(30))))
    simulate_lib.simulate("sdss", 5, 1, out, options=self.options(self.write(galaxies(30))))
    with self.assertRaisesRegex(FileExistsError, "photometry is"):
      simulate_lib.simulate("sdss", 5, 1, out, options=self.options(self.write(galaxies(31))))
    with self.assertRaisesRegex(FileExistsError, "photometry is"):
      simulate_lib.simulate("sdss", 5, 1, out,
                            options=SimulationOptions(image_size=16, neighbours=0))


if __name__ == "__main__":
  tf.test.main()
