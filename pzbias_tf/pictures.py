"""Colour pictures of galaxies, for the report's outliers and for the sheets of data_tools."""

from __future__ import annotations

from typing import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

_COLUMNS = 6
_PANEL_INCHES = 1.35


# Flux (nanomaggies per pixel) of mid-grey in i, r, g: the colours of SDSS's pictures, roughly.
SDSS_GREY = (0.35, 0.22, 0.12)
_GREY_NOISE = 8.0  # mid-grey in units of a pixel's noise, as SDSS_GREY is in SDSS's frames
_SOFTENING = 8.0


def colour_channels(bands: Sequence[str]) -> tuple[int, int, int]:
  """Indices of the bands to show as red, green and blue.

  Args:
    bands: names of the bands, from blue to red.

  Returns:
    Those of i, r, g if all are there, else of the last, the middle and the first band.
  """
  if {"g", "r", "i"} <= set(bands):
    return bands.index("i"), bands.index("r"), bands.index("g")
  return len(bands) - 1, len(bands) // 2, 0


def grey_of(images: np.ndarray) -> np.ndarray:
  """Flux of mid-grey in each band, derived from the noise of the pixels.

  Args:
    images: [n, height, width, bands], in any unit.

  Returns:
    [bands] float64, in the unit of the images.
  """
  middle = np.median(images, axis=(0, 1, 2))
  noise = 1.4826 * np.median(np.abs(images - middle), axis=(0, 1, 2))
  return _GREY_NOISE * np.maximum(noise, np.finfo(np.float32).tiny).astype(np.float64)


def colour_picture(image: np.ndarray, grey: Sequence[float] | np.ndarray = SDSS_GREY) -> np.ndarray:
  """Red, green and blue with an asinh stretch that keeps colours.

  The stretch is that of Lupton et al. (2004): the mean of the bands is compressed
  and the colours are scaled along with it.

  Args:
    image: [height, width, 3] flux of the bands shown as red, green and blue.
    grey: flux of mid-grey in these bands.

  Returns:
    [height, width, 3] float64 in [0, 1].
  """
  scaled = image / np.asarray(grey, np.float64)
  mean = np.maximum(scaled.mean(-1, keepdims=True), 1e-6)
  bright = np.arcsinh(_SOFTENING * mean) / np.arcsinh(_SOFTENING * 30)
  picture = scaled * bright / mean + 0.06
  return np.clip(picture / np.maximum(picture.max(-1, keepdims=True), 1.0), 0, 1)


def caption(r_mag: float, z: float, z_label: str = "z") -> str:
  """The line under a galaxy: its magnitude and its redshift, or that it has none."""
  redshift = f"{z_label} = {z:.2f}" if np.isfinite(z) else f"no {z_label}"
  return f"r = {r_mag:.2f}, {redshift}"


def contact_sheet(images: np.ndarray, captions: Sequence[str], bands: Sequence[str],
                  output: str, *, title: str, scale_arcsec: float = 0.0) -> None:
  """Draws galaxies in rows, with a caption under each.

  Args:
    images: [n, height, width, bands].
    captions: [n], a short line each.
    bands: names of the bands.
    output: PNG file to write.
    title: title of the sheet.
    scale_arcsec: arcsec per pixel, for a bar in the first picture; 0 draws none.
  """
  channels = colour_channels(tuple(bands))
  images = images[..., list(channels)]
  grey = grey_of(images)
  rows = -(-len(images) // _COLUMNS)
  height = rows * _PANEL_INCHES * 1.14 + 0.45
  figure = Figure(figsize=(_COLUMNS * _PANEL_INCHES, height))
  FigureCanvasAgg(figure)
  axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
  for place in axes:
    place.set_axis_off()
  for place, image, caption in zip(axes, images, captions):
    place.imshow(colour_picture(image, grey), origin="lower", interpolation="nearest")
    place.text(0.5, -0.03, caption, transform=place.transAxes, ha="center", va="top",
               fontsize=6.5)
  if scale_arcsec:
    _draw_bar(axes[0], images.shape[2], scale_arcsec)
  figure.suptitle(title, fontsize=9, y=1 - 0.08 / height)
  figure.subplots_adjust(left=0.005, right=0.995, top=1 - 0.32 / height, bottom=0.2 / height,
                         wspace=0.04, hspace=0.14)
  figure.savefig(output, dpi=125)


def _draw_bar(place, width: int, scale_arcsec: float) -> None:
  """A bar of at most 0.4 of the picture's width, a round number of arcsec long."""
  rounds = [1, 2, 5, 10, 20, 50]
  length = max((arcsec for arcsec in rounds if arcsec <= 0.4 * width * scale_arcsec), default=1)
  left, bottom = 0.06 * width, 0.07 * width
  place.plot([left, left + length / scale_arcsec], [bottom] * 2, color="white", linewidth=1.2)
  place.text(left, bottom + 0.03 * width, f"{length}″", color="white", fontsize=6)
