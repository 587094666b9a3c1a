"""FITS cutouts, HDF5, the later releases, Parquet, and a format added as documented."""

import csv
import importlib.util
import os
import pickle
import re
from unittest import mock

from absl import flags
from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools import readers
from data_tools.convert import ConversionSettings
from data_tools.readers import base
from data_tools.readers import fits_images
from data_tools.readers import hdf5
from data_tools.readers import tables
from data_tools.readers import templates
from pzbias_tf import survey as survey_lib
from pzbias_tf.data import pipeline
from pzbias_tf.data.dataset import Dataset
from tests.data_tools import sample_surveys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SDSS = survey_lib.SDSS
BANDS = SDSS.bands
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None
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


def table_of(num):
  """A catalogue with usual column names."""
  columns = sample_surveys.columns(num)
  return {"id": np.array([f"J{row:02d}" for row in range(num)]), "z": columns["z"],
          "ebv": columns["EBV"], "r": columns["dered_petro_r"]}


def write_fits(path, planes, names=(), **header):
  """Writes planes as extensions, called after `names` where there are any."""
  units = [fits.PrimaryHDU()]
  for number, plane in enumerate(planes):
    units.append(fits.ImageHDU(plane, name=names[number] if names else None))
    units[-1].header.update(header)
  fits.HDUList(units).writeto(path, checksum=True)


def write_bands(folder, name, image, bands=BANDS):
  """One FITS file a band."""
  for column, band in enumerate(bands):
    fits.PrimaryHDU(image[..., column]).writeto(os.path.join(folder, f"{name}_{band}.fits"))


class _FormatsTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    self.input = os.path.join(self.folder, "in")
    self.output = os.path.join(self.folder, "out")
    os.makedirs(self.input)

  def path(self, name):
    return os.path.join(self.input, name)

  def convert(self, survey="sdss", **options):
    return make_tfrecords.run(make_tfrecords.ConversionConfig(
        survey=survey, input=self.input, output=self.output,
        options=readers.ReaderOptions(**options),
        settings=ConversionSettings(split=(0.5, 0.25, 0.25))))

  def rejected(self):
    with open(os.path.join(self.output, "rejected.csv"), newline="", encoding="utf-8") as file:
      return {row["id"]: row["reason"] for row in csv.DictReader(file)}

  def assert_images(self, source, images):
    for row, image in enumerate(images):
      self.assertAllEqual(source.images(row), image)
      self.assertTrue(source.images(row).dtype.isnative)


class FitsCutoutsTest(_FormatsTest, parameterized.TestCase):

  def write_table(self, num=4, name="catalog.fits", **changes):
    table = {**table_of(num), **changes}
    Table(table).write(self.path(name))
    return table

  @parameterized.parameters("catalog.fits", "labels.csv")
  def test_extensions_by_name_whatever_their_order(self, name):
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

  def test_one_file_a_band_and_packed_files(self):
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
      ("{id.__class__}.fits", "no plain name"), ("{0}.fits", "no plain name"),
      ("{id:{z}}.fits", "no plain name"),
      ("{run}_{id}.fits", "no column run; known are band, id, z"), ("{id.fits", "image_template"),
      ("{id:06d}.fits", "no number's format"))
  def test_bad_templates(self, template, message):
    self.write_table()
    with self.assertRaisesRegex(ValueError, message):
      readers.read(self.input, SDSS, readers.ReaderOptions(image_template=template))

  def test_what_is_wrong_with_single_galaxies_is_listed(self):
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
        "J00": base.REASON_NO_IMAGE, "J01": fits_images.REASON_DAMAGED,
        "J02": fits_images.REASON_DAMAGED, "J03": fits_images.REASON_DAMAGED,
        "J04": "band z missing", "J05": "3 images for 5 bands", "J06": base.REASON_SHAPE,
        "J07": fits_images.REASON_DAMAGED, "J08": base.REASON_NO_IMAGE,
        "K08": base.REASON_NO_ROW})
    self.assertEqual(manifest.galaxies, {"read": 15, "written": 5, "rejected": 10})

  def test_one_file_a_band_with_a_band_missing(self):
    images, table = sample_surveys.cube(4), self.write_table()
    for object_id, image in zip(table["id"], images):
      write_bands(self.input, object_id, image)
    os.remove(self.path("J01_i.fits"))
    for band in BANDS:
      os.remove(self.path(f"J02_{band}.fits"))
    self.convert()
    self.assertEqual(self.rejected(), {"J01": "band i missing", "J02": base.REASON_NO_IMAGE})

  def test_ids_that_climb_are_refused(self):
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

  def test_r_from_image_passes_over_missing_images(self):
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


