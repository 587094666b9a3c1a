"""Folders of HDF5 files: read as one file, whatever their number; files that do not fit."""

import os
import pickle
from unittest import mock

from absl.testing import parameterized
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers import hdf5
from data_tools.readers.parts import compact_ids
from data_tools.readers.parts.cutout_source import ImageError
from pzbias_tf.data.catalog import load_catalog
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys
from tests.data_tools.sample_conversions import files_of

NUM = 12
PLACES = ("healpix={:02d}/001-of-001.hdf5", "dud/healpix={:02d}/part.h5", "part{:02d}.hdf5")
BANDS = [b"sdss-u", b"sdss-g", b"sdss-r", b"sdss-i", b"sdss-z"]


class Hdf5PartsTest(sample_formats.FormatsTest, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.images = sample_surveys.cube(NUM)
    self.table = {"object_id": 10**17 + np.arange(NUM), **sample_formats.table_of(NUM)}
    del self.table["id"]

  def write(self, name, rows, *, bands=BANDS, **changes):
    """Some of the galaxies as a file of MultimodalUniverse."""
    path = self.path(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    images = self.images[rows]
    with h5py.File(path, "w") as file:
      file["image_array"] = np.moveaxis(images, -1, 1)
      file["image_ivar"] = np.ones_like(file["image_array"])
      file["image_band"] = np.full((len(images), len(bands)), bands)
      file["healpix"] = np.full(len(images), 7)
      for key, values in {**self.table, **changes}.items():
        if values is not None:
          file[key] = values[rows] if len(values) == NUM else values
    return path

  def split(self, place, starts):
    """Writes all galaxies, a new file beginning at each start."""
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], NUM])):
      self.write(place.format(number), slice(start, end))

  def files_made(self, place, starts):
    self.input, self.output = self.input + "_", self.output + "_"
    os.makedirs(self.input)
    self.split(place, starts)
    self.assertEqual(readers.detect(self.input), "hdf5")
    self.convert()
    files = files_of(self.output)
    del files["manifest.json"]  # it names the path
    return files

  def test_units_of_images_that_differ(self):
    paths = [self.write(f"{number}.hdf5", slice(4 * number, 4 * number + 4)) for number in range(3)]
    for path, unit in ((paths[1], "nanomaggy"), (paths[2], "nJy")):
      self.assertLen(readers.read(self.input, SDSS).catalog, NUM)
      with h5py.File(path, "a") as file:
        file["image_array"].attrs["units"] = unit
    with self.assertRaisesRegex(ValueError, "2.hdf5: images in the unit 'nJy', but .*1.hdf5 has "
                                "'nanomaggy'; convert them to one unit"):
      readers.read(self.input, SDSS)

  @parameterized.parameters(*PLACES)
  def test_any_number_of_files_gives_the_same_data_set(self, place):
    one = self.files_made(place, [0])
    self.assertGreater(len(one), 4)
    self.assertEqual(self.files_made(place, [0, 5]), one)
    self.assertEqual(self.files_made(place, [0, 0, 3, 5, 11]), one)  # the first one is empty
    self.assertLen(load_catalog(self.output), NUM)

  def test_images_and_ids(self):
    self.split(PLACES[0], [0, 4, 9])
    source = readers.read(self.input, SDSS)
    self.assertAllEqual(compact_ids.texts(source.catalog["id"]),
                        self.table["object_id"].astype(str))
    self.assert_images(source, self.images)
    self.assert_images(mock.Mock(images=pickle.loads(pickle.dumps(source.images))), self.images)

  def test_rows_are_numbered_on_through_all_files(self):
    del self.table["object_id"]
    self.split(PLACES[0], [0, 4, 9])
    ids = compact_ids.texts(readers.read(self.input, SDSS).catalog["id"])
    self.assertAllEqual(ids, np.arange(NUM).astype(str))

  def test_columns_that_the_user_named_are_kept_for_predictions(self):
    self.table["petro_r"] = np.linspace(16.0, 17.0, NUM)
    self.split(PLACES[0], [0, 4, 9])
    options = readers.ReaderOptions(columns={"r": "petro_r", "ebv": "ebv"})
    self.assertEqual(readers.read(self.input, SDSS, options).description["named_columns"],
                     {"r": "petro_r"})
    self.assertNotIn("named_columns", readers.read(self.input, SDSS).description)

  def test_a_galaxy_takes_less_than_100_bytes(self):
    for name in ("r_err", "i", "i_err", "ra", "dec", *(f"other{number}" for number in range(30))):
      self.table[name] = np.full(NUM, 0.5)
    self.split(PLACES[0], [0, 4, 9])
    catalog = readers.read(self.input, SDSS).catalog
    columns = [np.asarray(catalog[name]) for name in catalog.colnames]
    self.assertLess(sum(values.itemsize for values in columns if values.strides != (0,)), 100)
    self.assertAllEqual(catalog["i_mag"], np.full(NUM, 0.5))

  def test_few_files_are_open_at_once(self):
    self.split(PLACES[0], range(NUM))
    source = readers.read(self.input, SDSS)
    with mock.patch.object(hdf5, "_MOST_OPEN", 3):
      for row in (*range(NUM), 0, 11, 5):
        self.assertAllEqual(source.images(row), self.images[row])
        self.assertLessEqual(len(source.images._open), 3)

  @parameterized.named_parameters(
      ("one_piece", {}, np.float32, True), ("large_first", {}, np.dtype(">f4"), True),
      ("doubles", {}, np.float64, True), ("numbers", {}, np.int16, True),
      ("chunks", dict(chunks=(1, 8, 8, 5)), np.float32, False),
      ("packed", dict(compression="gzip"), np.float32, False),
      ("checked", dict(fletcher32=True), np.float32, False))
  def test_images_however_they_are_stored(self, layout, dtype, in_one_piece):
    expected = (100 * self.images).astype(dtype)
    for user_block in (0, 512):
      path = self.path(f"b{user_block}.hdf5")
      with h5py.File(path, "w", userblock_size=user_block) as file:
        file.create_dataset("other", data=np.arange(7.0))
        file.create_dataset("image_array", data=expected, **layout)
      images = hdf5.Hdf5Images([path], [0], "image_array", bands_first=False)
      for row in (3, 0, NUM - 1):
        self.assertAllEqual(images(row), expected[row])
        self.assertEqual(images(row).dtype, expected.dtype)
      self.assertEqual(images._places[0] is not None, in_one_piece)

  def test_numbers_of_a_kind_that_only_hdf5_knows(self):
    path, kind = self.path("half.hdf5"), h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)  # bfloat16
    kind.set_size(2)
    kind.set_ebias(127)
    with h5py.File(path, "w") as file:
      space = h5py.h5s.create_simple((2, 4, 4, 5))
      h5py.h5d.create(file.id, b"image_array", kind, space).write(
          h5py.h5s.ALL, h5py.h5s.ALL, np.full((2, 4, 4, 5), 1.5, np.float32))
    images = hdf5.Hdf5Images([path], [0], "image_array", bands_first=False)
    self.assertAllEqual(images(1), np.full((4, 4, 5), 1.5))
    self.assertIsNone(images._places[0])

  def test_a_file_that_becomes_shorter(self):
    path = self.path("a.hdf5")
    with h5py.File(path, "w") as file:
      file["image_array"] = self.images
    images = hdf5.Hdf5Images([path], [0], "image_array", bands_first=False)
    images(0)
    os.truncate(path, os.path.getsize(path) - 1)
    with self.assertRaisesRegex(ImageError, hdf5.REASON_DAMAGED):
      images(NUM - 1)

  @parameterized.parameters(
      (dict(r=None, r_mag=np.full(6, 16.0)), r"r = r_mag \(in the first file r\)"),
      (dict(i=np.full(6, 16.0)), r"i = i \(in the first file none\)"),
      (dict(z=None), "no column for z_spec"),
      (dict(image_array=None), "images of .8, 8, 5. in cube, but .*a.hdf5 has .5, 8, 8. in imag"))
  def test_files_with_other_columns(self, changes, message):
    self.write("a.hdf5", slice(0, 6))
    if "image_array" in changes:
      with h5py.File(self.path("b.hdf5"), "w") as file:
        file["cube"] = self.images[6:]
        for key, values in self.table.items():
          file[key] = values[6:]
    else:
      self.write("b.hdf5", slice(6, NUM), **changes)
    with self.assertRaisesRegex(ValueError, f"b.hdf5: .*{message}"):
      readers.read(self.input, SDSS)

  def test_images_of_another_shape(self):
    self.write("a.hdf5", slice(0, 6))
    self.images = self.images[:, 1:-1, 1:-1]
    self.write("b.hdf5", slice(6, NUM))
    with self.assertRaisesRegex(ValueError, r"b.hdf5: images of \[5, 6, 6\] .*a.hdf5 has \[5, 8"):
      readers.read(self.input, SDSS)

  @parameterized.parameters(
      ([b"sdss-g", b"sdss-u", b"sdss-r", b"sdss-i", b"sdss-z"],),
      ([b"hsc-g", b"hsc-r", b"hsc-i", b"hsc-z", b"hsc-y"],))
  def test_bands_in_another_order(self, bands):
    self.write("healpix=1/a.hdf5", slice(0, 6))
    self.write("healpix=2/a.hdf5", slice(6, NUM), bands=bands)
    with self.assertRaisesRegex(ValueError, "healpix=2.*image_band has the bands .*-g.* survey has "
                                            "u, g, r, i, z; give a --survey"):
      readers.read(self.input, SDSS)

  def test_damaged_file_among_many(self):
    self.split(PLACES[0], [0, 4, 9])
    with open(self.path(PLACES[0].format(1)), "r+b") as file:
      file.truncate(3000)
    with self.assertRaisesRegex(OSError, "healpix=01/001-of-001.hdf5: not an HDF5 file, or trunca"):
      readers.read(self.input, SDSS)

  def test_no_objects_at_all(self):
    self.write("a.hdf5", slice(0, 0))
    self.write("b.hdf5", slice(0, 0))
    with self.assertRaisesRegex(ValueError, "a.hdf5 and 1 others hold no objects"):
      readers.read(self.input, SDSS)

  def test_a_folder_with_a_table_is_of_another_layout(self):
    self.split("part{}.hdf5", [0, 4])
    with open(self.path("catalog.csv"), "w", encoding="utf-8") as file:
      file.write("id,z\n1,0.1\n")
    with self.assertRaisesRegex(ValueError, "no known layout"):
      readers.detect(self.input)
    self.assertLen(readers.read(self.input, SDSS, layout="hdf5").catalog, NUM)

  def test_one_table_for_all_files(self):
    self.split(PLACES[0], [0, 4, 9])
    path = os.path.join(self.folder, "t.npz")
    np.savez(path, **{**self.table, "z": np.full(NUM, 0.25)})
    source = readers.read(self.input, SDSS, readers.ReaderOptions(table=path))
    self.assertAllEqual(source.catalog["z_spec"], np.full(NUM, 0.25))


if __name__ == "__main__":
  tf.test.main()
