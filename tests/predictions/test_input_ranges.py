"""Inputs of another kind than the training galaxies': each kind by itself, and few of the same."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.domain import FLAGS, TrainingDomain, about_many

NUM = 2000
PDF = np.eye(200)[np.full(NUM, 100)]
OTHER = FLAGS["other input"]


def photometry(seed=0):
  """r, and magnitudes with errors that follow the noise of the sky, 24 mag deep."""
  rng = np.random.default_rng(seed)
  r_mag = rng.uniform(14, 18, NUM)
  magnitudes = r_mag[:, None] + np.array([2.0, 1.0, 0.0, -0.4, -0.7]) + rng.normal(0, 0.2, (NUM, 5))
  errors = np.hypot(0.005, 10 ** (0.4 * (magnitudes - 24.0))) * rng.uniform(0.9, 1.1, (NUM, 5))
  return r_mag, {"magnitudes": magnitudes, "errors": errors, "ebv": rng.uniform(0, 0.2, NUM)}


def images(seed=0):
  """r, and measurements of images of nanomaggies whose noise is 0.02."""
  rng = np.random.default_rng(seed)
  r_mag = rng.uniform(14, 18, NUM)
  mag = r_mag[:, None] + np.array([2.0, 1.0, 0.0, -0.4, -0.7]) + rng.normal(0, 0.2, (NUM, 5))
  return r_mag, {"aperture_flux": 10 ** (-0.4 * (mag - 22.5)), "plateau": np.ones(NUM, np.int32),
                 "corner_flux": rng.uniform(0.015, 0.025, (NUM, 5)),
                 "peak_offset": rng.uniform(0, 3, NUM), "ebv": rng.uniform(0, 0.2, NUM)}


def share(make, **changes):
  """Share of new galaxies with the flag, whose measurements are changed."""
  r_mag, measured = make()
  domain = (TrainingDomain.fit_photometry(r_mag, measured["magnitudes"], measured["errors"],
                                          measured["ebv"]) if make is photometry else
            TrainingDomain.fit(r_mag, {**measured, "r_mag": r_mag}))
  r_mag, measured = make(seed=1)
  r_mag = changes.pop("r_mag", lambda values: values)(r_mag)
  for name, change in changes.items():
    measured[name] = change(measured[name])
  return np.mean((domain.flags(r_mag, measured, PDF) & OTHER) > 0)


class InputRangesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(photometry, images)
  def test_hardly_any_galaxy_of_the_same_kind(self, make):
    self.assertLess(share(make), 0.003)

  @parameterized.named_parameters(
      ("magnitudes alone", dict(magnitudes=lambda mag: mag + 3.0)),
      ("brighter", dict(magnitudes=lambda mag: mag - 3.0)),
      ("with r", dict(magnitudes=lambda mag: mag - 3.0, r_mag=lambda mag: mag - 3.0)),
      ("errors", dict(errors=lambda error: 10 * error)),
      ("in millimag", dict(errors=lambda error: 1000 * error)),
      ("depth", dict(errors=lambda error: error / 10)),
      ("reddening", dict(ebv=lambda ebv: 3.1 * ebv + 0.5)))
  def test_photometry_of_another_kind(self, changes):
    self.assertGreater(share(photometry, **changes), 0.3)

  @parameterized.named_parameters(
      ("brighter", dict(aperture_flux=lambda flux: 10 * flux, corner_flux=lambda flux: 10 * flux)),
      ("fainter", dict(aperture_flux=lambda flux: flux / 10, corner_flux=lambda flux: flux / 10)),
      ("zero point", dict(r_mag=lambda mag: mag + 2.5)),
      ("sky", dict(corner_flux=lambda flux: flux + 1.0)),
      ("noise", dict(corner_flux=lambda flux: flux * 10)),
      ("reddening", dict(ebv=lambda ebv: ebv + 1.0)))
  def test_images_of_another_kind(self, changes):
    self.assertGreater(share(images, **changes), 0.95)

  def test_a_missing_band_is_no_other_input(self):
    self.assertLess(share(photometry, magnitudes=lambda mag: np.where(
        np.arange(5) == 2, np.nan, mag)), 0.003)
    self.assertLess(share(images, corner_flux=lambda flux: 0.0 * flux), 0.003)

  def test_a_domain_of_before_flags_no_other_input(self):
    r_mag, measured = images()
    domain = TrainingDomain.fit(r_mag, measured)
    self.assertEqual(domain.input, {})
    measured["corner_flux"] *= 100
    self.assertAllEqual(domain.flags(r_mag, measured, PDF) & OTHER, np.zeros(NUM))

  def test_files(self):
    path = self.create_tempfile().full_path
    r_mag, measured = photometry()
    measured["magnitudes"][:, 0] = np.nan
    for domain in (TrainingDomain.fit_photometry(r_mag, **{
        name: measured[name] for name in ("magnitudes", "errors", "ebv")}),
                   TrainingDomain.fit(*images())):
      domain.save(path)
      self.assertEqual(TrainingDomain.load(path), domain)

  def test_a_warning_where_more_than_half_are_flagged(self):
    self.assertEqual(about_many(np.array([0, 64, 64, 0])), "")
    self.assertEqual(about_many(np.zeros(0, int)), "")
    self.assertStartsWith(
        about_many(np.array([0, 64, 65])), "2 of 3 galaxies are outside of the training domain, "
        "most often for 'other input' (2): perhaps fluxes are in another unit")
    self.assertIn("'colour' (9): perhaps bands are in another order",
                  about_many(np.array([2, 0, 1]), np.array([9, 5, 1])))


if __name__ == "__main__":
  tf.test.main()
