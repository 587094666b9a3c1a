"""What distinguishes one survey from another, as data.

A `Survey` holds the redshift grid, the magnitude grid, the number of redshift
outputs and the thresholds of the method.  Every step of the data's way, from
the readers to the report, asks it; no other file of the library names a survey.

Source: Lin et al. 2022 (arXiv:2202.09964), Sections 2 and 3.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from typing import Mapping

import numpy as np

from pzbias_tf import survey_checks
from pzbias_tf.compat import plain_arrays

WIDE_BINS = 40
"""Number of wide redshift bins in the residual curves and in Step 4."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
  """Redshift grid, magnitude grid, outputs and thresholds of one survey.

  Attributes:
    name: name used in run folders, e.g. "sdss".
    dataset: name of the survey's data set; surveys that share images
      (CFHTLS-WIDE and CFHTLS-DEEP) share a data set.
    bands: band names, in the order of the image's last axis.
    image_size: side of a cutout, pixels.
    pixel_scale_arcsec: arcsec per pixel.
    flux_divisor: stored pixel values are divided by this on reading.
    z_min: lower edge of the redshift grid.
    z_max: upper edge of the redshift grid.
    bins: number of redshift bins.
    r_min: lower edge of the magnitude grid, mag (r band, AB).
    r_max: upper edge of the magnitude grid, mag.
    r_step: height of a magnitude row, mag.
    max_r_mag: faintest r magnitude of the sample that conversions take, mag; None
      for no limit.
    extend_left: bins that Step 3 adds below z_min, as a fraction of `bins`.
    extend_right: bins that Step 3 adds above z_max, as a fraction of `bins`.
    extend_exceptions: {bins: (left, right)}, numbers of added bins that replace
      the fractions on grids of so many bins.
    balance_threshold: largest number of galaxies per (redshift bin, magnitude
      row) that the balanced subset of Step 2 keeps.
    outlier_threshold: abs(dz) above which an estimate counts as an outlier.
    fit_z_min: the slope of the residual is fitted above this redshift.
    batch_size: default global batch size of Baseline and Step 1.
    batch_size_output: default global batch size of Steps 2 and 3.
    field: part of the data set that Steps 2 and 3 use ("" means all of it).
    sample: sample of the data set that Steps 2 and 3 and all tests use ("" means
      all of it).
    published_variants: True where the study's modified samples (`--errl`,
      `--midreduce`, `--itealter`) are defined.
  """

  name: str
  dataset: str = ""
  bands: tuple[str, ...] = ("u", "g", "r", "i", "z")
  image_size: int = 64
  pixel_scale_arcsec: float
  flux_divisor: float = 1.0
  z_min: float = 0.0
  z_max: float
  bins: int
  r_min: float
  r_max: float
  r_step: float = 0.5
  max_r_mag: float | None = None
  extend_left: float = 0.5
  extend_right: float = 0.5
  extend_exceptions: Mapping[int, tuple[int, int]] = dataclasses.field(
      default_factory=dict, hash=False)
  balance_threshold: int
  outlier_threshold: float
  fit_z_min: float
  batch_size: int = 32
  batch_size_output: int = 32
  field: str = ""
  sample: str = ""
  published_variants: bool = False

  def __post_init__(self):
    if not self.dataset:
      object.__setattr__(self, "dataset", self.name)
    survey_checks.check(self)

  # The redshift grid.

  @property
  def bin_width(self) -> float:
    """Width of a redshift bin, in redshift."""
    return (self.z_max - self.z_min) / self.bins

  @property
  def extension(self) -> tuple[int, int]:
    """Numbers of bins that Step 3 adds below z_min and above z_max."""
    if self.bins in self.extend_exceptions:
      left, right = self.extend_exceptions[self.bins]
      return left, right
    return int(self.bins * self.extend_left), int(self.bins * self.extend_right)

  @property
  def bins_extended(self) -> int:
    """Number of redshift bins of the extended grid, which Step 3 uses."""
    return self.bins + sum(self.extension)

  def edges(self, *, extended: bool = False) -> np.ndarray:
    """Edges of the redshift bins, [bins + 1] float64; [bins_extended + 1] if `extended`."""
    left, right = self.extension if extended else (0, 0)
    return self.z_min + self.bin_width * np.arange(-left, self.bins + right + 1)

  def centers(self, *, extended: bool = False) -> np.ndarray:
    """Centres of the redshift bins, [bins] float64; [bins_extended] if `extended`."""
    edges = self.edges(extended=extended)
    return edges[:-1] + 0.5 * self.bin_width

  def wide_edges(self) -> np.ndarray:
    """Edges of the wide redshift bins, [WIDE_BINS + 1] float64."""
    return np.linspace(self.z_min, self.z_max, WIDE_BINS + 1)

  def redshift_bin(self, z: np.ndarray) -> np.ndarray:
    """Bin of each redshift on the un-extended grid, clipped to it, int64.

    Args:
      z: redshifts, any shape.

    Returns:
      Integers in [0, bins).  z = z_max falls into the last bin.

    Raises:
      ValueError: a redshift is not finite.
    """
    return _grid_index(z, self.z_min, self.bin_width, self.bins, "redshift")

  # The magnitude grid.

  @property
  def rows(self) -> int:
    """Number of magnitude rows."""
    return int(round((self.r_max - self.r_min) / self.r_step))

  @property
  def outputs(self) -> int:
    """Number m of redshift outputs: one per overlapping group of magnitude rows."""
    return self.rows // 2 + 1

  def magnitude_row(self, r_mag: np.ndarray) -> np.ndarray:
    """Magnitude row of each r magnitude, clipped to the grid.

    Args:
      r_mag: r magnitudes, any shape.

    Returns:
      Integers in [0, rows), int64, in the shape of `r_mag`.

    Raises:
      ValueError: a magnitude is not finite (the conversion replaces those).
    """
    return _grid_index(r_mag, self.r_min, self.r_step, self.rows, "magnitude")

  def with_bins(self, bins: int) -> Survey:
    """The same survey with `bins` redshift bins.

    Raises:
      ValueError: `bins` is not a whole number of at least 1.
    """
    return dataclasses.replace(self, bins=bins)

  def without_magnitudes(self) -> Survey:
    """The same survey with a single magnitude row, for galaxies of unknown magnitude."""
    return dataclasses.replace(self, r_step=self.r_max - self.r_min)

  def whole_dataset(self) -> Survey:
    """The survey as Baseline and Step 1 see it: every field of the data set.

    These stages train on all samples, but are tested on `sample` alone.  They do
    not use the balancing threshold; it is set to 0, so that surveys that share a
    data set share these stages.
    """
    return dataclasses.replace(
        self, name=self.dataset, field="", balance_threshold=0)


