"""Bad input, each kind with its rule: reject and list, replace and record, or stop."""

import csv
import os
import pickle
import zipfile

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.conversion import accepted, duplicate_images, image_rules
from data_tools.conversion.convert import ConversionSettings, convert
from data_tools.readers.parts import fits_images, templates
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, REASON_NO_ROW, REASON_SHAPE
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys

NUM = 12
PAYLOAD = os.path.join("payload", "executed")


class Payload:
  """Makes a file when it is unpickled."""

  def __reduce__(self):
    return os.makedirs, (os.path.abspath(PAYLOAD),)


def public(folder, change):
  """A cube with labels; `change(images, labels)` spoils them."""
  images, labels = sample_surveys.cube(NUM), sample_surveys.columns(NUM)
  labels["objid"] = np.array([f"g{row}" for row in range(NUM)])
  images = change(images, labels)
  sample_surveys.write_public(folder, sample_surveys.cube(NUM) if images is None else images,
                              labels)


def changed(row, value, *place):
  """A cube with one value at a place of one row."""
  images = sample_surveys.cube(NUM)
  images[(row, *place)] = value
  return images


def label(column, row, value):
  """Spoils one cell of the labels."""
  def change(images, labels):
    labels[column][row] = value
    return images
  return lambda folder: public(folder, change)


def cube(make):
  """Spoils the cube."""
  return lambda folder: public(folder, lambda images, labels: make(images))


def copy_image(images):
  images[9] = images[4]
  return images


def files(write):
  """The research layout, ids 0 to 11; `write(path)` spoils the image of galaxy 5."""
  def build(folder):
    sample_surveys.write_research(folder, sample_surveys.cube(NUM), sample_surveys.columns(NUM))
    write(os.path.join(folder, "data", "5.py.npy"))
  return build


def save(values, allow_pickle=False):
  return lambda path: np.save(path, values, allow_pickle=allow_pickle)


def cut(name="", size=700):
  return lambda path: os.truncate(os.path.join(path, name) if name else path, size)


def then(build, *spoil):
  """Builds a folder, then spoils it."""
  def both(folder):
    build(folder)
    for step in spoil:
      step(folder)
  return both


def fits_files(spoil=lambda folder: None, ids=None):
  """One FITS file a galaxy and band, g0_u.fits and so on, with a catalogue."""
  def build(folder):
    os.makedirs(folder)
    labels = sample_surveys.columns(NUM)
    names = [f"g{row}" for row in range(NUM)]
    Table({"id": ids or names, "z": labels["z"], "ebv": labels["EBV"],
           "r": labels["dered_petro_r"]}).write(os.path.join(folder, "catalog.fits"))
    for name, image in zip(names, sample_surveys.cube(NUM)):
      for number, band in enumerate(SDSS.bands):
        fits.PrimaryHDU(image[..., number]).writeto(os.path.join(folder, f"{name}_{band}.fits"))
    spoil(folder)
  return build


def hidden_pickle(folder):
  with open(os.path.join(folder, "label"), "wb") as file:
    pickle.dump({"z": Payload()}, file)
  os.remove(os.path.join(folder, "label.npz"))


def object_member(folder):
  """label.npz whose z is an array of objects with a payload."""
  path = os.path.join(folder, "label.npz")
  columns = dict(np.load(path))
  columns["z"] = np.array([Payload()] * NUM, object)
  np.savez(path, **columns)


def packed_and_flipped(folder):
  """A compressed cube with a damaged byte."""
  images, labels = sample_surveys.cube(NUM), sample_surveys.columns(NUM)
  path = sample_surveys.write_public(folder, images, labels, "npz_compressed")
  with zipfile.ZipFile(path) as archive:
    place = archive.getinfo("cube.npy").header_offset + 2000
  with open(path, "r+b") as file:
    file.seek(place)
    file.write(b"\xff" * 50)


