"""Options and flags of the simulator, and the image size in the records."""

from __future__ import annotations

import os

from absl import flags
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools.simulation import options as options_lib
from data_tools.simulation.observation import Observation
from data_tools.simulation.options import SimulationOptions


class OptionsTest(parameterized.TestCase, tf.test.TestCase):

  @parameterized.parameters(
      (dict(image_size=4), "--image_size=4: 8 to 256"),
      (dict(image_size=1000), "--image_size=1000"),
      (dict(neighbours=-1), "--neighbours=-1"),
      (dict(neighbours=float("nan")), "--neighbours=nan"),
      (dict(fwhm_arcsec=(1.0, 1.0)), "--fwhm_arcsec=1.0,1.0: give five"),
      (dict(fwhm_arcsec=(1.0, 1.0, 1.0, 1.0, 0.0)), "0.3 to 5 arcsec"))
  def test_bad_options(self, options, message):
    with self.assertRaisesRegex(ValueError, message):
      SimulationOptions(**options)

  @parameterized.parameters(
      (["--photometry_u_column=u"], "give --photometry=FILE"),
      (["--fwhm_arcsec=a,b"], "--fwhm_arcsec=a,b: could not convert"))
  def test_bad_flags(self, arguments, message):
    values = flags.FlagValues()
    options_lib.define_flags(values)
    values(["program", *arguments])
    with self.assertRaisesRegex(ValueError, message):
      options_lib.from_flags(values)

  @parameterized.parameters("sdss", "cfhtls")
  def test_small_images_show_the_same_middle(self, survey):
    """Noise aside, since it is drawn anew for another size."""
    large, small = (Observation(survey, seed=2, image_size=size,
                                options=SimulationOptions(neighbours=0)).chunk(0, 0, 60)
                    for size in (33, 17))
    self.assertEqual(small.images.shape, (60, 17, 17, 5))
    self.assertAllEqual(large.mag, small.mag)
    difference = large.images[:, 8:25, 8:25, 2] - small.images[..., 2]
    shift = np.median(difference, axis=(1, 2)) / np.std(difference, axis=(1, 2))
    self.assertAllLess(np.abs(shift), 0.4)  # six standard errors

  def test_size_is_recorded_and_reaches_the_records(self):
    output = os.path.join(self.get_temp_dir(), "small")
    config = make_tfrecords.ConversionConfig(
        output=output, num=12, simulation=SimulationOptions(image_size=16, neighbours=0))
    manifest = make_tfrecords.run(config)
    self.assertEqual(manifest.image_shape, (16, 16, 5))
    self.assertEqual(manifest.source["simulated"]["image_size"], 16)
    self.assertEqual(manifest.source["simulated"]["neighbours"], 0)

  def test_options_are_refused_with_an_input(self):
    with self.assertRaisesRegex(ValueError, "--input=real.npz has images of its own"):
      make_tfrecords.ConversionConfig(
          input="real.npz", simulation=SimulationOptions(image_size=32))


if __name__ == "__main__":
  tf.test.main()
