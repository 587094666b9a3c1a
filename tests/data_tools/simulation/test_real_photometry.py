"""Simulation of the galaxies of a table."""

from __future__ import annotations

import os
import tempfile

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools import simulate as simulate_lib
from data_tools.conversion import splits as splits_lib
from data_tools.readers import READERS, ReaderOptions
from data_tools.simulation import instruments, photometry, real_photometry
from data_tools.simulation.observation import Observation
from data_tools.simulation.options import PhotometryTable, SimulationOptions
from data_tools.simulation.samples import simulated_survey
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import load_survey
from tests.data_tools.simulation.sample_observations import BANDS, galaxy_table


class RealPhotometryTest(parameterized.TestCase, tf.test.TestCase):

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
    real = self.read(self.write(galaxy_table(), name, **kwargs))
    self.assertAllClose(real.z, galaxy_table()["redshift"], atol=1e-12)
    self.assertAllClose(real.mag[:, 1], galaxy_table()["g"], atol=1e-12)

  @parameterized.parameters(("redshift", "km/s", "redshifts"), ("g", "nJy", "magnitudes"))
  def test_units_of_something_else(self, name, unit, what):
    table = galaxy_table()
    table[name].unit = unit
    with self.assertRaisesRegex(ValueError, f"column '{name}' has the unit .*holds no {what}"):
      self.read(self.write(table, "table.fits"))

  def test_named_columns_and_the_two_meanings_of_z(self):
    table = galaxy_table()
    table.rename_columns(("redshift", "z", "u"), ("photoz", "z_band", "uu"))
    path = self.write(table)
    with self.assertRaisesRegex(ValueError, "of redshift; .*--photometry_redshift_column"):
      self.read(path)
    with self.assertRaisesRegex(ValueError, "no column 'u' of u; .*--photometry_u_column"):
      self.read(path, redshift="photoz")
    real = self.read(path, redshift="photoz", z="z_band", u="uu")
    self.assertAllClose(real.mag[:, 4], table["z_band"])
    for band in BANDS:
      table.rename_column({"z": "z_band", "u": "uu"}.get(band, band), f"dered_petro_{band}")
    table.rename_column("photoz", "z")
    self.assertAllClose(self.read(self.write(table)).z, table["z"])

  def test_the_z_band_is_not_taken_for_the_redshift(self):
    table = galaxy_table()
    table.remove_column("redshift")
    with self.assertRaisesRegex(ValueError, "--photometry_redshift_column"):
      self.read(self.write(table))
    with self.assertRaisesRegex(ValueError, "one column has two meanings"):
      self.read(self.write(table), redshift="z")

  def test_unusable_rows_are_left_out(self):
    table = galaxy_table(6)
    table["redshift"][0], table["g"][1], table["r"][2], table["redshift"][3] = (
        -1.0, np.nan, -9999.0, 0.9)
    self.assertAllEqual(self.read(self.write(table)).rows, [4, 5])
    table["u"] = 99.0
    with self.assertRaisesRegex(ValueError, "none of 6 rows"):
      self.read(self.write(table))

  def test_masked_values_are_missing(self):
    table = Table(galaxy_table(5), masked=True)
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

  def test_every_row_once_per_round(self):
    real = self.read(self.write(galaxy_table()))
    order = real.order(np.arange(100))
    self.assertAllEqual(np.sort(order[:40]), np.arange(40))
    self.assertAllEqual(np.sort(order[40:80]), np.arange(40))
    self.assertNotAllEqual(order[:40], order[40:80])
    self.assertAllEqual(real.order(np.array([70, 3])), order[[70, 3]])

  def test_images_and_labels_are_those_of_the_table(self):
    table = galaxy_table()
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
    matched = real_photometry._rest_colour(z, 17 - 2.5 * np.log10(maggies), grid)
    self.assertAllClose(matched, colour, atol=0.05)

  @parameterized.parameters(("sdss", "public_npy", "sdss_public"),
                            ("sdss", "research", "sdss_research"),
                            ("cfhtls", "cubes", "cfhtls"))
  def test_no_row_is_in_two_splits(self, survey, layout, reader):
    out = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), "out")
    options = self.options(self.write(galaxy_table(30)))
    simulate_lib.simulate(survey, 200, 1, out, layout, options=options)
    config = load_survey(survey)
    source = READERS[reader].read(out, config, ReaderOptions())
    group = np.asarray(source.catalog["split_group"]).astype(str)
    self.assertLen(np.unique(group), 30)
    split, _ = splits_lib.assign_splits(source.catalog, config.dataset, seed=0)
    self.assertGreater(len(np.unique(split)), 1)
    for one in np.unique(group):
      self.assertLen(np.unique(split[group == one]), 1)

  def test_data_set(self):
    """After a conversion, catalog.fits has the usual columns, and each row is in one split."""
    output = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), "ds")
    table = galaxy_table(30)
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

  def test_another_table_makes_another_simulation(self):
    out = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), "out")
    for _ in range(2):
      simulate_lib.simulate("sdss", 5, 1, out, options=self.options(self.write(galaxy_table(30))))
    with self.assertRaisesRegex(FileExistsError, "photometry is"):
      simulate_lib.simulate("sdss", 5, 1, out, options=self.options(self.write(galaxy_table(31))))
    with self.assertRaisesRegex(FileExistsError, "photometry is"):
      simulate_lib.simulate("sdss", 5, 1, out,
                            options=SimulationOptions(image_size=16, neighbours=0))


if __name__ == "__main__":
  tf.test.main()
