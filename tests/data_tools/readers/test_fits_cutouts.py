"""FITS cutouts: extensions, cubes, one file per band; templates; single bad galaxies."""

import os
import pickle
from unittest import mock

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts import fits_images, templates
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, REASON_NO_ROW, REASON_SHAPE
from pzbias_tf import survey as survey_lib
from pzbias_tf.data import pipeline
from pzbias_tf.data.dataset import Dataset
from tests.data_tools import sample_formats, sample_surveys

SDSS = survey_lib.SDSS
BANDS = SDSS.bands
SURVEY = """
name = "mine"
bands = {bands}
image_size = 8
pixel_scale_arcsec = 0.2
z_max = 0.4
bins = 20
r_min = 12.0
r_max = 18.0
balance_threshold = 4
outlier_threshold = 0.1
fit_z_min = 0.1
"""


def write_fits(path, planes, names=(), **header):
  """Writes planes as extensions, named `names` if given."""
  units = [fits.PrimaryHDU()]
  for number, plane in enumerate(planes):
    units.append(fits.ImageHDU(plane, name=names[number] if names else None))
    units[-1].header.update(header)
  fits.HDUList(units).writeto(path, checksum=True)


def write_bands(folder, name, image, bands=BANDS):
  """Writes one FITS file per band."""
  for column, band in enumerate(bands):
    fits.PrimaryHDU(image[..., column]).writeto(os.path.join(folder, f"{name}_{band}.fits"))


