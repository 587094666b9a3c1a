"""Surveys with one thing wrong, and what the conversion must say about it, for the tests.

A builder takes a folder and writes a survey into it.
"""

import os
import pickle
import zipfile

from astropy.io import fits
from astropy.table import Table
import numpy as np

from data_tools.conversion import accepted, duplicate_images, image_rules
from data_tools.readers.parts import fits_images, templates
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, REASON_NO_ROW, REASON_SHAPE
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys

NUM = 12
BAD_ID = "g5"
PAYLOAD = os.path.join("payload", "executed")


class Payload:
  """Creates a folder when it is unpickled."""

  def __reduce__(self):
    return os.makedirs, (os.path.abspath(PAYLOAD),)


def public(folder, change):
  """Writes a cube with labels after `change(images, labels)` has spoiled them."""
  images, labels = sample_surveys.cube(NUM), sample_surveys.columns(NUM)
  labels["objid"] = np.array([f"g{row}" for row in range(NUM)])
  images = change(images, labels)
  sample_surveys.write_public(folder, sample_surveys.cube(NUM) if images is None else images,
                              labels)


def with_value(row, value, *place):
  """A cube with one changed value in one row."""
  images = sample_surveys.cube(NUM)
  images[(row, *place)] = value
  return images


def with_duplicate(images):
  """A cube in which row 9 has the image of row 4."""
  images[9] = images[4]
  return images


def label(column, row, value):
  """Builder that spoils one cell of the labels."""
  def change(images, labels):
    labels[column][row] = value
    return images
  return lambda folder: public(folder, change)


def cube(make):
  """Builder that replaces the cube by `make(cube)`."""
  return lambda folder: public(folder, lambda images, labels: make(images))


def files(write):
  """Builder of the research layout, ids 0 to 11; `write(path)` spoils the image of galaxy 5."""
  def build(folder):
    sample_surveys.write_research(folder, sample_surveys.cube(NUM), sample_surveys.columns(NUM))
    write(os.path.join(folder, "data", "5.py.npy"))
  return build


def fits_files(spoil=lambda folder: None, ids=None):
  """Builder of one FITS file per galaxy and band, g0_u.fits and so on, with a catalogue."""
  def build(folder):
    os.makedirs(folder)
    labels = sample_surveys.columns(NUM)
    names = [f"g{row}" for row in range(NUM)]
    Table({"id": ids or names, "z": labels["z"], "ebv": labels["EBV"],
           "r": labels["dered_petro_r"]}).write(os.path.join(folder, "catalog.fits"))
    for name, image in zip(names, sample_surveys.cube(NUM)):
      for number, band in enumerate(SDSS.bands):
        fits.PrimaryHDU(image[..., number]).writeto(os.path.join(folder, f"{name}_{band}.fits"))
    spoil(folder)
  return build


def then(build, *spoil):
  """Builder that spoils a folder after another builder has written it."""
  def both(folder):
    build(folder)
    for step in spoil:
      step(folder)
  return both


def save(values, allow_pickle=False):
  """Writes an array to a path."""
  return lambda path: np.save(path, values, allow_pickle=allow_pickle)


def cut(name="", size=700):
  """Truncates a file, or the file `name` of a folder."""
  return lambda path: os.truncate(os.path.join(path, name) if name else path, size)


def hidden_pickle(folder):
  """Replaces label.npz by a pickle with a payload."""
  with open(os.path.join(folder, "label"), "wb") as file:
    pickle.dump({"z": Payload()}, file)
  os.remove(os.path.join(folder, "label.npz"))


def object_member(folder):
  """Makes the column z of label.npz an array of objects with a payload."""
  path = os.path.join(folder, "label.npz")
  columns = dict(np.load(path))
  columns["z"] = np.array([Payload()] * NUM, object)
  np.savez(path, **columns)


def packed_and_damaged(folder):
  """Writes a compressed cube with damaged bytes."""
  images, labels = sample_surveys.cube(NUM), sample_surveys.columns(NUM)
  path = sample_surveys.write_public(folder, images, labels, "npz_compressed")
  with zipfile.ZipFile(path) as archive:
    place = archive.getinfo("cube.npy").header_offset + 2000
  with open(path, "r+b") as file:
    file.seek(place)
    file.write(b"\xff" * 50)


