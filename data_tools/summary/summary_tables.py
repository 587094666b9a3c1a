"""Tables of numbers for the terminal."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from data_tools.summary import galaxy_table
from data_tools.summary.pixel_statistics import PERCENTILES, BandStatistics
from pzbias_tf.data.manifest import Manifest


def split_table(galaxies: galaxy_table.Galaxies, manifest: Manifest) -> str:
  """Galaxies, records, bytes, redshifts and magnitudes per split."""
  rows = [("split", "galaxies", "records", "shards", "MB", "median z", "median r")]
  for split in galaxies.splits():
    mine = galaxies.split == split
    z_spec = galaxies.z_spec[mine & np.isfinite(galaxies.z_spec)]
    shards = manifest.split_shards(split)
    rows.append((split, f"{mine.sum()}", f"{manifest.records(split)}", f"{len(shards)}",
                 f"{sum(shard.bytes for shard in shards) / 1e6:.1f}",
                 f"{np.median(z_spec):.4f}" if z_spec.size else "-",
                 f"{np.median(galaxies.r_mag[mine]):.2f}"))
  return _aligned(rows)


def cell_table(galaxies: galaxy_table.Galaxies) -> str:
  """Galaxies with z_spec per magnitude bin (lines) and redshift bin (columns), with sums."""
  known = np.isfinite(galaxies.z_spec)
  r_edges = galaxy_table.round_edges(galaxies.r_mag[known], 12)
  z_edges = galaxy_table.round_edges(galaxies.z_spec, 10)
  numbers = galaxy_table.counts(galaxies, r_edges, z_edges)
  rows = [("r \\ z", *_ranges(z_edges), "all")]
  for name, row in zip(_ranges(r_edges), numbers):
    rows.append((name, *(str(number) if number else "." for number in row), str(row.sum())))
  rows.append(("all", *map(str, numbers.sum(0)), str(numbers.sum())))
  return _aligned(rows)


def band_table(bands: Sequence[str], statistics: BandStatistics) -> str:
  """Noise, flux and percentiles of pixels, one line per band."""
  rows = [("band", "sky rms", "flux", *(f"{percent:g}%" for percent in PERCENTILES))]
  for index, band in enumerate(bands):
    numbers = (statistics.sky_rms[index], statistics.flux[index], *statistics.percentiles[:, index])
    rows.append((band, *(f"{number:.4g}" for number in numbers)))
  return _aligned(rows)


def magnitude_table(bands: Sequence[str], magnitudes: np.ndarray,
                    errors: np.ndarray | None) -> str:
  """Missing magnitudes, percentiles and median errors, one line per band.

  Args:
    bands: names of the bands.
    magnitudes: [galaxies, bands], mag; NaN where missing.
    errors: the same of their errors; None without.
  """
  rows = [("band", "missing", *(f"{percent:g}%" for percent in PERCENTILES),
           *["error"] * (errors is not None))]
  for index, band in enumerate(bands):
    known = magnitudes[np.isfinite(magnitudes[:, index]), index]
    numbers = np.percentile(known, PERCENTILES) if known.size else [np.nan] * len(PERCENTILES)
    error = [] if errors is None else [f"{np.nanmedian(errors[:, index]):.4f}"]
    rows.append((band, f"{len(magnitudes) - known.size}",
                 *(f"{number:.2f}" for number in numbers), *error))
  return _aligned(rows)


def _ranges(edges: np.ndarray) -> list[str]:
  return [f"{low:g}-{high:g}" for low, high in zip(edges, edges[1:])]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
  """A table as text; the first column is aligned left, the others right."""
  widths = [max(map(len, column)) for column in zip(*rows)]
  return "\n".join("  " + "  ".join(
      word.rjust(width) if place else word.ljust(width)
      for place, (word, width) in enumerate(zip(row, widths))) for row in rows)
