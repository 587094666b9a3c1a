"""The flags of the command reach the data set."""

import contextlib
import io
import os

from absl import flags
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools.conversion import accepted
from data_tools.conversion.command_line import report_text
from pzbias_tf.data import catalog as catalog_lib
from tests.data_tools import sample_conversions


class CommandLineTest(sample_conversions.ConversionTest, parameterized.TestCase):

  def run_command(self, *arguments):
    values = flags.FlagValues()
    make_tfrecords.define_flags(values)
    values(["make_tfrecords", *arguments])
    return make_tfrecords.run(make_tfrecords.config_from_flags(values))

  def test_flags_reach_the_data_set(self):
    self.public(50)
    manifest = self.run_command(
        f"--input={self.folder}/in", f"--output={self.output}", "--split=0.5,0.25,0.25",
        "--seed=7", "--augment_copies=2", "--ebv=0.03", "--z_photo_column=dered_petro_i",
        "--preset=cpu", "--compression=gzip", "--max_rejected=0.5")
    self.assertEqual((manifest.seed, manifest.augment_copies, manifest.compression),
                     (7, 2, "gzip"))
    self.assertIn("0.5 train, 0.25 validation", manifest.split_rule)
    self.assertIn("baseline", manifest.preset["stages"])
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(set(catalog["ebv"]), {0.03})
    self.assertAllInRange(catalog["z_photo_ref"], 14, 18)

  def test_several_photo_z(self):
    self.public(30)
    common = [f"--input={self.folder}/in", f"--output={self.output}"]
    with self.assertRaisesRegex(ValueError, "no column 'zfit'.*the columns are objid, ra, "):
      self.run_command(*common, "--z_photo_column=zphot,zfit")
    with self.assertRaisesRegex(ValueError, "names 'zphot' twice"):
      self.run_command(*common, "--z_photo_column=zphot,zphot")
    manifest = self.run_command(*common, "--z_photo_ref_column=zphot,dered_petro_i")
    self.assertEqual(manifest.source["columns"]["z_photo"], "zphot,dered_petro_i")
    catalog = catalog_lib.load_catalog(self.output)
    self.assertAllInRange(catalog["z_photo_ref_zphot"], 0, 0.4)
    self.assertAllInRange(catalog["z_photo_ref_dered_petro_i"], 14, 18)

  def test_without_input_a_survey_is_simulated(self):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      manifest = self.run_command(f"--output={self.output}", "--num=20")
    self.assertIn("No --input is given: 20 galaxies of sdss are simulated", printed.getvalue())
    self.assertIn(f"--multir --data_dir={self.output}", printed.getvalue())
    self.assertEqual(manifest.source["simulated"], {"survey": "sdss", "num": 20, "seed": 0})
    self.assertEqual(manifest.galaxies["read"], 20)
    self.assertIn("step3", manifest.preset["stages"])
    self.assertEqual(self.run_command(f"--output={self.output}", "--num=20"), manifest)

  def test_the_sample_ends_where_the_survey_says(self):
    z = np.where(np.arange(30) < 27, 0.1, np.where(np.arange(30) == 27, 0.9, 0.2))  # 27: r 18.2
    self.public(30, z=z, dered_petro_r=np.append(np.linspace(14.0, 18.2, 28), [17.8, np.nan]))
    words = f"--input={self.folder}/in", f"--output={self.output}"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      manifest = self.run_command(*words, "--max_rejected=0")
    self.assertIn("30 galaxies read, 27 written, 0 rejected, 3 outside of the sample",
                  printed.getvalue())
    self.assertIn("the sample ends at r = 17.8; --max_r_mag=none takes all", printed.getvalue())
    r_mag = catalog_lib.load_catalog(self.output)["r_mag"]
    self.assertAllEqual(np.sort(r_mag)[-2:], [17.8, 17.8])  # one is the galaxy without r
    self.assertEqual(manifest.source["rejected"], {accepted.TOO_FAINT: 3})
    for flag, written in (("none", 29), ("16", 14), ("17.8", 27)):
      other = self.run_command(words[0], f"--output={self.output}{flag}", f"--max_r_mag={flag}")
      self.assertEqual(other.galaxies["written"], written)

  @parameterized.parameters("faint", "nan", "inf")
  def test_a_limit_is_a_magnitude(self, limit):
    with self.assertRaisesRegex(ValueError, f"--max_r_mag={limit}: give a magnitude, or none"):
      self.run_command("--input=in", f"--max_r_mag={limit}")

  def test_survey_file(self):
    self.public(30)
    path = os.path.join(self.folder, "mine.toml")
    with open(path, "w") as file:
      file.write("pixel_scale_arcsec = 0.2\nz_max = 0.2\nbins = 50\nr_min = 12.0\nr_max = 18.0\n"
                 "balance_threshold = 10\noutlier_threshold = 0.05\nfit_z_min = 0.1\n")
    manifest = self.run_command(f"--survey={path}", f"--input={self.folder}/in",
                         f"--output={self.output}")
    self.assertEqual(manifest.dataset, "mine")
    self.assertIn(f"--survey={path}", report_text.next_command(manifest, self.output, survey=path))
    self.assertAllInRange(catalog_lib.load_catalog(self.output)["z_spec"], 0, 0.2)
    self.assertIn(accepted.OUTSIDE_GRID, manifest.source["rejected"])


if __name__ == "__main__":
  tf.test.main()
