import os
import pickle
import subprocess
import sys

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers import cfhtls
from data_tools.readers.parts import npy_access, table_files
from data_tools.readers.parts.cutout_source import ImageError, ReaderOptions
from pzbias_tf import survey as survey_lib
from tests.data_tools import sample_surveys

SDSS = survey_lib.SDSS
CFHTLS = survey_lib.CFHTLS_WIDE


class _ReaderTest(tf.test.TestCase):

  def folder(self, *parts):
    path = os.path.join(self.create_folder(), *parts)
    os.makedirs(path, exist_ok=True)
    return path

  def create_folder(self):
    return os.path.join(self.get_temp_dir(), self.id().split(".")[-1])

  def assert_images(self, source, images):
    for row, image in enumerate(images):
      self.assertAllEqual(source.images(row), image)


class SdssPublicTest(_ReaderTest, parameterized.TestCase):

  @parameterized.parameters("npy", "npz", "npz_compressed")
  def test_layouts(self, kind):
    images, table = sample_surveys.cube(7), sample_surveys.columns(7)
    path = sample_surveys.write_public(self.folder(), images, table, kind)
    self.assertEqual(readers.detect(path), "sdss_public")
    source = readers.read(path, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], table["objid"].astype(str))
    for ours, theirs in (("z_spec", "z"), ("ebv", "EBV"), ("r_mag", "dered_petro_r"),
                         ("r_err", "petroMagErr_r"), ("i_mag", "dered_petro_i"),
                         ("i_err", "petroMagErr_i"), ("z_photo_ref", "zphot"), ("ra", "ra")):
      self.assertAllEqual(source.catalog[ours], table[theirs])
    self.assertEqual(source.image_shape, (8, 8, 5))

  def test_images_pickle_without_their_data(self):
    images = sample_surveys.cube(50)
    source = readers.read(sample_surveys.write_public(
        self.folder(), images, sample_surveys.columns(50)), SDSS)
    source.images(0)  # opens the memory map
    data = pickle.dumps(source.images)
    self.assertLess(len(data), 2000)
    self.assertAllEqual(pickle.loads(data)(49), images[49])

  def test_without_ids_rows_are_named(self):
    table = sample_surveys.columns(3)
    del table["objid"]
    path = sample_surveys.write_public(self.folder(), sample_surveys.cube(3), table)
    self.assertAllEqual(readers.read(path, SDSS).catalog["id"], ["0", "1", "2"])

  def test_ids_that_lost_digits_are_not_used(self):
    table = sample_surveys.columns(3)
    table["objid"] = table["objid"].astype(np.float64)
    path = sample_surveys.write_public(self.folder(), sample_surveys.cube(3), table)
    self.assertAllEqual(readers.read(path, SDSS).catalog["id"], ["0", "1", "2"])
    with self.assertRaisesRegex(ValueError, "'objid' are floating-point.*--id_column"):
      readers.read(path, SDSS, ReaderOptions(columns={"id": "objid"}))

  @parameterized.parameters(("EBV", "--ebv_column.*--ebv=0"), ("z", "--z_column"))
  def test_missing_column_names_file_columns_and_flag(self, column, remedy):
    table = sample_surveys.columns(3)
    del table[column]
    path = sample_surveys.write_public(self.folder(), sample_surveys.cube(3), table)
    with self.assertRaisesRegex(ValueError, f"labels.npy.*petroMagErr_r.*{remedy}"):
      readers.read(path, SDSS)

  def test_named_columns_and_constant_reddening(self):
    table = sample_surveys.columns(3)
    table["redshift"] = table.pop("z")
    del table["EBV"]
    path = sample_surveys.write_public(self.folder(), sample_surveys.cube(3), table)
    source = readers.read(path, SDSS, ReaderOptions(columns={"z": "redshift"}, ebv=0.0))
    self.assertAllEqual(source.catalog["z_spec"], table["redshift"])
    self.assertAllEqual(source.catalog["ebv"], np.zeros(3))
    with self.assertRaisesRegex(ValueError, "no column 'zed', named by --z_column"):
      readers.read(path, SDSS, ReaderOptions(columns={"z": "zed"}, ebv=0.0))

  def test_no_redshifts_at_all(self):
    table = sample_surveys.columns(3)
    del table["z"]
    path = sample_surveys.write_public(self.folder(), sample_surveys.cube(3), table)
    source = readers.read(path, SDSS, ReaderOptions(columns={"z": "none"}))
    self.assertAllEqual(np.isnan(source.catalog["z_spec"]), [True] * 3)

  def test_cube_and_labels_of_different_lengths(self):
    path = sample_surveys.write_public(
        self.folder(), sample_surveys.cube(4), sample_surveys.columns(3))
    with self.assertRaisesRegex(ValueError, "4 images, but .*labels.npy"):
      readers.read(path, SDSS)

  def test_wrong_number_of_bands(self):
    path = sample_surveys.write_public(
        self.folder(), sample_surveys.cube(3)[..., :4], sample_surveys.columns(3))
    with self.assertRaisesRegex(ValueError, "5 bands u, g, r, i, z"):
      readers.read(path, SDSS)

  def test_cut_file(self):
    path = sample_surveys.write_public(
        self.folder(), sample_surveys.cube(4), sample_surveys.columns(4))
    with open(os.path.join(path, "cube.npy"), "r+b") as file:
      file.truncate(1000)
    with self.assertRaisesRegex(ValueError, "cube.npy: shorter than its header says"):
      readers.read(path, SDSS).images(3)


