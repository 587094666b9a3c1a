"""Writes figures as files: PNG for screens, SVG for papers."""

from __future__ import annotations

import os
from typing import Sequence

from matplotlib.figure import Figure

from pzbias_tf.files import whole_file
from pzbias_tf.report.figures import style

FORMATS = ("png", "svg")

# Without dates, the same results give the same bytes.
_METADATA = {"png": {}, "svg": {"Date": None}}


@style.styled
def save_figure(figure: Figure, folder: str, name: str, *,
                formats: Sequence[str] = FORMATS) -> list[str]:
  """Writes a figure in several formats.  Its layout is fixed from then on.

  Args:
    figure: the figure.
    folder: the folder to write to, which must exist.
    name: file name without its ending.
    formats: some of `FORMATS`.

  Returns:
    The paths of the files, in the order of `formats`.

  Raises:
    OSError: a file cannot be written.
  """
  # The layout is computed once for all formats, since it takes as long as the drawing itself.
  engine = figure.get_layout_engine()
  if engine is not None:
    engine.execute(figure)
  figure.set_layout_engine(None)
  paths = [os.path.join(folder, f"{name}.{kind}") for kind in formats]
  for kind, path in zip(formats, paths):
    with whole_file(path) as hidden:
      figure.savefig(hidden, format=kind, metadata=_METADATA[kind])
  return paths
