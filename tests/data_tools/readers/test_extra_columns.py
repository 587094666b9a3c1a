"""Further columns of a catalogue, from every layout, with missing values and bad names."""

import json
import os

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import MaskedColumn, Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords, readers
from data_tools.conversion.command_line.conversion_config import config_from_flags, define_flags
from pzbias_tf.data.catalog import load_catalog
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from tests.data_tools import sample_formats, sample_surveys

NUM = 12
MAG_J = np.linspace(18.0, 20.0, NUM)


class LayoutsTest(sample_formats.FormatsTest, parameterized.TestCase):

  def write_research(self):
    sample_surveys.write_research(self.input, sample_surveys.cube(NUM), {
        **sample_surveys.columns(NUM), "mag_J": MAG_J})

  def write_public(self):
    sample_surveys.write_public(self.input, sample_surveys.cube(NUM), {
        **sample_surveys.columns(NUM), "mag_J": MAG_J.astype(np.float32)})

  def write_zphoto(self):
    table = sample_formats.table_of(NUM)
    np.savez(self.path("images_SDSS.npz"), sample_surveys.cube(NUM))
    np.savez(self.path("zphoto_catalog_SDSS.npz"), zspec=table["z"], ebv=table["ebv"],
             mag_r=table["r"], mag_J=MAG_J, id_train=np.arange(NUM), id_validation=np.arange(0),
             id_test=np.arange(0))

  def write_cube(self):
    np.savez(self.path("mine.npz"), cube=sample_surveys.cube(NUM), mag_J=MAG_J,
             **sample_formats.table_of(NUM))

  def write_hdf5(self):
    with h5py.File(self.path("mine.hdf5"), "w") as file:
      file["cube"] = sample_surveys.cube(NUM)
      for name, values in {**sample_formats.table_of(NUM), "mag_J": MAG_J}.items():
        file[name] = values.astype("S") if values.dtype.kind == "U" else values

  def write_fits(self):
    Table({**sample_formats.table_of(NUM), "mag_J": MAG_J}).write(self.path("catalog.fits"))
    for row, image in enumerate(sample_surveys.cube(NUM + 1)):  # the last one has no row
      for band, plane in zip(SDSS.bands, np.moveaxis(image, -1, 0)):
        fits.PrimaryHDU(plane).writeto(self.path(f"J{row:02d}_{band}.fits"))

  @parameterized.parameters("research", "public", "zphoto", "cube", "hdf5", "fits")
  def test_stored_under_their_own_names(self, layout):
    getattr(self, f"write_{layout}")()
    manifest = self.convert(extra_columns=("mag_J",))
    catalog = load_catalog(self.output)
    self.assertEqual(manifest.extra_columns, ("mag_J",))
    self.assertEqual(catalog["mag_J"].dtype, np.dtype(">f8"))
    self.assertLen(catalog, NUM)
    z_spec = readers.read(self.input, SDSS).catalog["z_spec"][:NUM]
    own = [int(np.argmin(np.abs(z_spec - z))) for z in catalog["z_spec"]]
    self.assertAllClose(catalog["mag_J"], MAG_J[own], rtol=1e-6)
    self.assertCountEqual(own, range(NUM))

  def test_cfhtls(self):
    for sample in ("HQ", "LR"):
      sample_surveys.write_cfhtls(self.input, sample, 1, sample_surveys.cube(NUM), ["W"] * NUM,
                                  np.linspace(0.1, 1.0, NUM))
    options = readers.ReaderOptions(extra_columns=("ZFLAG",))
    source = readers.read(self.input, CFHTLS_WIDE, options)
    self.assertAllEqual(source.catalog["ZFLAG"], np.zeros(2 * NUM))
    self.assertEqual(source.extra_columns, ("ZFLAG",))
    with self.assertRaisesRegex(ValueError, "LR_0001.npz: no extra column 'zphot'; the columns"):
      readers.read(self.input, CFHTLS_WIDE, readers.ReaderOptions(extra_columns=("zphot",)))