class NpyAccessTest(_ReaderTest, parameterized.TestCase):

  def test_uncompressed_member_is_mapped_in_place(self):
    path = os.path.join(self.folder(), "a.npz")
    np.savez(path, first=np.arange(5), cube=np.arange(24.0).reshape(2, 3, 4))
    location = npy_access.locate(path, "cube")
    self.assertEqual(location.path, path)
    self.assertAllEqual(location.open(), np.arange(24.0).reshape(2, 3, 4))

  def test_fortran_order(self):
    array = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    path = os.path.join(self.folder(), "a.npy")
    np.save(path, array)
    self.assertAllEqual(npy_access.locate(path).open(), array)
    self.assertAllEqual(npy_access.load(path), array)

  @parameterized.parameters("C", "F")
  def test_single_rows(self, order):
    array = np.asarray(np.arange(24.0).reshape(4, 3, 2), order=order)
    path = os.path.join(self.folder(), "a.npz")
    np.savez(path, other=np.arange(9), cube=array)
    rows = npy_access.RowReader(npy_access.locate(path, "cube"))
    for row in (3, 0, 2):
      self.assertAllEqual(rows(row), array[row])

  def test_rows_that_are_cut_off_while_they_are_read(self):
    path = os.path.join(self.folder(), "a.npy")
    np.save(path, np.arange(24.0).reshape(4, 3, 2))
    rows = npy_access.RowReader(npy_access.locate(path))
    os.truncate(path, 200)
    with self.assertRaisesRegex(ValueError, "a.npy: cut short while it was read"):
      rows(3)

  def test_unpacked_copy_is_told_of_and_removed_at_exit(self):
    path, scratch = os.path.join(self.folder(), "a.npz"), self.create_tempdir().full_path
    os.makedirs(os.path.join(scratch, "pzbias-unpacked-old"))
    np.savez_compressed(path, cube=np.arange(6.0).reshape(3, 2))
    program = ("import sys; from data_tools.readers.parts import npy_access; "
               "from absl import logging; logging.set_verbosity(logging.INFO); "
               "place = npy_access.locate(sys.argv[1], 'cube', scratch=sys.argv[2]); "
               "print(place.path, npy_access.RowReader(place)(2))")
    done = subprocess.run([sys.executable, "-c", program, path, scratch], check=True, text=True,
                          capture_output=True)
    self.assertRegex(done.stdout, r"unpacked-\w+/cube.npy \[4. 5.\]")
    self.assertRegex(done.stderr, "a.npz is compressed: unpacking cube.npy .* until the end")
    self.assertRegex(done.stderr, "pzbias-unpacked-old: an interrupted run left it")
    self.assertEqual(os.listdir(scratch), ["pzbias-unpacked-old"])

  def test_payload_in_an_object_array_is_never_executed(self):
    target = os.path.join(self.folder(), "executed")

    class Malicious:

      def __reduce__(self):
        return open, (target, "w")

    path = os.path.join(self.folder(), "labels.npy")
    np.save(path, np.array([Malicious()], object), allow_pickle=True)
    with self.assertRaisesRegex(ValueError, "labels.npy: the pickle asks for .*open"):
      npy_access.load(path)
    with self.assertRaisesRegex(ValueError, "holds Python objects"):
      npy_access.locate(path)
    self.assertFalse(os.path.exists(target))

  def test_plain_objects_are_read(self):
    path = os.path.join(self.folder(), "labels.npy")
    array = np.array([(0.1, "a"), (0.2, "b")], [("z", "f8"), ("name", object)])
    np.save(path, array, allow_pickle=True)
    found = npy_access.load(path)
    self.assertAllEqual(found["z"], [0.1, 0.2])
    self.assertEqual(list(found["name"]), ["a", "b"])

  def test_cut_zip_and_no_array(self):
    path = os.path.join(self.folder(), "a.npz")
    np.savez(path, cube=np.arange(500))
    with open(path, "r+b") as file:
      file.truncate(1000)
    with self.assertRaisesRegex(ValueError, "a.npz: damaged or cut short"):
      npy_access.members(path)
    with open(path + ".npy", "wb") as file:
      file.write(b"no array at all")
    with self.assertRaisesRegex(ValueError, "not a readable numpy array"):
      npy_access.peek(path + ".npy")


