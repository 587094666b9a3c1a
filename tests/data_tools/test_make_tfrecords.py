import contextlib
import csv
import dataclasses
import hashlib
import io
import os
from unittest import mock

from absl import flags
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import checks
from data_tools import image_checks
from data_tools import make_tfrecords
from data_tools import readers
from data_tools import records as records_lib
from data_tools import summary
from data_tools.make_tfrecords import convert, ConversionConfig, ConversionSettings
from data_tools.readers import base
from data_tools.readers import cfhtls
from pzbias_tf import survey as survey_lib
from pzbias_tf.data import augment
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data import pipeline
from pzbias_tf.data import schema
from pzbias_tf.data.dataset import Dataset
from tests.data_tools import sample_surveys

SDSS = survey_lib.SDSS
CFHTLS = survey_lib.CFHTLS_WIDE
SMALL_SHARDS = 0.02  # MB: 14 records of 8 x 8 x 5 float32


def _read_records(folder, manifest):
  """Images, numbers and E(B-V) of all records, in the order of the manifest's shards."""
  files = [os.path.join(folder, shard.name) for shard in manifest.shards]
  dataset = tf.data.TFRecordDataset(files).batch(4096)
  batches = [schema.parse_batch(batch, image_shape=manifest.image_shape, dtype=manifest.dtype)
             for batch in dataset]
  return {name: np.concatenate([batch[name].numpy() for batch in batches])
          for name in ("image", "number", "ebv")}


def _digests(folder):
  digests = {}
  for name in sorted(os.listdir(folder)):
    if name.endswith(".tfrecord"):
      with open(os.path.join(folder, name), "rb") as file:
        digests[name] = hashlib.sha256(file.read()).hexdigest()
  return digests


def _rejected(folder):
  with open(os.path.join(folder, manifest_lib.REJECTED_NAME), newline="") as file:
    return {row["id"]: row["reason"] for row in csv.DictReader(file)}


class _ConversionTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    self.output = os.path.join(self.folder, "out")

  def public(self, num=100, images=None, **changes):
    """A source in the layout of the public release, with some columns changed."""
    table = sample_surveys.columns(num)
    table.update(changes)
    images = sample_surveys.cube(num) if images is None else images
    return readers.read(
        sample_surveys.write_public(os.path.join(self.folder, "in"), images, table), SDSS)

  def assert_faithful(self, source, manifest, divisor=1.0):
    """Every record carries the image and the labels of its object."""
    catalog = catalog_lib.load_catalog(self.output)
    records = _read_records(self.output, manifest)
    self.assertAllEqual(records["number"], catalog["number"])
    row_of = {str(object_id): row for row, object_id in enumerate(source.catalog["id"])}
    for row, object_id in enumerate(catalog["id"]):
      theirs = row_of[object_id]
      element = records_lib.augmentation_element(
          object_id, int(catalog["copy"][row]), manifest.seed)
      image = augment.dihedral_numpy(source.images(theirs) / np.float32(divisor), element)
      self.assertAllEqual(records["image"][row], image)
      for column in ("z_spec", "ebv"):
        self.assertAllEqual(catalog[column][row], source.catalog[column][theirs])
    self.assertAllClose(records["ebv"], catalog["ebv"], rtol=1e-6)
    self.assert_shards_add_up(catalog, manifest)

  def assert_shards_add_up(self, catalog, manifest):
    self.assertEqual(_digests(self.output), {s.name: s.sha256 for s in manifest.shards})
    for shard in manifest.shards:
      self.assertEqual(os.path.getsize(os.path.join(self.output, shard.name)), shard.bytes)
      number = int(shard.name.split("-")[1])
      mine = catalog[(catalog["split"] == shard.split) & (catalog["shard"] == number)]
      self.assertAllEqual(mine["position"], np.arange(shard.records))
    self.assertEqual(sum(s.records for s in manifest.shards), len(catalog))
    self.assertEqual(manifest.galaxies["read"],
                     manifest.galaxies["written"] + manifest.galaxies["rejected"])
    self.assertLen(_rejected(self.output), manifest.galaxies["rejected"])
    self.assertLen(set(catalog["id"]), manifest.galaxies["written"])


