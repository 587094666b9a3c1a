"""The command that makes a data set again: given, it finds the data set that it would make."""

import os
import shlex

from absl import flags
from absl.testing import parameterized
from astropy.table import Table
import numpy as np

from data_tools import make_tfrecords
from data_tools.conversion.command_line.command_again import conversion_command
from tests.data_tools import sample_conversions


class CommandAgainTest(sample_conversions.ConversionTest, parameterized.TestCase):

  def run_command(self, *arguments):
    values = flags.FlagValues()
    make_tfrecords.define_flags(values)
    values(["make_tfrecords", *arguments])
    return make_tfrecords.run(make_tfrecords.config_from_flags(values))

  def check(self, *arguments, source=""):
    """The command of a data set makes the same one again, in another folder."""
    manifest = self.run_command(f"--output={self.output}", *arguments)
    command = conversion_command(manifest, source=source, output=f"{self.output}_again")
    words = shlex.split(command)
    self.assertEqual(words[:3], ["python", "-m", "data_tools.make_tfrecords"])
    again = self.run_command(*words[3:])
    self.assertEqual(again.digest(), manifest.digest(), command)
    return command

  @parameterized.parameters(
      ((),), (("--split=0.5,0.25,0.25", "--seed=7", "--augment_copies=2", "--dtype=float16"),),
      (("--ebv=0.03", "--z_photo_column=zphot,dered_petro_i", "--preset=cpu"),),
      (("--max_r_mag=none", "--compression=gzip", "--shard_size_mb=0.02"),))
  def test_a_survey(self, arguments):
    self.public(50)
    source = f"{self.folder}/in"
    self.check(f"--input={source}", *arguments, source=source)

  @parameterized.parameters(
      (("--seed=3",),), (("--split=0.5,0.25,0.25", "--neighbours=0"),),
      (("--preset=none", "--fwhm_arcsec=1.1,1.2,1.3,1.4,1.5"),))
  def test_a_simulation(self, arguments):
    self.output = os.path.join(self.folder, "one", "data")
    manifest = self.run_command(f"--output={self.output}", "--num=20", "--image_size=8", *arguments)
    command = conversion_command(manifest, source="elsewhere", output=self.output)
    self.assertNotIn("--input", command)
    # The folder holds this data set: anything else would be refused.
    again = self.run_command(*shlex.split(command)[3:])
    self.assertEqual(again.digest(), manifest.digest())

  @parameterized.parameters((("--error_columns=eu,eg,er,ei,ez", "--ebv=0"),),
                            (("--missing_magnitudes=limit", "--ebv=0"),), ((),),
                            (("--r_column=petro", "--ebv_column=sfd"),), (("--r_column=r",),))
  def test_photometry(self, arguments):
    rng = np.random.default_rng(0)
    table = {"id": np.arange(60), "redshift": rng.uniform(0.05, 0.3, 60), "ebv": np.zeros(60),
             "sfd": np.full(60, 0.1), "petro": rng.uniform(15.0, 17.0, 60),
             **{band: rng.uniform(15.0, 17.0, 60) for band in "ugriz"},
             **{f"e{band}": rng.uniform(0.01, 0.1, 60) for band in "ugriz"}}
    source = os.path.join(self.create_tempdir().full_path, "spec.csv")
    Table(table).write(source, format="ascii.csv")
    command = self.check(f"--input={source}", "--magnitude_columns=u,g,r,i,z",
                         "--z_column=redshift", "--split=0.5,0.25,0.25", *arguments, source=source)
    self.assertIn("--magnitude_columns=u,g,r,i,z", command)


if __name__ == "__main__":
  import tensorflow as tf
  tf.test.main()
