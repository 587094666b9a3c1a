"""Step 4 as a stage of RAIL calibrates the ensemble of an estimator that is not of this package."""

import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from tests.rail.rail_samples import stages, write

# isort: split
# Only where the import above did not skip these tests.
import qp


class Step4Test(tf.test.TestCase, parameterized.TestCase):
  """Step 4 of an estimator that is not of this package."""

  def sample(self, num, seed):
    """A table, and an ensemble whose estimates are too large by 0.05 beyond z = 0.2."""
    rng = np.random.default_rng(seed)
    z_spec = rng.uniform(0.02, 0.38, num)
    table = {"redshift": z_spec, "mag_r_lsst": rng.uniform(14.5, 17.5, num)}
    z_photo = z_spec + rng.normal(0, 0.005, num) + 0.05 * (z_spec > 0.2)
    ensemble = qp.Ensemble(qp.stats.norm, data={"loc": z_photo[:, None], "scale": np.full(
        (num, 1), 0.01)})
    ensemble.set_ancil({"zmode": z_photo[:, None], "zmean": z_photo})
    return table, ensemble

  def stage(self, **settings):
    return stages.PzbiasStep4.make_stage(**{**dict(
        name="step4", survey="sdss", hdf5_groupname="", output_mode="return"), **settings})

  @parameterized.parameters((50, "zmode"), (1000, "zmode"), (70, "zmean"))
  def test_residuals_are_removed(self, chunk_size, estimate):
    (table, ensemble), (truth, reference) = self.sample(300, 0), self.sample(2000, 1)
    found = self.stage(chunk_size=chunk_size, point_estimate=estimate).calibrate(
        ensemble, table, reference, truth)()
    self.assertEqual(found.npdf, 300)
    far = table["redshift"] > 0.25
    residual = found.ancil[f"{estimate}_calibrated"] - table["redshift"]
    self.assertLess(abs(np.mean(residual[far])), 0.02)
    self.assertGreater(np.mean(np.ravel(found.ancil[estimate])[far] - table["redshift"][far]), 0.04)
    self.assertAllClose(found.mean().ravel(), ensemble.mean().ravel())

  def test_files(self):
    folder = self.create_tempdir().full_path
    paths = {}
    for name, (table, ensemble) in (("a", self.sample(120, 0)), ("b", self.sample(500, 1))):
      paths[name] = os.path.join(folder, f"{name}.hdf5")
      write(paths[name], table)
      ensemble.set_ancil({"zmode": np.ravel(ensemble.ancil["zmode"])})
      ensemble.write_to(os.path.join(folder, f"{name}_pz.hdf5"))
    stage = self.stage(hdf5_groupname="photometry", output_mode="default", chunk_size=50,
                       output=os.path.join(folder, "out.hdf5"))
    for tag, name in (("input", "a_pz"), ("photometry", "a"), ("reference", "b_pz"),
                      ("truth", "b")):
      stage.set_data(tag, None, path=os.path.join(folder, f"{name}.hdf5"), do_read=False)
    stage.run()
    stage.finalize()
    in_memory = self.stage(name="again").calibrate(
        self.sample(120, 0)[1], self.sample(120, 0)[0], self.sample(500, 1)[1],
        self.sample(500, 1)[0])()
    found = qp.read(os.path.join(folder, "out.hdf5"))
    self.assertAllClose(found.ancil["zmode_calibrated"], in_memory.ancil["zmode_calibrated"])
    self.assertAllClose(found.mean().ravel(), in_memory.mean().ravel())

  @parameterized.parameters(99.0, -99.0, np.nan)
  def test_galaxies_without_r(self, value):
    (table, ensemble), (truth, reference) = self.sample(100, 0), self.sample(500, 1)
    table["mag_r_lsst"][4] = value
    found = self.stage().calibrate(ensemble, table, reference, truth)()
    self.assertAllEqual(np.isnan(found.ancil["zmode_calibrated"]), np.arange(100) == 4)
    self.assertEqual(found.ancil["zmode_corrected"][4], 0)

  @parameterized.parameters(
      (dict(point_estimate="zbest"), {}, "no ancillary column zbest, only zmode, zmean; let its"),
      (dict(r_col="r"), {}, "no column r, only redshift, mag_r_lsst"),
      ({}, {"redshift": np.zeros(3), "mag_r_lsst": np.zeros(3)}, "of 100 and 3 galaxies"))
  def test_what_does_not_fit(self, settings, table, message):
    (own, ensemble), (truth, reference) = self.sample(100, 0), self.sample(500, 1)
    with self.assertRaisesRegex(ValueError, message):
      self.stage(**settings).calibrate(ensemble, table or own, reference, truth)


if __name__ == "__main__":
  tf.test.main()
