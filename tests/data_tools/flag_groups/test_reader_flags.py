"""The flags reach the readers, and options of other layouts are refused."""

from absl import flags
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords, readers
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys


class ReaderFlagsTest(sample_formats.FormatsTest):

  def test_options_of_other_formats_are_refused(self):
    np.save(self.path("cube.npy"), sample_surveys.cube(3))
    Table(sample_formats.table_of(3)).write(self.path("labels.csv"))
    for name, value, users in (("image_template", "{id}.fits", "zphoto_catalog, fits_cutouts"),
                               ("image_dataset", "cube", "hdf5"),
                               ("extension", ("SCI",), "fits_cutouts")):
      message = f"--{name} works with --layout={users}, not with cube"
      with self.assertRaisesRegex(ValueError, message):
        readers.read(self.input, SDSS, readers.ReaderOptions(**{name: value}))

  def test_flags(self):
    values = flags.FlagValues()
    make_tfrecords.define_flags(values)
    values(["make_tfrecords", "--input=a", "--format=hdf5", "--image_dataset=pixels",
            "--image_template={id}.fits", "--extension=SCI,2", "--table=b.parquet"])
    config = make_tfrecords.config_from_flags(values)
    self.assertEqual(config.layout, "hdf5")
    self.assertEqual(config.options, readers.ReaderOptions(
        image_dataset="pixels", image_template="{id}.fits", extension=("SCI", "2"),
        table="b.parquet"))


if __name__ == "__main__":
  tf.test.main()
