"""HDF5 files: places of images and columns, damaged chunks, data in other files."""

import os
import pickle

from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers import hdf5
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys


class Hdf5Test(sample_formats.FormatsTest, parameterized.TestCase):

  def write(self, num=5, name="cube", bands_first=False, **datasets):
    images = sample_surveys.cube(num)
    with h5py.File(self.path("survey.hdf5"), "w") as file:
      stored = np.moveaxis(images, -1, 1) if bands_first else images
      file.create_dataset(name, data=stored, chunks=(2, *stored.shape[1:]), compression="gzip")
      for key, values in {**sample_formats.table_of(num), **datasets}.items():
        file[key] = values.astype("S") if values.dtype.kind == "U" else values
    return images

  @parameterized.parameters(("cube", False), ("group/pixels", True))
  def test_layout(self, name, bands_first):
    images = self.write(name=name, bands_first=bands_first)
    self.assertEqual(readers.detect(self.input), "hdf5")
    source = readers.read(self.input, SDSS)
    self.assertEqual(source.image_shape, (8, 8, 5))
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], sample_formats.table_of(5)["id"])
    data = pickle.dumps(source.images)  # after the file was opened
    self.assertLess(len(data), 500)
    self.assertAllEqual(pickle.loads(data)(4), images[4])

  def test_columns_as_records_or_in_a_table(self):
    images = sample_surveys.cube(5)
    with h5py.File(self.path("survey.h5"), "w") as file:
      file["images"], file["thumbnails"] = images, images[:, :2, :2]
      file["labels"] = sample_surveys.record_array(
          {name: values.astype("S") if values.dtype.kind == "U" else values
           for name, values in sample_formats.table_of(5).items()})
    source = readers.read(self.input, SDSS)
    self.assertAllEqual(source.catalog["id"], sample_formats.table_of(5)["id"])
    Table({**sample_formats.table_of(5), "z": np.zeros(5)}).write(self.path("other.csv"))
    options = readers.ReaderOptions(table=self.path("other.csv"), image_dataset="/thumbnails")
    source = readers.read(self.path("survey.h5"), SDSS, options)
    self.assertAllEqual(source.catalog["z_spec"], np.zeros(5))
    self.assertEqual(source.image_shape, (2, 2, 5))

  @parameterized.parameters(
      ({"missing_value": 0.0}, 1.0, 0.0), ({"_FillValue": np.float32([-1.0])}, 1.0, 0.0),
      ({"scale_factor": 0.01}, 0.01, 0.0), ({"scale_factor": [2.0], "add_offset": 0.5}, 2.0, 0.5))
  def test_attributes_of_netcdf(self, attributes, scale, offset):
    self.write(z=np.array([0.0, 0.1, -1.0, 0.2, 0.25], np.float32))
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["z"].attrs.update(attributes)
    missing = [attributes.get(name) for name in ("missing_value", "_FillValue")]
    expected = [np.nan if value in missing else value * scale + offset
                for value in (0.0, 0.1, -1.0, 0.2, 0.25)]
    self.assertAllClose(readers.read(self.input, SDSS).catalog["z_spec"], expected)

  @parameterized.parameters(np.bool_, np.uint8, np.int64)
  def test_masks_as_astropy_writes_them(self, kind):
    mask = np.array([0, 1, 0, 0, 1], kind)
    large = 2**60 + np.arange(5)
    self.write(id=large, **{"z.mask": mask, "id.mask": mask})
    catalog = readers.read(self.input, SDSS).catalog
    self.assertAllEqual(np.isnan(catalog["z_spec"]), mask.astype(bool))
    self.assertEqual(catalog["id"].tolist(), [
        "" if missing else str(number) for number, missing in zip(large, mask)])

  @parameterized.parameters("unit", "units", "UNIT", "Units")
  def test_units_in_attributes(self, name):
    for value in ("rad", np.array([b"rad"])):
      self.write(ra=np.full(5, np.pi / 2), dec=np.full(5, np.pi / 4))
      with h5py.File(self.path("survey.hdf5"), "a") as file:
        file["ra"].attrs[name] = file["dec"].attrs[name] = value
      catalog = readers.read(self.input, SDSS).catalog
      self.assertAllClose((catalog["ra"][0], catalog["dec"][0]), (90.0, 45.0))

  @parameterized.parameters("mag", "mag(AB)", "mag/arcsec2")
  def test_pixels_in_magnitudes(self, unit):
    self.write()
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["cube"].attrs["unit"] = "nanomaggy"
    self.assertLen(readers.read(self.input, SDSS).catalog, 5)
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["cube"].attrs["unit"] = unit
    with self.assertRaisesRegex(ValueError, "survey.hdf5: cube has the unit .*pixels to flux"):
      readers.read(self.input, SDSS)

  def add(self, **datasets):
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      for name, values in datasets.items():
        file[name.replace("__", "/")] = values

  def test_columns_of_the_same_last_name(self):
    self.write()
    self.add(truth__r=np.full(5, 12.5), truth__z=np.full(5, 0.3), truth__ebv=np.zeros(5))
    table, own = sample_formats.table_of(5), readers.read(self.input, SDSS)
    self.assertAllEqual(own.catalog["r_mag"], table["r"])
    self.assertAllEqual(own.catalog["z_spec"], table["z"])
    self.assertEqual(own.description["columns"]["r"], "r")
    for name in ("truth/r", "/truth/r"):
      options = readers.ReaderOptions(columns={"r": name})
      truth = readers.read(self.input, SDSS, options).catalog["r_mag"]
      self.assertAllEqual(truth, np.full(5, 12.5))
    options = readers.ReaderOptions(columns={"r": "/r"})
    self.assertAllEqual(readers.read(self.input, SDSS, options).catalog["r_mag"], table["r"])

  def test_two_groups_with_the_column(self):
    self.write()
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["observed/r"], file["truth/r"] = file["r"][()], np.full(5, 12.5)
      del file["r"]
    with self.assertRaisesRegex(ValueError, "columns observed/r, truth/r differ.*--r_column"):
      readers.read(self.input, SDSS)
    options = readers.ReaderOptions(columns={"r": "truth/r"})
    self.assertAllEqual(readers.read(self.input, SDSS, options).catalog["r_mag"], np.full(5, 12.5))

  def test_the_path_of_a_column_without_namesakes(self):
    self.write()
    self.add(truth__mag=np.full(5, 16.5))
    for name in ("mag", "truth/mag", "/truth/mag"):
      options = readers.ReaderOptions(columns={"r": name})
      source = readers.read(self.input, SDSS, options)
      self.assertAllEqual(source.catalog["r_mag"], np.full(5, 16.5))
      self.assertEqual(source.description["columns"]["r"], "mag")
    with self.assertRaisesRegex(ValueError, "no column 'other/mag'"):
      readers.read(self.input, SDSS, readers.ReaderOptions(columns={"r": "other/mag"}))

  def test_columns_of_one_value_per_row_in_two_dimensions(self):
    table = sample_formats.table_of(5)
    self.write(r=table["r"][:, np.newaxis], vector=np.ones((5, 3)))
    self.assertAllEqual(readers.read(self.input, SDSS).catalog["r_mag"], table["r"])
    with self.assertRaisesRegex(ValueError, "'vector', named by --r_column, .*3 values per row"):
      readers.read(self.input, SDSS, readers.ReaderOptions(columns={"r": "vector"}))

  def test_text_that_nobody_asked_for(self):
    self.write()
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file.create_dataset("observer", data=[b"Guzm\xe1n"] * 5, dtype=h5py.string_dtype())
    self.assertLen(readers.read(self.input, SDSS).catalog, 5)

  def test_units_of_positions(self):
    self.write(ra=np.full(5, 0.5), dec=np.full(5, -0.25))
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["ra"].attrs["unit"] = file["dec"].attrs["units"] = "rad"
    catalog = readers.read(self.input, SDSS).catalog
    self.assertAllClose(catalog["ra"], np.full(5, np.degrees(0.5)))
    self.assertAllClose(catalog["dec"], np.full(5, np.degrees(-0.25)))

  def test_image_dataset_must_be_clear(self):
    self.write(name="a")
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["b"] = sample_surveys.cube(5)
    with self.assertRaisesRegex(ValueError, "which images.*a, b; name one with --image_dataset"):
      readers.read(self.input, SDSS)
    with self.assertRaisesRegex(ValueError, "no 4-D dataset c"):
      readers.read(self.input, SDSS, readers.ReaderOptions(image_dataset="c"))

  def test_data_in_other_files_are_refused(self):
    self.write()
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["link"] = h5py.ExternalLink("/etc/other.h5", "/cube")
    with self.assertRaisesRegex(ValueError, "link is stored in another file"):
      readers.read(self.input, SDSS)
    raw = os.path.join(self.folder, "raw")
    np.zeros(5).tofile(raw)
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      del file["link"]
      file.create_dataset("outside", (5,), "f8", external=[(raw, 0, 40)])
    with self.assertRaisesRegex(ValueError, "outside is stored in another file"):
      readers.read(self.input, SDSS)

  def test_damaged_list_of_datasets(self):
    self.write(num=8)
    with h5py.File(self.path("survey.hdf5"), "r"):  # keeps HDF5 from checking the size again
      with open(self.path("survey.hdf5"), "r+b") as file:
        file.truncate(3000)
      with self.assertRaisesRegex(OSError, "survey.hdf5: not an HDF5 file, or truncated"):
        readers.read(self.input, SDSS)

  def test_damaged_chunk_and_cut_file(self):
    self.write(num=8)
    with h5py.File(self.path("survey.hdf5"), "r") as file:
      place = file["cube"].id.get_chunk_info(1).byte_offset
    with open(self.path("survey.hdf5"), "r+b") as file:
      file.seek(place + 50)
      file.write(b"\xff" * 100)
    self.convert()
    self.assertEqual(self.rejected(), dict.fromkeys(("J02", "J03"), hdf5.REASON_DAMAGED))
    with open(self.path("survey.hdf5"), "r+b") as file:
      file.truncate(3000)
    with self.assertRaisesRegex(OSError, "survey.hdf5: not an HDF5 file, or truncated"):
      readers.read(self.input, SDSS)

  def test_lengths_that_differ(self):
    self.write()
    Table(sample_formats.table_of(4)).write(self.path("t.csv"))
    with self.assertRaisesRegex(ValueError, "5 images in cube, but 4 rows in .*t.csv"):
      readers.read(self.input, SDSS, readers.ReaderOptions(table=self.path("t.csv")))


if __name__ == "__main__":
  tf.test.main()
