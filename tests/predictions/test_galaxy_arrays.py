"""Arrays that somebody hands over: what is accepted, and messages that name argument and remedy."""

import os

from absl.testing import parameterized
from astropy import units
from astropy.io import fits
from astropy.table import Table
from astropy.utils.masked import Masked
import numpy as np
import tensorflow as tf

from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.data.manifest import PhotometryColumns
from pzbias_tf.predictions import galaxy_arrays
from pzbias_tf.survey import SDSS

try:
  import pandas
except ImportError:
  pandas = None

SIZE = 16


def images(dtype="float32", shape=(3, SIZE, SIZE, 5)):
  return np.zeros(shape, dtype)


def with_pixel(value, dtype="float32"):
  changed = images(dtype)
  changed[2, 1, 1, 4] = value
  return changed


class ImagesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("float16", ">f4", "float64", "int16", "uint8")
  def test_real_numbers_of_any_type(self, dtype):
    given = images(dtype)
    self.assertIs(galaxy_arrays.check_images(given, SDSS, SIZE), given)

  def test_a_memory_map_is_not_read_into_memory(self):
    path = os.path.join(self.create_tempdir().full_path, "images.npy")
    np.save(path, images())
    self.assertIsInstance(galaxy_arrays.check_images(np.load(path, mmap_mode="r"), SDSS, SIZE),
                          np.memmap)

  @parameterized.named_parameters(
      ("one galaxy", images(shape=(SIZE, SIZE, 5)), r"\[n, size, size, 5\].*images\[np.newaxis\]"),
      ("none", images(shape=(0, SIZE, SIZE, 5)), r"got \[0, 16, 16, 5\]"),
      ("bands", images(shape=(3, 5, SIZE, SIZE)), r"5 bands on the last axis, u, g, r, i, z, got"),
      ("complex", images("complex64"), "real numbers, got complex64"),
      ("text", images("U3"), "real numbers, got <U3"),
      ("truth", images("bool"), "real numbers, got bool"),
      ("NaN", with_pixel(np.nan), r"images\[2\] has pixels that are NaN.* leave that galaxy out"),
      ("infinite", with_pixel(-np.inf), r"images\[2\] has pixels"),
      ("large", with_pixel(1e39, "float64"), r"images\[2\] has pixels .* too large for float32"),
      ("unit", images() * units.Jy, "images have the unit 'Jy'; pass plain numbers, images.value"),
      ("list with units", list(images() * units.Jy), "images have the unit 'Jy'; pass plain num"),
      ("list of masked", list(np.ma.masked_equal(with_pixel(1), 1)), "images have masked pixels"),
      ("fields", np.zeros((3, SIZE, SIZE, 5), [("a", float)]), "images must be real numbers"),
      ("masked quantity", Masked(images(), mask=with_pixel(1) == 1), "images have masked pixels"),
      ("masked", np.ma.masked_invalid(with_pixel(np.nan)), "images have masked pixels"))
  def test_refused(self, given, message):
    with self.assertRaisesRegex(ValueError, message):
      galaxy_arrays.check_images(given, SDSS, SIZE)

  def test_a_bad_pixel_behind_the_first_images(self):
    many = np.zeros((2000, 2, 2, 5), np.float32)
    many[1500, 0, 0, 0] = np.nan
    with self.assertRaisesRegex(ValueError, r"images\[1500\] has pixels"):
      galaxy_arrays.check_images(many, SDSS, 2)

  @parameterized.parameters((SIZE, SIZE + 4), (SIZE + 4, SIZE))
  def test_small_images_are_refused(self, height, width):
    with self.assertRaisesRegex(
        ValueError, f"images have {height} x {width} pixels, .* trained on 20 x 20; cut larger"):
      galaxy_arrays.check_images(images(shape=(3, height, width, 5)), SDSS, SIZE + 4)


class ColumnsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters((0.1,), (np.float32(0.1),), ([0.1, 0.1],), (np.ma.array([0.1, 0.1]),))
  def test_one_number_or_one_a_galaxy(self, ebv):
    self.assertAllClose(galaxy_arrays.ebv_column(ebv, 2), [0.1, 0.1])

  @parameterized.parameters(
      (None, "ebv is needed: .* Galactic reddening; .* ebv=0.0"),
      ([0.1], "ebv has 1 values for 2 galaxies; pass one per galaxy, or one number for all"),
      ([[0.1], [0.1]], r"ebv must be one column of numbers, got shape \(2, 1\)"),
      ([0.1, -0.1], r"ebv\[1\] is -0.1; E\(B-V\) is 0 or more"),
      ([np.nan, 0.1], "ebv is not finite for 1 of 2 galaxies, first at position 0"),
      (np.nan, "ebv is not finite"),
      ([0.1, 99.0], r"ebv\[1\] is 99, which is no measurement"),
      ([999.0, 0.1], r"ebv\[0\] is 999, which is no measurement"),
      (["low", "high"], "ebv must be numbers: could not convert"),
      (np.ma.array([0.1, 0.2], mask=[False, True]), "ebv is not finite .* position 1"))
  def test_ebv_refused(self, ebv, message):
    with self.assertRaisesRegex(ValueError, message):
      galaxy_arrays.ebv_column(ebv, 2)

  def test_magnitudes_are_named(self):
    with self.assertRaisesRegex(ValueError, "r_mag has 3 values for 2 galaxies"):
      galaxy_arrays.number_column("r_mag", [15.0, 16.0, 17.0], 2)
    self.assertAllClose(galaxy_arrays.number_column("r_mag", 15, 2), [15.0, 15.0])

  @parameterized.parameters(
      ([15.0, 99.0], r"r_mag\[1\] is 99, which is no measurement"),
      ([-99.0, 15.0], r"r_mag\[0\] is -99, which is no measurement"),
      ([15.0, 0.0], r"r_mag\[1\] is 0, which stands for no measurement"),
      (-9999.0, r"r_mag\[0\] is -9999, which is no measurement"),
      ([15.0, 456.0], r"r_mag\[1\] is 456, outside of 0 to 40, so no magnitude; turn fluxes"),
      ([15.0, -17.5], r"r_mag\[1\] is -17.5, outside"))
  def test_r_that_is_no_magnitude(self, r_mag, message):
    with self.assertRaisesRegex(ValueError, message):
      galaxy_arrays.r_column(r_mag, 2)
    self.assertAllClose(galaxy_arrays.r_column([15.0, 0.5], 2), [15.0, 0.5])

  @parameterized.parameters(
      ([1.237648720693756e18, 5.0],), (np.array([2**24 + 2, 5], np.float32),),
      ([1.5, 2.5],), (["1.2376E+18", "1.2377E+18"],))
  def test_ids_that_have_lost_digits(self, ids):
    with self.assertRaisesRegex(ValueError, "predict: ids in column 'ids' .* lost digits"):
      galaxy_arrays.id_column(ids, 2)

  def test_reddening_that_is_none(self):
    for ebv, message in (([0.1, 456.0], r"ebv\[1\] is 456, and no E\(B-V\) is above 10 mag"),
                         ([0.1, -9999.0], r"ebv\[1\] is -9999"), (999.0, r"ebv\[0\] is 999")):
      with self.assertRaisesRegex(ValueError, message):
        galaxy_arrays.ebv_column(ebv, 2)

  def test_ids_of_other_kinds(self):
    for ids, expected in (([7.0, 8.0], ["7", "8"]), ([2**60 + 1, 8], [str(2**60 + 1), "8"]),
                          (np.ma.array([7, 8], mask=[0, 1]), ["7", ""]),
                          (np.array(["a", None], object), ["a", ""])):
      self.assertAllEqual(galaxy_arrays.id_column(ids, 2), expected)

  def test_ids_that_are_masked_in_other_ways(self):
    self.assertAllEqual(galaxy_arrays.id_column(
        Masked(np.array([2**60 + 1, 8]), mask=[False, True]), 2), [str(2**60 + 1), ""])
    if pandas is not None:
      for dtype in ("Int64", "string"):
        ids = pandas.array([2**60 + 1, None] if dtype == "Int64" else ["007", None], dtype=dtype)
        self.assertAllEqual(galaxy_arrays.id_column(ids, 2), [str(ids[0]), ""])

  def test_ids(self):
    self.assertAllEqual(galaxy_arrays.id_column(None, 2), ["0", "1"])
    for ids in ([7, 8], [b"7", b"8"], ["7", "8"]):
      self.assertAllEqual(galaxy_arrays.id_column(ids, 2), ["7", "8"])
    with self.assertRaisesRegex(ValueError, r"ids have shape \[1\] for 2 galaxies"):
      galaxy_arrays.id_column(["a"], 2)

  def test_extra_values_in_the_networks_order(self):
    extra = {"b": 2.0, "a": np.array([1.0, 3.0])}
    self.assertAllEqual(galaxy_arrays.extra_values(extra, ("a", "b"), 2), [[1, 2], [3, 2]])
    self.assertIsNone(galaxy_arrays.extra_values(None, (), 2))

  @parameterized.parameters(
      (None, "extra lacks a, lacks b; this run takes a, b: pass exactly these"),
      ({"a": 1.0, "c": 1.0}, "extra lacks b, has c; this run takes a, b"),
      ({"a": [1.0], "b": 1.0}, r"extra\['a'\] has 1 values for 2 galaxies"),
      ({"a": np.nan, "b": 1.0}, r"extra\['a'\] is not finite"),
      ({"a": 1.0, "b": [18.0, -99.0]}, r"extra\['b'\]\[1\] is -99, which is no measurement"))
  def test_bad_extra_values(self, extra, message):
    with self.assertRaisesRegex(ValueError, message):
      galaxy_arrays.extra_values(extra, ("a", "b"), 2)

  def test_extra_values_that_a_network_does_not_take(self):
    with self.assertRaisesRegex(ValueError, "extra has a; this run takes no extra columns"):
      galaxy_arrays.extra_values({"a": 1.0}, (), 2)


