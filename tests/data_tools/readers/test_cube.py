"""A cube with any table."""

import os

from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts import table_files
from data_tools.readers.parts.cutout_source import ReaderOptions
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys


class CubeTest(sample_formats.FormatsTest, parameterized.TestCase):

  def table(self, num):
    """A table whose ids are in a column called name."""
    table = sample_surveys.columns(num)
    return {"name": np.array([f"J{row}" for row in range(num)]), "z": table["z"],
            "ebv": table["EBV"], "r": table["dered_petro_r"], "ra": table["ra"]}

  @parameterized.parameters("labels.npy", "labels.npz", "catalog.fits", "catalog.csv")
  def test_cube_beside_a_table(self, name):
    images, table = sample_surveys.cube(4), self.table(4)
    path = self.input
    np.save(os.path.join(path, "cube.npy"), images)
    if name.endswith("npy"):
      np.save(os.path.join(path, name), sample_surveys.record_array(table))
    elif name.endswith("npz"):
      np.savez(os.path.join(path, name), **table)
    else:
      Table(table).write(os.path.join(path, name))
    self.assertEqual(readers.detect(path), "cube")
    source = readers.read(path, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], table["name"])
    self.assertAllClose(source.catalog["z_spec"], table["z"])

  @parameterized.parameters("cube.npy", "survey.npz", "survey.h5")
  def test_bands_on_the_first_axis(self, name):
    """Told by the shape; a cube that fits neither way is refused."""
    images, table = sample_surveys.cube(4), self.table(4)
    turned, path = np.moveaxis(images, -1, 1), os.path.join(self.input, name)
    if name == "cube.npy":
      np.save(path, turned)
      Table(table).write(os.path.join(self.input, "catalog.fits"))
    elif name == "survey.npz":
      np.savez(path, cube=turned, **table)
    else:
      with h5py.File(path, "w") as file:
        file["images"] = turned
        for column, values in table.items():
          file[column] = values.astype("S") if values.dtype.kind == "U" else values
    source = readers.read(path, SDSS)
    self.assert_images(source, images)
    self.assertEqual(source.image_shape, images.shape[1:])

  @parameterized.parameters((5, 8, 9), (4, 8, 8), (8, 5, 8))
  def test_bands_on_no_axis(self, *shape):
    path = os.path.join(self.input, "survey.npz")
    np.savez(path, cube=np.ones((4, *shape), np.float32), **self.table(4))
    with self.assertRaisesRegex(ValueError, "on the last axis or on the first"):
      readers.read(path, SDSS)

  def test_columns_in_the_same_file(self):
    images, table = sample_surveys.cube(4), self.table(4)
    path = os.path.join(self.input, "survey.npz")
    np.savez(path, cube=images, sigma=images, **table)
    source = readers.read(path, SDSS)
    self.assertAllEqual(source.catalog["r_mag"], table["r"])
    self.assertNotIn("sigma", table_files.columns_of(path))

  def test_missing_csv_cells_are_nan(self):
    path = self.input
    np.save(os.path.join(path, "cube.npy"), sample_surveys.cube(2))
    with open(os.path.join(path, "labels.csv"), "w") as file:
      file.write("id,z,ebv,r\na,0.1,0.02,15\nb,,0.02,16\n")
    self.assertAllEqual(np.isnan(readers.read(path, SDSS).catalog["z_spec"]), [False, True])

  def test_r_from_image(self):
    images, table = np.zeros((2, 8, 8, 5), np.float32), self.table(2)
    images[0, :, :, 2] = 100 / 64  # 100 nanomaggies
    del table["r"]
    path = os.path.join(self.input, "survey.npz")
    np.savez(path, cube=images, **table)
    with self.assertRaisesRegex(ValueError, "--r_column.*--r_from_image"):
      readers.read(path, SDSS)
    r_mag = readers.read(path, SDSS, ReaderOptions(r_from_image=True)).catalog["r_mag"]
    self.assertAllClose(r_mag, [17.5, np.nan])

  def test_no_table(self):
    path = self.input
    np.save(os.path.join(path, "cube.npy"), sample_surveys.cube(2))
    with self.assertRaisesRegex(FileNotFoundError, "cube.npy: no table.*--table"):
      readers.read(path, SDSS)


if __name__ == "__main__":
  tf.test.main()
