"""Whether galaxies are real, and that simulated ones are known wherever their files go."""

import importlib.util
import json
import os

from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers, simulate
from data_tools.conversion.convert import convert
from data_tools.simulation.options import PhotometryTable, SimulationOptions
from pzbias_tf.data import galaxy_origin
from pzbias_tf.data.data_set_facts import DataSetFacts
from pzbias_tf.data.galaxy_origin import REAL, RENDERED, SIMULATED, UNKNOWN, GalaxyOrigin
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.predictions.point_catalog import write_fits, write_parquet
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from tests.small_data import make_dataset

NUM = 40
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


class SimulatedDataTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def path(self, *names):
    return os.path.join(self.folder, *names)

  def simulated(self, survey="sdss", layout=None, **options):
    return simulate.simulate(survey, NUM, 1, self.path("sim"), layout,
                             options=SimulationOptions(image_size=8, **options))

  def facts(self, path, survey=SDSS, **options):
    """The facts of the data set that is converted from a path."""
    output = self.path("data")
    source = readers.read(path, survey, readers.ReaderOptions(**options))
    return DataSetFacts.of(convert(source, survey, output), output)

  @parameterized.parameters("public_npy", "public", "research")
  def test_a_simulation_that_was_made_before_is_known(self, layout):
    facts = self.facts(self.simulated(layout=layout))
    self.assertEqual((facts.origin.kind, facts.origin.headline),
                     (SIMULATED, "Simulated galaxies"))
    self.assertEqual(facts.simulated["num"], NUM)

  def test_cubes_of_cfhtls(self):
    self.assertEqual(self.facts(self.simulated("cfhtls"), CFHTLS_WIDE).origin.kind, SIMULATED)

  def test_a_file_of_the_folder(self):
    folder = self.simulated(layout="public")
    self.assertEqual(self.facts(os.path.join(folder, "sdss.npz")).origin.kind, SIMULATED)

  def test_images_of_a_table_of_real_galaxies(self):
    rng = np.random.default_rng(0)
    table = self.path("real.csv")
    names = ("redshift", "u", "g", "r", "i", "zmag")
    columns = Table({name: rng.uniform(16.0, 17.0, 30) for name in names})
    columns["redshift"] = rng.uniform(0.05, 0.2, 30)
    columns.write(table, overwrite=True, format="ascii.csv")
    origin = self.facts(self.simulated(
        photometry=PhotometryTable(path=table, columns=names))).origin
    self.assertEqual((origin.kind, origin.mark), (RENDERED, "images"))
    self.assertIn("those of real.csv, the images are made by a simulation", origin.note)

  def test_the_catalogue_of_a_simulated_data_set(self):
    self.facts(self.simulated())
    catalog = self.path("data", "catalog.fits")
    self.assertIsNotNone(galaxy_origin.simulation_record(catalog))

  def test_data_sets_converted_before_look_beside_their_source(self):
    folder = self.simulated()
    self.facts(folder)
    old = Manifest.load(self.path("data"))
    del old.source["simulated"]
    self.assertEqual(DataSetFacts.of(old, self.path("data")).origin.kind, SIMULATED)
    os.remove(os.path.join(folder, galaxy_origin.SIMULATION_RECORD))
    self.assertEqual(DataSetFacts.of(old, self.path("data")).origin.kind, REAL)

  def test_a_damaged_record(self):
    folder = self.simulated()
    with open(os.path.join(folder, galaxy_origin.SIMULATION_RECORD), "w",
              encoding="utf-8") as file:
      file.write("{")
    with self.assertRaisesRegex(ValueError, "simulation.json is damaged .*; simulate again, or"):
      galaxy_origin.simulation_record(folder)

  @parameterized.parameters("[]", "{", '{"source": 3}', '{"manifest_version": 3}')
  def test_a_manifest_of_something_else_says_nothing(self, text):
    with open(self.path("manifest.json"), "w", encoding="utf-8") as file:
      file.write(text)
    self.assertIsNone(galaxy_origin.simulation_record(self.folder))

  def test_facts_survive_a_file(self):
    data = make_dataset(self.path("set"), num=50, augment_copies=2)
    facts = DataSetFacts.of(data.manifest, data.folder)
    again = DataSetFacts.from_json({**json.loads(json.dumps(facts.to_json())), "later": 1})
    self.assertEqual(again, facts)
    self.assertEqual((facts.name, facts.galaxies, facts.digest),
                     ("set", 50, data.manifest.digest()))
    self.assertEqual(facts.training, np.sum(
        (data.column("split") == "train") & (data.column("copy") == 0)))
    for word in ("set: 50 galaxies", "16 x 16 pixels in 5 bands", facts.digest[:16]):
      self.assertIn(word, facts.in_words())