class LayoutsTest(_ConversionTest):

  def test_sdss_public(self):
    source = self.public()
    manifest = convert(source, SDSS, self.output,
                       settings=ConversionSettings(shard_size_mb=SMALL_SHARDS))
    self.assertGreater(len(manifest.split_shards("train")), 3)
    self.assert_faithful(source, manifest)
    self.assertEqual(manifest_lib.Manifest.load(self.output), manifest)

  def test_sdss_research(self):
    table = sample_surveys.columns(12)
    table["z"][[4, 11]] = np.nan
    source = readers.read(sample_surveys.write_research(
        os.path.join(self.folder, "in"), sample_surveys.cube(12), table,
        {"train": [0, 1, 2, 3, 4], "val": [5, 6], "test": [7, 8, 9]}), SDSS)
    manifest = convert(source, SDSS, self.output)
    self.assert_faithful(source, manifest)
    catalog = catalog_lib.load_catalog(self.output)
    split = dict(zip(catalog["id"], catalog["split"]))
    self.assertEqual(split, {
        **dict.fromkeys("0123", "train"), **dict.fromkeys("56", "validation"),
        **dict.fromkeys("789", "test"), "4": "target", "11": "target"})
    self.assertEqual(_rejected(self.output), {"10": checks.NO_SPLIT})

  def test_research_without_some_images(self):
    path = sample_surveys.write_research(
        os.path.join(self.folder, "in"), sample_surveys.cube(6), sample_surveys.columns(6))
    os.remove(os.path.join(path, "data", "2.py.npy"))
    np.save(os.path.join(path, "data", "3.py.npy"), np.zeros((4, 4, 5), np.float32))
    source = readers.read(path, SDSS)
    manifest = convert(source, SDSS, self.output)
    self.assertEqual(_rejected(self.output),
                     {"2": base.REASON_NO_IMAGE, "3": base.REASON_SHAPE})
    self.assert_faithful(source, manifest)

  def test_cfhtls(self):
    folder, images = os.path.join(self.folder, "in"), sample_surveys.cube(60)
    sample_surveys.write_cfhtls(
        folder, "HQ", 1, images[:40], ["W1", "D2"] * 19 + ["", "W2"],
        np.r_[np.linspace(0.1, 3, 39), 4.0])
    sample_surveys.write_cfhtls(folder, "LR", 1, images[40:], [""] * 20, np.linspace(0.1, 3, 20))
    source = readers.read(folder, CFHTLS)
    manifest = convert(source, CFHTLS, self.output)
    self.assert_faithful(source, manifest)
    self.assertEqual(manifest.flux_divisor, 1000.0)
    self.assertEqual(set(_rejected(self.output).values()), {cfhtls.NO_FIELD, cfhtls.TOO_FAR})
    catalog = catalog_lib.load_catalog(self.output)
    test = catalog[catalog["split"] == "test"]
    self.assertEqual(set(test["sample"]), {"HQ"})
    self.assertEqual([np.sum(test["field"] == field) for field in "WD"], [4, 4])
    self.assertIn("4 of 19 HQ W", manifest.split_rule)

  def test_real_data(self):
    folder = os.environ.get("PZBIAS_REAL_DATA")
    if not folder:
      self.skipTest("PZBIAS_REAL_DATA does not name a folder of real observations")
    path = os.path.join(folder, "sdss_spec", "two_galaxies_64x64x5.npz")
    make_tfrecords.run(ConversionConfig(
        input=path, output=self.output, options=readers.ReaderOptions(ebv=0, r_from_image=True),
        settings=ConversionSettings(split=(0, 0, 1))))
    manifest = manifest_lib.Manifest.load(self.output)
    source = readers.read(path, SDSS, readers.ReaderOptions(ebv=0, r_from_image=True))
    self.assert_faithful(source, manifest)
    self.assertEqual(manifest.records("test"), 2)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertAllInRange(catalog["r_mag"], 14.0, 17.8)
    self.assertEqual(set(catalog["id"]), {"J0056-0021", "J0100+0033"})


