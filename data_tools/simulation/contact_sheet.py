"""A picture of real galaxies beside simulated ones, to be looked at.

  python -m data_tools.simulation.contact_sheet --real=DIR --output=sheet.png

DIR holds a folder sdss_field with the frames of one SDSS field and a table of its
galaxies (objects-*.fits: ra, dec, aper_u ... aper_z, z_colour_knn), and perhaps
sdss_spec with cutouts.  Beside each real galaxy stands a simulated one of the same
magnitudes and redshift, in the field's seeing; its shape is drawn at random.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import tempfile

from absl import app, flags
from astropy.table import Table
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

from data_tools.simulation import reality
from data_tools.simulation.observation import Observation
from data_tools.simulation.options import PhotometryTable, SimulationOptions
from pzbias_tf.pictures import colour_channels, colour_picture

SIZE = 64
_SCALE_ARCSEC = 0.396
_ASSUMED_Z = 0.25  # of galaxies around r = 19 without a redshift
_PAIRS_A_ROW = 6
_CHANNELS = list(colour_channels(reality.BANDS))


@dataclasses.dataclass(frozen=True)
class RealGalaxy:
  """A galaxy to show.

  Attributes:
    image: [SIZE, SIZE, bands] float32, nanomaggies a pixel.
    mag: AB magnitudes u to z, [bands].
    z: redshift.
    kind: where the redshift comes from.
  """

  image: np.ndarray
  mag: np.ndarray
  z: float
  kind: str


def real_galaxies(folder: str, frames) -> list[RealGalaxy]:
  """The real galaxies of a folder, bright ones first."""
  found = []
  for path in sorted(glob.glob(os.path.join(folder, "sdss_field", "objects-*.fits"))):
    for row in Table.read(path):
      known = not np.ma.is_masked(row["z_colour_knn"])
      found.append(RealGalaxy(
          image=reality.cutout(frames, row["ra"], row["dec"], SIZE),
          mag=np.array([row[f"aper_{band}"] for band in reality.BANDS], np.float64),
          z=float(row["z_colour_knn"]) if known else _ASSUMED_Z,
          kind="from colours" if known else "assumed"))
  for path in sorted(glob.glob(os.path.join(folder, "sdss_spec", "*.npz"))):
    with np.load(path, allow_pickle=False) as file:
      for image, z in zip(file["cube"], file["z"]):
        mag = 22.5 - 2.5 * np.log10(image.sum((0, 1)))
        found.append(RealGalaxy(image, mag, float(z), "measured"))
  return sorted(found, key=lambda galaxy: galaxy.mag[2])


def simulated_images(real: list[RealGalaxy], fwhm_arcsec: tuple[float, ...],
                     seed: int) -> np.ndarray:
  """Simulated galaxies of the same magnitudes and redshifts, [n, SIZE, SIZE, bands]."""
  columns = ("redshift", *reality.BANDS)
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "photometry.csv")
    Table([[galaxy.z for galaxy in real], *np.transpose([galaxy.mag for galaxy in real])],
          names=columns).write(path)
    observation = Observation("sdss", seed=seed, image_size=SIZE, options=SimulationOptions(
        fwhm_arcsec=fwhm_arcsec, photometry=PhotometryTable(path=path, columns=columns)))
  chunk = observation.chunk(0, 0, len(real))
  return chunk.images[np.argsort(chunk.row)]


def draw(real: list[RealGalaxy], simulated: np.ndarray, output: str) -> None:
  """Draws pairs, real left and simulated right, and saves them."""
  rows = -(-len(real) // _PAIRS_A_ROW)
  figure = Figure(figsize=(2 * _PAIRS_A_ROW * 1.35, rows * 1.75 + 0.4))
  FigureCanvasAgg(figure)
  axes = figure.subplots(rows, 2 * _PAIRS_A_ROW, squeeze=False)
  for place in axes.ravel():
    place.set_axis_off()
  for number, (galaxy, image) in enumerate(zip(real, simulated)):
    row, column = divmod(number, _PAIRS_A_ROW)
    label = f"r {galaxy.mag[2]:.1f}, z {galaxy.z:.2f}"
    for side, (pixels, title) in enumerate((
        (galaxy.image, f"real\n{label}\n({galaxy.kind})"), (image, f"simulated\n{label}\n"))):
      place = axes[row, 2 * column + side]
      place.imshow(colour_picture(pixels[..., _CHANNELS]), origin="lower",
                   interpolation="nearest")
      place.set_title(title, fontsize=7, pad=2)
  figure.suptitle(f"An SDSS field and its simulation: gri, {SIZE} x {SIZE} pixels of "
                  f"{_SCALE_ARCSEC} arcsec; equal magnitudes, random shapes", fontsize=9)
  figure.subplots_adjust(left=0.005, right=0.995, bottom=0.005, top=0.9, wspace=0.05, hspace=0.3)
  figure.savefig(output, dpi=110)


def main(argv) -> None:
  """Measures the field, simulates and draws."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")
  values = flags.FLAGS
  frames = reality.read_frames(os.path.join(values.real, "sdss_field"))
  fwhm = tuple(_SCALE_ARCSEC * reality.star_fwhm_pixels(frame.pixels)
               for frame in frames.values())
  print("PSF widths of the field (arcsec):", ", ".join(f"{width:.2f}" for width in fwhm))
  real = real_galaxies(values.real, frames)
  draw(real, simulated_images(real, fwhm, values.seed), values.output)
  print(f"wrote {values.output}: {len(real)} pairs")


def define_flags() -> None:
  """Defines the command line."""
  flags.DEFINE_string("real", None, "Folder with sdss_field (and sdss_spec).", required=True)
  flags.DEFINE_string("output", None, "Picture to write, e.g. sheet.png.", required=True)
  flags.DEFINE_integer("seed", 1, "Equal seeds give equal simulated galaxies.", lower_bound=0)


if __name__ == "__main__":
  define_flags()
  app.run(main)
