"""Cutouts from simulated frames of known galaxies."""

import csv
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
from data_tools.cutouts import assignment, cutting, fields, footprints, frames, regridding
from pzbias_tf.data.dataset import Dataset
from tests.data_tools.cutouts import sample_frames

SIZE = 32
BANDS = "ugriz"
HAS_REPROJECT = regridding.find_spec("reproject") is not None
SKY = sample_frames.grid().all_pix2world(  # galaxies well inside of the frame
    [[40.3, 50.8], [75.0, 60.5], [104.6, 71.9], [60.2, 85.1]], 0)
FLUX = np.array([100.0, 200.0, 300.0, 400.0])


def setUpModule():
  if not HAS_REPROJECT:
    raise unittest.SkipTest("reproject is not installed")


def measure(image):
  """Centroid (x, y) and flux of a lone galaxy."""
  image = np.asarray(image, np.float64) - 1e-5
  rows, columns = np.mgrid[:image.shape[0], :image.shape[1]]
  return (np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum(), image.sum())


class ResamplingTest(tf.test.TestCase, parameterized.TestCase):

  def frame(self, shape=sample_frames.SHAPE, sky=SKY, flux=FLUX, **grid):
    wcs = sample_frames.grid(shape=shape, **grid)
    image = sample_frames.render(wcs, sky, flux, shape=shape, scale=grid.get("scale", 1.0))
    return frames.Frame(frames.Grid(wcs, shape), image)

  @parameterized.named_parameters(
      ("offset", dict(offset=(6.37, -4.21))), ("rotated", dict(rotation=33.0)),
      ("upside_down", dict(rotation=180.0, offset=(0.4, 0.3))),
      ("coarser", dict(scale=1.3)), ("a_little_finer", dict(scale=0.93, rotation=10.0)),
      ("much_finer", dict(scale=0.5, shape=(260, 320), offset=(0.3, 0.2))))
  def test_place_and_flux(self, grid):
    reference = self.frame().grid
    for sky, flux in zip(SKY, FLUX):  # one galaxy at a time: neighbours would disturb
      frame = self.frame(sky=sky[None], flux=[flux], **grid)
      first = footprints.first_pixels(reference, *sky[:, None], SIZE)[0]
      image = regridding.cutout(frame, reference, first, SIZE)
      self.assertEqual((image.shape, image.dtype), ((SIZE, SIZE), np.float32))
      place, total = measure(image)
      self.assertAllClose(place, reference.wcs.all_world2pix(sky[None], 0)[0] - first, atol=0.02)
      self.assertAllInRange(place, SIZE / 2 - 1.02, SIZE / 2 + 0.02)
      self.assertAllClose(total, flux, rtol=0.005)

  def test_light_is_where_it_belongs_not_only_in_the_mean(self):
    reference = self.frame()
    first = footprints.first_pixels(reference.grid, *SKY[2][:, None], SIZE)[0]
    image = regridding.cutout(self.frame(offset=(3.5, 2.5), rotation=20), reference.grid, first,
                              SIZE)
    x, y = first
    expected = reference.pixels[y:y + SIZE, x:x + SIZE]
    self.assertAllClose(image, expected, atol=0.01 * expected.max())

  @parameterized.parameters((1.0, (120, 150), 0), (1.0, (120, 150), 30), (0.5, (260, 320), 0))
  def test_noise_of_sums_over_pixels(self, scale, shape, rotation):
    """Pixels finer than the reference's are all summed, none is passed over."""
    reference = self.frame().grid
    wcs = sample_frames.grid(shape=shape, scale=scale, rotation=rotation, offset=(0.5, 0.25))
    noise = np.random.default_rng(0).normal(size=shape)
    frame = frames.Frame(frames.Grid(wcs, shape), noise)
    sums = []
    for first in [(25, 25), (25, 60), (60, 25), (60, 60), (90, 25), (90, 60)]:
      image = regridding.cutout(frame, reference, np.array(first), SIZE)
      sums.append(image.reshape(4, 8, 4, 8).sum((1, 3)))
    self.assertAllClose(np.std(sums), 8 / scale, rtol=0.15)

  def test_pixels_on_the_grid_are_copied(self):
    reference = self.frame()
    first = np.array([30, 40])
    image = regridding.cutout(reference, reference.grid, first, SIZE)
    self.assertAllEqual(image, reference.pixels[40:72, 30:62])
    shifted = self.frame(offset=(5, -3))
    image = regridding.cutout(shifted, reference.grid, first, SIZE)
    self.assertAllEqual(image, shifted.pixels[37:69, 35:67])

  def test_places_without_data(self):
    reference, first = self.frame(), np.array([30, 40])
    for value, message in ((np.nan, "not finite"), (0.0, "no data")):
      frame = self.frame(offset=(0.5, 0))
      frame.pixels[45:65, 40:60] = value
      with self.assertRaisesRegex(frames.FrameError, message):
        regridding.cutout(frame, reference.grid, first, SIZE)
      good = self.frame(offset=(0.5, 0))
      beyond = first + [36, 0]  # its left edge is 6 pixels off the hole
      self.assertAllClose(regridding.cutout(frame, reference.grid, beyond, SIZE),
                          regridding.cutout(good, reference.grid, beyond, SIZE), atol=1e-3)


