"""The command prints tables and writes pictures."""

import contextlib
import io
import os
import tempfile
from unittest import mock

import matplotlib.image
import numpy as np
import tensorflow as tf

from data_tools import summarize as summarize_lib
from data_tools.summary import image_sample
from data_tools.summary.image_sample import read_sample
from pzbias_tf import pictures
from tests.small_data import make_dataset
from tests.small_photometry import make_photometry, make_table


class SummarizeTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(tempfile.mkdtemp(), "set")
    self.data = make_dataset(self.folder, num=60)

  def summarize(self, **options):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      paths = summarize_lib.summarize(self.folder, **options)
    return paths, printed.getvalue()

  def test_tables_and_pictures(self):
    paths, printed = self.summarize()
    self.assertEqual([os.path.relpath(path, self.folder) for path in paths], [
        "summary/distribution.png", "summary/distribution.svg", "summary/contact_sheet.png"])
    for path in (paths[0], paths[2]):  # pictures with something on them
      self.assertGreater(matplotlib.image.imread(path)[..., :3].std(), 0.05)
    for words in ("16 x 16 pixels in u g r i z", "60 galaxies read, 60 written, 0 rejected",
                  "median z", "r \\ z", "sky rms", f"wrote {paths[0]}"):
      self.assertIn(words, printed)

  def test_pictures_of_all_magnitudes_with_z_and_r_below(self):
    output = tempfile.mkdtemp()
    with mock.patch.object(pictures, "contact_sheet") as sheet:
      self.summarize(output=output)
    (images, captions, bands, path), options = sheet.call_args
    self.assertEqual((images.shape, bands), ((24, 16, 16, 5), tuple("ugriz")))
    self.assertEqual(os.path.dirname(path), output)
    self.assertIn("sdss: 24 of 60 galaxies", options["title"])
    order = np.argsort(self.data.column("r_mag"))
    row = order[0]
    self.assertEqual(captions[0], f"r = {self.data.column('r_mag')[row]:.2f}, "
                                  f"z = {self.data.column('z_spec')[row]:.2f}")
    self.assertIn(f"r = {self.data.column('r_mag')[order[-1]]:.2f}", captions[-1])
    everything, _ = read_sample(self.data, 60)
    self.assertAllEqual(images[0], everything[row])

  def test_a_folder_of_others_keeps_its_files(self):
    with self.assertRaisesRegex(FileExistsError, "catalog.fits for one.*name another --output"):
      self.summarize(output=self.folder)
    self.assertFalse(os.path.exists(os.path.join(self.folder, "distribution.png")))

  def test_damaged_shard(self):
    path = os.path.join(self.folder, self.data.manifest.shards[0].name)
    with open(path, "r+b") as file:
      file.seek(100)
      file.write(b"damage")
    with self.assertRaisesRegex(ValueError, f"{path}: damaged .*; run .*data_tools.verify"):
      self.summarize()

  def test_shard_without_its_last_records(self):
    shard = self.data.manifest.shards[0]
    path = os.path.join(self.folder, shard.name)
    with mock.patch.object(image_sample.tf.data, "TFRecordDataset", return_value=(
        tf.data.TFRecordDataset(path).take(1))):  # although the file has the right size
      with self.assertRaisesRegex(ValueError, f"{path}: damaged .1 records instead of"):
        self.summarize()

  def test_photometry(self):
    table = make_table(30)
    table["u"][3] = -99.0
    self.folder = os.path.join(tempfile.mkdtemp(), "photometry")
    make_photometry(self.folder, table, missing_magnitudes="limit")
    summary = os.path.join(self.folder, "summary")
    os.makedirs(summary)
    with open(os.path.join(summary, "contact_sheet.png"), "wb"):  # of an earlier data set of images
      pass
    paths, printed = self.summarize()
    self.assertCountEqual([name for name in os.listdir(summary) if name[0] != "."],
                          ["distribution.png", "distribution.svg"])
    self.assertEqual([os.path.basename(path) for path in paths],
                     ["distribution.png", "distribution.svg"])
    for words in ("magnitudes and errors in u g r i z", "Magnitudes: number of galaxies without",
                  f"{np.median(table['g']):.2f}"):
      self.assertIn(words, printed)
    missing = [line.split()[1] for line in printed.splitlines() if line[:4] in ("  u ", "  g ")]
    self.assertEqual(missing, ["1", "0"])

  def test_remote_output_is_refused(self):
    with self.assertRaisesRegex(ValueError, "gs://a/b: pictures are written to local folders"):
      self.summarize(output="gs://a/b")

  def test_captions(self):
    self.assertEqual(pictures.caption(16.543, 0.1234), "r = 16.54, z = 0.12")
    self.assertEqual(pictures.caption(16.0, np.nan, "z_colour"), "r = 16.00, no z_colour")


if __name__ == "__main__":
  tf.test.main()
