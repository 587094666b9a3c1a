"""Parts: the numbers of predictions files, with units, calibrated, in any format of p(z)."""

import errno
import os
import resource
from unittest import mock
from xml.etree import ElementTree

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import tables
from pzbias_tf.data.galaxy_origin import read_mark, simulation_record
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.predictions.parts import part_folder, part_writer
from pzbias_tf.predictions.parts.part_schema import CALIBRATED, EDGES_KEY, LEVELS_KEY, PDF
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.predictions.predictions_file import LEVELS, PdfFormat, read_columns
from pzbias_tf.survey import SDSS
from tests.predictions.parts.small_parts import NUM, calibration, predictions, write_predictions

try:
  from pyarrow import parquet
except ImportError:
  parquet = None

FORMATS = (PdfFormat(), PdfFormat(dtype="float16"), PdfFormat(kind="quantiles"),
           PdfFormat(kind="none"))


class PartCase(tf.test.TestCase, parameterized.TestCase):
  """A folder for parts, and a shard's predictions file elsewhere."""

  def setUp(self):
    super().setUp()
    if parquet is None:
      self.skipTest("pyarrow is not installed")
    self.folder = self.create_tempdir().full_path
    self.shard = os.path.join(self.create_tempdir().full_path, "shard.hdf5")
    self.part = os.path.join(self.folder, "test-00000-of-00001.parquet")