class _CutoutsTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    self.frames = os.path.join(self.folder, "frames")
    self.output = os.path.join(self.folder, "out", "cutouts")
    os.makedirs(self.folder)

  def write_field(self, name="000094-1-0100", suffix=".fits", template="frame-{band}-{field}",
                  bands=BANDS, packed=False, **grid):
    """Five bands, each offset by pixels of its own."""
    for number, band in enumerate(bands):
      offset = np.array([1.7, -1.2]) * (number - 2)
      wcs = sample_frames.grid(offset=offset, **grid)
      image = sample_frames.render(wcs, SKY, FLUX * (number + 1))
      path = os.path.join(self.frames, template.format(band=band, field=name) + suffix)
      sample_frames.write(path, image, wcs, packed=packed)

  def write_positions(self, sky=SKY, name="galaxies.fits", **columns):
    path = os.path.join(self.folder, name)
    Table({"objid": 10**18 + np.arange(len(sky)), "RA": sky[:, 0], "Dec": sky[:, 1],
           "z": np.linspace(0.1, 0.3, len(sky)), **columns}).write(path)
    return path

  def run_cutouts(self, positions, **changes):
    make_cutouts.run(make_cutouts.CutoutConfig(
        **{"frames": self.frames, "positions": positions, "output": self.output, "size": SIZE,
           **changes}))
    return (np.load(os.path.join(self.output, "cube.npy")),
            Table.read(os.path.join(self.output, "catalog.fits")))

  def rejected(self):
    with open(os.path.join(self.output, "rejected.csv"), newline="", encoding="utf-8") as file:
      return {row["id"]: row["reason"] for row in csv.DictReader(file)}

  def assert_galaxies(self, cube, table, bands=BANDS):
    """Each cutout shows its galaxy, in the middle, with its flux, in all bands."""
    for image, row in zip(cube, table):
      number = int(row["id"]) % 10
      for column in range(len(bands)):
        plane = image[..., column] - np.float32(0)
        inner = slice(SIZE // 2 - 8, SIZE // 2 + 8)  # neighbours are farther away
        place, total = measure(plane[inner, inner])
        self.assertAllInRange(place, 6.95, 8.05)
        self.assertAllClose(total, FLUX[number] * (column + 1), rtol=0.01)


class MakeCutoutsTest(_CutoutsTest, parameterized.TestCase):

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

  def test_what_make_tfrecords_makes_of_it(self):
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

  def test_fields_that_overlap(self):
    """A galaxy is cut from the field in which it is farthest from the edge."""
    self.write_field("000094-1-0100")
    shifted = sample_frames.grid().all_pix2world([[115.0, 59.5]], 0)[0]
    self.write_field("000094-1-0101", centre=tuple(shifted))
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)
    chosen = {int(row["id"]) % 10: row["cutout_field"][-4:] for row in table}
    self.assertEqual(chosen, {0: "0100", 1: "0100", 2: "0101", 3: "0100"})

  def test_nothing_is_left_of_a_run_that_fails(self):
    self.write_field()
    positions = self.write_positions()
    with mock.patch.object(regridding, "cutout", side_effect=RuntimeError("power cut")):
      with self.assertRaisesRegex(RuntimeError, "power cut"):
        self.run_cutouts(positions)
    self.assertEmpty(os.listdir(os.path.dirname(self.output)))
    self.run_cutouts(positions)
    with self.assertRaisesRegex(FileExistsError, "is there already"):
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
        ({"frame_template": "{band}.fits"}, "{band} and {field} is needed"),
        ({"frame_template": "tile_{field}_{band}.fits"}, "no frame called tile_"),
        ({"columns": {"ra": "alpha"}}, "no column alpha, named by --ra_column"),
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
            "--reference_band=i"])
    self.assertEqual(make_cutouts.config_from_flags(values), make_cutouts.CutoutConfig(
        frames="a", positions="b", output="c", columns={"ra": "alpha"}, reference_band="i"))


class FieldsTest(_CutoutsTest):

  def test_many_fields_in_folders(self):
    for name in ("000094-1-0100", "000094-1-0101", "000125-6-0044"):
      for band in "ri":
        path = os.path.join(self.frames, name[:6], f"frame-{band}-{name}.fits.bz2")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
          pass
    found = fields.find_fields(self.frames, BANDS)
    self.assertEqual([field.name for field in found],
                     ["000094-1-0100", "000094-1-0101", "000125-6-0044"])
    self.assertEqual(set(found[0].files), {"r", "i"})


if __name__ == "__main__":
  tf.test.main()
