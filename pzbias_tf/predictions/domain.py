"""What a network was trained on, and flags for galaxies outside of it.

An estimate for such a galaxy may be right, but no test sample has shown it.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np

from pzbias_tf.guards import json_files
from pzbias_tf.predictions import input_ranges

SHARE = 0.999
"""Ranges hold this central share of the training galaxies, so that a single odd one widens none."""

PEAK_OFFSET = 4.0
"""Pixels: a brightest place this close to the centre is never off-centre."""

PLATEAU = 4
"""An image is saturated where at least this many pixels share the highest value of a band."""

EDGE_BINS, EDGE_PROBABILITY = 0.01, 0.1
"""p(z) is at the edge where this share of bins, at one end, has more than this probability."""

FLAGS = {"magnitude": 1, "colour": 2, "off-centre": 4, "saturated": 8, "p(z) at edge": 16,
         "other input": 64}
"""{reason: bit}; 32 is `estimates_in_graph.NO_ESTIMATE`."""

LIKELY = {
    "magnitude": "their r magnitudes are those of another aperture or system, or the sample is of "
                 "another depth",
    "colour": "bands are in another order, or have other zero points or another reddening",
    "off-centre": "the cutouts are not centred on the galaxies",
    "saturated": "the images are cut off at a highest value",
    "p(z) at edge": "many galaxies are beyond the redshifts of the training",
    "other input": "fluxes are in another unit, magnitudes have other zero points, or images or "
                   "errors are those of another depth"}
"""{reason: why many galaxies may have it}."""

_SOFTENING = 0.05  # of the median flux: keeps colours finite where a band has no flux
_FORMAT = "pzbias_tf training domain 1"
_SCHEMA = {"format": str, "galaxies": int, "r_mag": [float], "softening": [float],
           "colours": [[json_files.NUMBER_OR_INF]], "peak_offset": float,
           "input?": json_files.Each([[json_files.NUMBER_OR_INF]])}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingDomain:
  """Ranges that hold SHARE of the training galaxies.

  Attributes:
    galaxies: number of measured galaxies.
    r_mag: lowest and highest r magnitude.
    softening: flux of each band below which magnitudes become linear in flux; () of photometry.
    colours: lowest and highest colour of neighbouring bands, mag; of images from
      their flux without zero points, so up to constants.
    peak_offset: largest distance of the brightest place from the centre, pixels; 0 of
      photometry.
    input: ranges of `input_ranges`; {} in files of before, which flag no other input.
  """

  galaxies: int
  r_mag: tuple[float, float]
  softening: tuple[float, ...]
  colours: tuple[tuple[float, float], ...]
  peak_offset: float
  input: input_ranges.Ranges = dataclasses.field(default_factory=dict)

  @classmethod
  def fit(cls, r_mag: np.ndarray, images: Mapping[str, np.ndarray]) -> TrainingDomain:
    """Measures the ranges.

    Args:
      r_mag: r magnitudes of all training galaxies.
      images: measurements of some of them, by `apertures.measure_images`, and "r_mag" and
        "ebv" of the same ones [n], without which no other input is flagged.
    """
    flux = np.asarray(images["aperture_flux"], np.float64)
    softening = np.maximum(_SOFTENING * np.median(np.abs(flux), axis=0), np.finfo(np.float32).tiny)
    return cls(
        galaxies=len(flux), r_mag=_range(r_mag), softening=tuple(softening.tolist()),
        colours=tuple(_range(colour) for colour in _colours(flux, softening).T),
        peak_offset=float(np.quantile(images["peak_offset"], SHARE)),
        input=input_ranges.fit(images["r_mag"], images, SHARE) if "r_mag" in images else {})

  @classmethod
  def fit_photometry(cls, r_mag: np.ndarray, magnitudes: np.ndarray,
                     errors: np.ndarray | None = None,
                     ebv: np.ndarray | None = None) -> TrainingDomain:
    """Measures the ranges of photometry.

    Args:
      r_mag: r magnitudes of the training galaxies [n].
      magnitudes: theirs in all bands [n, bands], NaN where missing.
      errors: errors of these; None without.
      ebv: E(B-V) [n]; None where it is not known.
    """
    measured = {name: values for name, values in (
        ("magnitudes", magnitudes), ("errors", errors), ("ebv", ebv)) if values is not None}
    colours = [colour[np.isfinite(colour)] for colour in (magnitudes[:, :-1] - magnitudes[:, 1:]).T]
    return cls(galaxies=len(magnitudes), r_mag=_range(r_mag), softening=(), peak_offset=0.0,
               colours=tuple(_range(colour) if colour.size else (-np.inf, np.inf)
                             for colour in colours),
               input=input_ranges.fit(r_mag, measured, SHARE))

  def flags(self, r_mag: np.ndarray, images: Mapping[str, np.ndarray],
            pdf: np.ndarray) -> np.ndarray:
    """Tells in what respect galaxies are unlike those of the training.

    Args:
      r_mag: r magnitudes [n].
      images: their measurements, by `apertures.measure_images`; of photometry, "magnitudes"
        and perhaps "errors" [n, bands], NaN where missing; and "ebv" [n].
      pdf: probability of each bin [n, bins].

    Returns:
      Sums of FLAGS, [n] int16; 0 for galaxies inside of all ranges.
    """
    reasons = {"magnitude": _outside(r_mag, *self.r_mag), "p(z) at edge": _piled_up(pdf),
               "other input": input_ranges.are_other(self.input, r_mag, images)}
    if "magnitudes" in images:  # a colour of a missing band is no unusual one
      colours = images["magnitudes"][:, :-1] - images["magnitudes"][:, 1:]
      measured = np.isfinite(colours)
    else:
      colours = _colours(images["aperture_flux"], np.array(self.softening))
      measured = np.ones_like(colours, bool)
      reasons["off-centre"] = images["peak_offset"] > max(PEAK_OFFSET, self.peak_offset)
      reasons["saturated"] = images["plateau"] >= PLATEAU
    reasons["colour"] = np.any([_outside(colour, *ends) & known for colour, ends, known in zip(
        colours.T, self.colours, measured.T)], axis=0)
    return sum(FLAGS[reason] * is_so.astype(np.int16) for reason, is_so in reasons.items())

  def save(self, path: str) -> None:
    """Writes JSON, whole or not at all."""
    fields: dict[str, Any] = {"format": _FORMAT, **dataclasses.asdict(self)}
    json_files.write(path, fields)

  @classmethod
  def load(cls, path: str) -> TrainingDomain:
    """Reads a file of `save`.

    Raises:
      OSError: it cannot be read.
      ValueError: it is something else, or has changed since it was written.
    """
    wrong = (f"{path} is not a training domain ({{problem}}); delete it, and give that stage's "
             "python -m train.main again")
    fields = json_files.read(path, _SCHEMA, wrong)
    if fields.pop("format") != _FORMAT:
      raise ValueError(wrong.replace("{problem}", "another format"))
    ranges = [fields["r_mag"], *fields["colours"]]
    further = fields.setdefault("input", {})
    ranges += [ends for columns in further.values() for ends in columns]
    if set(fields) != {name.rstrip("?") for name in _SCHEMA} - {"format"} or any(
        len(ends) != 2 for ends in ranges):
      raise ValueError(wrong.replace("{problem}", "a range has no two ends, or a key is unknown"))
    return cls(**{**fields, "r_mag": tuple(fields["r_mag"]),
                  "softening": tuple(fields["softening"]),
                  "colours": tuple(map(tuple, fields["colours"])),
                  "input": {name: tuple(map(tuple, columns))
                            for name, columns in further.items()}})


def count_flags(flags: np.ndarray, times: np.ndarray | None = None) -> str:
  """How many galaxies have flags, and which ones, in words.

  Args:
    flags: flags of galaxies, [n].
    times: for how many galaxies each stands, [n]; None for one.
  """
  times = np.ones(len(flags), np.int64) if times is None else times
  total, flagged = int(np.sum(times)), int(np.sum(times[flags != 0]))
  counts = {reason: int(np.sum(times[(flags & bit) != 0])) for reason, bit in FLAGS.items()}
  return f"{flagged} of {total} galaxies ({_percent(flagged, total)}%): " + ", ".join(
      f"{reason} {count}" for reason, count in counts.items()
      if count or reason != "other input")  # which older stages do not know


def about_many(flags: np.ndarray, times: np.ndarray | None = None) -> str:
  """A warning where more than half of the galaxies have flags; "" else.

  Args:
    flags, times: as those of `count_flags`.
  """
  times = np.ones(len(flags), np.int64) if times is None else times
  flagged, total = int(np.sum(times[flags != 0])), int(np.sum(times))
  if 2 * flagged <= total:
    return ""
  counts = {reason: int(np.sum(times[(flags & bit) != 0])) for reason, bit in FLAGS.items()}
  commonest = max(counts, key=lambda reason: counts[reason])
  return (f"{flagged} of {total} galaxies are outside of the training domain, most often for "
          f"{commonest!r} ({counts[commonest]}): perhaps {LIKELY[commonest]}. Their redshifts may "
          "be wrong")


def _percent(part, whole):
  """Three digits; 0 and 100 stand for none and all alone."""
  share = 100.0 * part / max(whole, 1)
  if 0 < share < 0.01:
    return "<0.01"
  return f"{share if part == whole else min(share, 99.9):.3g}"


def _range(values):
  low, high = np.quantile(values, [0.5 - 0.5 * SHARE, 0.5 + 0.5 * SHARE])
  return float(low), float(high)


def _outside(values, low, high):
  return ~((values >= low) & (values <= high))  # True for NaN as well


def _colours(flux, softening):
  """Colours of neighbouring bands [n, bands - 1], in asinh magnitudes (Lupton et al. 1999)."""
  mag = -2.5 / np.log(10.0) * np.arcsinh(flux / (2.0 * softening))
  return mag[:, :-1] - mag[:, 1:]


def _piled_up(pdf):
  bins = max(1, round(EDGE_BINS * pdf.shape[1]))
  return np.maximum(pdf[:, :bins].sum(1), pdf[:, -bins:].sum(1)) > EDGE_PROBABILITY