class SdssResearchTest(_ReaderTest):

  def test_layout(self):
    images, table = sample_surveys.cube(6), sample_surveys.columns(6)
    path = sample_surveys.write_research(
        self.folder(), images, table, {"train": [0, 3], "val": [1], "test": [5, 4]})
    self.assertEqual(readers.detect(path), "sdss_research")
    source = readers.read(path, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], [str(row) for row in range(6)])
    self.assertAllEqual(source.catalog["split"],
                        ["train", "validation", "", "train", "test", "test"])
    self.assertAllEqual(source.catalog["r_mag"], table["dered_petro_r"])

  def test_legacy_label_and_preference_for_npz(self):
    images, table = sample_surveys.cube(3), sample_surveys.columns(3)
    path = sample_surveys.write_research(self.folder(), images, table)
    with open(os.path.join(path, "label"), "wb") as file:
      pickle.dump(dict(table, z=table["z"] / 2), file, protocol=2)
    self.assertAllEqual(readers.read(path, SDSS).catalog["z_spec"], table["z"])
    os.remove(os.path.join(path, "label.npz"))
    self.assertEqual(readers.detect(path), "sdss_research")
    self.assertAllEqual(readers.read(path, SDSS).catalog["z_spec"], table["z"] / 2)

  def test_missing_image(self):
    path = sample_surveys.write_research(
        self.folder(), sample_surveys.cube(3), sample_surveys.columns(3))
    os.remove(os.path.join(path, "data", "0.py.npy"))
    source = readers.read(path, SDSS)
    self.assertEqual(source.image_shape, (8, 8, 5))
    with self.assertRaisesRegex(ImageError, "missing"):
      source.images(0)

  def test_bad_index_arrays(self):
    images, table = sample_surveys.cube(3), sample_surveys.columns(3)
    for split, message in (
        ({"train": [0], "val": [1], "test": [0]}, "test.npy: object 0 already stands in train"),
        ({"train": [0], "val": [1], "test": [3]}, "index 3 is outside the 3 objects"),
    ):
      path = sample_surveys.write_research(self.folder(), images, table, split)
      with self.assertRaisesRegex(ValueError, message):
        readers.read(path, SDSS)
    os.remove(os.path.join(path, "val.npy"))
    with self.assertRaisesRegex(FileNotFoundError, "val.npy missing"):
      readers.read(path, SDSS)


class CfhtlsTest(_ReaderTest):

  def _write(self):
    images = sample_surveys.cube(9)
    path = self.folder()
    sample_surveys.write_cfhtls(
        path, "HQ", 1, images[:4], ["W1", "D2", "none", "W4"], [0.5, 1.0, 1.0, 4.0])
    sample_surveys.write_cfhtls(path, "HQ", 2, images[4:6], ["D1", "W2"], [np.nan, 3.9])
    sample_surveys.write_cfhtls(path, "LR", 1, images[6:], ["", "W1", "D3"], [0.1, 0.2, 0.3])
    return path, images

  def test_layout(self):
    path, images = self._write()
    self.assertEqual(readers.detect(path), "cfhtls")
    source = readers.read(path, CFHTLS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["field"], ["W", "D", "", "W", "D", "W", "", "W", "D"])
    self.assertAllEqual(source.catalog["sample"], ["HQ"] * 6 + ["LR"] * 3)
    self.assertEqual(source.catalog["id"][5], "CUBE_WD_ZHQ_0002.npz:1")
    self.assertAllClose(source.catalog["i_mag"][6:], [18, 21, 24])
    self.assertAllClose(source.catalog["z_photo_ref"][6:], [18, 21, 24])
    self.assertFalse(np.any(np.isnan(source.catalog["r_err"])))

  def test_rejected(self):
    path, _ = self._write()
    self.assertEqual(readers.read(path, CFHTLS).rejected,
                     {2: cfhtls.NO_FIELD, 3: cfhtls.TOO_FAR})

  def test_one_file(self):
    path, images = self._write()
    source = readers.read(os.path.join(path, "CUBE_WD_ZLR_0001.npz"), CFHTLS)
    self.assert_images(source, images[6:])