REJECTED = (
    ("nan", cube(lambda _: with_value(5, np.nan, 1, 2, 3)), [BAD_ID], image_rules.NOT_FINITE),
    ("infinity", cube(lambda _: with_value(5, -np.inf, 7, 7, 4)), [BAD_ID],
     image_rules.NOT_FINITE),
    ("double_that_overflows", cube(lambda c: with_value(5, 1, 0, 0, 0).astype(float) * np.where(
        np.arange(NUM) == 5, 1e300, 1)[:, None, None, None]), [BAD_ID], image_rules.NOT_FINITE),
    ("zeros", cube(lambda _: with_value(5, 0)), [BAD_ID], image_rules.EMPTY),
    ("constant", cube(lambda _: with_value(5, -3.5)), [BAD_ID], image_rules.EMPTY),
    ("empty_band", cube(lambda _: with_value(5, 0, slice(None), slice(None), 1)), [BAD_ID],
     image_rules.empty_band("g")),
    ("duplicate_image", cube(with_duplicate), ["g9"], duplicate_images.DUPLICATE_IMAGE),
    ("duplicate_id", label("objid", 6, "g5"), [BAD_ID], accepted.DUPLICATE),
    ("z_outside", label("z", 5, 0.7), [BAD_ID], accepted.OUTSIDE_GRID),
    ("z_negative", label("z", 5, -9999.0), [BAD_ID], accepted.OUTSIDE_GRID),
    ("ebv_negative", label("EBV", 5, -0.01), [BAD_ID], accepted.BAD_EBV),
    ("ebv_missing", label("EBV", 5, np.nan), [BAD_ID], accepted.BAD_EBV),
    ("ebv_of_nines", label("EBV", 5, 99.0), [BAD_ID], accepted.BAD_EBV),
    ("no_id", label("objid", 5, ""), [""], accepted.NO_ID),
    ("r_of_a_flux", label("dered_petro_r", 5, 456.0), [BAD_ID], accepted.NO_R),
    ("no_image", files(os.remove), ["5"], REASON_NO_IMAGE),
    ("shape", files(save(np.ones((8, 8, 4), np.float32))), ["5"], REASON_SHAPE),
    ("flat", files(save(np.ones((8, 8), np.float32))), ["5"], REASON_SHAPE),
    ("integers", files(save(np.arange(320).reshape(8, 8, 5))), ["5"],
     "image of int64 in place of floating-point numbers"),
    ("complex", files(save(np.ones((8, 8, 5), complex))), ["5"],
     "image of complex128 in place of floating-point numbers"),
    ("objects", files(save(np.array([Payload()], object), True)), ["5"], REASON_NO_IMAGE),
    ("cut_file", files(cut()), ["5"], REASON_NO_IMAGE),
    ("empty_file", files(cut(size=0)), ["5"], REASON_NO_IMAGE),
    ("missing_band", fits_files(lambda folder: os.remove(os.path.join(folder, "g5_i.fits"))),
     [BAD_ID], "band i missing"),
    ("damaged_fits", fits_files(cut("g5_i.fits", 3000)), [BAD_ID], fits_images.REASON_DAMAGED),
    ("image_without_row", fits_files(ids=[f"g{row}" for row in (*range(11), 10)]),
     ["g10", "g11"], accepted.DUPLICATE, REASON_NO_ROW),
    ("climbing_id", fits_files(ids=[*(f"g{row}" for row in range(11)), "../in/g11"]),
     ["../in/g11", "g11"], templates.REASON_CLIMBS, REASON_NO_ROW),
)
"""(name, builder, rejected ids, reasons)"""

STOPPED = (
    ("cut_cube", then(cube(lambda c: c), cut("cube.npy", 9000)),
     "cube.npy: shorter than its header says"),
    ("cube_of_integers", cube(lambda c: (100 * c).astype(np.int16)),
     "none of 12 objects can be converted: {'image of int16"),
    ("cube_of_objects", then(cube(lambda c: c), lambda folder: np.save(
        os.path.join(folder, "cube.npy"), np.full((NUM, 8, 8, 5), Payload(), object))),
     "holds Python objects, not numbers"),
    ("damaged_npz", packed_and_damaged, "sdss.npz: damaged or truncated"),
    ("cut_npz", then(lambda folder: sample_surveys.write_public(
        folder, sample_surveys.cube(NUM), sample_surveys.columns(NUM), "npz"),
                     cut("sdss.npz", 9000)), "sdss.npz: damaged or truncated"),
    ("pickle_with_payload", then(files(lambda path: None), hidden_pickle), "the pickle asks for"),
    ("objects_in_npz", then(files(lambda path: None), object_member), "the pickle asks for"),
    ("fluxes", label("dered_petro_r", slice(0, 3), 456.0),
     "3 of 12 r magnitudes are outside of 0 to 40, so no magnitude, e.g. 456. If they are fluxes"),
    ("no_r_at_all", label("dered_petro_r", slice(None), np.nan), "none of the 12 r magnitudes"),
)
"""(name, builder, message)"""