class Hdf5Test(_FormatsTest, parameterized.TestCase):

  def write(self, num=5, name="cube", bands_first=False, **datasets):
    images = sample_surveys.cube(num)
    with h5py.File(self.path("survey.hdf5"), "w") as file:
      stored = np.moveaxis(images, -1, 1) if bands_first else images
      file.create_dataset(name, data=stored, chunks=(2, *stored.shape[1:]), compression="gzip")
      for key, values in {**table_of(num), **datasets}.items():
        file[key] = values.astype("S") if values.dtype.kind == "U" else values
    return images

  @parameterized.parameters(("cube", False), ("group/pixels", True))
  def test_layout(self, name, bands_first):
    images = self.write(name=name, bands_first=bands_first)
    self.assertEqual(readers.detect(self.input), "hdf5")
    source = readers.read(self.input, SDSS)
    self.assertEqual(source.image_shape, (8, 8, 5))
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], table_of(5)["id"])
    data = pickle.dumps(source.images)  # after the file was opened
    self.assertLess(len(data), 500)
    self.assertAllEqual(pickle.loads(data)(4), images[4])

  def test_columns_as_records_or_in_a_table(self):
    images = sample_surveys.cube(5)
    with h5py.File(self.path("survey.h5"), "w") as file:
      file["images"], file["thumbnails"] = images, images[:, :2, :2]
      file["labels"] = sample_surveys.record_array(
          {name: values.astype("S") if values.dtype.kind == "U" else values
           for name, values in table_of(5).items()})
    source = readers.read(self.input, SDSS)
    self.assertAllEqual(source.catalog["id"], table_of(5)["id"])
    Table({**table_of(5), "z": np.zeros(5)}).write(self.path("other.csv"))
    options = readers.ReaderOptions(table=self.path("other.csv"), image_dataset="/thumbnails")
    source = readers.read(self.path("survey.h5"), SDSS, options)
    self.assertAllEqual(source.catalog["z_spec"], np.zeros(5))
    self.assertEqual(source.image_shape, (2, 2, 5))

  def test_which_images(self):
    self.write(name="a")
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["b"] = sample_surveys.cube(5)
    with self.assertRaisesRegex(ValueError, "which images.*a, b; name one with --image_dataset"):
      readers.read(self.input, SDSS)
    with self.assertRaisesRegex(ValueError, "no 4-D dataset c"):
      readers.read(self.input, SDSS, readers.ReaderOptions(image_dataset="c"))

  def test_data_in_other_files_are_refused(self):
    self.write()
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["link"] = h5py.ExternalLink("/etc/other.h5", "/cube")
    with self.assertRaisesRegex(ValueError, "link stands in another file"):
      readers.read(self.input, SDSS)
    raw = os.path.join(self.folder, "raw")
    np.zeros(5).tofile(raw)
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      del file["link"]
      file.create_dataset("outside", (5,), "f8", external=[(raw, 0, 40)])
    with self.assertRaisesRegex(ValueError, "outside stands in another file"):
      readers.read(self.input, SDSS)

  def test_damaged_chunk_and_cut_file(self):
    self.write(num=8)
    with h5py.File(self.path("survey.hdf5"), "r") as file:
      place = file["cube"].id.get_chunk_info(1).byte_offset
    with open(self.path("survey.hdf5"), "r+b") as file:
      file.seek(place + 50)
      file.write(b"\xff" * 100)
    self.convert()
    self.assertEqual(self.rejected(), dict.fromkeys(("J02", "J03"), hdf5.REASON_DAMAGED))
    with open(self.path("survey.hdf5"), "r+b") as file:
      file.truncate(3000)
    with self.assertRaisesRegex(OSError, "survey.hdf5: no HDF5 file, or cut short"):
      readers.read(self.input, SDSS)

  def test_lengths_that_differ(self):
    self.write()
    Table(table_of(4)).write(self.path("t.csv"))
    with self.assertRaisesRegex(ValueError, "5 images in cube, but 4 rows in .*t.csv"):
      readers.read(self.input, SDSS, readers.ReaderOptions(table=self.path("t.csv")))