class CubeTest(_ReaderTest, parameterized.TestCase):

  def _table(self, num):
    table = sample_surveys.columns(num)
    return {"name": np.array([f"J{row}" for row in range(num)]), "z": table["z"],
            "ebv": table["EBV"], "r": table["dered_petro_r"], "ra": table["ra"]}

  @parameterized.parameters("labels.npy", "labels.npz", "catalog.fits", "catalog.csv")
  def test_cube_beside_a_table(self, name):
    images, table = sample_surveys.cube(4), self._table(4)
    path = self.folder()
    np.save(os.path.join(path, "cube.npy"), images)
    if name.endswith("npy"):
      np.save(os.path.join(path, name), sample_surveys.record_array(table))
    elif name.endswith("npz"):
      np.savez(os.path.join(path, name), **table)
    else:
      Table(table).write(os.path.join(path, name))
    self.assertEqual(readers.detect(path), "cube")
    source = readers.read(path, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], table["name"])
    self.assertAllClose(source.catalog["z_spec"], table["z"])

  def test_columns_in_the_same_file(self):
    images, table = sample_surveys.cube(4), self._table(4)
    path = os.path.join(self.folder(), "survey.npz")
    np.savez(path, cube=images, sigma=images, **table)
    source = readers.read(path, SDSS)
    self.assertAllEqual(source.catalog["r_mag"], table["r"])
    self.assertNotIn("sigma", table_files.columns_of(path))

  def test_missing_csv_cells_are_nan(self):
    path = self.folder()
    np.save(os.path.join(path, "cube.npy"), sample_surveys.cube(2))
    with open(os.path.join(path, "labels.csv"), "w") as file:
      file.write("id,z,ebv,r\na,0.1,0.02,15\nb,,0.02,16\n")
    self.assertAllEqual(np.isnan(readers.read(path, SDSS).catalog["z_spec"]), [False, True])

  def test_r_from_image(self):
    images, table = np.zeros((2, 8, 8, 5), np.float32), self._table(2)
    images[0, :, :, 2] = 100 / 64  # 100 nanomaggies
    del table["r"]
    path = os.path.join(self.folder(), "survey.npz")
    np.savez(path, cube=images, **table)
    with self.assertRaisesRegex(ValueError, "--r_column.*--r_from_image"):
      readers.read(path, SDSS)
    r_mag = readers.read(path, SDSS, ReaderOptions(r_from_image=True)).catalog["r_mag"]
    self.assertAllClose(r_mag, [17.5, np.nan])

  def test_no_table(self):
    path = self.folder()
    np.save(os.path.join(path, "cube.npy"), sample_surveys.cube(2))
    with self.assertRaisesRegex(FileNotFoundError, "cube.npy: no table.*--table"):
      readers.read(path, SDSS)


class DetectionTest(_ReaderTest):

  def test_nothing_there(self):
    with self.assertRaisesRegex(FileNotFoundError, "--input=/nowhere does not exist"):
      readers.read("/nowhere", SDSS)

  def test_unknown_layout(self):
    with self.assertRaisesRegex(ValueError, "no known layout(.|\n)*--layout=cfhtls"):
      readers.read(self.folder(), SDSS)
    with self.assertRaisesRegex(ValueError, "--layout=fits: choose one of auto"):
      readers.read(self.folder(), SDSS, layout="fits")

  def test_named_layout_that_does_not_fit(self):
    for layout in readers.READERS:
      with self.assertRaises((OSError, ValueError)):
        readers.read(self.folder(), SDSS, layout=layout)


if __name__ == "__main__":
  tf.test.main()
