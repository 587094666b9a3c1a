"""HATS catalogues, written and read by the libraries of HATS themselves."""

import importlib.util
import os
import resource
import sys
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.parts import hats_catalog, part_folder, part_writer
from pzbias_tf.predictions.parts.part_schema import CALIBRATED, PDF
from pzbias_tf.predictions.predictions_file import PdfFormat
from tests.predictions.parts.small_parts import calibration, predictions, write_predictions

WITH_HATS = importlib.util.find_spec("hats_import") is not None


class HatsCatalogTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    if not WITH_HATS:
      self.skipTest("hats-import is not installed")
    self.folder = self.create_tempdir().full_path
    self.parts, self.output = (os.path.join(self.folder, name) for name in ("parts", "photo_z"))
    self.scratch = os.path.join(self.folder, "scratch")

  def write_parts(self, *pieces, pdf_format=PdfFormat()):
    os.makedirs(self.parts, exist_ok=True)
    for number, piece in enumerate(pieces):
      shard = os.path.join(self.folder, "shard.hdf5")
      write_predictions(shard, piece, pdf_format)
      part_writer.write_part(shard, os.path.join(self.parts, f"{number}.parquet"), calibration())
    part_folder.finish_parts(self.parts)

  def write(self, order=1):
    hats_catalog.write_hats(self.parts, self.output, order, self.scratch)

  @parameterized.parameters(
      (0, PdfFormat()), (1, PdfFormat(kind="quantiles")), (2, PdfFormat(kind="none")))
  def test_hats_and_lsdb_read_it(self, order, pdf_format):
    import hats  # optional dependencies
    import lsdb
    given = [predictions(150, 0), predictions(80, 1)]
    given[1].ancil["id"][:] = [f"other {number}" for number in range(80)]
    self.write_parts(*given, pdf_format=pdf_format)
    self.write(order)
    catalog = hats.read_hats(self.output)
    self.assertEqual(catalog.catalog_info.total_rows, 230)
    self.assertEqual({pixel.order for pixel in catalog.get_healpix_pixels()}, {order})
    table = lsdb.open_catalog(self.output, columns="all").compute()
    self.assertLen(table, 230)
    found = dict(zip(table["id"], table["zmode"]))
    for piece in given:
      self.assertAllEqual([found[name] for name in piece.ancil["id"]], piece.z_photo)
    self.assertIn(CALIBRATED, table.columns)

  def test_lsdb_finds_galaxies_by_position(self):
    import lsdb
    given = predictions(300)
    self.write_parts(given, pdf_format=PdfFormat(kind="none"))
    self.write(2)
    ra, dec = given.ancil["ra"][5], given.ancil["dec"][5]
    near = lsdb.open_catalog(self.output).cone_search(ra, dec, radius_arcsec=1.0).compute()
    self.assertEqual(list(near["id"]), [given.ancil["id"][5]])

  def test_units_and_p_of_z_are_kept(self):
    from pyarrow import parquet
    self.write_parts(predictions())
    self.write()
    for path in part_folder.part_paths(self.output):
      schema = parquet.read_schema(path)
      self.assertEqual(schema.field("ra").metadata[b"unit"], b"deg")
      self.assertEqual(schema.field(PDF).type.list_size, 180)
      self.assertIn(b"IVOA.VOTable-Parquet.content", schema.metadata)
    self.assertAllEqual(part_folder.read_part_edges(self.output), predictions().edges)

  def test_this_package_reads_it(self):
    given = predictions()
    self.write_parts(given)
    self.write(0)
    columns = part_folder.read_part_columns(self.output)
    order = np.argsort(columns["row"])
    self.assertAllEqual(columns["id"][order], given.ancil["id"])
    self.assertAllClose(columns[PDF][order] * np.diff(given.edges), given.pdf)

  @parameterized.parameters(300, 15_000, 40_000)
  def test_an_import_that_found_a_full_disk_goes_on(self, size):
    self.write_parts(predictions(150, 0), predictions(80, 1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))  # like a disk that is full
    try:
      with self.assertRaisesRegex(OSError, "photo_z: hats-import has not finished.*make room"):
        self.write(0)
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, before)
    self.assertLen(part_folder.read_part_columns(self.parts)["id"], 230)  # nothing is lost
    self.assertTrue(os.listdir(os.path.join(self.scratch, "photo_z", "intermediate")))
    self.write(0)
    self.assertLen(part_folder.read_part_columns(self.output)["id"], 230)
    self.assertFalse(os.path.exists(os.path.join(self.scratch, "photo_z")))


class CheckTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(-1, 13, 30)
  def test_an_order_that_makes_no_sense(self, order):
    with self.assertRaisesRegex(ValueError, f"healpix_order={order}: choose one from 0"):
      hats_catalog.check_can_write("photo_z", order)

  @parameterized.parameters("photo z", "a/b", "", "größe")
  def test_a_name_that_hats_refuses(self, name):
    with self.assertRaisesRegex(ValueError, "named by letters, digits"):
      hats_catalog.check_can_write(name, 3)

  @parameterized.parameters(((3, 11), "needs Python 3.12"), ((3, 12), "pip install"),
                            ((3, 13), "pip install"))
  def test_without_hats_import(self, version, message):
    with (mock.patch.object(importlib.util, "find_spec", return_value=None),
          mock.patch.object(sys, "version_info", version)):
      with self.assertRaisesRegex(ValueError, message):
        hats_catalog.check_can_write("photo_z", 3)


if __name__ == "__main__":
  tf.test.main()
