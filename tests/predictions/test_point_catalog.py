"""Catalogues of point estimates: what stands in the headers, and that astropy reads them."""

import os
from unittest import mock
from xml.etree import ElementTree

from absl.testing import parameterized
from astropy.io import fits
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table
import astropy.units as u
import numpy as np
import tensorflow as tf

from pzbias_tf.data.galaxy_origin import FITS_MARK
from pzbias_tf.predictions import point_catalog

try:
  from pyarrow import parquet
except ImportError:
  parquet = None

COLUMNS = {"zmode": np.array([0.1, 0.2]), "id": np.array(["a", "bc"]),
           "r_mag": np.array([15.0, np.nan]), "ra": np.array([1.0, 2.0])}


def _data_of(path):
  """Formats of the columns, and the bytes of the table."""
  with fits.open(path) as hdus, open(path, "rb") as file:
    file.seek(hdus[1].fileinfo()["datLoc"])
    return hdus[1].columns.names, hdus[1].columns.formats, file.read()


class PointCatalogTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "out")

  def test_fits(self):
    point_catalog.write_fits(self.path, COLUMNS)
    table = Table.read(self.path, format="fits")
    self.assertEqual(table.colnames, ["id", "ra", "r_mag", "zmode"])
    self.assertEqual([table[name].unit for name in table.colnames], [None, u.deg, u.mag, None])
    self.assertEqual(list(table["id"]), ["a", "bc"])
    self.assertAllEqual(np.asarray(table["zmode"]), COLUMNS["zmode"])
    header = fits.getheader(self.path, 1)
    self.assertEqual(header["TCOMM3"], "r magnitude (AB)")
    self.assertEqual([header[f"TUCD{number}"] for number in (1, 2, 3, 4)], [
        "meta.id;meta.main", "pos.eq.ra;meta.main", "phot.mag;em.opt.R", "src.redshift.phot"])

  @parameterized.parameters(1, 2, 500)
  def test_fits_holds_the_bytes_that_astropy_writes(self, num):
    rng = np.random.default_rng(num)
    columns = {"id": rng.integers(0, 10**18, num).astype(str), "ra": rng.uniform(0, 360, num),
               "field": np.resize(["", "W"], num), "flags": np.arange(num, dtype=np.int16),
               "combined_by_mean": rng.random(num) < 0.5, "ebv": np.full(num, np.nan, np.float32),
               "row": np.arange(num)}
    point_catalog.write_fits(self.path, columns, simulated="simulated")
    names = list(point_catalog.column_info(columns))
    fits.table_to_hdu(Table({name: columns[name] for name in names})).writeto(f"{self.path}.own")
    found, expected = _data_of(self.path), _data_of(f"{self.path}.own")
    self.assertEqual(found, expected)
    self.assertEqual(fits.getheader(self.path, 1)[FITS_MARK], "simulated")

  def test_fits_has_no_letters_beyond_ascii(self):
    with self.assertRaises(UnicodeEncodeError):
      point_catalog.write_fits(self.path, {**COLUMNS, "id": np.array(["a", "\u00e9"])})
    self.assertFalse(os.path.exists(self.path))

  def test_parquet(self):
    if parquet is None:
      self.skipTest("pyarrow is not installed")
    point_catalog.write_parquet(self.path, COLUMNS)
    table = parquet.read_table(self.path)
    self.assertEqual(table.column_names, ["id", "ra", "r_mag", "zmode"])
    self.assertEqual(table["id"].to_pylist(), ["a", "bc"])
    self.assertAllEqual(table["zmode"], COLUMNS["zmode"])
    header = ElementTree.fromstring(table.schema.metadata[b"IVOA.VOTable-Parquet.content"])
    fields = {field.get("name"): field for field in header.iter() if field.tag.endswith("}FIELD")}
    self.assertEqual(fields["ra"].get("ucd"), "pos.eq.ra;meta.main")
    self.assertEqual(fields["r_mag"].get("unit"), "mag")
    self.assertEqual([part.text.strip() for part in fields["zmode"]],
                     ["centre of the most probable redshift bin"])

  def test_only_what_repeats_has_a_dictionary_in_parquet(self):
    if parquet is None:
      self.skipTest("pyarrow is not installed")
    rng, num = np.random.default_rng(0), 3000
    columns = {"id": np.arange(num).astype(str), "zmean": rng.random(num),
               "zmode": rng.integers(180, size=num) / 450, "redshift": np.full(num, np.nan),
               "flags": rng.integers(3, size=num).astype(np.int16)}
    point_catalog.write_parquet(self.path, columns)
    group = parquet.ParquetFile(self.path).metadata.row_group(0)
    with_dictionary = {group.column(number).path_in_schema for number in range(len(columns))
                       if group.column(number).has_dictionary_page}
    self.assertEqual(with_dictionary, {"zmode", "redshift", "flags"})
    table = parquet.read_table(self.path)
    for name, column in columns.items():
      self.assertAllEqual(table[name].to_numpy(), column)

  def test_several_photo_z_of_the_source(self):
    columns = {**COLUMNS, "z_photo_ref_b": COLUMNS["zmode"], "z_photo_ref_A": COLUMNS["zmode"]}
    point_catalog.write_fits(self.path, columns)
    table = Table.read(self.path, format="fits")
    self.assertEqual(table.colnames,
                     ["id", "ra", "r_mag", "z_photo_ref_A", "z_photo_ref_b", "zmode"])
    header = fits.getheader(self.path, 1)
    self.assertEqual((header["TCOMM4"], header["TUCD4"]),
                     ("photometric redshift of the source catalogue: A", "src.redshift.phot"))
    self.assertEqual(point_catalog.point_table(columns).colnames, table.colnames)

  def test_ucds_are_words_of_the_ivoa(self):
    for name, info in point_catalog.COLUMN_INFO.items():
      self.assertTrue(check_ucd(info.ucd, check_controlled_vocabulary=True), name)

  def test_unknown_columns(self):
    with self.assertRaisesRegex(ValueError, "unknown column w; describe it in COLUMN_INFO"):
      point_catalog.write_fits(self.path, {**COLUMNS, "w": COLUMNS["zmode"]})
    self.assertFalse(os.path.exists(self.path))

  def test_parquet_needs_pyarrow(self):
    with mock.patch.object(point_catalog.importlib.util, "find_spec", return_value=None):
      self.assertFalse(point_catalog.can_write_parquet())


if __name__ == "__main__":
  tf.test.main()
