"""Flags of galaxies outside of the training domain: each reason by itself."""

import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.predictions import domain
from pzbias_tf.predictions.domain import FLAGS, TrainingDomain

NUM = 4000


def training(num=NUM):
  """Magnitudes and measurements of galaxies between 14 and 18 mag with colours of 0.2 to 0.7."""
  rng = np.random.default_rng(0)
  r_mag = rng.uniform(14, 18, num)
  mag = r_mag[:, None] + np.cumsum(rng.uniform(0.2, 0.7, (num, 5)), 1)[:, ::-1]
  return r_mag, {"aperture_flux": 10 ** (-0.4 * (mag - 20)), "plateau": np.ones(num, np.int32),
                 "peak_offset": rng.uniform(0, 3, num)}


def one(**changes):
  """Flags of one ordinary galaxy with changes."""
  flux = 10 ** (-0.4 * (16 + np.cumsum(np.full(5, 0.45))[None, ::-1] - 20))
  pdf = np.zeros((1, 200))
  pdf[0, 100] = 1.0
  galaxy = {"r_mag": np.array([16.0]), "aperture_flux": flux, "peak_offset": np.array([1.0]),
            "plateau": np.array([1]), "pdf": pdf, **changes}
  own = TrainingDomain.fit(*training())
  return own.flags(galaxy.pop("r_mag"), galaxy, galaxy.pop("pdf"))[0]


class DomainTest(tf.test.TestCase, parameterized.TestCase):

  def test_an_ordinary_galaxy_has_none(self):
    self.assertEqual(one(), 0)

  @parameterized.parameters((13.5,), (18.5,), (np.nan,))
  def test_magnitude(self, r_mag):
    self.assertEqual(one(r_mag=np.array([r_mag])), FLAGS["magnitude"])

  @parameterized.parameters((2.0,), (0.5,), (0.0,), (-0.1,))
  def test_colour(self, factor):
    flux = 10 ** (-0.4 * (16 + np.cumsum(np.full(5, 0.45))[None, ::-1] - 20))
    flux[0, 2] *= factor
    self.assertEqual(one(aperture_flux=flux), FLAGS["colour"])

  def test_brightness_alone_is_no_colour(self):
    flux = 10 ** (-0.4 * (17.9 + np.cumsum(np.full(5, 0.45))[None, ::-1] - 20))
    self.assertEqual(one(aperture_flux=flux), 0)

  def test_image(self):
    self.assertEqual(one(peak_offset=np.array([4.5])), FLAGS["off-centre"])
    self.assertEqual(one(peak_offset=np.array([3.9])), 0)
    self.assertEqual(one(plateau=np.array([4])), FLAGS["saturated"])

  def test_pdf(self):
    for bins, share, flagged in (([0], 0.2, True), ([198, 199], 0.06, True), ([199], 0.05, False),
                                 ([3], 0.5, False)):
      pdf = np.zeros((1, 200))
      pdf[0, 100] = 1.0 - share * len(bins)
      pdf[0, bins] = share
      self.assertEqual(one(pdf=pdf), FLAGS["p(z) at edge"] * flagged)

  def test_flags_add_up(self):
    self.assertEqual(one(r_mag=np.array([20.0]), plateau=np.array([9])),
                     FLAGS["magnitude"] + FLAGS["saturated"])

  def test_few_training_galaxies_are_outside(self):
    r_mag, images = training()
    flags = TrainingDomain.fit(r_mag, images).flags(r_mag, images, np.full((NUM, 200), 0.005))
    self.assertBetween(np.mean(flags > 0), 0.0001, 0.006)  # five ranges of 99.9%

  def test_an_offset_that_is_usual_in_training_is_none(self):
    r_mag, images = training()
    images["peak_offset"] = images["peak_offset"] * 3
    own = TrainingDomain.fit(r_mag, images)
    self.assertBetween(own.peak_offset, 8.9, 9.0)
    self.assertAllEqual(own.flags(r_mag, {**images, "peak_offset": np.full(NUM, 8.0)},
                                  np.full((NUM, 200), 0.005)) & FLAGS["off-centre"], np.zeros(NUM))

  def test_round_trip(self):
    path = os.path.join(self.create_tempdir().full_path, "domain.json")
    own = TrainingDomain.fit(*training(100))
    own.save(path)
    self.assertEqual(TrainingDomain.load(path), own)
    with open(path, "w", encoding="utf-8") as file:
      file.write('{"format": "else"}')
    with self.assertRaisesRegex(ValueError, "is not a training domain .*python -m train.main"):
      TrainingDomain.load(path)

  @parameterized.parameters((400, 400, "100"), (399, 400, "99.8"), (99999, 100000, "99.9"),
                            (1, 3, "33.3"), (1, 8, "12.5"), (1, 100000, "<0.01"), (0, 400, "0"))
  def test_percent(self, flagged, galaxies, percent):
    flags = np.zeros(galaxies, np.int16)
    flags[:flagged] = 1
    self.assertStartsWith(domain.count_flags(flags),
                          f"{flagged} of {galaxies} galaxies ({percent}%): ")

  def test_counts(self):
    self.assertEqual(domain.count_flags(np.array([0, 3, 16, 1])),
                     "3 of 4 galaxies (75%): magnitude 2, colour 1, off-centre 0, saturated 0, "
                     "p(z) at edge 1")
    self.assertStartsWith(domain.count_flags(np.zeros(0, np.int16)), "0 of 0 galaxies (0%)")


if __name__ == "__main__":
  tf.test.main()
