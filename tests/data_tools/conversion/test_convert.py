"""Galaxies of every layout arrive with their images and labels; the others are listed."""

import os

import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords, readers
from data_tools.conversion import accepted, image_rules
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from data_tools.readers import cfhtls
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, REASON_SHAPE
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from tests.data_tools import sample_conversions, sample_surveys


class LayoutsTest(sample_conversions.ConversionTest):

  def test_sdss_public(self):
    source = self.public()
    manifest = convert(source, SDSS, self.output,
                       settings=ConversionSettings(shard_size_mb=sample_conversions.SMALL_SHARDS))
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
    self.assertEqual(sample_conversions.rejected(self.output), {"10": accepted.NO_SPLIT})

  def test_research_without_some_images(self):
    path = sample_surveys.write_research(
        os.path.join(self.folder, "in"), sample_surveys.cube(6), sample_surveys.columns(6))
    os.remove(os.path.join(path, "data", "2.py.npy"))
    np.save(os.path.join(path, "data", "3.py.npy"), np.zeros((4, 4, 5), np.float32))
    source = readers.read(path, SDSS)
    manifest = convert(source, SDSS, self.output)
    self.assertEqual(sample_conversions.rejected(self.output),
                     {"2": REASON_NO_IMAGE, "3": REASON_SHAPE})
    self.assert_faithful(source, manifest)

  def test_cfhtls(self):
    folder, images = os.path.join(self.folder, "in"), sample_surveys.cube(60)
    sample_surveys.write_cfhtls(
        folder, "HQ", 1, images[:40], ["W1", "D2"] * 19 + ["", "W2"],
        np.r_[np.linspace(0.1, 3, 39), 4.0])
    sample_surveys.write_cfhtls(folder, "LR", 1, images[40:], [""] * 20, np.linspace(0.1, 3, 20))
    source = readers.read(folder, CFHTLS_WIDE)
    manifest = convert(source, CFHTLS_WIDE, self.output)
    self.assert_faithful(source, manifest)
    self.assertEqual(manifest.flux_divisor, 1000.0)
    self.assertEqual(set(sample_conversions.rejected(self.output).values()),
                     {cfhtls.NO_FIELD, cfhtls.TOO_FAR})
    catalog = catalog_lib.load_catalog(self.output)
    test = catalog[catalog["split"] == "test"]
    self.assertEqual(set(test["sample"]), {"HQ"})
    self.assertEqual([np.sum(test["field"] == field) for field in "WD"], [4, 4])
    self.assertIn("4 of 19 HQ W", manifest.split_rule)

  def test_real_data(self):
    folder = os.environ.get("PZBIAS_REAL_DATA")
    if not folder:
      self.skipTest("PZBIAS_REAL_DATA names no folder of real observations")
    path = os.path.join(folder, "sdss_spec", "two_galaxies_64x64x5.npz")
    make_tfrecords.run(make_tfrecords.ConversionConfig(
        input=path, output=self.output, options=readers.ReaderOptions(ebv=0, r_from_image=True),
        settings=ConversionSettings(split=(0, 0, 1))))
    manifest = manifest_lib.Manifest.load(self.output)
    source = readers.read(path, SDSS, readers.ReaderOptions(ebv=0, r_from_image=True))
    self.assert_faithful(source, manifest)
    self.assertEqual(manifest.records("test"), 2)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertAllInRange(catalog["r_mag"], 14.0, 17.8)
    self.assertEqual(set(catalog["id"]), {"J0056-0021", "J0100+0033"})


class RulesTest(sample_conversions.ConversionTest):

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
    self.assertEqual(sample_conversions.rejected(self.output), {
        ids[3]: image_rules.NOT_FINITE, ids[4]: image_rules.NOT_FINITE, ids[6]: accepted.DUPLICATE,
        ids[7]: accepted.BAD_EBV, ids[8]: accepted.BAD_EBV, ids[9]: accepted.OUTSIDE_GRID,
        ids[10]: accepted.OUTSIDE_GRID, ids[11]: accepted.OUTSIDE_GRID,
        ids[13]: accepted.TOO_FAINT})
    self.assertEqual(manifest.galaxies, {"read": 40, "written": 31, "rejected": 9})
    self.assertEqual(sum(manifest.source["rejected"].values()), 9)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(list(catalog["id"][catalog["split"] == "target"]), [ids[12]])
    source.catalog["id"][6] = "repeated"  # so that its image is not looked up under the other's id
    self.assert_faithful(source, manifest)

  def test_upper_edge_of_the_grid_in_single_precision(self):
    z = np.full(10, SDSS.z_max, np.float32)
    self.assertGreater(float(z[0]), SDSS.z_max)
    manifest = convert(self.public(10, z=z), SDSS, self.output)
    self.assertEqual(manifest.galaxies["rejected"], 0)

  def test_unusable_r_is_replaced_by_the_largest_finite_r(self):
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


if __name__ == "__main__":
  tf.test.main()
