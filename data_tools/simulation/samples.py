"""The samples of a simulated survey in numbers.

Redshift and magnitude limits of the surveys' spectroscopic samples; `population` draws from
them and `observation` combines them.
"""

from __future__ import annotations

import dataclasses

from data_tools.simulation.instruments import Instrument, cfhtls_instrument, sdss_instrument
from data_tools.simulation.neighbours import NeighbourField
from data_tools.simulation.population import SampleSelection


@dataclasses.dataclass(frozen=True)
class Sample:
  """A spectroscopic sample.

  Attributes:
    name: "HQ" or "LR" for CFHTLS, "MGS" for SDSS's main galaxy sample.
    share: fraction of the survey's galaxies in this sample.
    parts: selections of its parts.
    part_shares: fraction of the sample's galaxies in each part.
    field_names: names of the fields of each part ("" if the survey has none).
  """

  name: str
  share: float
  parts: tuple[SampleSelection, ...]
  part_shares: tuple[float, ...]
  field_names: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class SimulatedSurvey:
  """An instrument, the samples observed with it, and the neighbours on the sky.

  Attributes:
    instrument: filters, PSF, noise.
    samples: the samples with spectra.
    z_max: largest redshift of the samples.
    field: the neighbours on the sky.
  """

  instrument: Instrument
  samples: tuple[Sample, ...]
  z_max: float
  field: NeighbourField


def simulated_survey(dataset: str) -> SimulatedSurvey:
  """The simulated counterpart of a data set.

  Args:
    dataset: "sdss" or "cfhtls".

  Raises:
    ValueError: this survey cannot be simulated.
  """
  if dataset == "sdss":
    return _sdss()
  if dataset == "cfhtls":
    return _cfhtls()
  raise ValueError(f"no simulation of a survey {dataset!r}; choose sdss or cfhtls")


def _sdss() -> SimulatedSurvey:
  """The main galaxy sample: r < 17.77 (Strauss et al. 2002), z <= 0.4.

  Lin et al. (2022) cut the same sample at r < 17.8.

  The Schechter law alone gives almost no galaxies beyond z = 0.3; the tail represents the
  luminous red galaxies that the public data contain there.
  """
  main = SampleSelection(
      r_bright=12.6, r_faint=17.77, z_min=0.005, z_max=0.4,
      tail_share=0.02, tail_start=0.2, tail_scale=0.07,
      z_photo_scatter=0.017, z_photo_slope=0.07, z_photo_pivot=0.11)
  return SimulatedSurvey(
      sdss_instrument(), (Sample("MGS", 1.0, (main,), (1.0,), (("",),)),), z_max=0.4,
      field=NeighbourField(galaxies=_neighbours(22.5, z_max=1.2), galaxies_per_deg2=1.0e4))


def _cfhtls() -> SimulatedSurvey:
  """High-quality (HQ) and low-resolution (LR) spectra in the WIDE and DEEP fields."""
  common = dict(r_bright=16.5, z_min=0.01, z_max=4.0, tail_start=1.2, tail_scale=0.8,
                z_photo_slope=0.02, z_photo_pivot=0.6, r_width=0.35)
  wide = SampleSelection(field="W", r_half=22.4, r_faint=24.0, tail_share=0.01,
                   z_photo_scatter=0.035, z_photo_outliers=0.02, **common)
  deep = SampleSelection(field="D", r_half=23.8, r_faint=24.5, tail_share=0.04,
                   z_photo_scatter=0.03, z_photo_outliers=0.03, **common)
  wide_low = dataclasses.replace(wide, r_half=22.8, z_photo_outliers=0.03)
  fields = (tuple(f"W{n}" for n in range(1, 5)), tuple(f"D{n}" for n in range(1, 5)))
  return SimulatedSurvey(cfhtls_instrument(), (
      Sample("HQ", 10 / 11, (wide, deep), (0.75, 0.25), fields),
      Sample("LR", 1 / 11, (wide_low, deep), (0.5, 0.5), fields)), z_max=4.0,
      # 46 * 10^(0.31 (i - 25)) per square arcmin (LSST Science Book) at i = 24.6.
      field=NeighbourField(galaxies=_neighbours(25.0, z_max=4.0), galaxies_per_deg2=1.2e5))


def _neighbours(r_faint: float, *, z_max: float) -> SampleSelection:
  """All galaxies to a limit in r at which they disappear in the noise."""
  return SampleSelection(r_bright=14.0, r_faint=r_faint, z_min=0.01, z_max=z_max, tail_share=0.0,
                   tail_start=0.0, tail_scale=1.0, z_photo_scatter=0.0, z_photo_slope=0.0,
                   z_photo_pivot=0.0)
