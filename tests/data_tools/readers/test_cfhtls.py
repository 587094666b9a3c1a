"""The CFHTLS cubes."""

import os

import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers import cfhtls
from pzbias_tf.survey import CFHTLS_WIDE
from tests.data_tools import sample_formats, sample_surveys


class CfhtlsTest(sample_formats.FormatsTest):

  def write(self):
    """Two HQ files and one LR file; returns their folder and all images."""
    images = sample_surveys.cube(9)
    path = self.input
    sample_surveys.write_cfhtls(
        path, "HQ", 1, images[:4], ["W1", "D2", "none", "W4"], [0.5, 1.0, 1.0, 4.0])
    sample_surveys.write_cfhtls(path, "HQ", 2, images[4:6], ["D1", "W2"], [np.nan, 3.9])
    sample_surveys.write_cfhtls(path, "LR", 1, images[6:], ["", "W1", "D3"], [0.1, 0.2, 0.3])
    return path, images

  def test_layout(self):
    path, images = self.write()
    self.assertEqual(readers.detect(path), "cfhtls")
    source = readers.read(path, CFHTLS_WIDE)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["field"], ["W", "D", "", "W", "D", "W", "", "W", "D"])
    self.assertAllEqual(source.catalog["sample"], ["HQ"] * 6 + ["LR"] * 3)
    self.assertEqual(source.catalog["id"][5], "CUBE_WD_ZHQ_0002.npz:1")
    self.assertAllClose(source.catalog["i_mag"][6:], [18, 21, 24])
    self.assertAllClose(source.catalog["z_photo_ref"][6:], [18, 21, 24])
    self.assertFalse(np.any(np.isnan(source.catalog["r_err"])))

  def test_several_photo_z(self):
    path, _ = self.write()
    catalog = readers.read(path, CFHTLS_WIDE, readers.ReaderOptions(
        columns={"z_photo": "zphot,R"})).catalog  # LR has ZPHOT
    self.assertAllClose(catalog["z_photo_ref_zphot"][6:], [18, 21, 24])
    self.assertAllClose(catalog["z_photo_ref_R"], catalog["r_mag"])
    self.assertNotIn("z_photo_ref", catalog.colnames)

  def test_rejected(self):
    path, _ = self.write()
    self.assertEqual(readers.read(path, CFHTLS_WIDE).rejected,
                     {2: cfhtls.NO_FIELD, 3: cfhtls.TOO_FAR})

  def test_one_file(self):
    path, images = self.write()
    source = readers.read(os.path.join(path, "CUBE_WD_ZLR_0001.npz"), CFHTLS_WIDE)
    self.assert_images(source, images[6:])


if __name__ == "__main__":
  tf.test.main()
