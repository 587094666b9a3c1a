"""The simulator: its files, and whether the physics in them is what it says."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
from scipy import interpolate
import tensorflow as tf

from data_tools import simulate as simulate_lib
from data_tools.simulation import (
  instruments,
  layouts,
  photometry,
  rendering,
  simulated_folder,
  structure,
)
from data_tools.simulation import observation as observation_lib
from data_tools.simulation.options import SimulationOptions
from data_tools.simulation.population import Population
from data_tools.simulation.samples import simulated_survey

R = 2  # place of the r band


def setUpModule():
  """One observation of each survey serves most tests; building one takes half a second.

  Without neighbours: these tests are about the galaxy in the middle.
  """
  global SDSS, CFHTLS, CHUNK, HQ
  lonely = SimulationOptions(neighbours=0)
  SDSS = observation_lib.Observation("sdss", seed=5, image_size=64, options=lonely)
  CFHTLS = observation_lib.Observation("cfhtls", seed=5, image_size=64, options=lonely)
  CHUNK, HQ = SDSS.chunk(0, 0), CFHTLS.chunk(0, 0)


def corners(images):
  """Pixels of the four 8 x 8 corners, [n, 256, bands]."""
  parts = [images[:, y, x] for y in (slice(0, 8), slice(-8, None))
           for x in (slice(0, 8), slice(-8, None))]
  return np.concatenate([part.reshape(len(images), -1, images.shape[-1]) for part in parts], 1)


def sky_rms(images):
  """Noise of the corners (median absolute deviation), [bands], galaxies of small extent."""
  sky = corners(images)
  deviation = np.abs(sky - np.median(sky, axis=1, keepdims=True))
  return 1.4826 * np.median(deviation, axis=(0, 1))


def point_source(instrument, size=64):
  """A noise-free picture of a round, point-like galaxy of flux 1, [size, size, bands]."""
  bands = len(instrument.filters)
  part = structure.Component(structure.POINT, np.ones((1, bands)), np.zeros(1), np.ones(1))
  shapes = structure.Shapes((part,), np.zeros(1), np.zeros((1, 2)))
  fwhm = np.array([instrument.fwhm_arcsec])
  return rendering.render(shapes, np.ones((1, bands)), fwhm, instrument, size)[0]


class LayoutsTest(parameterized.TestCase, tf.test.TestCase):

  def simulate(self, *args, **kwargs):
    parent = tempfile.mkdtemp(dir=self.get_temp_dir())
    return simulate_lib.simulate(*args, output=os.path.join(parent, "out"), **kwargs)

  @parameterized.parameters("public_npy", "public")
  def test_public_release(self, layout):
    out = self.simulate("sdss", 12, 3, layout=layout)
    if layout == "public":
      self.assertCountEqual(os.listdir(out), ["sdss.npz", simulated_folder.RECORD_NAME])
      with np.load(os.path.join(out, "sdss.npz"), allow_pickle=False) as file:
        cube, labels = file["cube"], file["labels"]
    else:
      self.assertCountEqual(
          os.listdir(out), ["cube.npy", "labels.npy", simulated_folder.RECORD_NAME])
      cube, labels = (np.load(os.path.join(out, f"{name}.npy"), allow_pickle=False)
                      for name in ("cube", "labels"))
    self.assertEqual((cube.shape, cube.dtype), ((12, 64, 64, 5), np.float32))
    self.assertEqual((labels.shape, labels.dtype["objid"]), ((12,), np.int64))
    wanted = {"z", "EBV", "zphot", "ra", "dec", "petroMagErr_r", "petroMagErr_i",
              *(f"dered_petro_{band}" for band in "ugriz")}
    self.assertContainsSubset(wanted, labels.dtype.names)
    self.assertLen(np.unique(labels["objid"]), 12)
    chunk = observation_lib.Observation("sdss", seed=3, image_size=64).chunk(0, 0, 12)
    self.assertAllEqual(cube, chunk.images)
    self.assertAllEqual(labels["z"], chunk.z)

  def test_research_code(self):
    out = self.simulate("sdss", 60, 3, layout="research")
    label = np.load(os.path.join(out, "label.npz"), allow_pickle=False)
    self.assertCountEqual(label.files, [
        "z", "EBV", "zphot", "dered_petro_r", "petroMagErr_r", "dered_petro_i", "petroMagErr_i"])
    rows = [np.load(os.path.join(out, f"{name}.npy")) for name in ("train", "val", "test")]
    self.assertAllEqual(np.sort(np.concatenate(rows)), np.arange(60))
    self.assertEqual([len(part) for part in rows], [46, 2, 12])
    chunk = observation_lib.Observation("sdss", seed=3, image_size=64).chunk(0, 0, 60)
    self.assertAllEqual(np.load(os.path.join(out, "data", "41.py.npy")), chunk.images[41])
    self.assertAllClose(label["z"], chunk.z)
    self.assertAllClose(label["dered_petro_i"], chunk.mag[:, 3], atol=1e-5)

  def test_cfhtls_cubes(self):
    with mock.patch.object(layouts, "FILE_GALAXIES", 250):
      out = self.simulate("cfhtls", 300, 3)
    self.assertCountEqual(os.listdir(out), [
        "CUBE_WD_ZHQ_0001.npz", "CUBE_WD_ZHQ_0002.npz", "CUBE_WD_ZLR_0001.npz",
        simulated_folder.RECORD_NAME])
    columns = {"HQ": ("ZSPEC", "EBV", "zphot", "R", "Rerr", "I", "Ierr", "ZFLAG", "FIELD"),
               "LR": ("ZSPEC", "EBV", "ZPHOT", "R", "ERRR", "Ip_2", "ERRIp_2", "ZFLAG", "FIELD")}
    for name, num in (("HQ_0001", 250), ("HQ_0002", 23), ("LR_0001", 27)):
      with np.load(os.path.join(out, f"CUBE_WD_Z{name}.npz"), allow_pickle=False) as file:
        cube, info = file["cube"], file["info"]
      self.assertEqual((cube.shape, cube.dtype), ((num, 64, 64, 5), np.float32))
      self.assertEqual(info.dtype.names, columns[name[:2]])
      self.assertContainsSubset({b"W", b"D"}, {field[:1] for field in info["FIELD"]})

  def test_equal_settings_give_equal_bytes(self):
    def contents(seed):
      out = self.simulate("sdss", 10, seed, layout="public")
      with open(os.path.join(out, "sdss.npz"), "rb") as file:
        return file.read()

    self.assertEqual(contents(1), contents(1))
    self.assertNotEqual(contents(1), contents(2))

  def test_galaxies_do_not_depend_on_number_or_threads(self):
    with mock.patch.object(observation_lib, "CHUNK", 40):
      for observation in (SDSS, CFHTLS):
        one = [observation.chunk(0, number) for number in range(2)]
        with mock.patch.object(os, "cpu_count", return_value=3):
          some = list(observation.chunks(0, 55))
        self.assertEqual([len(chunk.z) for chunk in some], [40, 15])
        for name in ("images", "z", "mag", "field", "z_photo"):
          self.assertAllEqual(getattr(some[0], name), getattr(one[0], name))
          self.assertAllEqual(getattr(some[1], name), getattr(one[1], name)[:15])
        self.assertNotAllClose(one[0].z[:15], one[1].z[:15])


class FolderTest(parameterized.TestCase, tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.parent = tempfile.mkdtemp(dir=self.get_temp_dir())
    self.out = os.path.join(self.parent, "out")

  def test_a_second_run_reuses_and_another_one_refuses(self):
    simulate_lib.simulate("sdss", 3, 1, self.out)
    with mock.patch.object(simulate_lib, "Observation", side_effect=AssertionError("ran again")):
      self.assertEqual(simulate_lib.simulate("sdss", 3, 1, self.out), self.out)
    for settings in (("sdss", 4, 1), ("sdss", 3, 2), ("cfhtls", 3, 1)):
      with self.assertRaisesRegex(FileExistsError, "name another folder"):
        simulate_lib.simulate(*settings, self.out)

  @parameterized.parameters("cube.npy", "notes.txt")
  def test_foreign_files_stay(self, name):
    os.makedirs(self.out)
    path = os.path.join(self.out, name)
    with open(path, "w", encoding="utf-8") as file:
      file.write("precious")
    with self.assertRaisesRegex(FileExistsError, "did not write"):
      simulate_lib.simulate("sdss", 3, 1, self.out)
    with open(path, encoding="utf-8") as file:
      self.assertEqual(file.read(), "precious")

  def test_a_failed_run_leaves_nothing(self):
    os.makedirs(self.out)
    with mock.patch.object(layouts, "public_labels", side_effect=OSError("disk full")):
      with self.assertRaisesRegex(OSError, "disk full"):
        simulate_lib.simulate("sdss", 3, 1, self.out)
    self.assertEmpty(os.listdir(self.out))
    self.assertEmpty(glob.glob(os.path.join(self.parent, ".*")))
    simulate_lib.simulate("sdss", 3, 1, self.out)  # an empty folder is as good as none

  def test_a_mount_point_is_refused_before_the_work(self):
    os.makedirs(self.out)
    with mock.patch.object(os.path, "ismount", return_value=True):
      with self.assertRaisesRegex(ValueError, "name a folder inside it"):
        simulate_lib.simulate("sdss", 3, 1, self.out)

  @parameterized.parameters(
      (dict(survey_name="hst", num=3, seed=1), "no survey 'hst'"),
      (dict(survey_name="sdss", num=0, seed=1), "num must be positive"),
      (dict(survey_name="sdss", num=3, seed=-1), "seed not negative"),
      (dict(survey_name="sdss", num=3, seed=1, layout="cubes"), "choose one of public_npy"))
  def test_bad_settings(self, settings, message):
    with self.assertRaisesRegex(ValueError, message):
      simulate_lib.simulate(**settings, output=self.out)
    self.assertFalse(os.path.exists(self.out))

  def test_command_line(self):
    command = [sys.executable, "-m", "data_tools.simulate", f"--output={self.out}", "--num=2"]
    root = os.path.dirname(os.path.dirname(simulate_lib.__file__))
    done = subprocess.run(command + ["--layout=cubes"], cwd=root, capture_output=True, text=True,
                          check=False)
    self.assertEqual(done.returncode, 1)
    self.assertIn("Error: no layout 'cubes' of sdss", done.stderr)
    self.assertNotIn("Traceback", done.stderr)
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    self.assertIn("2 of 2 galaxies", done.stderr)
    self.assertTrue(os.path.exists(os.path.join(self.out, "labels.npy")))


class PhysicsTest(parameterized.TestCase, tf.test.TestCase):

  def test_images_hold_the_catalogue_flux(self):
    extinction = np.asarray(instruments.SDSS_EXTINCTION)
    flux = CHUNK.images.sum((1, 2))
    mag = 22.5 - 2.5 * np.log10(flux[:, 1:4]) - CHUNK.ebv[:, None] * extinction[1:4]
    difference = (mag - CHUNK.mag[:, 1:4])[CHUNK.mag[:, R] > 16]
    self.assertGreater(len(difference), 150)
    self.assertAllLess(np.abs(np.median(difference, axis=0)), 0.03)
    self.assertLess(np.percentile(np.abs(difference[:, 1]), 80), 0.15)

  def test_dust_dims_the_images(self):
    """Blue light more than red light: the colour excess in the pixels is that of E(B-V)."""
    flux = CHUNK.images[:, 24:40, 24:40].sum((1, 2))
    excess = (2.5 * np.log10(flux[:, R] / flux[:, 1]) - (CHUNK.mag[:, 1] - CHUNK.mag[:, R]))
    slope = np.polyfit(CHUNK.ebv, excess, 1)[0]
    self.assertAllClose(slope, 3.793 - 2.751, atol=0.35)

  def test_sky_noise_sdss(self):
    compact = CHUNK.mag[:, R] > 17.2
    expected = np.array([0.042, 0.017, 0.028, 0.043, 0.164])
    self.assertAllClose(sky_rms(CHUNK.images[compact]) / expected, np.ones(5), atol=0.03)

  def test_sky_noise_and_depth_cfhtls(self):
    instrument = instruments.cfhtls_instrument()
    wide = np.char.startswith(HQ.field, "W")
    for chosen, field in ((wide, "W"), (~wide, "D")):
      faint = chosen & (HQ.mag[:, R] > 21)
      self.assertAllClose(sky_rms(HQ.images[faint]) / instrument.sky_rms[field],
                          np.ones(5), atol=0.04)
    # A point source of the depth is 5 sigma under a matched filter; the wings cost a part.
    psf = point_source(instrument)[..., R]
    signal = instrument.flux(25.5) * np.sqrt(np.sum(psf**2)) / instrument.sky_rms["W"][R]
    self.assertBetween(signal, 4.0, 5.0)
    self.assertAllLess(np.divide(instrument.sky_rms["D"], instrument.sky_rms["W"]), 0.5)

  def test_bright_pixels_have_photon_noise(self):
    rng = np.random.default_rng(0)
    images = np.full((4, 64, 64, 1), 3.0, np.float32)
    rendering.add_noise(images, np.full((4, 1), 0.1), np.array([1.0]), rng)
    self.assertAllClose(images.mean(), 3.0, atol=0.01)
    self.assertAllClose(images.std(), 0.1 * np.sqrt(1 + 3.0 / 1.0), rtol=0.03)

  @parameterized.parameters("sdss", "cfhtls")
  def test_point_source_shows_the_psf(self, name):
    instrument = simulated_survey(name).instrument
    image = point_source(instrument).astype(np.float64)
    self.assertAllClose(image.sum((0, 1)), np.ones(5), atol=1e-3)
    # Half of the peak at half of the width, found between the pixels of the middle row.
    for band, fwhm in enumerate(instrument.fwhm_arcsec):
      spline = interpolate.RectBivariateSpline(*2 * [np.arange(64) - 31.5], image[..., band])
      radius = np.linspace(0, 10, 2001)
      profile = spline(radius, 0.0)[:, 0]
      width = 2 * radius[np.argmax(profile < profile[0] / 2)] * instrument.pixel_scale_arcsec
      pixel = instrument.pixel_scale_arcsec**2 * 8 * np.log(2) / 12
      self.assertAllClose(width, np.sqrt(fwhm**2 + pixel), rtol=0.02)

  def test_seeing_differs_from_galaxy_to_galaxy(self):
    instrument = instruments.sdss_instrument()
    fwhm = instrument.draw_fwhm(4000, np.random.default_rng(0))
    self.assertAllClose(np.median(fwhm, axis=0), instrument.fwhm_arcsec, rtol=0.02)
    scatter = np.std(np.log(fwhm), axis=0)
    self.assertAllInRange(scatter, 0.15, 0.2)
    self.assertBetween(np.corrcoef(np.log(fwhm[:, 1]), np.log(fwhm[:, 3]))[0, 1], 0.6, 0.9)

  def test_wings_may_be_coarse(self):
    """Merging Gaussians in the wings changes no pixel by more than the noise of bright skies."""
    instrument = instruments.sdss_instrument()
    shapes = structure.Shapes((structure.Component(
        structure.DE_VAUCOULEURS, np.full((1, 5), 1.0), np.full(1, 3.0), np.full(1, 0.6)),),
                              np.zeros(1), np.zeros((1, 2)))
    arguments = (np.ones((1, 5)), np.array([instrument.fwhm_arcsec]), instrument, 64)
    coarse = rendering.render(shapes, *arguments)
    with mock.patch.object(structure.Component, "coarse_profile", structure.DE_VAUCOULEURS):
      exact = rendering.render(shapes, *arguments)
    self.assertNotAllEqual(coarse, exact)
    self.assertAllLess(np.abs(coarse - exact), 0.01 * exact.max())

  def test_shape_and_place_of_an_ellipse(self):
    instrument = instruments.sdss_instrument()
    part = structure.Component(structure.EXPONENTIAL, np.full((1, 5), 7.0),
                               np.full(1, 2.0), np.full(1, 0.5))
    shapes = structure.Shapes((part,), np.full(1, np.pi / 6), np.array([[0.4, -0.2]]))
    fwhm = np.array([instrument.fwhm_arcsec])
    image = rendering.render(shapes, np.ones((1, 5)), fwhm, instrument, 64)[0, :, :, R] / 7.0
    x = np.arange(64) - 31.5
    mean = np.array([np.sum(image * x), np.sum(image * x[:, None])])
    self.assertAllClose(mean, [0.4, -0.2], atol=0.01)
    xx = np.sum(image * (x - 0.4) ** 2)
    yy = np.sum(image * (x[:, None] + 0.2) ** 2)
    xy = np.sum(image * (x - 0.4) * (x[:, None] + 0.2))
    self.assertAllClose(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)), 30.0, atol=0.5)
    core, ratio = instrument.core_sigma_pixels(fwhm)[0, R], instrument.wing_ratio
    blur = core**2 * (1 + instrument.wing_share * (ratio**2 - 1)) + 1 / 12
    major, minor = np.linalg.eigvalsh([[xx, xy], [xy, yy]])[::-1] - blur
    self.assertAllClose(np.sqrt(minor / major), 0.5, atol=0.02)

  @parameterized.parameters(
      (structure.EXPONENTIAL, 1.678, 1.0), (structure.DE_VAUCOULEURS, 7.669, 0.25))
  def test_profiles(self, profile, steepness, power):
    share, sigma = profile
    self.assertAllClose(share.sum(), 1.0, atol=1e-3)
    self.assertAllClose(np.sum(share * (1 - np.exp(-0.5 / sigma**2))), 0.5, atol=2e-3)
    radius = np.geomspace(0.1, 2.0, 30)
    # A truncated profile has a smaller half-light radius than its parent.
    parent = radius * {1.0: 0.9836, 0.25: 0.8881}[power]
    exact = np.exp(-steepness * parent**power)
    gaussians = np.sum(share / sigma**2 * np.exp(-0.5 * (radius[:, None] / sigma) ** 2), axis=1)
    ratio = gaussians / exact
    self.assertAllClose(ratio / np.median(ratio), np.ones(30), atol=0.05)

  def test_intergalactic_hydrogen(self):
    """Galaxies at z = 3.5 drop out of u; at z = 0.5 nothing is absorbed."""
    # Seen at z = 3: past the Lyman limit, between Lyman beta and alpha, redward of both.
    passed = photometry.transmission(np.array([3600.0, 4600.0, 4900.0]), 3.0)
    self.assertAllClose(passed, [0.0, np.exp(-3.6e-3 * (4600 / 1215.67) ** 3.46), 1.0])
    grid = photometry.flux_grid(instruments.cfhtls_instrument().filters, 4.0, num_z=9)
    young = grid.flux[:, 1]
    self.assertLess(young[7, 0] / young[7, R], 0.03)
    self.assertGreater(young[1, 0] / young[1, R], 0.3)

  def test_rest_frame_normalisation(self):
    """At z = 0 a template of r magnitude M at 10 pc has r magnitude M."""
    grid = photometry.flux_grid(instruments.sdss_instrument().filters, 0.4, num_z=3)
    self.assertAllClose(grid.flux[0, :, R], np.ones(photometry.NUM_TEMPLATES), rtol=1e-6)

  def test_sdss_population(self):
    z = draw("sdss", 20000).z
    self.assertAllInRange(z, 0.005, 0.4)
    self.assertBetween(np.median(z), 0.08, 0.11)
    # Sparse at high z, but not empty: the Schechter law alone leaves 0.0004 beyond 0.3.
    self.assertBetween(np.mean(z > 0.25), 0.008, 0.02)
    self.assertBetween(np.mean(z > 0.3), 0.002, 0.007)
    self.assertGreater(np.mean(z > 0.35), 0.0004)
    r_mag = CHUNK.mag[:, R]
    self.assertBetween(r_mag.min(), 12.4, 16.0)
    self.assertLess(r_mag.max(), 17.9)
    self.assertGreater(np.sum(r_mag > 17), np.sum(r_mag < 16.5))
    self.assertGreater(np.corrcoef(r_mag, CHUNK.z)[0, 1], 0.2)

  def test_cfhtls_population(self):
    wide, deep = draw("cfhtls", 8000, 0), draw("cfhtls", 8000, 1)
    for galaxies, faintest, low, high in ((wide, 24.0, 0.4, 0.65), (deep, 24.5, 0.55, 0.85)):
      self.assertLessEqual(30 - 2.5 * np.log10(galaxies.flux[:, R].min()), faintest + 1e-6)
      self.assertBetween(np.median(galaxies.z), low, high)
      self.assertBetween(np.mean(galaxies.z > 2), 0.001, 0.05)
      self.assertAllInRange(galaxies.z, 0.0, 4.0)

  def test_reference_photo_z(self):
    dz = (CHUNK.z_photo - CHUNK.z) / (1 + CHUNK.z)
    self.assertBetween(np.std(dz), 0.012, 0.025)

  def test_central_pixels_tell_the_redshift(self):
    """Nearest neighbours in the colours of the central 16 x 16 pixels beat a guess twofold."""
    chunks = [CHUNK, *(SDSS.chunk(0, number) for number in (1, 2, 3))]
    z = np.concatenate([chunk.z for chunk in chunks])
    centre = np.concatenate([chunk.images[:, 24:40, 24:40].sum((1, 2)) for chunk in chunks])
    log_flux = np.arcsinh(centre / [1.0, 0.5, 0.7, 1.0, 4.0])
    features = np.column_stack([np.diff(log_flux, axis=1), 0.3 * log_flux[:, R]])
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    z_photo = np.median(z[np.argsort(distance, axis=1)[:, :8]], axis=1)
    error, guess = (1.4826 * np.median(np.abs(value - z) / (1 + z))
                    for value in (z_photo, np.median(z)))
    self.assertLess(error, 0.5 * guess)


def draw(name, num, part=0):
  """Galaxies of a survey's first sample, without pictures."""
  survey = simulated_survey(name)
  grid = photometry.flux_grid(survey.instrument.filters, survey.z_max)
  population = Population(survey.samples[0].parts[part], grid, survey.instrument)
  return population.draw(num, np.random.default_rng(11))


if __name__ == "__main__":
  tf.test.main()