class RulesTest(_ConversionTest):

  def test_counts_add_up(self):
    num = 40
    images, table = sample_surveys.cube(num), sample_surveys.columns(num)
    images[3, 2, 2, 1], images[4, 0, 0, 0] = np.nan, np.inf
    table["objid"][6] = table["objid"][5]
    table["EBV"][[7, 8]] = -0.1, np.nan
    table["z"][[9, 10, 11, 12]] = 0.41, -9999.0, np.inf, np.nan
    table["dered_petro_r"][13] = 17.9
    source = self.public(num, images, **table)
    with self.assertLogs("absl", "INFO") as logs:
      manifest = convert(source, SDSS, self.output, settings=ConversionSettings(max_r_mag=17.85))
    self.assertRegex("\n".join(logs.output), "conversion: 33 of 33 records, .*/s, "
                     "9 galaxies rejected, ETA 0 s")
    ids = source.catalog["id"]
    self.assertEqual(_rejected(self.output), {
        ids[3]: image_checks.NOT_FINITE, ids[4]: image_checks.NOT_FINITE, ids[6]: checks.DUPLICATE,
        ids[7]: checks.BAD_EBV, ids[8]: checks.BAD_EBV, ids[9]: checks.OUTSIDE_GRID,
        ids[10]: checks.OUTSIDE_GRID, ids[11]: checks.OUTSIDE_GRID, ids[13]: checks.TOO_FAINT})
    self.assertEqual(manifest.galaxies, {"read": 40, "written": 31, "rejected": 9})
    self.assertEqual(sum(manifest.source["rejected"].values()), 9)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(list(catalog["id"][catalog["split"] == "target"]), [ids[12]])
    source.catalog["id"][6] = "repeated"  # tells the two images apart
    self.assert_faithful(source, manifest)

  def test_upper_edge_of_the_grid_stored_in_single_precision(self):
    z = np.full(10, SDSS.z_max, np.float32)
    self.assertGreater(float(z[0]), SDSS.z_max)
    manifest = convert(self.public(10, z=z), SDSS, self.output)
    self.assertEqual(manifest.galaxies["rejected"], 0)

  def test_nan_or_negative_r_takes_the_largest_finite_r(self):
    r_mag = np.linspace(14, 17, 30)
    r_mag[[2, 5, 8]] = np.nan, -9999.0, np.inf
    source = self.public(30, dered_petro_r=r_mag)
    manifest = convert(source, SDSS, self.output)
    catalog = catalog_lib.load_catalog(self.output)
    catalog.add_index("id")
    for row in range(30):
      expected = 17.0 if row in (2, 5, 8) else r_mag[row]
      self.assertEqual(catalog.loc[source.catalog["id"][row]]["r_mag"], expected)
    self.assertEqual(manifest.replaced, {"r_mag": 3})

  def test_no_usable_r(self):
    with self.assertRaisesRegex(ValueError, "none of the 5 r magnitudes.*--r_column"):
      convert(self.public(5, dered_petro_r=np.full(5, np.nan)), SDSS, self.output)

  def test_nothing_left(self):
    with self.assertRaisesRegex(ValueError, "none of 5 objects can be converted.*redshift grid"):
      convert(self.public(5, z=np.full(5, 3.0)), SDSS, self.output)

  def test_splits_share_no_galaxy(self):
    convert(self.public(300), SDSS, self.output, settings=ConversionSettings(augment_copies=2))
    catalog = catalog_lib.load_catalog(self.output)
    ids = [set(catalog["id"][catalog["split"] == split]) for split in manifest_lib.SPLITS]
    self.assertEqual(sum(map(len, ids)), len(set.union(*ids)))
    self.assertTrue(all(ids[:3]))