class PartsTest(PartCase):

  @parameterized.parameters(*FORMATS)
  def test_numbers_are_those_of_the_predictions_file(self, pdf_format):
    given = predictions()
    write_predictions(self.shard, given, pdf_format)
    part_writer.write_part(self.shard, self.part, calibration())
    found, wanted = part_folder.read_part_columns(self.folder), read_columns([self.shard])
    for name, values in wanted.items():
      self.assertAllEqual(found.pop(name), values)
    self.assertAllEqual(found.pop(CALIBRATED), calibration().apply(given.z_photo, given.r_mag))
    arrays = pdf_format.data(given.edges, given.pdf)
    self.assertLen(found, len(arrays))
    for values, array in zip(found.values(), arrays.values()):
      self.assertEqual(values.dtype, array.dtype)
      self.assertAllEqual(values, array)

  @parameterized.parameters(1, 50, 229, 230, 231)
  def test_row_groups_of_any_size_hold_the_same(self, rows):
    write_predictions(self.shard, predictions())
    with mock.patch.object(part_writer, "_MOST_ROWS", rows):
      part_writer.write_part(self.shard, self.part, calibration())
    self.assertEqual(parquet.read_metadata(self.part).num_row_groups, -(-NUM // rows))
    found = part_folder.read_part_columns(self.folder)
    self.assertAllEqual(found["id"], predictions().ancil["id"])
    self.assertAllClose(found[PDF] * SDSS.bin_width, predictions().pdf)

  def test_without_step_4_there_is_no_calibrated_estimate(self):
    write_predictions(self.shard, predictions())
    part_writer.write_part(self.shard, self.part, None)
    self.assertNotIn(CALIBRATED, parquet.read_schema(self.part).names)

  def test_columns_have_units_descriptions_and_ucds(self):
    write_predictions(self.shard, predictions())
    part_writer.write_part(self.shard, self.part, calibration())
    schema = parquet.read_schema(self.part)
    self.assertEqual(schema.field("ra").metadata, {
        b"unit": b"deg", b"description": b"right ascension (ICRS)",
        b"ucd": b"pos.eq.ra;meta.main"})
    for field in schema:
      self.assertIn(b"description", field.metadata, field.name)
    self.assertEqual(schema.field(PDF).type.list_size, 180)
    self.assertEqual(schema.metadata[b"weights_sha256"], b"abc")
    self.assertEqual(schema.metadata[b"simulated"], b"images")
    header = ElementTree.fromstring(schema.metadata[b"IVOA.VOTable-Parquet.content"])
    fields = {field.get("name"): field for field in header.iter() if field.tag.endswith("}FIELD")}
    self.assertEqual(list(fields), schema.names)
    self.assertEqual(fields["r_mag"].get("unit"), "mag")
    self.assertEqual((fields[PDF].get("arraysize"), fields["id"].get("arraysize")), ("180", "*"))

  def test_this_package_reads_a_part_as_a_table_with_units(self):
    write_predictions(self.shard, predictions())
    part_writer.write_part(self.shard, self.part, calibration())
    table = tables.read_table(self.part)
    units = {table.header[f"TTYPE{number + 1}"]: table.header.get(f"TUNIT{number + 1}", "")
             for number in range(table.header["TFIELDS"])}
    self.assertEqual((units["dec"], units["r_mag"], units["zmode"]), ("deg", "mag", ""))
    self.assertAllEqual(table["zmode"], predictions().z_photo)
    self.assertNotIn(PDF, table)

  def test_edges_and_levels_are_in_the_metadata(self):
    write_predictions(self.shard, predictions())
    part_writer.write_part(self.shard, self.part, None)
    self.assertAllEqual(part_folder.read_part_edges(self.folder), SDSS.edges())
    self.assertIn(EDGES_KEY.encode(), parquet.read_schema(self.part).metadata)
    write_predictions(self.shard, predictions(), PdfFormat(kind="quantiles"))
    part_writer.write_part(self.shard, self.part, None)
    metadata = parquet.read_schema(self.part).metadata
    self.assertEqual(metadata[LEVELS_KEY.encode()].decode(), str(list(LEVELS)))
    with self.assertRaisesRegex(ValueError, "holds no full p.z.*pdf_format=full"):
      part_folder.read_part_edges(self.folder)

  def test_several_parts_are_one_data_set(self):
    pieces = [predictions(num, seed) for seed, num in enumerate((230, 1, 64))]
    for number, piece in enumerate(pieces):
      write_predictions(self.shard, piece)
      part_writer.write_part(self.shard, os.path.join(self.folder, f"test-{number}.parquet"), None)
    self.assertEqual(part_folder.finish_parts(self.folder), 295)
    ids = np.concatenate([piece.ancil["id"] for piece in pieces])
    self.assertAllEqual(part_folder.read_part_columns(self.folder, without=[PDF])["id"], ids)
    self.assertAllEqual(part_folder.read_part_columns(self.folder, stop=231)["id"], ids[:231])
    self.assertAllEqual(parquet.read_table(self.folder)["id"].to_numpy(), ids)
    listed = parquet.read_metadata(os.path.join(self.folder, part_folder.METADATA))
    self.assertEqual(listed.num_rows, 295)
    self.assertEqual({listed.row_group(number).column(0).file_path for number in range(3)},
                     {f"test-{number}.parquet" for number in range(3)})
    self.assertEqual(parquet.read_schema(os.path.join(self.folder, part_folder.COMMON)),
                     parquet.read_schema(self.part.replace("00000-of-00001", "0")))

  @parameterized.parameters((PdfFormat(),), (PdfFormat(dtype="float16"),))
  def test_a_folder_is_loaded_as_predictions(self, pdf_format):
    for number, piece in enumerate((predictions(100, 0), predictions(30, 1))):
      write_predictions(self.shard, piece, pdf_format)
      part_writer.write_part(self.shard, os.path.join(self.folder, f"test-{number}.parquet"), None)
    part_folder.finish_parts(self.folder)
    found = Predictions.load(self.folder)
    self.assertLen(found, 130)
    self.assertAllEqual(found.edges, SDSS.edges())
    self.assertAllEqual(found.z_photo[:100], predictions(100, 0).z_photo)
    self.assertAllClose(found.pdf[100:], predictions(30, 1).pdf, atol=1e-3)
    self.assertNotIn(PDF, found.ancil)
    self.assertEqual(str(found.to_table()["ra"].unit), "deg")

  @parameterized.parameters("quantiles", "none")
  def test_predictions_need_full_pdfs(self, kind):
    write_predictions(self.shard, predictions(), PdfFormat(kind=kind))
    part_writer.write_part(self.shard, self.part, None)
    with self.assertRaisesRegex(ValueError, "holds no full p.z"):
      Predictions.load(self.folder)

  def test_a_folder_says_that_its_galaxies_are_simulated(self):
    write_predictions(self.shard, predictions())
    part_writer.write_part(self.shard, self.part, None)
    self.assertEqual(read_mark(self.folder), "")  # not finished
    part_folder.finish_parts(self.folder)
    self.assertEqual(read_mark(self.folder), "images")
    self.assertEqual(simulation_record(self.folder), simulation_record(self.part))

  def test_the_digest_is_that_of_all_parts(self):
    digests = []
    for seed in (0, 1, 0):
      write_predictions(self.shard, predictions(seed=seed))
      part_writer.write_part(self.shard, self.part, None)
      digests.append(part_folder.parts_digest(self.folder))
    self.assertEqual(digests[0], digests[2])
    self.assertNotEqual(digests[0], digests[1])

  def test_a_folder_without_parts_is_refused(self):
    with self.assertRaisesRegex(FileNotFoundError, "holds no part of predictions"):
      part_folder.part_paths(self.folder)

  def test_a_damaged_part_is_refused(self):
    with open(self.part, "wb") as file:
      file.write(b"PAR1 and no more")
    with self.assertRaisesRegex(ValueError, "test-00000-of-00001.parquet: damaged"):
      part_folder.read_part_columns(self.folder)

  @parameterized.parameters("ancil/zmode", "data/pdfs", "ancil/id")
  def test_changed_predictions_become_no_part(self, name):
    write_predictions(self.shard, predictions())
    with open_hdf5(self.shard, "a") as file:
      file[name][7] = file[name][8]
    with self.assertRaisesRegex(ValueError, "has changed|was changed"):
      part_writer.write_part(self.shard, self.part, None)
    self.assertEmpty(os.listdir(self.folder))


class FullDiskTest(PartCase):

  def setUp(self):
    super().setUp()
    self.part = os.path.join(self.folder, "test.parquet")
    write_predictions(self.shard, predictions())

  def assert_full_and_nothing_lost(self):
    with self.assertRaisesRegex(OSError, "test.parquet: the disk is full.*make room and give the "
                                "same command again: it keeps what is predicted"):
      part_writer.write_part(self.shard, self.part, None)
    self.assertEmpty(os.listdir(self.folder))
    self.assertLen(read_columns([self.shard])["id"], NUM)

  @parameterized.parameters(0, 1000, 100_000)
  def test_a_part_that_finds_no_room(self, size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))  # like a disk that is full
    try:
      self.assert_full_and_nothing_lost()
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, before)
    part_writer.write_part(self.shard, self.part, None)
    self.assertEqual(parquet.read_metadata(self.part).num_rows, NUM)

  @parameterized.parameters(errno.ENOSPC, errno.EDQUOT)
  def test_a_disk_that_is_full_at_the_flush(self, number):
    with mock.patch.object(os, "fsync", side_effect=OSError(number, "no room")):
      self.assert_full_and_nothing_lost()

  def test_other_errors_pass(self):
    with mock.patch.object(os, "fsync", side_effect=OSError(errno.EIO, "broken disk")):
      with self.assertRaisesRegex(OSError, "broken disk"):
        part_writer.write_part(self.shard, self.part, None)


if __name__ == "__main__":
  tf.test.main()
