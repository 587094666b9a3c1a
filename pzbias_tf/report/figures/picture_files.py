"""Figures as files: PNG for screens, SVG for papers."""

from __future__ import annotations

import os
from typing import Sequence

from matplotlib.figure import Figure

from pzbias_tf.files import whole_file
from pzbias_tf.report.figures import style

FORMATS = ("png", "svg")

# Without dates the same results give the same bytes.
_METADATA = {"png": {}, "svg": {"Date": None}}


@style.styled
def save_figure(figure: Figure, folder: str, name: str, *,
                formats: Sequence[str] = FORMATS) -> list[str]:
  """Writes a figure in several formats.  Its layout is fixed from then on.

  Args:
    figure: the figure.
    folder: where to; must be there.
    name: file name without its ending.
    formats: some of `FORMATS`.

  Returns:
    The paths, in the order of `formats`.
  """
  # One layout for all formats, found once: it takes as long as the drawing itself.
  figure.draw_without_rendering()
  figure.set_layout_engine(None)
  paths = [os.path.join(folder, f"{name}.{kind}") for kind in formats]
  for kind, path in zip(formats, paths):
    with whole_file(path) as hidden:
      figure.savefig(hidden, format=kind, metadata=_METADATA[kind])
  return paths