def _grid_index(values, lower, step, size, what):
  """clip(floor((values - lower) / step), 0, size - 1)."""
  values = plain_arrays.numbers(
      values, what, plain_arrays.REDSHIFT if what == "redshift" else plain_arrays.MAGNITUDE)
  if not np.all(np.isfinite(values)):
    raise ValueError(
        f"{np.sum(~np.isfinite(values))} of {values.size} {what} values are not "
        "finite; leave out these galaxies or convert the catalogue again")
  return np.clip(np.floor((values - lower) / step), 0, size - 1).astype(np.int64)


_FOLDER = os.path.join(os.path.dirname(__file__), "surveys")

# The name of a data set alone means its larger part.
_ALIASES = {"cfhtls": "cfhtls_wide"}


def survey_names() -> list[str]:
  """Names of the surveys that the package knows; each has a file in pzbias_tf/surveys."""
  return sorted(name.removesuffix(".toml") for name in os.listdir(_FOLDER)
                if name.endswith(".toml"))


def survey_file(name: str) -> str:
  """The file of a survey that the package knows."""
  return os.path.join(_FOLDER, f"{name}.toml")


def load_survey(name_or_path: str) -> Survey:
  """Finds a survey by name, or reads one from a TOML file.

  The file's keys are the attributes of `Survey`; keys of
  `[extend_exceptions]` are numbers of bins.

  Args:
    name_or_path: one of `survey_names()`, "cfhtls" for its WIDE part, or FILE.toml.

  Returns:
    The survey.

  Raises:
    ValueError: there is no such survey, or a key of the file is unknown, missing,
      or has a wrong value.
    OSError: the file cannot be read.
  """
  name = _ALIASES.get(name_or_path, name_or_path)
  if name in survey_names():
    return _read(survey_file(name))
  if not name_or_path.endswith(".toml"):
    raise ValueError(
        f"no survey {name_or_path!r}; choose one of {', '.join([*survey_names(), *_ALIASES])}, "
        "or name a .toml file that defines one")
  return _read(name_or_path)