ID = "g5"
# What is wrong, how it is made, the ids that are rejected, and the reasons.
REJECTED = (
    ("nan", cube(lambda _: changed(5, np.nan, 1, 2, 3)), [ID], image_rules.NOT_FINITE),
    ("infinity", cube(lambda _: changed(5, -np.inf, 7, 7, 4)), [ID], image_rules.NOT_FINITE),
    ("double_that_overflows", cube(lambda c: changed(5, 1, 0, 0, 0).astype(float) * np.where(
        np.arange(NUM) == 5, 1e300, 1)[:, None, None, None]), [ID], image_rules.NOT_FINITE),
    ("zeros", cube(lambda _: changed(5, 0)), [ID], image_rules.EMPTY),
    ("constant", cube(lambda _: changed(5, -3.5)), [ID], image_rules.EMPTY),
    ("empty_band", cube(lambda _: changed(5, 0, slice(None), slice(None), 1)), [ID],
     image_rules.empty_band("g")),
    ("same_image", cube(copy_image), ["g9"], duplicate_images.SAME_IMAGE),
    ("duplicate_id", label("objid", 6, "g5"), [ID], accepted.DUPLICATE),
    ("z_outside", label("z", 5, 0.7), [ID], accepted.OUTSIDE_GRID),
    ("z_negative", label("z", 5, -9999.0), [ID], accepted.OUTSIDE_GRID),
    ("ebv_negative", label("EBV", 5, -0.01), [ID], accepted.BAD_EBV),
    ("ebv_missing", label("EBV", 5, np.nan), [ID], accepted.BAD_EBV),
    ("no_image", files(os.remove), ["5"], REASON_NO_IMAGE),
    ("shape", files(save(np.ones((8, 8, 4), np.float32))), ["5"], REASON_SHAPE),
    ("flat", files(save(np.ones((8, 8), np.float32))), ["5"], REASON_SHAPE),
    ("integers", files(save(np.arange(320).reshape(8, 8, 5))), ["5"],
     "image of int64 in place of floating-point numbers"),
    ("complex", files(save(np.ones((8, 8, 5), complex))), ["5"],
     "image of complex128 in place of floating-point numbers"),
    ("objects", files(save(np.array([Payload()], object), True)), ["5"], REASON_NO_IMAGE),
    ("cut_file", files(cut()), ["5"], REASON_NO_IMAGE),
    ("empty_file", files(cut(size=0)), ["5"], REASON_NO_IMAGE),
    ("missing_band", fits_files(lambda folder: os.remove(os.path.join(folder, "g5_i.fits"))),
     [ID], "band i missing"),
    ("corrupt_fits", fits_files(cut("g5_i.fits", 3000)), [ID], fits_images.REASON_DAMAGED),
    ("image_without_row", fits_files(ids=[f"g{row}" for row in (*range(11), 10)]),
     ["g10", "g11"], accepted.DUPLICATE, REASON_NO_ROW),
    ("climbing_id", fits_files(ids=[*(f"g{row}" for row in range(11)), "../in/g11"]),
     ["../in/g11", "g11"], templates.REASON_CLIMBS, REASON_NO_ROW),
)
# What is wrong, how it is made, what stops it.
STOPPED = (
    ("cut_cube", then(cube(lambda c: c), cut("cube.npy", 9000)),
     "cube.npy: shorter than its header says"),
    ("cube_of_integers", cube(lambda c: (100 * c).astype(np.int16)),
     "none of 12 objects can be converted: {'image of int16"),
    ("cube_of_objects", then(cube(lambda c: c), lambda folder: np.save(
        os.path.join(folder, "cube.npy"), np.full((NUM, 8, 8, 5), Payload(), object))),
     "holds Python objects, not numbers"),
    ("damaged_npz", packed_and_flipped, "sdss.npz: damaged or cut short"),
    ("cut_npz", then(lambda folder: sample_surveys.write_public(
        folder, sample_surveys.cube(NUM), sample_surveys.columns(NUM), "npz"),
                     cut("sdss.npz", 9000)), "sdss.npz: damaged or cut short"),
    ("pickle_with_payload", then(files(lambda path: None), hidden_pickle), "the pickle asks for"),
    ("objects_in_npz", then(files(lambda path: None), object_member), "the pickle asks for"),
    ("no_r_at_all", label("dered_petro_r", slice(None), np.nan), "none of the 12 r magnitudes"),
)


class BadInputTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.input, self.output = (os.path.join(self.folder, name) for name in ("in", "out"))

  def tearDown(self):
    super().tearDown()
    self.assertFalse(os.path.exists(PAYLOAD))

  def convert(self, **settings):
    return convert(readers.read(self.input, SDSS), SDSS, self.output,
                   settings=ConversionSettings(**settings))

  def rejected(self):
    with open(os.path.join(self.output, manifest_lib.REJECTED_NAME), newline="") as file:
      return [(row["id"], row["reason"]) for row in csv.DictReader(file)]

  @parameterized.named_parameters(*REJECTED)
  def test_rejected_and_listed(self, build, ids, *reasons):
    build(self.input)
    manifest = self.convert()
    self.assertEqual(self.rejected(), list(zip(ids, reasons)))
    self.assert_adds_up(manifest, self.rejected())

  def assert_adds_up(self, manifest, rejected):
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(manifest.galaxies, {
        "read": len(catalog) + len(rejected), "written": len(catalog),
        "rejected": len(rejected)})
    self.assertEqual(sum(manifest.source["rejected"].values()), len(rejected))
    self.assertEqual(sum(shard.records for shard in manifest.shards), len(catalog))
    numbers = []
    for shard in manifest.shards:
      for record in tf.data.TFRecordDataset(os.path.join(self.output, shard.name)):
        example = tf.train.Example.FromString(record.numpy())
        numbers.append(example.features.feature["number"].int64_list.value[0])
    self.assertAllEqual(numbers, catalog["number"])

  @parameterized.named_parameters(*STOPPED)
  def test_stopped(self, build, message):
    build(self.input)
    with self.assertRaises((ValueError, OSError)) as caught:
      self.convert()
    self.assertIn(message, str(caught.exception))
    if os.path.exists(self.output):
      self.assertEmpty([name for name in os.listdir(self.output) if not name.startswith(".")])

  def test_template_that_climbs(self):
    fits_files()(self.input)
    with self.assertRaisesRegex(ValueError, "leads out of the input folder"):
      readers.read(self.input, SDSS, readers.ReaderOptions(image_template="../in/{id}_{band}.fits"))

  def test_replaced_and_recorded(self):
    label("dered_petro_r", 5, -9999.0)(self.input)
    manifest = self.convert()
    self.assertEqual(manifest.replaced, {"r_mag": 1})
    self.assert_adds_up(manifest, [])

  def test_missing_z_goes_to_the_target_set(self):
    label("z", 5, np.nan)(self.input)
    self.assert_adds_up(manifest := self.convert(), [])
    self.assertEqual(manifest.records("target"), 1)

  def test_a_shard_of_which_nothing_is_left(self):
    public(self.input, lambda images, labels: labels["z"].__setitem__(5, np.nan) or changed(5, 0))
    manifest = self.convert()
    self.assertEqual([shard.records for shard in manifest.split_shards("target")], [0])
    self.assert_adds_up(manifest, self.rejected())

  def test_all_at_once_for_any_number_of_copies(self):
    def spoil(images, labels):
      images[0], images[1, 0, 0, 0], images[2] = 0, np.nan, images[3]
      labels["z"][4], labels["EBV"][5], labels["objid"][7] = 2.0, -1, "g6"
      return images
    public(self.input, spoil)
    manifest = self.convert(augment_copies=3, split=(1, 0, 0), shard_size_mb=0.003)
    self.assertEqual(dict(self.rejected()), {
        "g0": image_rules.EMPTY, "g1": image_rules.NOT_FINITE, "g3": duplicate_images.SAME_IMAGE,
        "g4": accepted.OUTSIDE_GRID, "g5": accepted.BAD_EBV, "g6": accepted.DUPLICATE})
    self.assertEqual(manifest.galaxies, {"read": 12, "written": 6, "rejected": 6})
    self.assertEqual(manifest.records("train"), 18)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertAllEqual(np.unique(catalog["id"], return_counts=True)[1], [3] * 6)

  @parameterized.parameters((0.08, True), (0.09, False), (0.0, True))
  def test_max_rejected(self, max_rejected, stops):
    cube(lambda _: changed(5, 0))(self.input)  # one of twelve
    if not stops:
      self.assertEqual(self.convert(max_rejected=max_rejected).galaxies["rejected"], 1)
      return
    with self.assertRaisesRegex(ValueError, f"--max_rejected={max_rejected:g}: 1 of 12 objects.*"
                                "empty image"):
      self.convert(max_rejected=max_rejected)
    self.assertEmpty([name for name in os.listdir(self.output) if not name.startswith(".")])
    self.convert()  # without the limit it goes on

  def test_max_rejected_looks_at_the_catalogue_first(self):
    label("z", slice(0, 3), 5.0)(self.input)
    source = readers.read(self.input, SDSS)
    with self.assertRaisesRegex(ValueError, "3 of 12 objects are rejected"):
      convert(source, SDSS, self.output, settings=ConversionSettings(max_rejected=0.2))

  def test_max_rejected_allows_what_was_asked_for(self):
    public(self.input, lambda images, labels: None)
    manifest = self.convert(max_rejected=0.0, max_r_mag=16.0)
    self.assertGreater(manifest.galaxies["rejected"], 2)


if __name__ == "__main__":
  tf.test.main()
