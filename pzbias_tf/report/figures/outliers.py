"""Figure of the galaxies with the largest residuals."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import numpy as np

from pzbias_tf.pictures import colour_channels, colour_picture, grey_of
from pzbias_tf.report.figures import style

_COLUMNS = 6
_PANEL, _TEXT = 1.17, 0.52  # height of a picture and of the text below it, inches


class Outliers(NamedTuple):
  """Galaxies to show, the worst first.

  Attributes:
    title: title of the stage that made the estimates.
    ids: object ids, [n].
    images: flux, [n, size, size, band].
    bands: names of the bands.
    seen: side of the central square that the network saw, pixels.
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    r_mag: r magnitudes, [n].
  """

  title: str
  ids: Sequence[str] | np.ndarray
  images: np.ndarray
  bands: tuple[str, ...]
  seen: int
  z_spec: np.ndarray
  z_photo: np.ndarray
  r_mag: np.ndarray


@style.styled
def draw_outliers(outliers: Outliers) -> Figure:
  """Colour pictures in rows, with id and redshifts below each.

  Args:
    outliers: the galaxies, at least one.
  """
  channels = list(colour_channels(outliers.bands))
  images = outliers.images[..., channels]
  grey, rows = grey_of(images), -(-len(images) // _COLUMNS)
  height = (_PANEL + _TEXT) * rows
  figure = style.new_figure(height)
  figure.set_layout_engine(None)  # texts may be wider than their pictures
  figure.subplots_adjust(left=0.0, right=1.0, top=1.0, bottom=_TEXT / height, wspace=0.03,
                         hspace=_TEXT / _PANEL)
  axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
  for ax in axes:
    ax.set_axis_off()
  for number, (ax, image) in enumerate(zip(axes, images)):
    ax.imshow(colour_picture(image, grey), origin="lower", interpolation="nearest")
    _frame(ax, len(image), outliers.seen)
    ax.text(0.5, -0.03, _text(outliers, number), transform=ax.transAxes, ha="center", va="top",
            fontsize=6.2, linespacing=1.25)
  return figure


def _frame(ax: Axes, size: int, seen: int) -> None:
  """Marks the square that the network saw, if the picture is larger."""
  if seen < size:
    corner = (size - seen) // 2 - 0.5
    ax.add_patch(Rectangle((corner, corner), seen, seen, fill=False, edgecolor="white",
                           linewidth=0.6))


def _text(outliers, number):
  return "\n".join([
      style.plain(str(outliers.ids[number])),
      rf"$z_\mathrm{{spec}} = {outliers.z_spec[number]:.3f}$",
      rf"$z_\mathrm{{photo}} = {outliers.z_photo[number]:.3f}$",
      rf"$r = {outliers.r_mag[number]:.2f}$ mag"])