class PhotometryTest(tf.test.TestCase, parameterized.TestCase):
  """Magnitudes of any kind: what is masked is missing, and names decide the order of the bands."""

  values = np.array([[19.0, 18.0, 17.0], [20.0, 19.0, 18.5]])

  def inputs(self, magnitudes, errors=None, missing="limit"):
    columns = PhotometryColumns(magnitudes=("psf_u", "psf_g", "psf_r"),
                                errors=() if errors is None else ("e_u", "e_g", "e_r"),
                                missing=missing)
    photometry = PhotometryInput(bands=("u", "g", "r"), columns=columns, limits=(), mean=(),
                                 deviation=())
    return galaxy_arrays.photometry_inputs(None, magnitudes, errors, photometry)

  def test_masked_magnitudes_are_missing(self):
    mask = self.values == 18.0
    expected = np.where(mask, np.nan, self.values)
    for given in (np.ma.array(self.values, mask=mask), Masked(self.values * units.mag, mask=mask),
                  list(np.ma.array(self.values, mask=mask))):
      self.assertAllEqual(self.inputs(given)["magnitudes"], expected)
      with self.assertRaisesRegex(ValueError, r"magnitudes\[0\] has no measurement in g"):
        self.inputs(given, missing="reject")

  def test_units(self):
    for given in (self.values * units.mag, self.values * units.ABmag,
                  1000 * self.values * units.Unit("mmag")):
      self.assertAllClose(self.inputs(given)["magnitudes"], self.values, rtol=1e-12)
    with self.assertRaisesRegex(ValueError, "magnitudes has the unit 'Jy', so it holds no magn"):
      self.inputs(self.values * units.Jy)

  def test_units_of_an_array_of_fits(self):
    table = Table(self.values, names=("psf_u", "psf_g", "psf_r"))
    self.assertAllEqual(self.inputs(fits.table_to_hdu(table).data)["magnitudes"], self.values)
    table["psf_g"].unit = "nJy"
    with self.assertRaisesRegex(ValueError, "magnitudes: column 'psf_g' has the unit 'nJy'"):
      self.inputs(fits.table_to_hdu(table).data)

  @parameterized.parameters("psf_{}", "mag_{}", "{}")
  def test_columns_with_names_are_taken_by_these(self, form):
    order = (2, 0, 1)
    names = [form.format("ugr"[place]) for place in order]
    table = Table({**{name: np.ma.array(self.values[:, place], mask=[place == 1, False])
                      for name, place in zip(names, order)}, "other": ["a", "b"]})
    expected = np.where(self.values == 18.0, np.nan, self.values)
    tables = [table, np.rec.fromarrays(self.values[:, order].T, names=names)]
    if pandas is not None:
      tables.append(table.to_pandas())
      tables.append(table.to_pandas().convert_dtypes())
    for given in tables:
      own = self.values if given is tables[1] else expected
      self.assertAllEqual(self.inputs(given)["magnitudes"], own)

  def test_errors_are_taken_by_their_names_as_well(self):
    errors = Table({"e_r": [0.1, 0.2], "e_u": [0.3, 0.4], "e_g": [0.5, 0.6]})
    self.assertAllEqual(self.inputs(self.values, errors)["errors"], [[0.3, 0.5, 0.1],
                                                                   [0.4, 0.6, 0.2]])

  def test_other_names_are_refused(self):
    table = Table({name: [1.0, 2.0] for name in ("m1", "m2", "m3")})
    for given in (table, table.as_array()):
      with self.assertRaisesRegex(ValueError, "magnitudes have the columns m1, m2, m3; call them "
                                  "psf_u, psf_g, psf_r, as the training did, or u, g, r, or pass"):
        self.inputs(given)

  def test_a_magnitude_of_exactly_0_is_missing(self):
    values = self.values.copy()
    values[0, 1] = 0.0
    self.assertAllEqual(np.isnan(self.inputs(values)["magnitudes"]), values == 0.0)
    with self.assertRaisesRegex(ValueError, r"magnitudes\[0\] has no measurement in g"):
      self.inputs(values, missing="reject")

  def test_exchanged_magnitudes_and_errors(self):
    errors = np.full((2, 3), 0.03)
    with self.assertRaisesRegex(ValueError, "magnitudes have the median 0.03 and errors 18.8, so "
                                "they are exchanged; pass .* the other way round"):
      self.inputs(errors, self.values)


if __name__ == "__main__":
  tf.test.main()
