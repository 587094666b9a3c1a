"""Pixels of all bands on the reference band's grid, flux conserved.

Flux per pixel is scaled by the area of the pixels; surface brightness (BUNIT such as MJy/sr) is
averaged and stays what it is.

The reference band, and any band whose pixels lie on its grid, is copied.  Others are
interpolated by cubic splines.  On an SDSS field, splines changed the noise of pixels and
apertures least among the methods of reproject: bilinear interpolation and exact overlaps
reduce the noise of a pixel by a third, adaptive resampling by a half.  Pixels that are much
finer than those of the reference are summed over exact overlaps instead, since interpolation
would use some of them and ignore the rest.
"""

from __future__ import annotations

from importlib.util import find_spec
import warnings

from astropy.utils.exceptions import AstropyWarning
import numpy as np

from data_tools.cutouts import footprints
from data_tools.cutouts.frames import Frame, FrameError, Grid
from data_tools.fits_headers.pixel_units import PixelUnit

_SPLINE_BORDER = 12  # pixels over which the effect of an edge on a cubic spline vanishes
_GOOD_BORDER = 4  # pixels over which that effect falls to half a per cent
_ON_THE_GRID = 1e-3  # pixels
_FINER = 1.25  # frame pixels per reference pixel, above which they are summed
_MOST_ZEROS = 0.05  # fraction of pixels of exactly 0, above which they may be a hole
_SCATTERED = 0.4  # of the neighbours expected for scattered zeros; fewer are an area's edge


def check_installed() -> None:
  """Raises OSError if reproject is not installed."""
  if find_spec("reproject") is None:
    raise OSError("reproject is not installed: pip install '.[cutouts]'")


def cutout(frame: Frame, reference: Grid, first: np.ndarray, size: int) -> np.ndarray:
  """One band of one cutout.

  Args:
    frame: the band's frame; flux per pixel, or surface brightness if BUNIT says so.
    reference: the grid of the cutout.
    first: [2] first column and row of the cutout in the reference frame.
    size: side, pixels.

  Returns:
    [size, size] float32, flux per reference pixel, or surface brightness.

  Raises:
    FrameError: the frame is damaged, or has no data in the cutout.
  """
  places = footprints.corners(reference, first[None], size, frame.grid)
  moved = places[0] - footprints.corners(reference, first[None], size, reference)[0]
  shift = np.round(moved[0]).astype(np.int64)
  if np.all(np.abs(moved - shift) < _ON_THE_GRID):
    left, top = (first + shift).tolist()
    image = _checked(frame.window(left, top, left + size, top + size))
  else:
    image = _resampled(frame, reference, first, size, places[0])
    if frame.grid.kind != PixelUnit.SURFACE_BRIGHTNESS:
      image *= footprints.scale(places, size)[0]
  return image.astype(np.float32)


def _resampled(frame, reference, first, size, places) -> np.ndarray:
  """Surface brightness (flux per pixel of the frame) on the reference's grid."""
  from reproject import reproject_exact, reproject_interp  # an optional dependency

  left, top, right, bottom = _around(places, _SPLINE_BORDER, frame.grid.shape)
  window = frame.window(left, top, right, bottom)
  inner = _around(places - (left, top), _GOOD_BORDER, window.shape)
  _checked(window[inner[1]:inner[3], inner[0]:inner[2]])
  window[~np.isfinite(window)] = 0  # too far out for a hole to matter, but NaN would spread
  source = window, _part(frame.grid, left, top, right, bottom)
  target = _part(reference, *first, *(first + size))
  options = dict(shape_out=(size, size), return_footprint=False)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", AstropyWarning)
    if footprints.scale(places[None], size)[0] > _FINER:
      return reproject_exact(source, target, parallel=False, **options)
    return reproject_interp(source, target, order="bicubic", roundtrip_coords=False, **options)


def _around(places: np.ndarray, border: int, shape: tuple[int, int]) -> list[int]:
  """Left, top, right and bottom of the pixels around places [n, 2], within a frame."""
  low = np.maximum(np.floor(places.min(axis=0)).astype(int) - border, 0)
  high = np.minimum(np.ceil(places.max(axis=0)).astype(int) + border + 1, shape[::-1])
  return [*low.tolist(), *high.tolist()]


def _part(grid: Grid, left, top, right, bottom):
  """The coordinates of a window."""
  return grid.wcs.slice((slice(int(top), int(bottom)), slice(int(left), int(right))))


def _checked(window: np.ndarray) -> np.ndarray:
  """The window, if all of it holds data.

  Stacks have areas of exactly 0 where nothing was observed.  Zeros of photon counts are data.
  """
  if not np.all(np.isfinite(window)):
    raise FrameError("pixels that are not finite")
  if window.size and np.all(window == window.flat[0]) or _has_hole(window):
    raise FrameError("no data")
  return window


def _has_hole(window: np.ndarray) -> bool:
  """Whether zeros fill an area of an image whose other pixels are no counts."""
  zero = window == 0
  share = np.mean(zero)
  if share <= _MOST_ZEROS or _are_counts(window[~zero]):
    return False
  # Zeros that are scattered have neighbours other than 0 as often as any pixel has; of those
  # that fill an area or a column, only the ones at its edge do.
  return any(_share_at_edge(*pair) < _SCATTERED * (1 - share)
             for pair in ((zero[1:], zero[:-1]), (zero[:, 1:], zero[:, :-1])))


def _share_at_edge(zero: np.ndarray, following: np.ndarray) -> float:
  """Of the neighbours of zeros along one axis, those that are no zeros, as a fraction."""
  return np.sum(zero ^ following) / max(np.sum(zero) + np.sum(following), 1)


def _are_counts(pixels: np.ndarray) -> bool:
  """Whether all pixels are positive multiples of the least one, as counts (per second) are."""
  least = pixels.min()
  multiples = pixels / least
  return bool(least > 0 and np.allclose(multiples, np.round(multiples), rtol=0, atol=1e-3))
