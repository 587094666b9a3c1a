"""Observations of both simulated surveys, and measurements of their images, for the tests."""

import functools

from astropy.table import Table
import numpy as np

from data_tools.simulation import photometry, rendering, structure
from data_tools.simulation.observation import Chunk, Observation
from data_tools.simulation.options import SimulationOptions
from data_tools.simulation.population import Galaxies, Population
from data_tools.simulation.samples import simulated_survey

BANDS = "ugriz"
R = 2  # index of the r band


@functools.cache
def observation(dataset: str) -> Observation:
  """A survey without neighbours, for tests of the galaxy in the middle.

  Building one takes half a second, so all tests share it.
  """
  return Observation(dataset, seed=5, image_size=64, options=SimulationOptions(neighbours=0))


@functools.cache
def chunk(dataset: str, number: int = 0) -> Chunk:
  """A chunk of the survey's first sample."""
  return observation(dataset).chunk(0, number)


def draw_galaxies(dataset: str, num: int, part: int = 0) -> Galaxies:
  """Galaxies of one part of a survey's first sample, without images."""
  survey = simulated_survey(dataset)
  grid = photometry.flux_grid(survey.instrument.filters, survey.z_max)
  population = Population(survey.samples[0].parts[part], grid, survey.instrument)
  return population.draw(num, np.random.default_rng(11))


def corners(images: np.ndarray) -> np.ndarray:
  """Pixels of the four 8 x 8 corners, [n, 256, bands]."""
  parts = [images[:, y, x] for y in (slice(0, 8), slice(-8, None))
           for x in (slice(0, 8), slice(-8, None))]
  return np.concatenate([part.reshape(len(images), -1, images.shape[-1]) for part in parts], 1)


def sky_rms(images: np.ndarray) -> np.ndarray:
  """Noise of the corners of images of small galaxies (median absolute deviation), [bands]."""
  sky = corners(images)
  deviation = np.abs(sky - np.median(sky, axis=1, keepdims=True))
  return 1.4826 * np.median(deviation, axis=(0, 1))


def point_source(instrument, size: int = 64) -> np.ndarray:
  """A noise-free image of a round, point-like galaxy of flux 1, [size, size, bands]."""
  bands = len(instrument.filters)
  part = structure.Component(structure.POINT, np.ones((1, bands)), np.zeros(1), np.ones(1))
  shapes = structure.Shapes((part,), np.zeros(1), np.zeros((1, 2)))
  fwhm = np.array([instrument.fwhm_arcsec])
  return rendering.render(shapes, np.ones((1, bands)), fwhm, instrument, size)[0]


def galaxy_table(num: int = 40, seed: int = 0) -> Table:
  """A table of plausible galaxies with redshift and ugriz."""
  rng = np.random.default_rng(seed)
  z = rng.uniform(0.03, 0.3, num)
  mag = rng.uniform(15, 17.5, num)[:, None] + [2.6, 0.9, 0.0, -0.4, -0.7]
  return Table([z, *(mag + 0.1 * rng.standard_normal(mag.shape)).T],
               names=("redshift", *BANDS))