class FitsCutoutsTest(sample_formats.FormatsTest, parameterized.TestCase):

  def write_table(self, num=4, name="catalog.fits", **changes):
    table = {**sample_formats.table_of(num), **changes}
    Table(table).write(self.path(name))
    return table

  @parameterized.parameters("catalog.fits", "labels.csv")
  def test_named_extensions_in_any_order(self, name):
    images, table = sample_surveys.cube(4), self.write_table(name=name)
    for object_id, image in zip(table["id"], images):
      write_fits(self.path(f"{object_id}.fits"), np.moveaxis(image, -1, 0)[::-1], "ZIRGU")
    self.assertEqual(readers.detect(self.input), "fits_cutouts")
    source = readers.read(self.input, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], table["id"])
    self.assertAllClose(source.catalog["z_spec"], table["z"])
    self.assert_images(mock.Mock(images=pickle.loads(pickle.dumps(source.images))), images)

  def test_extensions_without_names_and_one_cube(self):
    images, table = sample_surveys.cube(4), self.write_table()
    planes = np.moveaxis(images, -1, 1)
    os.mkdir(self.path("images"))
    for row, object_id in enumerate(table["id"]):
      path = self.path(f"images/{object_id}.fits")
      if row % 2:
        fits.PrimaryHDU(planes[row]).writeto(path)
      else:
        write_fits(path, planes[row])
    self.assert_images(readers.read(self.input, SDSS), images)

  def test_one_file_per_band_and_packed_files(self):
    images, table = sample_surveys.cube(4), self.write_table()
    for object_id, image in zip(table["id"], images):
      write_bands(self.input, object_id, image)
    source = readers.read(self.input, SDSS)
    self.assertEqual(source.description["image_template"], "{id}_{band}.fits")
    self.assert_images(source, images)
    for name in os.listdir(self.input):
      if name.startswith("J"):
        fits.PrimaryHDU(fits.getdata(self.path(name))).writeto(self.path(f"{name}.gz"))
        os.remove(self.path(name))
    self.assert_images(readers.read(self.input, SDSS), images)

  @parameterized.product(suffix=(".gz", ".fz", ".bz2"), template=("{id}", "images/{id}-{band}"))
  def test_packed_files_are_found_without_a_template(self, suffix, template):
    images, table = sample_surveys.cube(4), self.write_table()
    os.mkdir(self.path("images"))
    unit = fits.CompImageHDU if suffix == ".fz" else fits.ImageHDU
    packed = dict(compression_type="GZIP_1", quantize_level=0) if suffix == ".fz" else {}
    for object_id, image in zip(table["id"], images):
      for number in range(5) if "band" in template else [slice(0, 5)]:
        planes = np.moveaxis(image, -1, 0)[number]
        name = template.format(id=object_id, band=str(BANDS[number]))
        fits.HDUList([fits.PrimaryHDU(), unit(planes.copy(), **packed)]).writeto(
            self.path(f"{name}.fits{suffix}"))
    self.assertEqual(readers.detect(self.input), "fits_cutouts")
    source = readers.read(self.input, SDSS)
    self.assertEqual(source.description["image_template"], f"{template}.fits{suffix}")
    self.assert_images(source, images)

  def test_template_with_columns_and_formats(self):
    images = sample_surveys.cube(3)
    self.write_table(3, id=np.array([7, 8, 9]), field=np.array(["W1", "W2", "W1"]))
    for number, field, image in zip((7, 8, 9), ("W1", "W2", "W1"), images):
      os.makedirs(self.path(field), exist_ok=True)
      write_bands(self.path(field), f"{number:06d}", image)
    source = readers.read(self.input, SDSS, readers.ReaderOptions(
        image_template="{field}/{id:06d}_{band}.fits"))
    self.assert_images(source, images)

  @parameterized.parameters(
      ("../{id}.fits", "leads out of the input folder"), ("/data/{id}.fits", "leads out"),
      ("{id.__class__}.fits", "not a plain name"), ("{0}.fits", "not a plain name"),
      ("{id:{z}}.fits", "not a plain name"),
      ("{run}_{id}.fits", "no column run; use band, id, z"), ("{id.fits", "image_template"),
      ("{id:06d}.fits", "a number format does not fit"))
  def test_bad_templates(self, template, message):
    self.write_table()
    with self.assertRaisesRegex(ValueError, message):
      readers.read(self.input, SDSS, readers.ReaderOptions(image_template=template))

  def test_problems_of_single_galaxies_are_listed(self):
    num = 14
    images, planes = sample_surveys.cube(num), None
    table = self.write_table(num)
    for row, object_id in enumerate(table["id"]):
      planes = np.moveaxis(images[row], -1, 0)
      write_fits(self.path(f"{object_id}.fits"), planes, BANDS)
    os.remove(self.path("J00.fits"))
    with open(self.path("J01.fits"), "r+b") as file:
      file.truncate(5000)
    with open(self.path("J02.fits"), "wb") as file:
      file.write(b"no FITS at all")
    with open(self.path("J03.fits"), "r+b") as file:  # a flipped bit in the pixels
      file.seek(2880 * 2 + 100)
      byte = file.read(1)
      file.seek(-1, os.SEEK_CUR)
      file.write(bytes([byte[0] ^ 1]))
    for name, bands in (("J04", 4), ("J05", 3)):
      os.remove(self.path(f"{name}.fits"))
      write_fits(self.path(f"{name}.fits"), planes[:bands], BANDS if bands == 4 else ())
    os.remove(self.path("J06.fits"))
    write_fits(self.path("J06.fits"), [*planes[:4], planes[4][:6]], BANDS)
    with open(self.path("J07.fits"), "wb"):
      pass
    os.rename(self.path("J08.fits"), self.path("K08.fits"))
    manifest = self.convert()
    self.assertEqual(self.rejected(), {
        "J00": REASON_NO_IMAGE, "J01": fits_images.REASON_DAMAGED,
        "J02": fits_images.REASON_DAMAGED, "J03": fits_images.REASON_DAMAGED,
        "J04": "band z missing", "J05": "3 images for 5 bands", "J06": REASON_SHAPE,
        "J07": fits_images.REASON_DAMAGED, "J08": REASON_NO_IMAGE,
        "K08": REASON_NO_ROW})
    self.assertEqual(manifest.galaxies, {"read": 15, "written": 5, "rejected": 10})

  def test_images_without_a_row_have_no_photo_z_either(self):
    images, table = sample_surveys.cube(3), self.write_table()
    for object_id, image in zip([*table["id"][:2], "K00"], images):
      write_fits(self.path(f"{object_id}.fits"), np.moveaxis(image, -1, 0))
    catalog = readers.read(self.input, SDSS, readers.ReaderOptions(
        columns={"z_photo": "r,z"})).catalog
    self.assertEqual(catalog["id"][-1], "K00")
    self.assertTrue(np.isnan(catalog["z_photo_ref_r"][-1]))
    self.assertFalse(np.any(np.isnan(catalog["z_photo_ref_z"][:-1])))
    self.assertNotIn("z_photo_ref", catalog.colnames)

  def test_one_file_per_band_with_a_band_missing(self):
    images, table = sample_surveys.cube(4), self.write_table()
    for object_id, image in zip(table["id"], images):
      write_bands(self.input, object_id, image)
    os.remove(self.path("J01_i.fits"))
    for band in BANDS:
      os.remove(self.path(f"J02_{band}.fits"))
    self.convert()
    self.assertEqual(self.rejected(), {"J01": "band i missing", "J02": REASON_NO_IMAGE})

  def test_ids_that_lead_out_of_the_folder_are_rejected(self):
    ids = ["J00", "../secret", "/etc/J02", "a/../../J03", "J04", "J05"]
    images, _ = sample_surveys.cube(6), self.write_table(6, id=np.array(ids))
    write_fits(os.path.join(self.folder, "secret.fits"), np.moveaxis(images[1], -1, 0))
    for row in (0, 4, 5):
      write_fits(self.path(f"{ids[row]}.fits"), np.moveaxis(images[row], -1, 0))
    self.convert()
    self.assertEqual(self.rejected(), dict.fromkeys(ids[1:4], templates.REASON_CLIMBS))

  def test_no_images(self):
    self.write_table()
    with self.assertRaisesRegex(FileNotFoundError, "no images called .*--image_template"):
      readers.read(self.input, SDSS, layout="fits_cutouts")

  @parameterized.parameters(("rad", np.pi / 180), ("deg", 1.0), ("", 1.0), ("pix", np.nan))
  def test_positions_are_degrees_or_nothing(self, unit, factor):
    ra, dec = np.array([10.0, 150.0, 200.0, 359.0]), np.array([-30.0, 0.0, 2.0, 60.0])
    table = Table({**sample_formats.table_of(4), "ra": ra * factor, "dec": dec * factor})
    for name in ("ra", "dec") if unit else ():
      table[name].unit = unit
    table.write(self.path("catalog.fits"))
    for object_id, image in zip(table["id"], sample_surveys.cube(4)):
      write_bands(self.input, object_id, image)
    catalog = readers.read(self.input, SDSS).catalog
    self.assertAllClose(catalog["ra"], ra + 0 * factor)
    self.assertAllClose(catalog["dec"], dec + 0 * factor)

  def test_r_from_image_without_some_images(self):
    table = self.write_table()
    for object_id in table["id"][:3]:
      write_fits(self.path(f"{object_id}.fits"), np.full((5, 8, 8), 100 / 64, np.float32))
    source = readers.read(self.input, SDSS, readers.ReaderOptions(r_from_image=True))
    self.assertAllClose(source.catalog["r_mag"], [17.5, 17.5, 17.5, np.nan])

  def test_nine_bands_from_a_survey_file_to_training_batches(self):
    bands = ["u", "g", "r", "i", "z", "y", "j", "h", "k"]
    survey = os.path.join(self.folder, "mine.toml")
    with open(survey, "w", encoding="utf-8") as file:
      file.write(SURVEY.format(bands=bands))
    images = np.random.default_rng(0).normal(size=(16, 8, 8, 9)).astype(np.float32)
    table = self.write_table(16)
    for object_id, image in zip(table["id"], images):
      write_bands(self.input, object_id, image, bands)
    self.convert(survey)
    data = Dataset.open(self.output)
    mine = survey_lib.load_survey(survey)
    labels = pipeline.Labels(redshift_bin=mine.redshift_bin(data.column("z_spec")),
                             magnitude_row=mine.magnitude_row(data.column("r_mag")))
    keep = np.asarray(data.catalog["split"]) == "train"
    batch = next(iter(pipeline.training_batches(
        data, keep=keep, labels=labels, batch_size=4, image_size=8, seed=0, dihedral=False)))
    self.assertEqual(batch["image"].shape, (4, 8, 8, 9))
    sums = set(np.float32(images.sum((1, 2, 3), np.float64).round(3)))
    for image in batch["image"].numpy():
      self.assertIn(np.float32(image.sum(dtype=np.float64).round(3)), sums)


if __name__ == "__main__":
  tf.test.main()