class ZphotoCatalogTest(_FormatsTest):

  def write(self, num=10, name="zphoto_catalog_SDSS.npz", folder="images", suffix=".npy", **arrays):
    table, images = table_of(num), sample_surveys.cube(num)
    split = np.random.default_rng(0).permutation(num)
    arrays = {"zspec": table["z"], "ebv": table["ebv"], "id_train": split[:5],
              "id_validation": split[5:6], "id_test": split[6:9], **arrays}
    np.savez(self.path(name), **arrays)
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
    self.assertEqual(self.rejected(), dict.fromkeys("245", base.REASON_NO_IMAGE))

  def test_template(self):
    images, _, _ = self.write(folder="cut", suffix=".image.npy", r_mag=np.full(10, 16.0))
    with self.assertRaisesRegex(FileNotFoundError, "no images called images/{id}.npy"):
      readers.read(self.input, SDSS)
    options = readers.ReaderOptions(image_template="cut/{id}.image.npy")
    self.assert_images(readers.read(self.input, SDSS, options), images)
    with self.assertRaisesRegex(ValueError, "no {band} is possible"):
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

  def test_the_survey_s_own_of_several_catalogues(self):
    self.write(r_mag=np.full(10, 16.0))
    self.write(name="zphoto_catalog_KiDS.npz", r_mag=np.full(10, 20.0))
    self.assertAllEqual(readers.read(self.input, SDSS).catalog["r_mag"], np.full(10, 16.0))
    path = self.path("zphoto_catalog_KiDS.npz")
    self.assertAllEqual(readers.read(path, SDSS).catalog["r_mag"], np.full(10, 20.0))
    os.rename(self.path("zphoto_catalog_SDSS.npz"), self.path("zphoto_catalog_other.npz"))
    with self.assertRaisesRegex(FileNotFoundError, "2 catalogues"):
      readers.read(self.input, SDSS)


class TablesTest(_FormatsTest):

  def test_parquet(self):
    if not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    import pyarrow
    from pyarrow import parquet
    path = self.path("catalog.parquet")
    parquet.write_table(pyarrow.table({
        "id": ["a", None, "c"], "z": [0.1, None, 0.3], "n": [1, None, 3], "whole": [1, 2, 2**60],
        "lists": [[1], [2], [3]]}), path)
    columns = tables.columns_of(path)
    self.assertEqual(set(columns), {"id", "z", "n", "whole"})
    self.assertEqual(list(columns["id"]), ["a", "", "c"])
    self.assertAllEqual(columns["z"], [0.1, np.nan, 0.3])
    self.assertAllEqual(columns["n"], [1, np.nan, 3])
    self.assertAllEqual(columns["whole"], [1, 2, 2**60])
    self.assertEqual(tables.find(self.input), path)
    with open(path, "r+b") as file:
      file.truncate(100)
    with self.assertRaisesRegex(ValueError, "catalog.parquet: not a readable table"):
      tables.columns_of(path)

  def test_parquet_without_pyarrow(self):
    with mock.patch.dict("sys.modules", {"pyarrow": None}):
      with self.assertRaisesRegex(ValueError, "pip install '.\\[parquet\\]'"):
        tables.columns_of(self.path("catalog.parquet"))


class OptionsTest(_FormatsTest):

  def test_options_of_other_formats_are_refused(self):
    np.save(self.path("cube.npy"), sample_surveys.cube(3))
    Table(table_of(3)).write(self.path("labels.csv"))
    for name, value, users in (("image_template", "{id}.fits", "zphoto_catalog, fits_cutouts"),
                               ("image_dataset", "cube", "hdf5")):
      message = f"--{name} works with --layout={users}, not with cube"
      with self.assertRaisesRegex(ValueError, message):
        readers.read(self.input, SDSS, readers.ReaderOptions(**{name: value}))


  def test_flags(self):
    values = flags.FlagValues()
    make_tfrecords.define_flags(values)
    values(["make_tfrecords", "--input=a", "--format=hdf5", "--image_dataset=pixels",
            "--image_template={id}.fits", "--table=b.parquet"])
    config = make_tfrecords.config_from_flags(values)
    self.assertEqual(config.layout, "hdf5")
    self.assertEqual(config.options, readers.ReaderOptions(
        image_dataset="pixels", image_template="{id}.fits", table="b.parquet"))


class AddingAFormatTest(_FormatsTest):

  def example(self):
    """The reader of docs/adding_a_format.md as a module."""
    with open(os.path.join(ROOT, "docs", "adding_a_format.md"), encoding="utf-8") as file:
      code = re.search(r"```python\n(.*?)```", file.read(), re.DOTALL).group(1)
    path = os.path.join(self.folder, "stack.py")
    with open(path, "w", encoding="utf-8") as file:
      file.write(code)
    spec = importlib.util.spec_from_file_location("stack", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

  def test_documented_example(self):
    images = sample_surveys.cube(12)
    np.save(self.path("stack.npy"), np.moveaxis(images, -1, 1))
    Table(table_of(12)).write(self.path("stack.csv"))
    with self.assertRaisesRegex(ValueError, "no known layout"):
      readers.detect(self.input)
    with mock.patch.dict(readers.READERS, {"stack": self.example().READER}):
      self.assertEqual(readers.detect(self.input), "stack")
      self.assert_images(readers.read(self.input, SDSS), images)
      manifest = self.convert()
    self.assertEqual(manifest.galaxies, {"read": 12, "written": 12, "rejected": 0})


if __name__ == "__main__":
  tf.test.main()
