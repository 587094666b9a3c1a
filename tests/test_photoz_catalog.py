"""Catalogues from Python: read, measured, fitted and applied."""

import os

from absl.testing import parameterized
from astropy import units
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.masked import Masked
import numpy as np
import tensorflow as tf

import pzbias_tf as pz
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.held_out import residual_change
from pzbias_tf.tables import read_table

try:
  import pandas
except ImportError:
  pandas = None

REAL_DATA = os.environ.get("PZBIAS_REAL_DATA", "")
NUM = 4000


def table(**replaced):
  rng = np.random.default_rng(0)
  z_spec = 0.02 + 0.36 * rng.beta(2, 3, NUM)
  return {"name": np.arange(NUM)[::-1], "zs": z_spec, "mag": rng.uniform(15.0, 18.0, NUM),
          "zp": z_spec + 0.01 + rng.normal(0, 0.01, NUM), **replaced}


def catalog(columns=None, **names):
  return pz.Catalog.from_table(table() if columns is None else columns, pz.SDSS, **{
      **dict(z_photo="zp", z_spec="zs", r_mag="mag", ids="name"), **names})


class CatalogTest(tf.test.TestCase, parameterized.TestCase):

  def test_tables_of_all_kinds_are_the_same(self):
    for columns in (Table(table()), Table(table(), masked=True)):
      self.assertAllEqual(catalog(columns).z_photo["zp"], catalog().z_photo["zp"])

  def test_masked_values_and_units_of_all_kinds_of_tables(self):
    gone = np.arange(NUM) < 5
    masked = Table(table(), masked=True)
    for name in ("zp", "mag"):
      masked[name].mask = gone
    quantities = QTable(masked, units={"mag": "mag"})
    frame = masked.to_pandas().convert_dtypes() if pandas is not None else masked
    milli = Table({**dict(masked), "mag": MaskedColumn(1000 * masked["mag"], unit="mmag")})
    percent = Table({**dict(masked), "zp": Masked(
        100 * masked["zp"].data.data * units.percent, mask=gone)})
    for given in (masked, quantities, frame, milli, percent, masked.as_array(),
                  {name: np.ma.array(masked[name]) for name in masked.colnames}):
      found = catalog(given)
      self.assertEqual(found.missing["zp"], {"NaN": 5})
      self.assertLen(found, NUM - 5)
      self.assertAllClose(np.sort(found.r_mag), np.sort(table()["mag"][~gone]), rtol=1e-12)
      self.assertAllClose(np.sort(found.z_photo["zp"]), np.sort(table()["zp"][~gone]), rtol=1e-9)

  @parameterized.parameters(("zs", "km / s", "no redshifts"), ("zp", "Mpc", "no redshifts"),
                            ("mag", "nmgy", "no magnitudes"), ("mag", "Jy", "no magnitudes"))
  def test_units_of_something_else(self, name, unit, message):
    given = Table(table())
    given[name].unit = unit
    with self.assertRaisesRegex(ValueError, f"the table: column '{name}' has the unit '{unit}', so "
                                f"it holds {message}"):
      catalog(given)

  def test_units_of_an_array_of_fits(self):
    for name, unit, message in (("mag", "nJy", "no magnitudes"), ("zp", "km/s", "no redshifts")):
      given = Table(table())
      given[name].unit = unit
      with self.assertRaisesRegex(ValueError, f"column '{name}' has the unit .*holds {message}"):
        catalog(fits.table_to_hdu(given).data)
    self.assertLen(catalog(fits.table_to_hdu(Table(table())).data), NUM)

  def test_arrays_with_fields_in_place_of_a_column(self):
    with self.assertRaisesRegex(ValueError, "column 'mag' have the fields a"):
      catalog(table(mag=np.zeros(NUM, [("a", float)])))

  def test_galaxies_are_sorted_by_id_and_know_their_rows(self):
    found = catalog()
    self.assertAllEqual(found.ids, np.sort(np.arange(NUM).astype(str)))
    self.assertAllEqual(table()["zp"][found.rows], found.z_photo["zp"])
    self.assertAllEqual(catalog(ids="").rows, np.arange(NUM))

  @parameterized.product(
      kind=("u8", ">i8", "S20", "U20", ">U20", "O"), numbers=("f8", ">f8", "f4", ">f4"),
      num=(1, 2, 300))
  def test_each_id_keeps_its_own_numbers(self, kind, numbers, num):
    """Sorted by id as text, of all digits, without those that are masked."""
    rng = np.random.default_rng(num)
    ids = [int(number) for number in rng.permutation(num) * 7 + 2**62]
    ids = [number * 2**40 for number in ids] if kind == "O" else ids  # of more than 64 bits
    gone = rng.random(num) < 0.2 if num > 1 else np.zeros(num, bool)
    z, mag = rng.uniform(0.05, 0.3, num).astype(numbers), rng.uniform(15, 18, num).astype(numbers)
    found = catalog({"name": np.array(ids, object) if kind == "O" else np.array(ids).astype(kind),
                     "zp": z, "zs": np.ma.array(z[::-1], mask=gone), "mag": mag})
    expected = sorted((str(own), row) for row, own in enumerate(ids) if not gone[row])
    rows = [row for _, row in expected]
    self.assertEqual(found.ids.tolist(), [own for own, _ in expected])
    self.assertEqual(found.rows.tolist(), rows)
    for own, given in ((found.z_photo["zp"], z), (found.z_spec, z[::-1]), (found.r_mag, mag)):
      self.assertEqual(own.tolist(), [float(given[row]) for row in rows])

  def test_no_rows(self):
    with self.assertRaisesRegex(ValueError, "the table: no rows; name a file"):
      catalog(Table(table())[:0])

  def test_galaxies_without_an_id_are_left_out_and_counted(self):
    names = np.ma.MaskedArray(np.arange(NUM), np.arange(NUM) < 3)
    found = catalog(Table(table(name=names)))
    self.assertLen(found, NUM - 3)
    self.assertEqual(found.missing["name"], {"none": 3})

  def test_r_that_is_no_magnitude(self):
    r_mag = table()["mag"]
    r_mag[:3] = 456.0
    found = catalog(table(mag=r_mag))
    self.assertEqual(found.missing["mag"], {"outside of 0 to 40, so no magnitude": 3})
    for fluxes in (10 ** (9 - 0.4 * r_mag), -r_mag):
      with self.assertRaisesRegex(ValueError, r"the table: .* of \d+ r magnitudes .*flu"):
        catalog(table(mag=fluxes))

  def test_metrics(self):
    found = catalog()
    summary = found.measure(bootstrap=Bootstrap(number=2))
    self.assertEqual(summary["sigma_mad"], pz.sigma_mad(found.z_spec, found.z_photo["zp"]))
    self.assertIn("by_magnitude", summary)
    self.assertNotIn("by_magnitude", catalog(r_mag="").measure(bootstrap=Bootstrap(number=2)))
    moved = found.measure(z_photo=found.z_spec, bootstrap=Bootstrap(number=2))
    self.assertEqual(moved["mean_residual"], 0.0)

  def test_fit_and_apply(self):
    found = catalog()
    half = np.arange(NUM) % 2 == 0
    fitted, others = found.select(half), found.select(~half)
    step4 = fitted.fit()
    z = others.apply(step4).z_photo
    change = residual_change(others.z_spec, others.z_photo["zp"], z, pz.SDSS,
                             bootstrap=Bootstrap(number=20))
    self.assertLess(change.after, 0.3 * change.before)
    direct = pz.Calibration.fit(fitted.z_spec, fitted.z_photo["zp"], fitted.r_mag, pz.SDSS,
                                shrunk=True)
    self.assertAllEqual(step4.offset, direct.offset)
    plain = fitted.fit(calibration_cells="plain", target=others)
    drawn = pz.resample_to_expected(fitted.z_spec, fitted.r_mag, others.z_photo["zp"],
                                    others.r_mag, pz.SDSS)
    galaxy, times = np.unique(drawn, return_counts=True)
    self.assertAllEqual(plain.offset, pz.Calibration.fit(
        fitted.z_spec[galaxy], fitted.z_photo["zp"][galaxy], fitted.r_mag[galaxy], pz.SDSS,
        weights=times).offset)

  def test_mistakes(self):
    for columns, names, message in (
        (table(zp=np.full(NUM, -99.0)), {}, r"no galaxy is left.*zp -99 \(4000\)"),
        (table(zs=np.zeros(3)), {}, "columns of different lengths.*'zs': 3"),
        (table(name=np.zeros(NUM, int)), {}, "column 'name' holds the id '0' twice"),
        (table(zp=np.zeros((NUM, 2))), {}, r"column 'zp' has shape \[4000, 2\]"),
        (table(), dict(z_spec="zz"), "no column 'zz'; the columns are name, zs, mag, zp"),
        (table(name=np.full(NUM, 1e19)), {}, "have lost digits"),
        (table(), dict(pdf=np.ones((3, 5))), r"'p\(z\)': 3")):
      with self.assertRaisesRegex(ValueError, message):
        catalog(columns, **names)
    with self.assertRaisesRegex(ValueError, "no estimate 'za'; there are zp"):
      catalog().measure("za")
    with self.assertRaisesRegex(ValueError, "spectroscopic redshifts are needed"):
      catalog(z_spec="").fit()
    with self.assertRaisesRegex(ValueError, "r magnitudes are known of one of the two"):
      catalog().fit(target=catalog(r_mag=""))

  @parameterized.product(seed=(0, 1, 2, 3), sample=(
      ("sdss_specphoto.csv.gz", "photoZ", "z", "dered_r"),
      ("sdss_capsule_photoz.csv.gz", "z_phot", "z_spec", ""),
      ("sdss_capsule_photoz.csv.gz", "z_phot_v1", "z_spec", "")))
  def test_step_4_does_no_harm(self, seed, sample):
    if not REAL_DATA:
      self.skipTest("PZBIAS_REAL_DATA names no folder of real galaxies")
    file, z_photo, z_spec, r_mag = sample
    found = pz.Catalog.from_table(read_table(os.path.join(REAL_DATA, "catalogs", file)), pz.SDSS,
                                  z_photo=z_photo, z_spec=z_spec, r_mag=r_mag)
    half = np.random.default_rng(seed).random(len(found)) < 0.5
    others = found.select(~half)
    after = others.apply(found.select(half).fit()).z_photo
    change = residual_change(others.z_spec, others.z_photo[z_photo], after, pz.SDSS,
                             bootstrap=Bootstrap(number=50)).change
    self.assertLessEqual(change.mean, 2.0 * change.error)


if __name__ == "__main__":
  tf.test.main()
