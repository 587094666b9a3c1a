"""Columns of HDF5 files: units where h5py, astropy and vaex write them, and masks."""

from absl.testing import parameterized
from astropy import units
from astropy.table import MaskedColumn, QTable, Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys

NUM = 12
WRONG = (("z", "km/s", "redshifts"), ("r", "nJy", "magnitudes"), ("r", "nanomaggy", "magnitudes"))


class UnitsTest(sample_formats.FormatsTest, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.table = Table(sample_formats.table_of(NUM))
    self.table["ra"], self.table["dec"] = np.full(NUM, 0.5), np.full(NUM, -0.25)
    with h5py.File(self.path("survey.hdf5"), "w") as file:
      file["cube"] = sample_surveys.cube(NUM)

  def write_datasets(self, noted, attribute="unit", form="{}", place="{}"):
    """One dataset a column, with the units in attributes."""
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      for name in self.table.colnames:
        values = np.asarray(self.table[name])
        file[form.format(name)] = values.astype("S") if values.dtype.kind == "U" else values
        if name in noted:
          file[place.format(name)].attrs[attribute] = noted[name]

  def write_record(self, noted, *, of_qtable=False, path="catalog"):
    """A table as astropy writes it."""
    for name, unit in noted.items():
      self.table[name].unit = unit
    table = QTable(self.table) if of_qtable else self.table
    table.write(self.path("survey.hdf5"), path=path, append=True, serialize_meta=True)

  def assert_refused(self, name, what):
    with self.assertRaisesRegex(ValueError, f"column '{name}' has the unit .*holds no {what}"):
      readers.read(self.input, SDSS)

  @parameterized.parameters(*((*wrong, key) for wrong in WRONG for key in ("unit", "UNITS")))
  def test_attributes(self, name, unit, what, key):
    self.write_datasets({name: unit}, key)
    self.assert_refused(name, what)

  @parameterized.parameters(*WRONG)
  def test_attributes_in_a_group_and_as_bytes(self, name, unit, what):
    self.write_datasets({name: np.array([unit.encode()])}, form="truth/{}", place="truth/{}")
    self.assert_refused(name, what)

  @parameterized.parameters(*((*wrong, own) for wrong in WRONG for own in (True, False)))
  def test_tables_of_astropy(self, name, unit, what, of_qtable):
    self.write_record({name: unit}, of_qtable=of_qtable and unit != "nanomaggy")
    self.assert_refused(name, what)

  @parameterized.parameters("__astropy_table__2", "group/catalog")
  def test_tables_of_astropy_in_other_places(self, path):
    self.write_record({"z": "km/s"}, path=path)
    self.assert_refused("z", "redshifts")

  def test_notes_in_an_attribute_as_astropy_2_has_them(self):
    self.write_record({"z": "km/s"})
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      notes = file["catalog.__table_column_meta__"][()]
      del file["catalog.__table_column_meta__"]
      file["catalog"].attrs["__table_column_meta__"] = notes
    self.assert_refused("z", "redshifts")

  def test_a_list_of_units_beside_the_fields(self):
    self.table.write(self.path("survey.hdf5"), path="catalog", append=True)
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      file["catalog"].attrs["units"] = ["km/s" if name == "z" else "" for name in
                                        self.table.colnames]
    self.assert_refused("z", "redshifts")

  @parameterized.parameters("attributes", "astropy", "qtable", "vaex")
  def test_right_units_are_honoured(self, kind):
    noted = {"ra": "rad", "dec": "rad", "r": "mag"}
    if kind == "attributes":
      self.write_datasets(noted)
    elif kind == "vaex":
      self.write_datasets(noted, form="table/columns/{}/data", place="table/columns/{}")
    else:
      self.write_record(noted, of_qtable=kind == "qtable")
    catalog = readers.read(self.input, SDSS).catalog
    self.assertAllClose(catalog["ra"], np.full(NUM, np.degrees(0.5)))
    self.assertAllClose(catalog["dec"], np.full(NUM, np.degrees(-0.25)))
    self.assertAllClose(catalog["r_mag"], np.asarray(self.table["r"]))
    self.assertAllEqual(catalog["id"], np.asarray(self.table["id"]))

  @parameterized.parameters(h5py.Empty("S1"), b"", "", "None", "N/A", "1, -")
  def test_units_that_say_nothing(self, unit):
    """netCDF writes texts without letters as `Empty`."""
    self.write_datasets(dict.fromkeys(("r", "z", "ebv"), unit), "units")
    self.assertAllClose(readers.read(self.input, SDSS).catalog["r_mag"], self.table["r"])

  def test_units_of_vaex(self):
    self.write_datasets({"z": "km/s"}, form="table/columns/{}/data", place="table/columns/{}")
    self.assert_refused("z", "redshifts")

  @parameterized.parameters("vaex", "astropy")
  def test_masked_values_are_missing(self, kind):
    mask = np.arange(NUM) % 3 == 0
    if kind == "vaex":
      self.write_datasets({}, form="table/columns/{}/data")
      with h5py.File(self.path("survey.hdf5"), "a") as file:
        file["table/columns/z/mask"] = mask
    else:
      self.table["z"] = MaskedColumn(self.table["z"], mask=mask)
      self.write_record({})
    self.assertAllEqual(np.isnan(readers.read(self.input, SDSS).catalog["z_spec"]), mask)

  @parameterized.parameters(*WRONG)
  def test_of_galaxies_to_predict_redshifts_alone_may_be_wrong(self, name, unit, what):
    self.write_record({name: unit})
    read = lambda: readers.read(self.input, SDSS, readers.ReaderOptions(optional=("z",)))
    if name == "r":
      with self.assertRaisesRegex(ValueError, "column 'r' has the unit"):
        read()
      return
    with self.assertLogs(level="WARNING") as logs:
      self.assertAllEqual(np.isnan(read().catalog["z_spec"]), np.ones(NUM, bool))
    self.assertIn(f"holds no {what}", "\n".join(logs.output))

  def test_notes_that_cannot_be_read(self):
    self.write_record({"ra": "rad"})
    with h5py.File(self.path("survey.hdf5"), "a") as file:
      del file["catalog.__table_column_meta__"]
      file["catalog.__table_column_meta__"] = np.array([b"{", b"- !!python/object:os"])
    with self.assertLogs(level="WARNING") as logs:
      self.assertLen(readers.read(self.input, SDSS).catalog, NUM)
    self.assertIn("astropy wrote cannot be read", "\n".join(logs.output))

  def test_as_numbers_of_astropy(self):
    """What the tests take for astropy's way of writing is so."""
    self.write_record({"z": "km/s"}, of_qtable=True)
    found = QTable.read(self.path("survey.hdf5"), path="catalog")
    self.assertEqual(found["z"].unit, units.km / units.s)


if __name__ == "__main__":
  tf.test.main()