class MissingTest(sample_formats.FormatsTest, parameterized.TestCase):

  def write(self, **columns):
    np.savez(self.path("mine.npz"), cube=sample_surveys.cube(NUM),
             **sample_formats.table_of(NUM), **columns)

  def test_a_missing_value_rejects_the_galaxy(self):
    mag_j, mag_h = MAG_J.copy(), MAG_J - 1.0
    mag_j[[1, 2, 3]], mag_h[[3, 5]] = (np.nan, -99.0, np.inf), (99.0, -9999.0)
    self.write(mag_J=mag_j, mag_H=mag_h)
    manifest = self.convert(extra_columns=("mag_J", "mag_H"))
    reasons = [f"no value in extra column mag_{band}" for band in "JJJH"]
    self.assertEqual(self.rejected(), dict(zip(("J01", "J02", "J03", "J05"), reasons)))
    self.assertEqual(manifest.galaxies, {"read": NUM, "written": NUM - 4, "rejected": 4})
    self.assertEmpty(manifest.replaced)
    self.assertIsNone(manifest.source["extra_fill"])

  def test_a_masked_value_of_a_table_is_missing(self):
    np.save(self.path("cube.npy"), sample_surveys.cube(NUM))
    masked = np.arange(NUM) == 4
    Table({**sample_formats.table_of(NUM), "mag_J": MaskedColumn(MAG_J, mask=masked),
           "count": MaskedColumn(np.arange(NUM), mask=np.roll(masked, 1), fill_value=7)}).write(
               self.path("catalog.csv"))
    self.convert(extra_columns=("mag_J", "count"))
    self.assertEqual(self.rejected(), {"J04": "no value in extra column mag_J",
                                       "J05": "no value in extra column count"})

  def test_a_fill_replaces_missing_values(self):
    mag_j = MAG_J.copy()
    mag_j[[2, 7]] = -99.0, np.nan
    self.write(mag_J=mag_j, mag_H=MAG_J)
    manifest = self.convert(extra_columns=("mag_J", "mag_H"), extra_fill=25.0)
    self.assertEmpty(self.rejected())
    self.assertEqual(manifest.replaced, {"mag_J": 2})
    self.assertEqual(manifest.source["extra_fill"], 25.0)
    catalog = load_catalog(self.output)
    expected = np.where(mag_j == MAG_J, MAG_J, 25.0)
    self.assertAllEqual(catalog["mag_J"], expected[[int(name[1:]) for name in catalog["id"]]])

  def test_another_choice_is_another_data_set(self):
    self.write(mag_J=MAG_J, mag_H=MAG_J)
    first = self.convert(extra_columns=("mag_J",))
    self.assertEqual(self.convert(extra_columns=("mag_J",)), first)
    for options in ({}, {"extra_columns": ("mag_H",)},
                    {"extra_columns": ("mag_J",), "extra_fill": 20.0}):
      with self.assertRaisesRegex(FileExistsError, "holds a data set with other .*extra_"):
        self.convert(**options)

  @parameterized.parameters(
      (("mag_K",), "no extra column 'mag_K'; the columns are mag_J, mag_j, "),
      (("name",), "extra column 'name' does not hold one number per galaxy, but <U2"),
      (("mag_J", "mag_j"), "names mag_j twice"), (("mag_J", "mag_J"), "names mag_J twice"),
      (("R_MAG",), "a data set has a column r_mag of its own; rename yours"),
      (("position",), "a column position of its own"),
      (("split_group",), "a column split_group of its own"),
      (("mag J",), "a column cannot be called 'mag J'; rename it"))
  def test_bad_columns_are_refused(self, names, message):
    self.write(mag_J=MAG_J, mag_j=MAG_J, R_MAG=MAG_J, name=np.full(NUM, "xy"))
    with self.assertRaisesRegex(ValueError, message):
      readers.read(self.input, SDSS, readers.ReaderOptions(extra_columns=names))

  def test_names_that_no_folder_and_no_table_can_have(self):
    self.write()
    for name in ("../J", "a/b", "", "b" * 61, "mägJ", "a,b"):
      with self.assertRaisesRegex(ValueError, f"a column cannot be called '{name}'"):
        readers.read(self.input, SDSS, readers.ReaderOptions(extra_columns=(name,)))

  @parameterized.parameters(
      (("mag_J",), -99.0, "--extra_fill=-99 stands for a missing value itself"),
      (("mag_J",), np.nan, "--extra_fill=nan stands for"),
      ((), 20.0, "--extra_fill=20 is for extra columns, and there are none"))
  def test_a_fill_that_cannot_be_meant(self, names, fill, message):
    self.write(mag_J=MAG_J)
    with self.assertRaisesRegex(ValueError, message):
      readers.read(self.input, SDSS, readers.ReaderOptions(extra_columns=names, extra_fill=fill))


class CommandLineTest(sample_formats.FormatsTest):

  def config(self, *words):
    values = make_tfrecords.flags.FlagValues()
    define_flags(values)
    values(["make_tfrecords", *words])
    return config_from_flags(values)

  def test_flags(self):
    config = self.config("--input=in", "--extra_columns=mag_J,mag_H", "--extra_fill=20")
    self.assertEqual(config.options.extra_columns, ("mag_J", "mag_H"))
    self.assertEqual(config.options.extra_fill, 20.0)
    with self.assertRaisesRegex(ValueError, "--extra_columns and --extra_fill are for .* --input"):
      self.config("--extra_columns=mag_J")

  def test_data_sets_without_extra_columns_say_nothing_of_them(self):
    np.savez(self.path("mine.npz"), cube=sample_surveys.cube(NUM), **sample_formats.table_of(NUM))
    self.convert()
    with open(os.path.join(self.output, "manifest.json"), encoding="utf-8") as file:
      manifest = json.load(file)
    self.assertNoCommonElements({*manifest, *manifest["source"], *manifest["source"]["settings"]},
                                ("extra_columns", "extra_fill"))


if __name__ == "__main__":
  tf.test.main()
