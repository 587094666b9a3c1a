"""The catalogues of the later releases: split, images, magnitudes, bad ones."""

import os
import pickle

from absl import logging
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE
from pzbias_tf.data.catalog import load_catalog
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys

NEAR_INFRARED = ("mag_Z", "mag_Y", "mag_J", "mag_H", "mag_Ks")
KIDS = """
name = "kids"
bands = ["u", "g", "r", "i"]
image_size = 8
pixel_scale_arcsec = 0.2
z_max = 3.0
bins = 60
r_min = 18.0
r_max = 22.0
balance_threshold = 5
outlier_threshold = 0.15
fit_z_min = 0.3
"""


class ZphotoCatalogTest(sample_formats.FormatsTest):

  def write_catalog(self, num=10, name="zphoto_catalog_SDSS.npz", **arrays):
    table = sample_formats.table_of(num)
    split = np.random.default_rng(0).permutation(num)
    arrays = {"zspec": table["z"], "ebv": table["ebv"], "id_train": split[:5],
              "id_validation": split[5:6], "id_test": split[6:9], **arrays}
    np.savez(self.path(name), **arrays)
    return split, arrays

  def write(self, num=10, name="zphoto_catalog_SDSS.npz", folder="images", suffix=".npy", **arrays):
    images = sample_surveys.cube(num)
    split, arrays = self.write_catalog(num, name, **arrays)
    os.makedirs(self.path(folder), exist_ok=True)
    for row, image in enumerate(images):
      np.save(self.path(f"{folder}/{row}"), image)
      os.rename(self.path(f"{folder}/{row}.npy"), self.path(f"{folder}/{row}{suffix}"))
    return images, split, arrays

  def test_published_split_and_images(self):
    r_mag = np.linspace(15, 17, 10)
    images, split, arrays = self.write(r_mag=r_mag)
    self.assertEqual(readers.detect(self.input), "zphoto_catalog")
    source = readers.read(self.input, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["r_mag"], r_mag)
    self.assertAllEqual(source.catalog["z_spec"], arrays["zspec"])
    self.assertEqual(list(source.catalog["split"][split]),
                     ["train"] * 5 + ["validation"] + ["test"] * 3 + [""])
    self.assertEqual(source.catalog["id"][3], "3")

  def test_ids_of_a_column_where_one_is_named(self):
    self.write(r_mag=np.linspace(15, 17, 10), objid=10**18 + np.arange(10))
    self.assertEqual(readers.read(self.input, SDSS).catalog["id"][3], "3")
    options = readers.ReaderOptions(columns={"id": "objid"})
    self.assertEqual(readers.read(self.input, SDSS, options).catalog["id"][3], str(10**18 + 3))

  def test_r_from_images_or_a_table(self):
    images, _, _ = self.write(folder="data", suffix=".py.npy")
    with self.assertRaisesRegex(ValueError, "no column for r_mag.*--r_from_image"):
      readers.read(self.input, SDSS)
    source = readers.read(self.input, SDSS, readers.ReaderOptions(r_from_image=True))
    flux = images[..., 2].sum((1, 2), np.float64)
    self.assertAllClose(source.catalog["r_mag"],
                        22.5 - 2.5 * np.log10(np.where(flux > 0, flux, np.nan)))
    np.savez(self.path("magnitudes.npz"), r=np.arange(10.0))
    source = readers.read(self.input, SDSS, readers.ReaderOptions(
        table=self.path("magnitudes.npz")))
    self.assertAllEqual(source.catalog["r_mag"], np.arange(10.0))

  def test_missing_and_damaged_images_are_listed(self):
    self.write(r_mag=np.full(10, 16.0), id_train=np.arange(8), id_validation=np.array([8]),
               id_test=np.array([9]))
    os.remove(self.path("images/2.npy"))
    with open(self.path("images/4.npy"), "r+b") as file:
      file.truncate(600)
    np.save(self.path("images/5.npy"), np.array([{}], object), allow_pickle=True)
    self.convert()
    self.assertEqual(self.rejected(), dict.fromkeys("245", REASON_NO_IMAGE))

  def test_template(self):
    images, _, _ = self.write(folder="cut", suffix=".image.npy", r_mag=np.full(10, 16.0))
    with self.assertRaisesRegex(FileNotFoundError, "no images called images/{id}.npy"):
      readers.read(self.input, SDSS)
    options = readers.ReaderOptions(image_template="cut/{id}.image.npy")
    self.assert_images(readers.read(self.input, SDSS, options), images)
    with self.assertRaisesRegex(ValueError, "leave out {band}"):
      readers.read(self.input, SDSS, readers.ReaderOptions(image_template="{id}_{band}.npy"))

  def test_bad_catalogues(self):
    self.write(r_mag=np.full(10, 16.0), id_test=np.array([3, 10]))
    with self.assertRaisesRegex(ValueError, "id_test: index 10 is outside the 10 objects"):
      readers.read(self.input, SDSS)
    self.write(r_mag=np.full(9, 16.0))
    with self.assertRaisesRegex(ValueError, "columns of different lengths"):
      readers.read(self.input, SDSS)
    np.savez(self.path("zphoto_catalog_SDSS.npz"), zspec=np.zeros(3))
    with self.assertRaisesRegex(ValueError, "no array ebv, id_test, id_train, id_validation"):
      readers.read(self.input, SDSS)

  def test_all_images_in_one_file(self):
    images, r_mag = sample_surveys.cube(10), np.full(10, 16.0)
    self.write_catalog(r_mag=r_mag)
    for save in (np.savez, np.savez_compressed):
      for arrays in ({"images": images}, {str(row): images[row] for row in range(10)}):
        save(self.path("images_SDSS.npz"), **arrays)
        self.assertEqual(readers.detect(self.input), "zphoto_catalog")
        source = readers.read(self.input, SDSS)
        self.assert_images(pickle.loads(pickle.dumps(source)), images)
        self.assertEqual(source.image_shape, images.shape[1:])
        self.assertEqual(source.description["image_template"], "images_SDSS.npz")

  def test_which_file_of_images(self):
    images, r_mag = sample_surveys.cube(10), np.full(10, 16.0)
    self.write_catalog(name="zphoto_catalog_KiDS+VIKING.npz", r_mag=r_mag)
    np.savez(self.path("images_KiDS.npz"), images)
    self.assert_images(readers.read(self.input, SDSS), images)  # the only one
    np.savez(self.path("images_HSC.npz"), -images)
    with self.assertRaisesRegex(ValueError, r"VIKING.npz: which of images_HSC.npz, "
                                "images_KiDS.npz holds its images.*--image_template"):
      readers.read(self.input, SDSS)
    options = readers.ReaderOptions(image_template="images_HSC.npz")
    self.assert_images(readers.read(self.input, SDSS, options), -images)
    np.savez(self.path("images_sdss.npz"), 2 * images)  # the survey's name
    self.assert_images(readers.read(self.input, SDSS), 2 * images)
    np.savez(self.path("images_KIDS+viking.npz"), 3 * images)  # the catalogue's name
    self.assert_images(readers.read(self.input, SDSS), 3 * images)

  def test_single_images_come_before_one_file_and_it_is_said(self):
    images, _, _ = self.write(r_mag=np.full(10, 16.0))
    np.savez(self.path("images_SDSS.npz"), -images)
    with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
      self.assert_images(readers.read(self.input, SDSS), images)
    self.assertRegex(logs.output[0], "the images are images/{id}.npy, not images_SDSS.npz; "
                     "--image_template=images_SDSS.npz takes those")
    options = readers.ReaderOptions(image_template="images_SDSS.npz")
    self.assert_images(readers.read(self.input, SDSS, options), -images)

  def test_as_many_images_as_rows(self):
    images = sample_surveys.cube(9)
    self.write_catalog(r_mag=np.full(10, 16.0))
    for arrays in ({"images": images}, {str(row): images[row] for row in range(9)}):
      np.savez(self.path("images_SDSS.npz"), **arrays)
      with self.assertRaisesRegex(ValueError, "images_SDSS.npz: 9 images, but .*"
                                  "zphoto_catalog_SDSS.npz has 10 rows"):
        readers.read(self.input, SDSS)

  def test_near_infrared_magnitudes_of_a_survey_of_four_bands(self):
    images = sample_surveys.cube(10)[..., :4]
    extra = {name: np.linspace(18.0, 20.0, 10) + number
             for number, name in enumerate(NEAR_INFRARED)}
    extra["mag_J"][3], extra["mag_Ks"][5] = -99.0, 99.0
    self.write_catalog(name="zphoto_catalog_KiDS+VIKING.npz", mag_r=np.full(10, 19.0), **extra)
    np.savez(self.path("images_KiDS.npz"), **{str(row): images[row] for row in range(10)})
    with open(self.path("kids.toml"), "w", encoding="utf-8") as file:
      file.write(KIDS)
    manifest = self.convert(self.path("kids.toml"), extra_columns=NEAR_INFRARED)
    self.assertEqual(manifest.extra_columns, NEAR_INFRARED)
    self.assertEqual(self.rejected(), {"3": "no value in extra column mag_J",
                                       "5": "no value in extra column mag_Ks"})
    catalog = load_catalog(self.output)
    self.assertLen(catalog, 8)
    for name in NEAR_INFRARED:
      self.assertAllEqual(catalog[name], extra[name][catalog["id"].astype(int)])

  def test_catalogue_of_the_survey_is_chosen(self):
    self.write(r_mag=np.full(10, 16.0))
    self.write(name="zphoto_catalog_KiDS.npz", r_mag=np.full(10, 20.0))
    self.assertAllEqual(readers.read(self.input, SDSS).catalog["r_mag"], np.full(10, 16.0))
    path = self.path("zphoto_catalog_KiDS.npz")
    self.assertAllEqual(readers.read(path, SDSS).catalog["r_mag"], np.full(10, 20.0))
    os.rename(self.path("zphoto_catalog_SDSS.npz"), self.path("zphoto_catalog_other.npz"))
    with self.assertRaisesRegex(FileNotFoundError, "2 catalogues"):
      readers.read(self.input, SDSS)


if __name__ == "__main__":
  tf.test.main()