class BytesTest(_ConversionTest, parameterized.TestCase):

  def test_same_bytes_for_any_number_of_workers_and_on_rerun(self):
    source = self.public(100)
    found = []
    for name, workers in (("one", 1), ("again", 1), ("two", 2)):
      output = os.path.join(self.folder, name)
      convert(source, SDSS, output, settings=ConversionSettings(
          num_workers=workers, shard_size_mb=SMALL_SHARDS, augment_copies=2))
      found.append(_digests(output))
    self.assertGreater(len(found[0]), 10)
    self.assertEqual(found[0], found[1])
    self.assertEqual(found[0], found[2])

  def test_order_of_the_input_does_not_matter(self):
    table, images = sample_surveys.columns(50), sample_surveys.cube(50)
    shuffled = np.random.default_rng(0).permutation(50)
    found = []
    for name, order in (("a", np.arange(50)), ("b", shuffled)):
      path = sample_surveys.write_public(
          os.path.join(self.folder, f"in_{name}"), images[order],
          {column: values[order] for column, values in table.items()})
      convert(readers.read(path, SDSS), SDSS, os.path.join(self.folder, name))
      found.append(_digests(os.path.join(self.folder, name)))
    self.assertEqual(*found)

  def test_seed_changes_the_bytes(self):
    source = self.public(50)
    for seed in (0, 1):
      convert(source, SDSS, os.path.join(self.folder, str(seed)),
              settings=ConversionSettings(seed=seed))
    self.assertNotEqual(*(_digests(os.path.join(self.folder, name)) for name in "01"))

  def test_eight_copies_are_the_eight_transforms(self):
    source = self.public(20)
    manifest = convert(source, SDSS, self.output, settings=ConversionSettings(
        augment_copies=8, split=(1, 0, 0)))
    self.assert_faithful(source, manifest)
    self.assertEqual(manifest.galaxies["written"], 20)
    self.assertEqual(manifest.records("train"), 160)
    catalog = catalog_lib.load_catalog(self.output)
    images = _read_records(self.output, manifest)["image"]
    for object_id in set(catalog["id"]):
      mine = catalog["id"] == object_id
      self.assertAllEqual(np.sort(catalog["copy"][mine]), np.arange(8))
      original = source.images(int(np.flatnonzero(source.catalog["id"] == object_id)[0]))
      mirrored = np.flip(original, axis=1)
      expected = {np.rot90(image, turns).tobytes() for image in (original, mirrored)
                  for turns in range(4)}
      self.assertLen(expected, 8)
      self.assertEqual({image.tobytes() for image in images[mine]}, expected)

  def test_only_training_galaxies_are_copied(self):
    manifest = convert(self.public(100), SDSS, self.output,
                       settings=ConversionSettings(augment_copies=3))
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(set(catalog["copy"][catalog["split"] != "train"]), {0})
    training = len(set(catalog["id"][catalog["split"] == "train"]))
    self.assertEqual(manifest.records("train"), 3 * training)

  def test_copies_of_a_galaxy_do_not_stand_together(self):
    convert(self.public(100), SDSS, self.output, settings=ConversionSettings(
        augment_copies=4, split=(1, 0, 0)))
    ids = catalog_lib.load_catalog(self.output)["id"]
    # By chance 3 of 399 neighbours belong together; unmixed, 300 would.
    self.assertLess(np.sum(ids[1:] == ids[:-1]), 20)

  def test_few_copies_show_every_orientation(self):
    elements = [records_lib.augmentation_element(str(number), 1, 0) for number in range(700)]
    counts = np.bincount(elements, minlength=8)
    self.assertEqual(counts[0], 0)
    self.assertAllInRange(counts[1:], 50, 150)

  def test_float16(self):
    folder, images = os.path.join(self.folder, "in"), 1e5 * sample_surveys.cube(10)
    sample_surveys.write_cfhtls(folder, "LR", 1, images, ["W"] * 10, np.linspace(0.1, 3, 10))
    source = readers.read(folder, CFHTLS)
    manifest = convert(source, CFHTLS, self.output, settings=ConversionSettings(dtype="float16"))
    self.assertEqual((manifest.dtype, manifest.flux_divisor), ("float16", 1.0))
    catalog = catalog_lib.load_catalog(self.output)
    records = _read_records(self.output, manifest)
    rows = [int(object_id.split(":")[1]) for object_id in catalog["id"]]
    error = np.max(np.abs(records["image"] - images[rows] / 1000))
    self.assertAllClose(manifest.source["float16_largest_error"], error, rtol=1e-3)
    self.assertBetween(error, 1e-4, 0.2)

  def test_gzip(self):
    images = np.round(sample_surveys.cube(100), 1)  # noise does not become smaller
    source = self.public(100, images)
    plain = convert(source, SDSS, os.path.join(self.folder, "plain"),
                    settings=ConversionSettings(shard_size_mb=SMALL_SHARDS))
    packed = [convert(source, SDSS, os.path.join(self.folder, name), settings=ConversionSettings(
        shard_size_mb=SMALL_SHARDS, compression="gzip")) for name in "ab"]
    self.assertEqual(packed[0].shards, packed[1].shards)
    self.assertLess(sum(shard.bytes for shard in packed[0].shards),
                    0.7 * sum(shard.bytes for shard in plain.shards))
    found = [self.read_all(os.path.join(self.folder, name)) for name in ("plain", "a")]
    self.assertAllEqual(*found)
    self.assertLen(found[0], packed[0].records("train"))

  def read_all(self, folder):
    """Training images in record order, as training reads them."""
    data = Dataset.open(folder)
    return np.concatenate([batch["image"] for batch in pipeline.ordered_batches(
        data, "train", keep=data.column("split") == "train", labels=None, batch_size=64,
        image_size=8)])

  def test_gaps_of_rejected_images_are_read_over(self):
    images = sample_surveys.cube(100)
    images[::7, 0, 0, 0] = np.nan
    source = self.public(100, images)
    manifest = convert(source, SDSS, self.output,
                       settings=ConversionSettings(shard_size_mb=SMALL_SHARDS))
    self.assert_faithful(source, manifest)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertGreater(catalog["number"][-1], len(catalog) - 1)
    self.assertLen(self.read_all(self.output), manifest.records("train"))

  def test_catalogue_in_several_files(self):
    with mock.patch.object(catalog_lib, "ROWS_PER_FILE", 40):
      manifest = convert(self.public(100), SDSS, self.output)
    self.assertEqual(manifest.catalogs, tuple(
        f"catalog-0000{number}-of-00003.fits" for number in range(3)))
    self.assertNotIn("catalog.fits", os.listdir(self.output))
    convert(self.public(100), SDSS, os.path.join(self.folder, "whole"))
    parts, whole = (Dataset.open(folder).catalog
                    for folder in (self.output, os.path.join(self.folder, "whole")))
    self.assertEqual(parts.colnames, whole.colnames)
    for name in whole.colnames:
      self.assertAllEqual(parts[name], whole[name])
      self.assertEqual(parts[name].dtype.newbyteorder("="), whole[name].dtype.newbyteorder("="))

  def test_float16_overflow(self):
    images = sample_surveys.cube(5)
    images[2, 0, 0, 0] = 1e5
    with self.assertRaisesRegex(ValueError, "exceeds float16's 65504.*--dtype=float32"):
      convert(self.public(5, images), SDSS, self.output,
              settings=ConversionSettings(dtype="float16"))

  @parameterized.parameters(
      ({"augment_copies": 9}, "--augment_copies=9"), ({"augment_copies": 0}, "--augment_copies=0"),
      ({"dtype": "int8"}, "--dtype=int8"), ({"compression": "zip"}, "--compression=zip"),
      ({"max_rejected": 1.5}, "--max_rejected=1.5"), ({"shard_size_mb": 0}, "--shard_size_mb=0"))
  def test_bad_settings(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      ConversionSettings(**fields)


class ExistingTest(_ConversionTest):

  def test_same_again_is_reused(self):
    source = self.public(20)
    first = convert(source, SDSS, self.output)
    before = os.stat(os.path.join(self.output, manifest_lib.MANIFEST_NAME)).st_mtime_ns
    again = convert(source, SDSS, self.output, settings=ConversionSettings(num_workers=2))
    self.assertEqual(first, again)
    self.assertEqual(
        os.stat(os.path.join(self.output, manifest_lib.MANIFEST_NAME)).st_mtime_ns, before)

  def test_real_data_stop_a_simulation_before_it_starts(self):
    convert(self.public(20), SDSS, self.output)
    with self.assertRaisesRegex(FileExistsError, "holds another data set, and no --input"):
      make_tfrecords.run(make_tfrecords.ConversionConfig(output=self.output, num=10))
    parent, name = os.path.split(os.path.normpath(self.output))
    self.assertFalse(os.path.exists(os.path.join(parent, f"simulated_{name}")))

  def test_a_data_set_does_not_go_into_its_input(self):
    os.makedirs(self.output)
    with self.assertRaisesRegex(ValueError, "--input and --output are both .*; name another"):
      make_tfrecords.run(make_tfrecords.ConversionConfig(
          input=os.path.join(self.output, "."), output=self.output))
    self.assertEmpty(os.listdir(self.output))

  def test_other_settings_or_source_are_refused(self):
    convert(self.public(20), SDSS, self.output)
    with self.assertRaisesRegex(FileExistsError, "other settings.*another --output, or delete"):
      convert(self.public(20), SDSS, self.output, settings=ConversionSettings(seed=1))
    with self.assertRaisesRegex(FileExistsError, "other fingerprint"):
      convert(self.public(20, images=sample_surveys.cube(20, seed=1)), SDSS, self.output)
    with self.assertRaisesRegex(FileExistsError, "other preset"):
      convert(self.public(20), SDSS, self.output, preset={"net": 5})

  def test_unfinished_starts_again_and_touches_nothing_else(self):
    os.makedirs(self.output)
    names = ("train-00000-of-00009.tfrecord", ".test-00001-of-00002.tfrecord.77.tmp",
             ".catalog.fits.1f.tmp", ".rejected.csv.7.tmp", ".manifest.json.1f.tmp",
             "catalog-00001-of-00003.fits", "train-100000-of-100001.tfrecord",
             "notes.txt", "mytrain-00000-of-00009.tfrecord", "train.tfrecord")
    for name in names:
      with open(os.path.join(self.output, name), "w") as file:
        file.write("x")
    convert(self.public(20), SDSS, self.output)
    left = set(os.listdir(self.output))
    self.assertNoCommonElements(left, names[:7])
    self.assertContainsSubset(names[7:], left)

  def test_data_set_of_another_version(self):
    manifest = convert(self.public(20), SDSS, self.output)
    dataclasses.replace(manifest, schema_version=1).save(self.output)
    with self.assertRaisesRegex(FileExistsError, "schema version 1, .*delete .*out first"):
      convert(self.public(20), SDSS, self.output)

  def test_damaged_shard_is_noticed(self):
    source = self.public(20)
    manifest = convert(source, SDSS, self.output)
    with open(os.path.join(self.output, manifest.shards[0].name), "r+b") as file:
      file.truncate(100)
    with self.assertRaisesRegex(FileExistsError, "of another size than its manifest says"):
      convert(source, SDSS, self.output)

  def test_failure_leaves_no_manifest_and_no_half_shard(self):
    source = self.public(20)

    class Failing:
      calls = 0

      def __call__(self, row):
        self.calls += 1
        if self.calls > 30:  # past the fingerprint, which looks at 20 images
          raise OSError("the disk is gone")
        return source.images(row)

    failing = base.CutoutSource(catalog=source.catalog, images=Failing(),
                                image_shape=source.image_shape)
    with self.assertRaisesRegex(OSError, "the disk is gone"):
      convert(failing, SDSS, self.output, settings=ConversionSettings(shard_size_mb=0.003))
    self.assertEmpty([name for name in os.listdir(self.output) if not name.startswith(".")])


class CommandLineTest(_ConversionTest):

  def _run(self, *arguments):
    values = flags.FlagValues()
    make_tfrecords.define_flags(values)
    values(["make_tfrecords", *arguments])
    return make_tfrecords.run(make_tfrecords.config_from_flags(values))

  def test_flags_reach_the_data_set(self):
    self.public(50)
    manifest = self._run(
        f"--input={self.folder}/in", f"--output={self.output}", "--split=0.5,0.25,0.25",
        "--seed=7", "--augment_copies=2", "--ebv=0.03", "--z_photo_column=dered_petro_i",
        "--preset=cpu", "--compression=gzip", "--max_rejected=0.5")
    self.assertEqual((manifest.seed, manifest.augment_copies, manifest.compression),
                     (7, 2, "gzip"))
    self.assertIn("0.5 train, 0.25 validation", manifest.split_rule)
    self.assertIn("baseline", manifest.preset["stages"])
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(set(catalog["ebv"]), {0.03})
    self.assertAllInRange(catalog["z_photo_ref"], 14, 18)

  def test_without_input_it_says_so_and_simulates(self):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      manifest = self._run(f"--output={self.output}", "--num=20")
    self.assertIn("No --input is given: 20 galaxies of sdss are simulated", printed.getvalue())
    self.assertIn(f"--multir --data_dir={self.output}", printed.getvalue())
    self.assertEqual(manifest.source["simulated"], {"survey": "sdss", "num": 20, "seed": 0})
    self.assertEqual(manifest.galaxies["read"], 20)
    self.assertIn("step3", manifest.preset["stages"])
    self.assertEqual(self._run(f"--output={self.output}", "--num=20"), manifest)

  def test_survey_from_a_file(self):
    self.public(30)
    path = os.path.join(self.folder, "mine.toml")
    with open(path, "w") as file:
      file.write("pixel_scale_arcsec = 0.2\nz_max = 0.2\nbins = 50\nr_min = 12.0\nr_max = 18.0\n"
                 "balance_threshold = 10\noutlier_threshold = 0.05\nfit_z_min = 0.1\n")
    manifest = self._run(f"--survey={path}", f"--input={self.folder}/in",
                         f"--output={self.output}")
    self.assertEqual(manifest.dataset, "mine")
    self.assertIn(f"--survey={path}", summary.next_command(manifest, self.output, survey=path))
    self.assertAllInRange(catalog_lib.load_catalog(self.output)["z_spec"], 0, 0.2)
    self.assertIn(checks.OUTSIDE_GRID, manifest.source["rejected"])


if __name__ == "__main__":
  tf.test.main()
