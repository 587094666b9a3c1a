"""FITS, VOTable, ECSV and Parquet: ids keep their digits, and what nobody needs refuses nothing."""

import decimal
import importlib.util
import os

from absl import logging
from absl.testing import parameterized
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
import numpy as np
import tensorflow as tf

from data_tools.readers.parts import table_files
from pzbias_tf import table_columns, table_ids, tables

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None
LARGE = 1237648720693755918


class BinaryTablesTest(tf.test.TestCase, parameterized.TestCase):

  def path(self, name):
    return os.path.join(self.create_tempdir().full_path, name)

  def ids(self, path):
    return table_ids.ids_of(tables.read_table(path), "id", path).tolist()

  @parameterized.parameters(("a.fits", "fits"), ("a.ecsv", "ascii.ecsv"), ("a.vot", "votable"),
                            ("a.xml", "votable"), ("a.FITS", "fits"))
  def test_gaps_among_large_ids(self, name, form):
    path = self.path(name)
    table = Table({"id": MaskedColumn([LARGE, LARGE + 7, 1], mask=[0, 0, 1]),
                   "z": MaskedColumn([0.1, 0.2, 0.3], mask=[0, 1, 0]), "name": ["a", "b", "c"]})
    table["z"].unit = "rad"
    table.write(path, format=form)
    columns = tables.read_table(path)
    self.assertEqual(self.ids(path), [str(LARGE), str(LARGE + 7), ""])
    self.assertAllEqual(np.isnan(columns["z"]), [False, True, False])
    self.assertEqual(columns["name"].tolist(), ["a", "b", "c"])
    self.assertEqual(columns.unit("z"), "rad")

  def test_columns_that_nobody_asked_for(self):
    path = self.path("a.fits")
    QTable({"id": [1, 2], "coord": SkyCoord([1, 2] * units.deg, [3, 4] * units.deg),
            "wide": np.ones((2, 3)), "one": np.ones((2, 1)),
            "observer": np.array(["Guzm\xe1n".encode("latin-1")] * 2)}).write(path)
    columns = tables.read_table(path)
    self.assertEqual(columns["one"].tolist(), [1.0, 1.0])
    self.assertEqual(columns["observer"].tolist(), ["Guzm\xe1n"] * 2)
    self.assertEqual(columns.skipped, {"wide": "3 values per row"})
    with self.assertRaisesRegex(ValueError, "'wide', named by --z_column, cannot be used: 3 val"):
      table_columns.named(columns, "wide", "--z_column", path)

  @parameterized.parameters(
      ([("LDAC_IMHEAD", {"Field Header Card": ["SIMPLE = T", "END"]})],),
      ([("FIELDS", {"FITSFILE": ["a.fits"], "EXPTIME": [3.0]})],),
      ([("META", {"key": ["a", "b", "c"], "value": ["1", "2", "3"]}), ("ONE", {"n": [1]})],))
  def test_remarks_before_the_table(self, others):
    path = self.path("a.fits")
    fits.HDUList([fits.PrimaryHDU(), *(fits.BinTableHDU(Table(columns), name=name) for name, columns
                                       in [*others, ("OBJECTS", {"id": [1, 2], "z": [0.1, 0.2]})]),
                  ]).writeto(path)
    self.assertEqual(self.ids(path), ["1", "2"])

  def test_of_two_tables_of_objects_the_first_is_read(self):
    path = self.path("a.fits")
    fits.HDUList([fits.PrimaryHDU(), *(fits.BinTableHDU(Table({"id": ids})) for ids in (
        [1, 2], [3, 4, 5]))]).writeto(path)
    self.assertEqual(self.ids(path), ["1", "2"])

  @parameterized.parameters(
      ([b"abc\0xyz", b"de\0\0q"], ["abc", "de"]), ([b"\0old", b"new"], ["", "new"]),
      ([b"a\0", b"b"], ["a", "b"]), ([b"\xe1\0x", b"b"], ["\xe1", "b"]))
  def test_texts_end_at_a_byte_of_value_0(self, values, ids):
    path = self.path("a.fits")
    fits.BinTableHDU.from_columns(
        [fits.Column("id", "7A", array=np.array(values))]).writeto(path)
    self.assertEqual(self.ids(path), ids)

  @parameterized.parameters(5, 2, 3)
  def test_the_magnitudes_of_one_galaxy_are_no_rows(self, num):
    path = self.path("a.fits")
    Table({"id": [7], "mag": np.ones((1, num)), "z": [0.1]}).write(path)
    columns = tables.read_table(path)
    self.assertEqual(columns["id"].tolist(), [7])
    self.assertEqual(columns.skipped, {"mag": f"{num} values per row"})

  @parameterized.parameters(np.int64, ">i8")
  def test_whole_numbers_that_were_nan(self, kind):
    values = np.array([-2**63, 5, LARGE]).astype(kind)
    self.assertEqual(table_ids.exact_ids(values, "id", "x").tolist(), ["", "5", str(LARGE)])

  @parameterized.parameters("ERROR", "OVERFLOW", "OK")
  def test_what_an_archive_says_of_its_answer(self, status):
    path = self.path("a.vot")
    Table({"id": [1, 2]}).write(path, format="votable")
    with open(path, encoding="utf-8") as file:
      text = file.read()
    with open(path, "w", encoding="utf-8") as file:
      file.write(text.replace("<TABLE", f'<INFO name="QUERY_STATUS" value="{status}">no such '
                              "column</INFO><TABLE", 1))
    if status == "ERROR":
      with self.assertRaisesRegex(ValueError, "reports an error in place of a table: no such col"):
        tables.read_table(path)
      return
    with self.assertLogs(level="WARNING") as logs:
      logging.warning("one line at least")
      self.assertEqual(self.ids(path), ["1", "2"])
    self.assertEqual("not all (OVERFLOW)" in str(logs.output), status == "OVERFLOW")

  @parameterized.parameters('{"id": [1]}', '[{"id": 1}]', '{\n "data": []}')
  def test_json_is_told(self, text):
    path = self.path("a.csv")
    with open(path, "w", encoding="utf-8") as file:
      file.write(text)
    with self.assertRaisesRegex(ValueError, "it is JSON; save the table"):
      tables.read_table(path)

  @parameterized.parameters("a.parquet", "a.fits", "a.csv", "a.npz")
  def test_masks_in_columns_of_their_own(self, name):
    if name == "a.parquet" and not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    path = self.path(name)
    mask = [False, True, False]
    table = Table({"id": [LARGE, LARGE + 7, 1], "id.mask": mask, "z": [0.1, 0.2, 0.3],
                   "z.mask": mask, "name": ["a", "b", "c"], "name.mask": mask,
                   "x.mask": [1, 0, 1], "r": [1, 2, 3], "r.mask": [5, 6, 7]})
    if name == "a.parquet":
      import pyarrow
      from pyarrow import parquet
      parquet.write_table(pyarrow.table({key: table[key].tolist() for key in table.colnames}), path)
    elif name == "a.npz":
      np.savez(path, **{key: np.asarray(table[key]) for key in table.colnames})
    else:
      table.write(path, format="ascii.csv" if name == "a.csv" else None)
    columns = table_files.columns_of(path)
    self.assertEqual(table_ids.ids_of(columns, "id", path).tolist(), [str(LARGE), "", "1"])
    self.assertAllEqual(np.isnan(columns["z"]), mask)
    self.assertEqual(table_ids.ids_of(columns, "name", path).tolist(), ["a", "", "c"])
    self.assertEqual(list(columns), ["id", "z", "name", "x.mask", "r", "r.mask"])

  def test_parquet_that_astropy_writes(self):
    if not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    path = self.path("a.parquet")
    Table({"id": MaskedColumn([LARGE, 5], mask=[0, 1]), "z": MaskedColumn([0.1, 9.0], mask=[0, 1])
           }).write(path)
    self.assertEqual(self.ids(path), [str(LARGE), ""])
    self.assertAllEqual(np.isnan(tables.read_table(path)["z"]), [False, True])

  def test_ecsv_with_positions_and_times(self):
    path = self.path("a.ecsv")
    QTable({"id": [1, 2], "coord": SkyCoord([1, 2] * units.deg, [3, 4] * units.deg)}).write(path)
    columns = tables.read_table(path)
    self.assertEqual(list(columns), ["id"])
    self.assertEqual(columns.skipped, {"coord": "SkyCoord in place of numbers"})

  def test_a_table_of_one_row_of_columns(self):
    path = self.path("a.fits")
    fits.BinTableHDU.from_columns([
        fits.Column("id", "5K", array=[LARGE + np.arange(5)]),
        fits.Column("survey", "3A", array=["abc"]),
        fits.Column("z", "5D", array=[np.arange(5) * 0.25])]).writeto(path)
    self.assertEqual(self.ids(path), [str(LARGE + row) for row in range(5)])
    columns = tables.read_table(path)
    self.assertAllEqual(columns["z"], np.arange(5) * 0.25)
    self.assertEqual(columns.skipped, {"survey": "one value for all rows"})

  def test_columns_of_other_kinds(self):
    path = self.path("a.fits")
    lists = np.array([np.arange(2), np.arange(3), np.arange(1)], object)
    fits.BinTableHDU.from_columns([
        fits.Column("id", "K", bzero=2**63, array=np.array([2**63 + 1, 2, 3], np.uint64)),
        fits.Column("lists", "PJ()", array=lists)]).writeto(path)
    self.assertEqual(self.ids(path), [str(2**63 + 1), "2", "3"])
    self.assertIn("different lengths", tables.read_table(path).skipped["lists"])

  def test_the_first_table_with_rows(self):
    path = self.path("a.fits")
    column = lambda rows: fits.BinTableHDU.from_columns([fits.Column("id", "J", array=rows)])
    fits.HDUList([fits.PrimaryHDU(np.ones((4, 4))), column([]), column([5, 6])]).writeto(path)
    self.assertEqual(self.ids(path), ["5", "6"])

  def test_what_holds_no_table(self):
    image, cut = self.path("image.fits"), self.path("cut.fits")
    fits.PrimaryHDU(np.ones((4, 4))).writeto(image)
    Table({"id": np.arange(2000)}).write(cut)
    os.truncate(cut, 3 * 2880)
    for path, message in ((image, "holds no table"), (cut, "too small")):
      with self.assertRaisesRegex(ValueError, f"not a readable table: .*{message}"):
        tables.read_table(path)

  def test_the_system_of_a_votable(self):
    path = self.path("a.vot")
    with open(path, "w", encoding="utf-8") as file:
      file.write('''<VOTABLE version="1.3"><RESOURCE>
<COOSYS ID="s" system="eq_FK4" equinox="B1950"/>
<TABLE><FIELD name="id" datatype="long"/><FIELD name="ra" datatype="double" unit="rad"
ucd="pos.eq.ra"/><DATA><TABLEDATA><TR><TD>1237648720693755918</TD><TD>1.5</TD></TR></TABLEDATA>
</DATA></TABLE></RESOURCE></VOTABLE>''')
    columns = tables.read_table(path)
    header = columns.header
    self.assertEqual((header["RADESYS"], header["EQUINOX"]), ("FK4", "B1950"))
    self.assertEqual((columns.unit("ra"), header["TTYPE1"], header["TUCD1"]),
                     ("rad", "ra", "pos.eq.ra"))
    self.assertEqual(self.ids(path), [str(LARGE)])

  def parquet(self, names=None, **columns):
    if not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    import pyarrow
    from pyarrow import parquet
    path = self.path("a.parquet")
    make = {"null": pyarrow.nulls, "binary": lambda values: pyarrow.array(values, pyarrow.binary())}
    arrays = [make[values[0]](values[1]) if isinstance(values, tuple) else pyarrow.array(values)
              for values in columns.values()]
    parquet.write_table(pyarrow.Table.from_arrays(arrays, names or list(columns)), path)
    return path

  def test_parquet_types(self):
    path = self.parquet(
        id=[LARGE, None], nothing=("null", 2), decimals=[decimal.Decimal("0.120"), None],
        flags=[True, None], pairs=[[1, 2], [3, 4]], inner=[{"a": 1}, {"a": 2}])
    columns = tables.read_table(path)
    self.assertEqual(self.ids(path), [str(LARGE), ""])
    self.assertAllEqual(np.isnan(columns["nothing"]), [True, True])
    self.assertAllEqual(columns["decimals"], [0.12, np.nan])
    self.assertEqual(set(columns.skipped), {"pairs", "inner"})

  def test_parquet_ids(self):
    self.assertEqual(self.ids(self.parquet(id=("binary", [b"ab", b"007"]))), ["ab", "007"])
    self.assertEqual(self.ids(self.parquet(id=["007", None])), ["007", ""])
    self.assertEqual(self.ids(self.parquet(names=["id", "z", "id"], a=[1, 2], b=[.1, .2],
                                           c=[1, 2])), ["1", "2"])
    path = self.parquet(id=("binary", [b"\xff\xfe", b"x"]), z=[0.1, 0.2])
    with self.assertRaisesRegex(ValueError, "'id', named by --id_column, cannot be used: binary"):
      table_columns.find_id(tables.read_table(path), ("id",), path)


if __name__ == "__main__":
  tf.test.main()
