"""Cutouts from simulated frames of known galaxies."""

import json
import os
import unittest
from unittest import mock

from absl import flags
from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import make_cutouts, make_tfrecords, readers
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.cutouts import assignment, cutting, regridding
from pzbias_tf.data.dataset import Dataset
from tests.data_tools.cutouts import sample_frames
from tests.data_tools.cutouts.sample_frames import SIZE, SKY


def setUpModule():
  if regridding.find_spec("reproject") is None:
    raise unittest.SkipTest("reproject is not installed")


class MakeCutoutsTest(sample_frames.CutoutsTest, parameterized.TestCase):

  @parameterized.parameters((".fits", False), (".fits.bz2", False), (".fits.gz", False),
                            (".fits", True))
  def test_frames_of_all_kinds(self, suffix, packed):
    self.write_field(suffix=suffix, packed=packed)
    with mock.patch.object(cutting, "BLOCK", 3):
      cube, table = self.run_cutouts(self.write_positions())
    self.assertEqual((cube.shape, cube.dtype), ((4, SIZE, SIZE, 5), np.float32))
    self.assert_galaxies(cube, table)
    self.assertCountEqual(table["id"], [str(10**18 + row) for row in range(4)])
    self.assertEqual(set(table["cutout_field"]), {"000094-1-0100"})
    self.assertEqual(os.listdir(os.path.dirname(self.output)), ["cutouts"])

  @parameterized.parameters("galaxies.csv", "galaxies.parquet")
  def test_tiles_of_another_survey_and_reference_band(self, name):
    if name.endswith("parquet"):
      try:
        import pyarrow
        from pyarrow import parquet
      except ImportError:
        self.skipTest("pyarrow is not installed")
    template = "CFHTLS_W_{band}_{field}_T0007_MEDIAN"
    self.write_field("021230-050800", template=template)
    positions = self.write_positions(name="galaxies.csv")
    if name.endswith("parquet"):
      columns = Table.read(positions)
      positions = os.path.join(self.folder, name)
      parquet.write_table(pyarrow.table({key: np.asarray(columns[key])
                                         for key in columns.colnames}), positions)
    cube, table = self.run_cutouts(positions, survey="cfhtls", reference_band="i",
                                   frame_template=template + ".fits")
    self.assert_galaxies(cube, table)
    x, y = table["cutout_x"][0], table["cutout_y"][0]
    raw = fits.getdata(os.path.join(self.frames, "CFHTLS_W_i_021230-050800_T0007_MEDIAN.fits"))
    self.assertAllEqual(cube[0, ..., 3], raw[y:y + SIZE, x:x + SIZE])
    self.assertNotAllClose(cube[0, ..., 2] / 3, cube[0, ..., 3] / 4, atol=1e-7)

  def test_make_tfrecords_reads_the_cutouts(self):
    self.write_field()
    self.run_cutouts(self.write_positions(
        ebv=np.full(4, 0.02), r=np.linspace(15, 17, 4), name="galaxies.csv",
        observer=np.array(["Übel", "b", "c", "d"]), date=np.array(["2001-12-18"] * 4, "M8[D]")))
    self.assertEqual(readers.detect(self.output), "cube")
    data_dir = os.path.join(self.folder, "data")
    manifest = make_tfrecords.run(make_tfrecords.ConversionConfig(
        input=self.output, output=data_dir, settings=ConversionSettings(split=(0, 0, 1))))
    self.assertEqual(manifest.galaxies, {"read": 4, "written": 4, "rejected": 0})
    catalog = Dataset.open(data_dir).catalog
    by_id = dict(zip(catalog["id"], catalog["z_spec"]))
    self.assertAllClose([by_id[str(10**18 + row)] for row in range(4)], np.linspace(0.1, 0.3, 4))
    self.assertAllClose(np.sort(catalog["ra"]), np.sort(SKY[:, 0]))

  def test_every_position_has_a_cutout_or_a_reason(self):
    self.write_field()
    self.write_field("000094-1-0900", bands="ugiz", centre=(150.0, 3.0))
    other = sample_frames.grid(centre=(150.0, 3.0))
    grid = sample_frames.grid()
    sky = np.concatenate([
        SKY[:1],
        grid.all_pix2world([[SIZE / 2 - 3, 60], [SIZE / 2 + 1, 60], [75, 118]], 0),
        other.all_pix2world([[75, 60]], 0),
        [[150.5, 2.2], [330.0, -2.2], [np.nan, 2.2], [150.0, 95.0]]])
    cube, table = self.run_cutouts(self.write_positions(sky))
    self.assertLen(cube, 1)
    self.assertEqual(list(table["id"]), [str(10**18)])
    base = 10**18
    self.assertEqual(self.rejected(), {
        str(base + 1): assignment.edge_of("u"), str(base + 2): assignment.edge_of("u"),
        str(base + 3): assignment.edge_of("u"), str(base + 4): "band r: missing",
        str(base + 5): assignment.NO_FRAME, str(base + 6): assignment.NO_FRAME,
        str(base + 7): assignment.NO_POSITION, str(base + 8): assignment.NO_POSITION})
    with open(os.path.join(self.output, "cutouts.json"), encoding="utf-8") as file:
      record = json.load(file)
    self.assertEqual((record["read"], record["written"], sum(record["rejected"].values())),
                     (9, 1, 8))

  def test_bad_pixels_and_damaged_frames(self):
    self.write_field()
    path = os.path.join(self.frames, "frame-i-000094-1-0100.fits")
    with fits.open(path, mode="update") as file:
      file[0].data[75:80, 100:105] = np.nan  # near the third galaxy, band i
    self.run_cutouts(self.write_positions())
    self.assertEqual(self.rejected(), {str(10**18 + 2): "band i: pixels that are not finite"})
    os.rename(self.output, self.output + "_first")
    with open(path, "r+b") as file:
      file.truncate(30000)
    with self.assertRaisesRegex(ValueError, "none of 4 .*band i: frame damaged or unreadable"):
      self.run_cutouts(os.path.join(self.folder, "galaxies.fits"))
    with open(path, "wb") as file:
      file.write(b"nothing")
    with self.assertRaisesRegex(ValueError, "none of 4 .*band i: frame damaged or unreadable"):
      self.run_cutouts(os.path.join(self.folder, "galaxies.fits"))

  @parameterized.parameters(".bz2", ".gz")
  def test_damaged_packed_frame(self, suffix):
    self.write_field(suffix=f".fits{suffix}")
    path = os.path.join(self.frames, f"frame-z-000094-1-0100.fits{suffix}")
    with open(path, "r+b") as file:
      file.truncate(os.path.getsize(path) - 1000)
    with self.assertRaisesRegex(ValueError, "none of 4 .*band z: frame damaged or unreadable"):
      self.run_cutouts(self.write_positions())

  def test_overlapping_fields(self):
    """A galaxy is cut from the field in which it is farthest from the edge."""
    self.write_field("000094-1-0100")
    shifted = sample_frames.grid().all_pix2world([[115.0, 59.5]], 0)[0]
    self.write_field("000094-1-0101", centre=tuple(shifted))
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)
    chosen = {int(row["id"]) % 10: row["cutout_field"][-4:] for row in table}
    self.assertEqual(chosen, {0: "0100", 1: "0100", 2: "0101", 3: "0100"})

  def test_failed_run_leaves_nothing(self):
    self.write_field()
    positions = self.write_positions()
    with mock.patch.object(regridding, "cutout", side_effect=RuntimeError("power cut")):
      with self.assertRaisesRegex(RuntimeError, "power cut"):
        self.run_cutouts(positions)
    self.assertEmpty(os.listdir(os.path.dirname(self.output)))
    self.run_cutouts(positions)
    with self.assertRaisesRegex(FileExistsError, "already exists"):
      self.run_cutouts(positions)

  def test_same_input_same_bytes(self):
    self.write_field()
    positions = self.write_positions()
    first, _ = self.run_cutouts(positions)
    second, _ = self.run_cutouts(positions, output=self.output + "2")
    self.assertAllEqual(first, np.load(self.output + "2/cube.npy"))
    del second

  def test_settings_that_do_not_fit(self):
    self.write_field()
    positions = self.write_positions()
    for changes, message in (
        ({"reference_band": "y"}, "--reference_band=y: survey sdss has the bands u, g"),
        ({"frame_template": "{band}.fits"}, "give a file name with {band} and {field}"),
        ({"frame_template": "tile_{field}_{band}.fits"}, "no frame called tile_"),
        ({"columns": {"ra": "alpha"}}, "no column 'alpha', named by --ra_column"),
        ({"size": -1}, "--size=-1")):
      with self.assertRaisesRegex((ValueError, OSError), message):
        self.run_cutouts(positions, **changes)
    path = os.path.join(self.frames, "frame-u-000094-1-0100.fits")
    with open(path + ".gz", "wb"):
      pass
    with self.assertRaisesRegex(ValueError, "are both field 000094-1-0100, band"):
      self.run_cutouts(positions)
    with mock.patch.object(regridding, "find_spec", return_value=None):
      with self.assertRaisesRegex(OSError, "pip install '.\\[cutouts\\]'"):
        self.run_cutouts(positions)

  def test_flags(self):
    values = flags.FlagValues()
    make_cutouts.define_flags(values)
    values(["make_cutouts", "--frames=a", "--positions=b", "--output=c", "--ra_column=alpha",
            "--reference_band=i", "--extension=SCI"])
    self.assertEqual(make_cutouts.config_from_flags(values), make_cutouts.CutoutConfig(
        frames="a", positions="b", output="c", columns={"ra": "alpha"}, reference_band="i",
        extension=("SCI",)))


if __name__ == "__main__":
  tf.test.main()
