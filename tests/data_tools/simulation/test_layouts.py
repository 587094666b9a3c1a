"""The files of each layout."""

from __future__ import annotations

import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import simulate as simulate_lib
from data_tools.simulation import layouts, simulated_folder
from data_tools.simulation import observation as observation_lib


class LayoutsTest(parameterized.TestCase, tf.test.TestCase):

  def simulate(self, *args, **kwargs):
    parent = tempfile.mkdtemp(dir=self.get_temp_dir())
    return simulate_lib.simulate(*args, output=os.path.join(parent, "out"), **kwargs)

  @parameterized.parameters("public_npy", "public")
  def test_public_release(self, layout):
    out = self.simulate("sdss", 12, 3, layout=layout)
    if layout == "public":
      self.assertCountEqual(os.listdir(out), ["sdss.npz", simulated_folder.RECORD_NAME])
      with np.load(os.path.join(out, "sdss.npz"), allow_pickle=False) as file:
        cube, labels = file["cube"], file["labels"]
    else:
      self.assertCountEqual(
          os.listdir(out), ["cube.npy", "labels.npy", simulated_folder.RECORD_NAME])
      cube, labels = (np.load(os.path.join(out, f"{name}.npy"), allow_pickle=False)
                      for name in ("cube", "labels"))
    self.assertEqual((cube.shape, cube.dtype), ((12, 64, 64, 5), np.float32))
    self.assertEqual((labels.shape, labels.dtype["objid"]), ((12,), np.int64))
    wanted = {"z", "EBV", "zphot", "ra", "dec", "petroMagErr_r", "petroMagErr_i",
              *(f"dered_petro_{band}" for band in "ugriz")}
    self.assertContainsSubset(wanted, labels.dtype.names)
    self.assertLen(np.unique(labels["objid"]), 12)
    chunk = observation_lib.Observation("sdss", seed=3, image_size=64).chunk(0, 0, 12)
    self.assertAllEqual(cube, chunk.images)
    self.assertAllEqual(labels["z"], chunk.z)

  def test_research_code(self):
    out = self.simulate("sdss", 60, 3, layout="research")
    label = np.load(os.path.join(out, "label.npz"), allow_pickle=False)
    self.assertCountEqual(label.files, [
        "z", "EBV", "zphot", "dered_petro_r", "petroMagErr_r", "dered_petro_i", "petroMagErr_i"])
    rows = [np.load(os.path.join(out, f"{name}.npy")) for name in ("train", "val", "test")]
    self.assertAllEqual(np.sort(np.concatenate(rows)), np.arange(60))
    self.assertEqual([len(part) for part in rows], [46, 2, 12])
    chunk = observation_lib.Observation("sdss", seed=3, image_size=64).chunk(0, 0, 60)
    self.assertAllEqual(np.load(os.path.join(out, "data", "41.py.npy")), chunk.images[41])
    self.assertAllClose(label["z"], chunk.z)
    self.assertAllClose(label["dered_petro_i"], chunk.mag[:, 3], atol=1e-5)

  def test_cfhtls_cubes(self):
    with mock.patch.object(layouts, "FILE_GALAXIES", 250):
      out = self.simulate("cfhtls", 300, 3)
    self.assertCountEqual(os.listdir(out), [
        "CUBE_WD_ZHQ_0001.npz", "CUBE_WD_ZHQ_0002.npz", "CUBE_WD_ZLR_0001.npz",
        simulated_folder.RECORD_NAME])
    columns = {"HQ": ("ZSPEC", "EBV", "zphot", "R", "Rerr", "I", "Ierr", "ZFLAG", "FIELD"),
               "LR": ("ZSPEC", "EBV", "ZPHOT", "R", "ERRR", "Ip_2", "ERRIp_2", "ZFLAG", "FIELD")}
    for name, num in (("HQ_0001", 250), ("HQ_0002", 23), ("LR_0001", 27)):
      with np.load(os.path.join(out, f"CUBE_WD_Z{name}.npz"), allow_pickle=False) as file:
        cube, info = file["cube"], file["info"]
      self.assertEqual((cube.shape, cube.dtype), ((num, 64, 64, 5), np.float32))
      self.assertEqual(info.dtype.names, columns[name[:2]])
      self.assertContainsSubset({b"W", b"D"}, {field[:1] for field in info["FIELD"]})

  def test_equal_settings_give_equal_bytes(self):
    def contents(seed):
      out = self.simulate("sdss", 10, seed, layout="public")
      with open(os.path.join(out, "sdss.npz"), "rb") as file:
        return file.read()

    self.assertEqual(contents(1), contents(1))
    self.assertNotEqual(contents(1), contents(2))


if __name__ == "__main__":
  tf.test.main()
