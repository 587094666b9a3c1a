"""Samples -> chunks of images with their catalogue, a bounded number at a time.

The random numbers of a chunk depend on (seed, sample, chunk) alone: the galaxies are the
same for any total number of galaxies and any number of threads.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import functools
import os
from typing import Callable, Generator

import numpy as np

from data_tools.simulation import neighbours as neighbours_lib
from data_tools.simulation import photometry, rendering, structure
from data_tools.simulation.options import SimulationOptions
from data_tools.simulation.population import Galaxies, Population, SampleSelection
from data_tools.simulation.real_photometry import RealGalaxies
from data_tools.simulation.samples import simulated_survey

CHUNK = 250
"""Number of galaxies simulated at once; another number would give other galaxies."""

_MEAN_EBV, _MAX_EBV = 0.03, 0.3
_MAX_THREADS = 8


@dataclasses.dataclass(frozen=True)
class Chunk:
  """The data that the survey would publish about n galaxies.

  Attributes:
    images: [n, size, size, bands] float32, stored flux units.
    z: spectroscopic redshifts, [n] float64.
    z_photo: a reference photometric redshift with simulated errors, [n].
    ebv: Galactic reddening E(B-V), [n].
    mag: catalogue magnitudes, dereddened, errors included, [n, bands].
    mag_err: standard errors of these magnitudes, [n, bands].
    field: field names, [n] str.
    ra: right ascension, deg, [n].
    dec: declination, deg, [n].
    row: row of the table of real galaxies that was rendered, -1 without a table, [n].
  """

  images: np.ndarray
  z: np.ndarray
  z_photo: np.ndarray
  ebv: np.ndarray
  mag: np.ndarray
  mag_err: np.ndarray
  field: np.ndarray
  ra: np.ndarray
  dec: np.ndarray
  row: np.ndarray


class Observation:
  """A simulated survey that is observed in chunks.

  Attributes:
    samples: the survey's samples.
    instrument: the survey's instrument.
    real: the table of real galaxies that is rendered, or None.
  """

  def __init__(self, dataset: str, *, seed: int, image_size: int,
               options: SimulationOptions = SimulationOptions()):
    """Builds the tables that all chunks share.

    Args:
      dataset: "sdss" or "cfhtls".
      seed: not negative.
      image_size: side of a cutout, pixels.
      options: neighbours, PSF, real photometry; its image size is not used.
    """
    survey = simulated_survey(dataset)
    self.samples, self.instrument = survey.samples, survey.instrument
    if options.fwhm_arcsec:
      self.instrument = dataclasses.replace(self.instrument, fwhm_arcsec=options.fwhm_arcsec)
    self._seed, self._size = seed, image_size
    grid = photometry.flux_grid(
        self.instrument.filters, max(survey.z_max, survey.field.galaxies.z_max))
    self._populations = [
        [Population(part, grid, self.instrument) for part in sample.parts]
        for sample in survey.samples]
    self._neighbours = neighbours_lib.Neighbours(
        survey.field, grid, self.instrument, options.neighbours)
    self.real = (RealGalaxies(options.photometry, z_max=survey.z_max, seed=seed)
                 if options.photometry else None)

  def chunks(self, sample: int, num: int) -> Generator[Chunk, None, None]:
    """The first `num` galaxies of a sample, in order, computed on several threads."""
    sizes = [min(CHUNK, num - first) for first in range(0, num, CHUNK)]
    threads = min(_MAX_THREADS, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
      waiting: collections.deque[concurrent.futures.Future] = collections.deque()
      for number, size in enumerate(sizes):
        waiting.append(pool.submit(self.chunk, sample, number, size))
        if len(waiting) > threads:  # limits the images in memory
          yield waiting.popleft().result()
      while waiting:
        yield waiting.popleft().result()

  def chunk(self, sample: int, number: int, size: int = CHUNK) -> Chunk:
    """The first `size` galaxies of one chunk.

    Args:
      sample: index in `samples`.
      number: number of the chunk within the sample.
      size: number of galaxies, at most CHUNK.
    """
    rng = self._rng(sample, number, 0)
    parts = rng.choice(len(self.samples[sample].parts), CHUNK,
                       p=self.samples[sample].part_shares)
    pieces, places = [], []
    for part, population in enumerate(self._populations[sample]):
      place = np.flatnonzero(parts == part)
      names = self.samples[sample].field_names[part]
      rng = self._rng(sample, number, 1, part)
      galaxies, row = self._galaxies(population, number * CHUNK + place, rng)
      add_neighbours = functools.partial(
          self._neighbours.add, rng=self._rng(sample, number, 2, part))
      pieces.append(observe(population, galaxies, row, names, int(np.sum(place < size)),
                            self._size, rng, add_neighbours))
      places.append(place[place < size])
    return _interleaved(pieces, np.argsort(np.concatenate(places)))

  def _galaxies(self, population, index, rng):
    """The galaxies at some indices of the sample, and their rows in the table or -1."""
    if self.real is None:
      return population.draw(len(index), rng), np.full(len(index), -1)
    chosen = self.real.order(index)
    return self.real.galaxies(chosen, population), self.real.rows[chosen]

  def _rng(self, *key):
    """One random generator per (sample, chunk, purpose)."""
    return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))


def observe(population: Population, galaxies: Galaxies, row: np.ndarray,
            field_names: tuple[str, ...], kept: int, size: int, rng: np.random.Generator,
            add_neighbours: Callable[..., None]) -> Chunk:
  """Observes galaxies of one selection.

  Args:
    population: the population that they were drawn from.
    galaxies: n galaxies.
    row: rows in the table of real galaxies, [n].
    field_names: fields that the galaxies are distributed over.
    kept: how many of them to observe, from the first, so that a shorter run is a prefix.
    size: side of a cutout, pixels.
    rng: source of all random numbers except the neighbours'.
    add_neighbours: function (images, transmitted, fwhm_arcsec) that adds neighbours.
  """
  instrument, cut, drawn = population.instrument, population.selection, len(galaxies.z)
  shapes = structure.draw_shapes(galaxies, population, rng)
  ebv = np.minimum(rng.exponential(_MEAN_EBV, drawn), _MAX_EBV)
  transmitted = 10 ** (-0.4 * ebv[:, None] * np.asarray(instrument.extinction))
  fwhm, rms = instrument.draw_fwhm(drawn, rng), instrument.draw_sky_rms(cut.field, drawn, rng)
  error = _mag_error(galaxies.flux * transmitted, shapes, fwhm, rms, instrument)
  mag = instrument.zero_point - 2.5 * np.log10(np.maximum(galaxies.flux, 1e-12))
  mag = mag + error * rng.standard_normal(error.shape)
  table = dict(
      z=galaxies.z, z_photo=_reference_photo_z(galaxies, cut, rng), ebv=ebv, mag=mag,
      mag_err=error, field=np.asarray(field_names)[rng.integers(len(field_names), size=drawn)],
      ra=rng.uniform(110.0, 260.0, drawn),
      dec=np.degrees(np.arcsin(rng.uniform(0.0, np.sin(np.radians(60.0)), drawn))),
      row=row)
  images = rendering.render(shapes, transmitted, fwhm, instrument, size)[:kept]
  add_neighbours(images, transmitted, fwhm)
  rendering.add_noise(images, rms[:kept], instrument.sky_flux, rng)
  return Chunk(images=images, **{name: column[:kept] for name, column in table.items()})


def _mag_error(flux, shapes, fwhm_arcsec, rms, instrument):
  """Error of a magnitude measured in an aperture of twice the disc's radius.

  At least 0.005 mag, for the calibration, and at most 0.5 mag, for non-detections.
  """
  disc = shapes.components[1].radius_arcsec[:, None]
  radius_squared = (2 * disc) ** 2 + fwhm_arcsec**2
  pixels = np.pi * radius_squared / instrument.pixel_scale_arcsec**2
  noise = rms * np.sqrt(pixels + flux / instrument.sky_flux)
  error = 2.5 / np.log(10) * noise / np.maximum(flux, 1e-12)
  return np.minimum(np.hypot(error, 0.005), 0.5)


def _reference_photo_z(galaxies: Galaxies, cut: SampleSelection, rng: np.random.Generator):
  """A photo-z for comparison: scatter, a mild regression to the pivot, some outliers."""
  num = len(galaxies.z)
  z_photo = (galaxies.z + cut.z_photo_slope * (cut.z_photo_pivot - galaxies.z)
             + cut.z_photo_scatter * (1 + galaxies.z) * rng.standard_normal(num))
  outlier = rng.random(num) < cut.z_photo_outliers
  z_photo = np.where(outlier, rng.uniform(0, min(2.0, cut.z_max), num), z_photo)
  return np.clip(z_photo, 0.001, cut.z_max)


def _interleaved(pieces: list[Chunk], order: np.ndarray) -> Chunk:
  """Joins the galaxies of all parts in the chunk's order."""
  if len(pieces) == 1:
    return pieces[0]
  return Chunk(**{
      field.name: np.concatenate([getattr(piece, field.name) for piece in pieces])[order]
      for field in dataclasses.fields(Chunk)})