def _read(path: str) -> Survey:
  """The survey of a file."""
  with open(path, "rb") as file:
    try:
      settings = tomllib.loads(file.read().decode("utf-8-sig"))  # editors may put a mark first
    except UnicodeDecodeError as error:
      raise ValueError(f"{path}: not a text in UTF-8 ({error}); save it as such") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
      raise ValueError(f"{path}: not a valid TOML file: {error}") from error
  return survey_from_mapping(settings, origin=path)


def survey_from_mapping(settings: Mapping, *, origin: str) -> Survey:
  """Makes a Survey from the table of a TOML file.

  Args:
    settings: the attributes of `Survey`; "name" defaults to the file's name.
    origin: the file, named in error messages.

  Raises:
    ValueError: a key is unknown or missing, or its value is wrong.
  """
  settings = dict(settings)
  settings.setdefault("name", os.path.splitext(os.path.basename(origin))[0])
  known = {field.name for field in dataclasses.fields(Survey)}
  unknown = sorted(set(settings) - known)
  if unknown:
    raise ValueError(
        f"{origin}: unknown keys {', '.join(unknown)}; remove or correct them, known keys are "
        f"{', '.join(sorted(known))}")
  missing = [field.name for field in dataclasses.fields(Survey)
             if field.default is field.default_factory is dataclasses.MISSING
             and field.name not in settings]
  if missing:
    raise ValueError(f"{origin}: the keys {', '.join(missing)} are missing; a complete file is\n\n"
                     + _example())
  if isinstance(settings.get("bands"), list):
    settings["bands"] = tuple(settings["bands"])
  try:
    if "extend_exceptions" in settings:
      settings["extend_exceptions"] = _exceptions(settings["extend_exceptions"])
    return Survey(**settings)
  except (AttributeError, TypeError, ValueError) as error:  # a value is not valid
    raise ValueError(f"{origin}: {error}") from error


def _exceptions(table) -> dict[int, tuple]:
  """{number of bins: numbers of bins on both sides}."""
  try:
    return {int(bins): tuple(sides) for bins, sides in table.items()}
  except (AttributeError, TypeError, ValueError) as error:
    raise ValueError("extend_exceptions must be a table of two numbers of bins for a number of "
                     f"bins, e.g. 20 = [20, 20], got {table!r}") from error


def _example() -> str:
  """A file of a survey, to be copied."""
  with open(survey_file("kids"), encoding="utf-8") as file:
    return file.read()


SDSS = load_survey("sdss")
"""The main galaxy sample of SDSS, as in the paper: r < 17.8 and z < 0.4."""

CFHTLS_WIDE = load_survey("cfhtls_wide")
"""The wide fields of CFHTLS, as in the paper."""

CFHTLS_DEEP = load_survey("cfhtls_deep")
"""The deep fields of CFHTLS, as in the paper."""
