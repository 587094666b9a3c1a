"""Folders of parts: the numbers of the HDF5 file, in two passes that go on where they stopped."""

import errno
import functools
import importlib.util
import json
import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval import predict as eval_predict
from eval.prediction import part_output
from eval.prediction.request import Request
from eval.prediction.temporary_data_set import Cutouts
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.data import dataset as dataset_lib
from pzbias_tf.data.galaxy_origin import read_mark
from pzbias_tf.predictions.parts import part_folder, part_writer
from pzbias_tf.predictions.parts.part_schema import CALIBRATED, PDF, QUANTILES
from pzbias_tf.predictions.point_catalog import can_write_parquet
from pzbias_tf.predictions.predictions_file import PdfFormat, read_columns, read_pdf
from pzbias_tf.predictions.predictor import Predictor
from tests.eval.small_run import small_run
from tests.small_data import make_cube, make_dataset
from tests.small_runs import SMALL_SDSS

NUM = 160


@functools.cache
def survey_data(positions: bool = True) -> str:
  """A data set of several shards, all of them to be predicted."""
  folder, rng = os.path.join(tempfile.mkdtemp(), "survey"), np.random.default_rng(4)
  columns = {"ra": rng.uniform(0, 360, NUM), "dec": rng.uniform(-90, 90, NUM)}
  make_dataset(folder, num=NUM, split=(0, 0, 1), shard_size_mb=0.2,
               columns=columns if positions else None)
  return folder


class PartOutputTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    if not can_write_parquet():
      self.skipTest("pyarrow is not installed")
    self.folder = self.create_tempdir().full_path
    self.output = os.path.join(self.folder, "photo_z")
    self.step3 = small_run().stage("step3")
    self.shards = len(dataset_lib.Dataset.open(survey_data()).manifest.split_shards("test"))
    self.assertGreater(self.shards, 2)

  def predict(self, output="photo_z/", **settings):
    """Runs the command; returns what it says."""
    settings = {**({} if "cutouts" in settings else {"data": survey_data()}), **settings}
    return eval_predict.run(Request(
        **{"stage_dirs": (self.step3,), "output": os.path.join(self.folder, output), **settings}))

  def assert_as_in_hdf5(self, **settings):
    """Compares a folder that is written with an HDF5 file of the same galaxies."""
    text = self.predict("file.hdf5", **settings)
    path = os.path.join(self.folder, "file.hdf5")
    found, wanted = part_folder.read_part_columns(self.output), read_columns([path])
    for name, values in wanted.items():
      self.assertAllEqual(found[name], values, name)
      self.assertEqual(found[name].dtype.kind, values.dtype.kind, name)
    self.assertEqual(set(found) - {PDF, QUANTILES}, set(wanted))
    return found, path, text

  @parameterized.parameters(
      (PdfFormat(),), (PdfFormat(dtype="float16"),), (PdfFormat(kind="quantiles"),),
      (PdfFormat(kind="none"),))
  def test_numbers_are_those_of_the_hdf5_file(self, pdf_format):
    text = self.predict(pdf_format=pdf_format)
    found, path, before = self.assert_as_in_hdf5(pdf_format=pdf_format)
    own, fitted = (json.load(open(os.path.join(self.folder, name), encoding="utf-8"))
                   for name in ("photo_z_calibration.json", "file_calibration.json"))
    self.assertEqual(own, fitted)  # to the last bit
    self.assertIn(CALIBRATED, found)
    self.assertNotAllClose(found[CALIBRATED], found["zmode"])
    self.assertEqual(PDF in found, pdf_format.kind == "full")
    self.assertEqual(QUANTILES in found, pdf_format.kind == "quantiles")
    if pdf_format.kind == "full":
      self.assertAllClose(found[PDF] * np.diff(part_folder.read_part_edges(self.output)),
                          read_pdf(path)[1], rtol=1e-3)
    changing = "predicted in|->"  # seconds, and the name of the output
    self.assertEqual([line for line in text.splitlines() if not any(
        word in line for word in changing.split("|"))], [
            line for line in before.splitlines() if not any(
                word in line for word in changing.split("|"))])
    self.assertLen(part_folder.part_paths(self.output), self.shards)
    self.assertCountEqual(os.listdir(self.folder), [
        "photo_z", "photo_z_calibration.json", "file.hdf5", "file.fits", "file.parquet",
        "file_calibration.json"])

  def test_with_the_step_4_of_the_run(self):
    step4 = Calibration.fit(np.array([0.1, 0.2]), np.array([0.15, 0.15]), np.array([15.2, 16.2]),
                            SMALL_SDSS)
    with mock.patch.object(Calibration, "load", return_value=step4):
      self.predict(refit=False)
      found, _, _ = self.assert_as_in_hdf5(refit=False)
    self.assertAllEqual(found[CALIBRATED], step4.apply(found["zmode"], found["r_mag"]))
    self.assertNotIn("photo_z_calibration.json", os.listdir(self.folder))

  @parameterized.parameters({"tta": True}, {"stage_dirs": "baseline"})
  def test_what_step_4_does_not_correct(self, **settings):
    if "stage_dirs" in settings:
      settings = {"stage_dirs": (small_run().stage("baseline"),)}
    text = self.predict(**settings)
    self.assertEqual("not applied" in text, "tta" in settings)
    found, _, _ = self.assert_as_in_hdf5(**settings)
    self.assertNotIn(CALIBRATED, found)

  def test_the_whole_catalogue_is_never_in_memory(self):
    with mock.patch.object(dataset_lib, "load_catalog", side_effect=AssertionError("all rows")):
      self.predict(pdf_format=PdfFormat(kind="quantiles"))
      with self.assertRaisesRegex(AssertionError, "all rows"):  # the test can fail
        self.predict("file.hdf5")

  def test_straight_from_cutouts(self):
    path = os.path.join(self.folder, "new.npz")
    np.savez(path, cube=make_cube(np.full(12, 0.1), 5), name=[f"n{i}" for i in range(12)],
             z=np.full(12, 0.1), r=np.full(12, 16.0), ebv=np.zeros(12))
    with open(os.path.join(self.folder, "simulation.json"), "w", encoding="utf-8") as file:
      file.write('{"num": 12}')
    self.predict(cutouts=Cutouts(path=path))
    self.assertCountEqual(part_folder.read_part_columns(self.output)["id"],
                          [f"n{i}" for i in range(12)])
    self.assertEqual(read_mark(part_folder.part_paths(self.output)[0]), "galaxies")

  @parameterized.parameters(1, 2, 3)
  def test_an_interrupted_first_pass_goes_on(self, calls_before):
    batches, calls = Predictor._of_shard, []

    def cut_off(*arguments, **settings):
      calls.append(arguments)
      if len(calls) > calls_before:
        raise KeyboardInterrupt
      return batches(*arguments, **settings)

    with mock.patch.object(Predictor, "_of_shard", cut_off), self.assertRaises(KeyboardInterrupt):
      self.predict()
    self.assertFalse(os.path.exists(self.output))
    with mock.patch.object(Predictor, "_of_shard", autospec=True, side_effect=batches) as again:
      self.predict()
    self.assertEqual(again.call_count, self.shards - calls_before)
    self.assert_as_in_hdf5()

  @parameterized.product(parts_before=[0, 1, 2], error=[
      KeyboardInterrupt, OSError(errno.ENOSPC, "No space left")])
  def test_an_interrupted_second_pass_predicts_nothing_again(self, parts_before, error):
    whole_file, calls = part_writer.whole_file, []

    def cut_off(path):
      calls.append(path)
      if len(calls) > parts_before:
        raise error
      return whole_file(path)

    with (mock.patch.object(part_writer, "whole_file", cut_off),
          self.assertRaises(type(error) if isinstance(error, OSError) else error) as raised):
      self.predict()
    if isinstance(error, OSError):
      self.assertRegex(str(raised.exception), "the disk is full.*make room and give the same "
                       "command again: it keeps what is predicted and the finished parts")
    self.assertFalse(os.path.exists(self.output))
    with mock.patch.object(Predictor, "_of_shard", side_effect=AssertionError("again")):
      text = self.predict()
    self.assertIn("all of them were predicted already", text)
    self.assertIn("outside of the training domain", text)
    self.assert_as_in_hdf5()
    self.assertNotIn(".photo_z.unfinished", os.listdir(self.folder))

  def test_other_settings_do_not_go_on_with_finished_parts(self):
    with (mock.patch.object(part_output, "finish_parts", side_effect=KeyboardInterrupt),
          self.assertRaises(KeyboardInterrupt)):
      self.predict(pdf_format=PdfFormat(kind="none"))
    self.predict(pdf_format=PdfFormat(kind="quantiles"))
    found, _, _ = self.assert_as_in_hdf5(pdf_format=PdfFormat(kind="quantiles"))
    self.assertIn(QUANTILES, found)

  def test_a_folder_that_exists_is_refused_before_the_work(self):
    os.makedirs(self.output)
    self.predict(pdf_format=PdfFormat(kind="none"))  # an empty one is not
    with (mock.patch.object(Predictor, "_of_shard", side_effect=AssertionError("predicts")),
          self.assertRaisesRegex(FileExistsError, "photo_z already exists; name another")):
      self.predict()
    self.assertLen(part_folder.read_part_columns(self.output)["id"], NUM)

  @parameterized.parameters(
      ("photo_z", 2, "name it with / at its end"), ("photo_z.hdf5", 2, "name it with /"),
      ("photo_z/", 40, "choose one from 0"), ("photo z/", 2, "named by letters"))
  def test_a_hats_catalogue_that_cannot_be(self, output, order, message):
    with self.assertRaisesRegex(ValueError, message):
      self.predict(output, healpix_order=order)


  def test_lsdb_opens_a_hats_catalogue(self):
    self.skip_without_hats()
    import lsdb  # an optional dependency
    self.predict(healpix_order=1, pdf_format=PdfFormat(kind="quantiles"))
    catalog = lsdb.open_catalog(self.output, columns="all")
    self.assertEqual(catalog.hc_structure.catalog_info.total_rows, NUM)
    table = catalog.compute().sort_values("row")
    self.predict("file.hdf5")
    wanted = read_columns([os.path.join(self.folder, "file.hdf5")])
    for name in ("id", "zmode", CALIBRATED, "ra"):
      self.assertAllEqual(table[name].to_numpy(), wanted[name])

  def test_galaxies_without_positions_have_no_place_in_it(self):
    self.skip_without_hats()
    with self.assertRaisesRegex(ValueError, f"{NUM} galaxies of .* have no position, 'g00.*the "
                                "first; convert them with ra and dec"):
      self.predict(healpix_order=1, data=survey_data(positions=False))

  def skip_without_hats(self):
    if importlib.util.find_spec("hats_import") is None:
      self.skipTest("hats-import is not installed")


if __name__ == "__main__":
  tf.test.main()
