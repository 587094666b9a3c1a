"""Tables of photometry as data sets: formats, names, missing and wrong magnitudes."""

import csv
import json
import os
import tempfile

from absl.testing import parameterized
from astropy.table import MaskedColumn
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords, readers
from data_tools.conversion.command_line.conversion_config import config_from_flags, define_flags
from data_tools.verification.all_checks import verify
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.survey import SDSS
from tests.small_photometry import BANDS, ERRORS, convert_table, make_photometry, make_table

NUM = 40
MAGNITUDES = [f"mag_{band}" for band in BANDS]


class ConversionTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = tempfile.mkdtemp()
    self.output = os.path.join(self.folder, "data")
    self.table = make_table(NUM)

  def write(self, name="mine.fits", table=None):
    path = os.path.join(self.folder, name)
    suffix = name.split(".", 1)[1]
    form = {"fits": "fits", "csv": "ascii.csv", "csv.gz": "ascii.csv", "parquet": "parquet",
            "txt": "ascii.commented_header", "dat": "ascii.basic"}[suffix]
    table = self.table if table is None else table
    if form == "parquet":
      table.to_pandas().to_parquet(path)
    elif suffix == "csv.gz":
      table.write(path[:-3], format=form)
      os.system(f"gzip {path[:-3]}")
    else:
      table.write(path, format=form)
    return path

  def rejected(self):
    with open(os.path.join(self.output, "rejected.csv"), encoding="utf-8") as file:
      return dict(list(csv.reader(file))[1:])

  def own_rows(self, data):
    return np.array([int(name[1:]) for name in data.column("id")])

  @parameterized.parameters("fits", "csv", "csv.gz", "txt", "dat", "npz")
  def test_every_format_gives_the_values_of_the_table(self, suffix):
    if suffix == "npz":
      path = os.path.join(self.folder, "mine.npz")
      np.savez(path, **{name: np.asarray(self.table[name]) for name in self.table.colnames})
    else:
      path = self.write(f"mine.{suffix}")
    data = convert_table(path, self.output)
    rows = self.own_rows(data)
    self.assertCountEqual(rows, range(NUM))
    for band, name in zip(BANDS, MAGNITUDES):
      self.assertAllClose(data.column(name), self.table[band][rows], rtol=1e-12)
      self.assertAllClose(data.column(f"err_{band}"), self.table[f"e{band}"][rows], rtol=1e-12)
    self.assertAllClose(data.column("z_spec"), self.table["zs"][rows], rtol=1e-12)
    self.assertAllClose(data.column("r_mag"), self.table["r"][rows], rtol=1e-12)
    self.assertAllClose(data.column("i_err"), self.table["ei"][rows], rtol=1e-12)
    self.assertEqual(verify(self.output).problems, [])

  def test_what_the_folder_and_its_manifest_hold(self):
    data = convert_table(self.write(), self.output)
    self.assertCountEqual([name for name in os.listdir(self.output) if name[0] != "."],
                          ["catalog.fits", "croissant.json", "manifest.json", "rejected.csv"])
    with open(os.path.join(self.output, "manifest.json"), encoding="utf-8") as file:
      fields = json.load(file)
    self.assertEqual((fields["kind"], fields["image_shape"]), ("photometry", []))
    self.assertEqual(fields["photometry"], {
        "magnitudes": list(BANDS), "errors": list(ERRORS), "missing": "reject"})
    self.assertEqual(fields["source"]["columns"], {
        "id": "id", "z": "zs", "ebv": "ebv", "r": "r", "i": "i", "r_err": "er", "i_err": "ei"})
    self.assertEqual(sum(data.manifest.records(split) for split in ("train", "validation", "test")),
                     NUM)
    self.assertEqual(Manifest.load(self.output), data.manifest)

  def test_a_kind_of_a_later_version_is_refused_by_name(self):
    convert_table(self.write(), self.output)
    path = os.path.join(self.output, "manifest.json")
    with open(path, encoding="utf-8") as file:
      text = file.read()
    with open(path, "w", encoding="utf-8") as file:
      file.write(text.replace('"kind": "photometry"', '"kind": "spectra"'))
    with self.assertRaisesRegex(ValueError, "a data set of 'spectra'; this package reads images"):
      Manifest.load(self.output)

  def test_the_same_command_twice_and_another_one(self):
    path = self.write()
    first = convert_table(path, self.output).manifest
    date = os.stat(os.path.join(self.output, "catalog.fits")).st_mtime_ns
    self.assertEqual(convert_table(path, self.output).manifest, first)
    self.assertEqual(os.stat(os.path.join(self.output, "catalog.fits")).st_mtime_ns, date)
    for other in ({"missing_magnitudes": "limit"}, {"error_columns": ()}):
      with self.assertRaisesRegex(FileExistsError, "holds a data set with other .*photometry"):
        convert_table(path, self.output, **other)

  def test_bytes_do_not_depend_on_the_order_of_the_table(self):
    convert_table(self.write(), self.output)
    other = os.path.join(self.folder, "other")
    convert_table(self.write("turned.fits", self.table[::-1]), other)
    for name in ("catalog.fits", "rejected.csv"):
      with open(os.path.join(self.output, name), "rb") as one, open(
          os.path.join(other, name), "rb") as two:
        self.assertEqual(one.read(), two.read())

  @parameterized.parameters(np.nan, -99.0, 99.0, -9999.0, 999.0, np.inf)
  def test_a_missing_magnitude_rejects_the_galaxy(self, value):
    self.table["g"][3] = value
    self.table["ez"][5] = -9999.0
    data = convert_table(self.write(), self.output)
    self.assertEqual(self.rejected(), {"g00003": "no measurement in g",
                                       "g00005": "no measurement in z"})
    self.assertLen(data.catalog, NUM - 2)

  def test_masked_magnitudes_are_missing(self):
    self.table["i"] = MaskedColumn(self.table["i"], mask=np.arange(NUM) == 7)
    convert_table(self.write("mine.csv"), self.output)
    self.assertEqual(self.rejected(), {"g00007": "no measurement in i"})

  def test_missing_magnitudes_may_be_kept(self):
    self.table["u"][2] = -99.0
    self.table["r"][4] = np.nan
    for band in BANDS:
      self.table[band][6] = 99.0
    data = convert_table(self.write(), self.output, missing_magnitudes="limit")
    self.assertEqual(self.rejected(), {"g00006": "no magnitude in any band"})
    magnitudes, errors = data.photometry()
    rows = self.own_rows(data)
    missing = {(int(rows[place]), band) for place, band in np.argwhere(np.isnan(magnitudes))}
    self.assertEqual(missing, {(2, 0), (4, 2)})
    self.assertAllEqual(np.isnan(errors), np.isnan(magnitudes))
    # As of images: the largest r of the sample.
    self.assertAllClose(data.column("r_mag")[rows == 4], [np.delete(self.table["r"], [4, 6]).max()])
    self.assertEqual(data.manifest.replaced, {"r_mag": 1})
    self.assertEqual(verify(self.output).problems, [])

  def test_a_magnitude_of_exactly_0_is_missing(self):
    self.table["g"][3] = 0.0
    self.table["r"][4] = 0.0
    data = convert_table(self.write(), self.output)
    self.assertEqual(self.rejected(), {"g00003": "no measurement in g",
                                       "g00004": "no measurement in r"})
    self.assertEqual(verify(self.output).problems, [])
    other = os.path.join(self.folder, "limit")
    data = convert_table(self.write("again.fits"), other, missing_magnitudes="limit")
    rows = self.own_rows(data)
    self.assertAllEqual(np.isnan(data.column("mag_g")), rows == 3)
    self.assertAllEqual(data.column("r_mag")[rows == 4], [np.delete(self.table["r"], 4).max()])
    self.assertEqual(data.manifest.replaced, {"r_mag": 1})
    self.assertEqual(verify(other).problems, [])

  def test_r_of_its_own_column_that_is_exactly_0(self):
    self.table["petro_r"] = self.table["r"] + 0.1
    self.table["petro_r"][4] = 0.0
    data = convert_table(self.write(), self.output, columns={"r": "petro_r"})
    self.assertEqual(data.manifest.replaced, {"r_mag": 1})
    self.assertGreater(data.column("r_mag").min(), 10.0)

  def test_verify_tells_of_zeros_in_an_older_data_set(self):
    data = make_photometry(self.output, self.table)
    catalog = data.catalog.copy()
    catalog["mag_g"][2] = 0.0
    catalog.write(os.path.join(self.output, "catalog.fits"), format="fits", overwrite=True)
    self.assertIn("mag_g is 0 in row 2 (1 such rows), which stands for no measurement; convert",
                  "\n".join(verify(self.output).problems))

  def test_reddening_that_is_none(self):
    self.table["ebv"][:6] = [456.0, -9999.0, 999.0, np.nan, 0.1, 1e20]
    data = convert_table(self.write(), self.output)
    self.assertEqual(self.rejected(), {
        "g00000": "E(B-V) above 10 mag",
        **{f"g0000{row}": "E(B-V) negative or not finite" for row in (1, 2, 3, 5)}})
    self.assertLess(data.column("ebv").max(), 1.0)

  def test_a_column_that_is_no_reddening(self):
    self.table["ebv"][5:] = 456.0
    with self.assertRaisesRegex(ValueError, r"E\(B-V\) is above 10 mag in 35 of 40 galaxies, "
                                "456 in 'g00005' for one; name another column with --ebv_column"):
      convert_table(self.write(), self.output)

  def test_one_impossible_magnitude_rejects_its_galaxy(self):
    self.table["g"][1], self.table["i"][2] = -3.0, 55.0
    convert_table(self.write(), self.output, missing_magnitudes="limit")
    self.assertEqual(self.rejected(), {
        "g00001": "value in g outside of 0 to 40, so no magnitude",
        "g00002": "value in i outside of 0 to 40, so no magnitude"})

  def test_a_column_of_fluxes_is_refused(self):
    self.table["g"] = 10 ** (0.4 * (22.5 - self.table["g"]))
    with self.assertRaisesRegex(ValueError, "mine.fits: .* of 40 values of g are outside of 0 to 40"
                                ".*If they are fluxes.*22.5 - 2.5 log10"):
      convert_table(self.write(), self.output)

  def test_a_magnitude_z_is_never_the_redshift(self):
    data = convert_table(self.write(), self.output)  # zs is found although there is a column z
    self.assertEqual(data.manifest.source["columns"]["z"], "zs")
    self.table.rename_column("zs", "z_of_somebody")
    with self.assertRaisesRegex(ValueError, "no column for z_spec.*--z_column"):
      readers.read(self.write("other.fits"), SDSS, readers.ReaderOptions(
          magnitude_columns=tuple(BANDS)))

  def test_an_ambiguous_redshift_names_the_flag(self):
    four = os.path.join(self.folder, "four.toml")
    with open(four, "w", encoding="utf-8") as file:
      file.write('name = "four"\nbands = ["u", "g", "r", "i"]\npixel_scale_arcsec = 0.4\n'
                 'z_min = 0.0\nz_max = 0.4\nbins = 40\nr_min = 12.5\nr_max = 18.0\n'
                 'balance_threshold = 5\noutlier_threshold = 0.05\nfit_z_min = 0.1\n')
    settings = dict(survey=four, magnitude_columns=tuple("ugri"), error_columns=())
    path = self.write()
    with self.assertRaisesRegex(ValueError, "columns zs, z may all hold the redshift; name the "
                                "redshift with --z_column"):
      convert_table(path, self.output, **settings)
    del self.table["zs"]
    with self.assertRaisesRegex(ValueError, "column z may hold redshifts, or magnitudes as u, g, "
                                "r, i do; .*--z_column=z"):
      convert_table(self.write("only_z.fits"), self.output, **settings)
    data = convert_table(path, self.output, columns={"z": "zs"}, **settings)
    self.assertLen(data.catalog, NUM)

  @parameterized.parameters(("rad", np.pi / 180), ("hourangle", 1 / 15), ("deg", 1.0))
  def test_positions_are_degrees(self, unit, factor):
    self.table["ra"], self.table["dec"] = np.linspace(1, 300, NUM), np.linspace(-60, 60, NUM)
    given = self.table.copy()
    given["ra"] = given["ra"] * factor
    given["ra"].unit, given["dec"].unit = unit if unit != "hourangle" else "h", "deg"
    data = convert_table(self.write(table=given), self.output)
    rows = self.own_rows(data)
    self.assertAllClose(data.column("ra"), self.table["ra"][rows])
    self.assertAllClose(data.column("dec"), self.table["dec"][rows])

  @parameterized.parameters("NULL", "#N/A", "")
  def test_magnitudes_that_are_text(self, word):
    given = self.table.copy()
    for name in ("g", "mag_J"):
      given[name] = given[name].astype(str).astype(object)
      given[name][0] = word
      given[name] = given[name].astype(str)
    data = convert_table(self.write(table=given), self.output, missing_magnitudes="limit",
                         extra_columns=("mag_J",), extra_fill=20.0)
    rows = self.own_rows(data)
    expected = np.where(rows == 0, np.nan, self.table["g"][rows])
    self.assertAllClose(data.column("mag_g"), expected)
    self.assertAllClose(data.extra(("mag_J",))[:, 0],
                        np.where(rows == 0, 20.0, self.table["mag_J"][rows]))

  @parameterized.parameters(
      ("g", lambda mag: 10 ** (-0.4 * (mag - 17.0)), "values of g have the median"),
      ("r", lambda mag: mag - 12.0, "values of r have the median .* as bright"),
      ("er", lambda error: 1 / error, "values of er have the median .* signal to noise"),
      ("eu", lambda error: error * 1000, "values of eu have the median .* errors of fluxes"))
  def test_columns_of_fluxes_and_of_their_errors(self, name, change, message):
    self.table[name] = change(self.table[name])
    with self.assertRaisesRegex(ValueError, message):
      convert_table(self.write(), self.output)

  @parameterized.parameters(40, 3)
  def test_exchanged_magnitudes_and_errors(self, num):
    path = self.write(table=self.table[:num])
    with self.assertRaisesRegex(ValueError, "the values of eu have the median 0.0.*no magnitudes.*"
                                "--magnitude_columns=eu,eg,er,ei,ez, and "
                                "--error_columns=u,g,r,i,z: are the two exchanged"):
      convert_table(path, self.output, magnitude_columns=ERRORS, error_columns=tuple(BANDS))
    with self.assertRaisesRegex(ValueError, "values of eu have the median 0.0.*=eu,eg,er,ei,ez$"):
      convert_table(path, self.output, magnitude_columns=ERRORS, error_columns=())
    with self.assertRaisesRegex(ValueError, "values of eg have the median 0.0.*no magnitudes"):
      convert_table(path, self.output, magnitude_columns=("u", "eg", "r", "i", "z"),
                    error_columns=("eu", "g", "er", "ei", "ez"))
    with self.assertRaisesRegex(ValueError, "values of u have the median [12].*exchange u with "
                                "one of --magnitude_columns=mag_J,g,r,i,z"):
      convert_table(path, self.output, error_columns=("u", "eg", "er", "ei", "ez"),
                    magnitude_columns=("mag_J", "g", "r", "i", "z"))

  def test_bands_that_are_repeated(self):
    with self.assertRaisesRegex(ValueError, "name g twice"):
      convert_table(self.write(), self.output, magnitude_columns=("u", "g", "g", "i", "z"))
    self.table["g2"], self.table["eg2"] = self.table["g"], self.table["eg"]
    path = self.write("copies.fits")
    with self.assertRaisesRegex(ValueError, "copies.fits: columns g and g2 hold the same numbers"):
      convert_table(path, self.output, magnitude_columns=("u", "g", "g2", "i", "z"))
    with self.assertRaisesRegex(ValueError, "columns eg and eg2 hold the same numbers"):
      convert_table(path, self.output, error_columns=("eu", "eg", "eg2", "ei", "ez"))

  @parameterized.parameters("csv", "fits", "parquet")
  def test_no_rows(self, suffix):
    with self.assertRaisesRegex(ValueError, f"mine.{suffix}: its table has no rows; name a file"):
      convert_table(self.write(f"mine.{suffix}", self.table[:0]), self.output)

  def test_errors_that_are_all_the_same(self):
    for name in ERRORS:
      self.table[name] = 0.02
    self.assertLen(convert_table(self.write(), self.output).catalog, NUM)

  @parameterized.parameters("{}", "psf_{}", "mag_{}_dered", "modelMag.{}")
  def test_bands_in_another_order(self, form):
    names = {band: form.format(band) for band in BANDS}
    for band, name in names.items():
      self.table[name] = self.table[band]
    given = tuple(names[band] for band in "zirgu")
    right = ",".join(names[band] for band in BANDS)
    with self.assertRaisesRegex(ValueError, "the bands of survey sdss are u, g, r, i, z, in this "
                                f"order; give --magnitude_columns={right}$"):
      convert_table(self.write("names.fits"), self.output, magnitude_columns=given,
                    columns={"z": "zs"})

  @parameterized.parameters(("g", "nJy", "magnitudes"), ("zs", "km/s", "redshifts"),
                            ("er", "uJy", "magnitudes"))
  def test_units_of_something_else(self, name, unit, what):
    self.table[name].unit = unit
    with self.assertRaisesRegex(ValueError, f"column '{name}' has the unit .*holds no {what}"):
      convert_table(self.write(), self.output)

  @parameterized.parameters("FLUX_{}", "{} (nJy)", "{}_cModelFlux")
  def test_fluxes_that_look_like_magnitudes(self, form):
    rng = np.random.default_rng(0)
    for band in BANDS:
      self.table[form.format(band)] = rng.uniform(11, 38, NUM)
    with self.assertRaisesRegex(ValueError, "holds fluxes .*by its name|has the unit 'nJy'"):
      convert_table(self.write(), self.output, columns={"z": "zs"},
                    magnitude_columns=tuple(form.format(band) for band in BANDS))
    with self.assertRaisesRegex(ValueError, "holds fluxes .*by its name|has the unit 'nJy'"):
      convert_table(self.write("other.fits"), self.output, columns={"r": form.format("r")})

  def test_a_placeholder_that_could_be_a_magnitude(self):
    self.table["u"][:5] = 37.5
    with self.assertLogs(level="WARNING") as logs:
      convert_table(self.write(), self.output)
    self.assertIn("column u: 5 of 40 values are exactly 37.5, the next smaller one is 2",
                  "\n".join(logs.output))

  @parameterized.parameters(1e20, 9.96921e36, 1e30)
  def test_fill_values_are_missing(self, value):
    self.table["g"][:NUM // 2] = value
    data = convert_table(self.write(), self.output, missing_magnitudes="limit")
    self.assertAllEqual(np.isnan(data.column("mag_g")), self.own_rows(data) < NUM // 2)

  def test_columns_that_the_user_names(self):
    self.table["petro_r"] = self.table["r"] + 0.1
    data = convert_table(self.write(), self.output, columns={"r": "petro_r", "i": "z"})
    rows = self.own_rows(data)
    self.assertAllClose(data.column("r_mag"), self.table["petro_r"][rows])
    self.assertAllClose(data.column("mag_r"), self.table["r"][rows])
    self.assertAllClose(data.column("i_mag"), self.table["z"][rows])
    self.assertEqual(data.manifest.source["columns"]["r"], "petro_r")
    with self.assertRaisesRegex(ValueError, "--z_column=z is named as photometry, too"):
      convert_table(self.write("other.fits"), self.output, columns={"z": "z"})

  @parameterized.parameters(
      (dict(magnitude_columns=("u", "g", "r")), "3 columns, but survey sdss has the bands u, g"),
      (dict(magnitude_columns=("u", "g", "r", "i", "y")), "no column 'y', named by --magnitude_"),
      (dict(error_columns=("eu", "eg", "er", "ei", "id")), "'id', named by --error_columns, holds"),
      (dict(error_columns=("eu", "eg", "er", "ei", "ei")), "name ei twice"),
      (dict(extra_columns=("mag_u",)), "a data set has a column mag_u of its own"))
  def test_columns_that_do_not_fit(self, settings, message):
    self.table["mag_u"] = self.table["u"]
    with self.assertRaisesRegex(ValueError, message):
      convert_table(self.write(), self.output, **settings)

  def test_limit_of_the_sample_splits_and_extra_columns(self):
    self.table["zs"][:3] = np.nan
    data = convert_table(self.write(), self.output, max_r_mag="16", extra_columns=("mag_J",))
    self.assertLessEqual(data.column("r_mag").max(), 16.0)
    self.assertEqual(set(self.rejected().values()), {"r magnitude above --max_r_mag"})
    self.assertEqual(data.manifest.records("target"), int(np.sum(self.table["r"][:3] <= 16.0)))
    self.assertAllClose(data.extra(("mag_J",))[:, 0], self.table["mag_J"][self.own_rows(data)])
    self.assertEqual(verify(self.output).problems, [])

  @parameterized.parameters(
      ("--augment_copies=2", "--augment_copies=2 is for images"),
      ("--dtype=float16", "--dtype=float16 is for images"))
  def test_settings_of_images_are_refused(self, flag, message):
    from absl import flags
    values = flags.FlagValues()
    define_flags(values)
    values(["make_tfrecords", f"--input={self.write()}", f"--output={self.output}",
            f"--magnitude_columns={','.join(BANDS)}", flag])
    with self.assertRaisesRegex(ValueError, message):
      make_tfrecords.run(config_from_flags(values))

  def test_without_magnitudes_a_table_is_no_layout(self):
    with self.assertRaisesRegex(ValueError, "--layout=photometry: a table .*--magnitude_columns"):
      readers.read(self.write(), SDSS)
    with self.assertRaisesRegex(ValueError, "works with --layout=photometry, not with cube"):
      readers.read(self.write("other.fits"), SDSS, readers.ReaderOptions(
          magnitude_columns=tuple(BANDS)), layout="cube")

  def test_verify_finds_what_was_changed(self):
    data = make_photometry(self.output, self.table)
    catalog = data.catalog.copy()
    catalog["mag_g"][0] = np.nan
    catalog.write(os.path.join(self.output, "catalog.fits"), format="fits", overwrite=True)
    problems = "\n".join(verify(self.output).problems)
    self.assertIn("mag_g is nan in row 0", problems)
    self.assertIn("not the file that the manifest describes", problems)


if __name__ == "__main__":
  tf.test.main()