class MarksTest(tf.test.TestCase, parameterized.TestCase):

  def write(self, suffix, mark):
    path = os.path.join(self.create_tempdir().full_path, f"catalog.{suffix}")
    columns = {"id": np.array(["a", "b"]), "z_spec": np.array([0.1, 0.2])}
    if suffix == "fits":
      write_fits(path, columns, simulated=mark)
    elif suffix == "parquet":
      write_parquet(path, columns, simulated=mark)
    else:
      Predictions.make(np.array([0.0, 0.1, 0.2]), np.array([[1, 0], [0, 1]], np.float32),
                       id=columns["id"]).save(path, simulated=mark)
    return path

  @parameterized.product(suffix=("fits", "hdf5", "parquet"), mark=("galaxies", "images", ""))
  def test_files_of_estimates_say_what_they_are_of(self, suffix, mark):
    if suffix == "parquet" and not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    path = self.write(suffix, mark)
    self.assertEqual(galaxy_origin.read_mark(path), mark)
    record = galaxy_origin.simulation_record(path)
    kind = {"galaxies": SIMULATED, "images": RENDERED, "": REAL}[mark]
    self.assertEqual(galaxy_origin.origin_of_record(record, "a table").kind, kind)

  @parameterized.parameters("fits", "hdf5", "parquet", "csv")
  def test_files_that_are_something_else_have_no_mark(self, suffix):
    path = os.path.join(self.create_tempdir().full_path, f"table.{suffix}")
    with open(path, "w", encoding="utf-8") as file:
      file.write("a,b\n1,2\n")
    self.assertEqual(galaxy_origin.read_mark(path), "")

  def test_a_mark_changes_no_column(self):
    plain, marked = (self.write("hdf5", mark) for mark in ("", "galaxies"))
    with h5py.File(plain) as one, h5py.File(marked) as other:
      self.assertEqual(set(other.attrs) - set(one.attrs), {"simulated"})
      self.assertAllEqual(one["data/pdfs"][()], other["data/pdfs"][()])


class WordsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(SIMULATED, RENDERED)
  def test_simulated_galaxies_are_called_so(self, kind):
    origin = GalaxyOrigin(kind=kind, source="a.csv")
    self.assertStartsWith(origin.headline, "Simulated")
    self.assertIn("not how well redshifts of observed galaxies are estimated", origin.note)

  @parameterized.parameters("photometry of spec.csv", "images of sdss.npz", "catalogue z.fits")
  def test_real_galaxies_name_what_they_come_from(self, source):
    origin = galaxy_origin.origin_of_record(None, source)
    self.assertEqual((origin.headline, origin.mark), ("Real galaxies", ""))
    self.assertEqual(origin.note,
                     f"{source[0].upper()}{source[1:]}, which nothing marks as simulated.")

  def test_what_is_not_known_is_not_called_real(self):
    origin = GalaxyOrigin(kind=UNKNOWN, source="The data set is gone.")
    self.assertEqual((origin.headline, origin.note, origin.mark),
                     ("Not known whether real or simulated", "The data set is gone.", ""))


if __name__ == "__main__":
  tf.test.main()
