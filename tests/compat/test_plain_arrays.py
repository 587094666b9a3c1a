"""Arrays of any kind: masked values are missing, units are converted or refused."""

import datetime
import decimal

from absl.testing import parameterized
from astropy import units
from astropy.table import Column, MaskedColumn, Table
from astropy.utils.masked import Masked
import numpy as np
import tensorflow as tf

from pzbias_tf.compat import plain_arrays
from pzbias_tf.compat.plain_arrays import ANY, MAGNITUDE, PURE, REDSHIFT

try:
  import pandas
except ImportError:
  pandas = None

MASK = [False, True, False]


class MaskedTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.named_parameters(
      ("array", np.ma.array([1.0, 2.0, 3.0], mask=MASK)),
      ("whole numbers", np.ma.array([1, 2, 3], mask=MASK)),
      ("column", MaskedColumn([1.0, 2.0, 3.0], mask=MASK)),
      ("column with unit", MaskedColumn([1.0, 2.0, 3.0], mask=MASK, unit="mag")),
      ("quantity", Masked([1.0, 2.0, 3.0] * units.mag, mask=MASK)),
      ("Masked", Masked(np.array([1.0, 2.0, 3.0]), mask=MASK)),
      ("None", [1.0, None, 3.0]), ("object", np.array([1, None, 3], object)),
      ("list", [np.ma.array(1.0, mask=False), np.ma.array(2.0, mask=True), np.ma.array(3.0)]),
      ("decimal", [decimal.Decimal(1), None, decimal.Decimal(3)]))
  def test_masked_numbers_are_nan(self, values):
    self.assertAllEqual(plain_arrays.numbers(values, "m", MAGNITUDE), [1.0, np.nan, 3.0])

  def test_single_precision_stays_so(self):
    found = plain_arrays.array(np.ma.array(np.float32([1, 2, 3]), mask=MASK), "a")
    self.assertEqual(found.dtype, np.float32)

  def test_plain_arrays_are_not_copied(self):
    values = np.arange(3.0)
    self.assertIs(plain_arrays.numbers(values, "a"), values)
    self.assertIs(plain_arrays.array(np.arange(3), "a").base, None)

  def test_rows_that_are_masked(self):
    rows = [np.ma.array([1.0, 2.0], mask=[False, True]), np.ma.array([3.0, 4.0])]
    self.assertAllEqual(plain_arrays.numbers(rows, "m"), [[1.0, np.nan], [3.0, 4.0]])

  @parameterized.parameters("Int64", "Float64", "float64", "object")
  def test_pandas(self, dtype):
    if pandas is None:
      self.skipTest("pandas is not installed")
    series = pandas.Series([1, None, 3], dtype=dtype, index=[7, 8, 9])
    self.assertAllEqual(plain_arrays.numbers(series, "m"), [1.0, np.nan, 3.0])
    self.assertAllEqual(plain_arrays.numbers(pandas.array([1, None, 3], dtype="Int64"), "m"),
                        [1.0, np.nan, 3.0])

  @parameterized.named_parameters(
      ("fields", np.zeros(3, [("u", float), ("g", float)]), "have the fields u, g; pass one"),
      ("masked fields", np.ma.zeros(3, [("u", float)]), "have the fields u; pass one"),
      ("table", Table({"u": [1.0]}), "have the fields u"),
      ("dates", np.array(["2020-01-01"], "M8[D]"), "must be numbers, got datetime64"),
      ("objects of dates", [datetime.date(2020, 1, 1)], "must be numbers"),
      ("complex", np.ones(3, complex), "must be numbers, got complex128"),
      ("words", ["a"], "must be numbers"))
  def test_what_holds_no_numbers(self, values, message):
    with self.assertRaisesRegex(ValueError, f"^r_mag {message}"):
      plain_arrays.numbers(values, "r_mag", MAGNITUDE)


class UnitsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.named_parameters(
      ("mag", [17.0] * units.mag, MAGNITUDE, 17.0), ("AB", [17.0] * units.ABmag, MAGNITUDE, 17.0),
      ("mmag", [17000.0] * units.Unit("mmag"), MAGNITUDE, 17.0),
      ("column", Column([17.0], unit="mag"), MAGNITUDE, 17.0),
      ("column in mmag", Column([17000.0], unit="mmag"), MAGNITUDE, 17.0),
      ("column of AB", Column([17.0], unit="mag(AB)"), MAGNITUDE, 17.0),
      ("AB behind it", Column([17.0], unit="mag AB"), MAGNITUDE, 17.0),
      ("AB before it", Column([17.0], unit="AB mag"), MAGNITUDE, 17.0),
      ("AB as VOTable has it", Column([17.0], unit="3.63078e-20 erg mag / (Hz s cm2)"), MAGNITUDE,
       17.0),
      ("commas", Column([17.0], unit="mag, AB"), MAGNITUDE, 17.0),
      ("not stated", Column([17.0], unit="N/A"), MAGNITUDE, 17.0),
      ("none", [17.0] * units.one, MAGNITUDE, 17.0), ("unknown", Column([17.0], unit="asinh"),
                                                      MAGNITUDE, 17.0),
      ("redshift", [0.1] * units.one, REDSHIFT, 0.1), ("percent", [10.0] * units.percent,
                                                       REDSHIFT, 0.1),
      ("weights", [2.0] * units.km, ANY, 2.0))
  def test_honoured(self, values, kind, expected):
    self.assertAllClose(plain_arrays.numbers(values, "a", kind), [expected], rtol=1e-12)

  @parameterized.named_parameters(
      ("flux", [17.0] * units.Jy, MAGNITUDE, "r_mag has the unit 'Jy', so it holds no magnitudes"),
      ("ST", [17.0] * units.STmag, MAGNITUDE, "no magnitudes"),
      ("mmag AB", Column([17.0], unit="mmag AB"), MAGNITUDE, "no magnitudes"),
      ("AB alone", Column([17.0], unit="AB"), MAGNITUDE, "no magnitudes"),
      ("nmgy", Column([17.0], unit="nmgy"), MAGNITUDE, "no magnitudes"),
      ("nanomaggies", Column([17.0], unit="nanomaggies"), MAGNITUDE, "no magnitudes"),
      ("velocity", [3e4] * units.km / units.s, REDSHIFT, "the unit 'km / s', so it holds no reds"),
      ("mag", [0.1] * units.mag, REDSHIFT, "no redshifts"),
      ("length", [0.1] * units.km, PURE, "no plain numbers"))
  def test_refused(self, values, kind, message):
    with self.assertRaisesRegex(ValueError, message):
      plain_arrays.numbers(values, "r_mag", kind)

  @parameterized.named_parameters(
      ("list", [17.0 * units.mag, 18000.0 * units.Unit("mmag")], MAGNITUDE, [17.0, 18.0]),
      ("tuple", (17.0 * units.ABmag, 18.0 * units.mag), MAGNITUDE, [17.0, 18.0]),
      ("plain numbers, too", [17.0 * units.mag, 18.0, None], MAGNITUDE, [17.0, 18.0, np.nan]),
      ("percent", [10.0 * units.percent, 0.2 * units.one], REDSHIFT, [0.1, 0.2]),
      ("masked", [Masked(17.0 * units.mag, mask=True), 18.0 * units.mag], MAGNITUDE,
       [np.nan, 18.0]),
      ("rows", [[17.0, 18.0] * units.mag, [19.0, 2e4] * units.Unit("mmag")], MAGNITUDE,
       [[17.0, 18.0], [0.019, 20.0]]),
      ("lists of lists", [[17.0 * units.mag], [18.0 * units.mag]], MAGNITUDE, [[17.0], [18.0]]),
      ("columns", [Column([17.0], unit="mmag"), Column([18.0], unit="mag")], MAGNITUDE,
       [[0.017], [18.0]]))
  def test_lists_of_quantities(self, values, kind, expected):
    self.assertAllClose(plain_arrays.numbers(values, "a", kind), expected, rtol=1e-12)

  @parameterized.named_parameters(
      ("list", [17.0 * units.Jy], MAGNITUDE, "r_mag has the unit 'Jy', so it holds no magnitudes"),
      ("rows", [[17.0] * units.Jy], MAGNITUDE, "r_mag has the unit 'Jy', so it holds no magn"),
      ("lists of lists", [[17.0 * units.mag, 17.0 * units.Jy]], MAGNITUDE, "the unit 'Jy'"),
      ("velocities", [0.1, 3e4 * units.km / units.s], REDSHIFT, "the unit 'km / s', so it"),
      ("objects", np.array([17.0 * units.mag, None], object), MAGNITUDE, "r_mag must be numbers"))
  def test_lists_of_other_quantities(self, values, kind, message):
    with self.assertRaisesRegex(ValueError, message):
      plain_arrays.numbers(values, "r_mag", kind)

  def test_truth_values(self):
    for kind, what in ((REDSHIFT, "redshifts"), (MAGNITUDE, "magnitudes")):
      with self.assertRaisesRegex(ValueError, f"a must be {what}, got truth values"):
        plain_arrays.numbers([True, False], "a", kind)
    self.assertAllEqual(plain_arrays.numbers([True, False], "weights", ANY), [1.0, 0.0])

  def test_kinds_of_arguments(self):
    for name, kind in (("z_spec", REDSHIFT), ("r_mag_target", MAGNITUDE), ("ebv", MAGNITUDE),
                       ("weights", ANY), ("pit", PURE), ("errors", MAGNITUDE)):
      self.assertEqual(plain_arrays.kind_of(name), kind)

  def test_a_series_whose_index_holds_unit(self):
    if pandas is None:
      self.skipTest("pandas is not installed")
    series = pandas.Series([1.0, 2.0, 3.0], index=["unit", "mask", "units"])
    self.assertAllEqual(plain_arrays.numbers(series, "z_spec", REDSHIFT), [1.0, 2.0, 3.0])


if __name__ == "__main__":
  tf.test.main()
