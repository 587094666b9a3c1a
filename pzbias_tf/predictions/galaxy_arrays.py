"""Images, magnitudes and columns that somebody hands over as arrays, checked before prediction."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from pzbias_tf import arguments, table_columns
from pzbias_tf.compat import plain_arrays
from pzbias_tf.data.extra_columns import MISSING, is_missing, with_nan
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.missing_values import (
  LARGEST_EBV,
  NO_BRIGHTNESS,
  NO_MAGNITUDE,
  are_exchanged,
  outside,
)
from pzbias_tf.survey import Survey
from pzbias_tf.table_ids import exact_ids

_CHUNK = 1024  # images at a time


def check_images(images: np.ndarray | Sequence[np.ndarray], survey: Survey,
                 size: int) -> np.ndarray:
  """Checks shape, type and pixels of images.

  Args:
    images: [n, height, width, band] flux.
    survey: names the bands.
    size: side of the images that the network takes, pixels.

  Returns:
    The same as an array, not copied; a memory map stays one.

  Raises:
    ValueError: they are no such images or too small, or a pixel is not known.
  """
  for own in images if isinstance(images, (list, tuple)) else [images]:
    if np.ma.is_masked(own) or np.any(getattr(own, "mask", False)):
      raise ValueError("images have masked pixels; fill them, or leave those galaxies out")
    if plain_arrays.unit_of(own):
      raise ValueError(f"images have the unit {plain_arrays.unit_of(own)!r}; pass plain numbers, "
                       "images.value, in the flux unit of the training images")
  images, bands = np.asanyarray(images), len(survey.bands)
  if images.ndim != 4 or not images.size:
    raise ValueError(f"images must have the shape [n, size, size, {bands}], got "
                     f"{list(images.shape)}; pass one galaxy as images[np.newaxis]")
  if images.shape[-1] != bands:
    raise ValueError(f"images must have {bands} bands on the last axis, {', '.join(survey.bands)}, "
                     f"got shape {list(images.shape)}; np.moveaxis moves an axis")
  if images.dtype.kind not in "fiu":
    raise ValueError(f"images must be real numbers, got {images.dtype}; pass the flux of each "
                     "pixel")
  if min(images.shape[1:3]) < size:
    raise ValueError(f"images have {images.shape[1]} x {images.shape[2]} pixels, the network was "
                     f"trained on {size} x {size}; cut larger ones, or fill them up yourself with "
                     "0, the level of the sky, where they hold the whole galaxy")
  _check_pixels(images)
  return images


def _check_pixels(images):
  for start in range(0, len(images), _CHUNK):
    with np.errstate(over="ignore"):
      finite = np.isfinite(images[start:start + _CHUNK].astype(np.float32)).all((1, 2, 3))
    if not finite.all():
      raise ValueError(f"images[{start + np.argmin(finite)}] has pixels that are NaN, infinite or "
                       "too large for float32; leave that galaxy out, or set them to 0, the level "
                       "of the sky")


def only_images(images: np.ndarray | None, magnitudes: np.ndarray | None,
                errors: np.ndarray | None) -> np.ndarray:
  """The images of a run of images; refuses photometry."""
  if images is None or magnitudes is not None or errors is not None:
    raise ValueError("this run was trained on images; pass images=..., without magnitudes and "
                     "errors")
  return images


def photometry_inputs(images: np.ndarray | None, magnitudes: np.ndarray | None,
                      errors: np.ndarray | None,
                      photometry: PhotometryInput) -> dict[str, np.ndarray]:
  """What a network of photometry takes, checked.

  Args:
    images: must be None.
    magnitudes: [n, bands], mag; a table, data frame or array with fields is taken by the
      names of its columns: those of the training, mag_<band>, or the bands.
    errors: the same of errors, err_<band>; None where the network takes none.
    photometry: what the network makes of them.

  Returns:
    "magnitudes" and perhaps "errors", [n, bands] float64, NaN where missing.

  Raises:
    ValueError: something is missing, has another shape, or is no magnitude.
  """
  if images is not None or magnitudes is None:
    raise ValueError("this run was trained on photometry; pass magnitudes=..., without images")
  if (errors is not None) != photometry.with_errors:
    raise ValueError("this run was trained with errors; pass errors=..., [n, bands] in mag"
                     if photometry.with_errors else
                     "this run was trained without errors; leave errors out")
  magnitudes = _by_band(magnitudes, "magnitudes", photometry)
  errors = None if errors is None else _by_band(errors, "errors", photometry)
  columns = len(photometry.bands)
  for name, values in (("magnitudes", magnitudes), ("errors", errors)):
    if values is not None and (np.ndim(values) != 2 or np.shape(values) != np.shape(magnitudes)
                               or np.shape(values)[1] != columns or not len(values)):
      raise ValueError(f"{name} must have the shape [n, {columns}] with the bands "
                       f"{', '.join(photometry.bands)}, got {list(np.shape(values))}; pass one "
                       f"galaxy as {name}[np.newaxis]")
  if errors is not None and are_exchanged(magnitudes, errors):
    raise ValueError(f"magnitudes have the median {np.nanmedian(magnitudes):.3g} and errors "
                     f"{np.nanmedian(errors):.3g}, so they are exchanged; pass magnitudes=... and "
                     "errors=... the other way round")
  magnitudes, errors = with_nan(magnitudes, errors)
  _check_magnitudes(magnitudes, photometry)
  return {"magnitudes": magnitudes, **({} if errors is None else {"errors": errors})}


def _by_band(values, name, photometry) -> np.ndarray:
  """Magnitudes or errors [n, bands] float64, NaN where masked; columns with names by their names.

  Raises:
    ValueError: names of columns are not those of the bands, or values are no numbers.
  """
  names = (getattr(getattr(values, "dtype", None), "names", None)
           or getattr(values, "colnames", None) or getattr(values, "columns", None))
  if names is None:
    return plain_arrays.numbers(values, name, plain_arrays.MAGNITUDE)
  prefix, trained = (("mag_", photometry.columns.magnitudes) if name == "magnitudes" else
                     ("err_", photometry.columns.errors))
  known = [trained, [f"{prefix}{band}" for band in photometry.bands], photometry.bands]
  chosen = next((own for own in known if own and set(own) <= set(names)), None)
  if chosen is None:
    raise ValueError(f"{name} have the columns {', '.join(map(str, names))}; call them "
                     f"{', '.join(known[0] or known[1])}, as the training did, or "
                     f"{', '.join(photometry.bands)}, or pass an array [n, bands] in this order")
  for own in chosen:
    table_columns.check_unit(values, own, "magnitudes", name)
  return np.stack([plain_arrays.numbers(values[own], f"{name}[{own!r}]", plain_arrays.MAGNITUDE)
                   for own in chosen], 1)


def _check_magnitudes(magnitudes, photometry):
  wrong = np.argwhere(outside(magnitudes))
  if len(wrong):
    galaxy, band = wrong[0]
    raise ValueError(f"magnitudes[{galaxy}] is {magnitudes[galaxy, band]:g} in "
                     f"{photometry.bands[band]}, {NO_MAGNITUDE}; turn fluxes into magnitudes, and "
                     "leave wrong values out")
  missing = np.argwhere(np.isnan(magnitudes))
  if len(missing) and not photometry.with_missing:
    galaxy, band = missing[0]
    raise ValueError(f"magnitudes[{galaxy}] has no measurement in {photometry.bands[band]}, and "
                     "this run was trained on galaxies with all bands; leave that galaxy out, or "
                     "train on a data set of --missing_magnitudes=limit")
  alone = np.flatnonzero(np.isnan(magnitudes).all(1))
  if len(alone):
    raise ValueError(f"magnitudes[{alone[0]}] has no measurement in any band; leave that galaxy "
                     "out")


def ebv_column(ebv: np.ndarray | float | None, num: int) -> np.ndarray:
  """E(B-V) of each galaxy, [num] float64.

  Raises:
    ValueError: as `number_column`, or one is negative, or there is none.
  """
  if ebv is None:
    raise ValueError("ebv is needed: the network takes E(B-V) to allow for Galactic reddening; "
                     "pass one number per galaxy, or ebv=0.0 where there is no reddening")
  ebv = number_column("ebv", ebv, num)
  if ebv.min() < 0.0:
    raise ValueError(f"ebv[{np.argmin(ebv)}] is {ebv.min()}; E(B-V) is 0 or more, in mag")
  _refuse_missing("ebv", ebv)
  if ebv.max() > LARGEST_EBV:
    raise ValueError(f"ebv[{np.argmax(ebv)}] is {ebv.max():g}, and no E(B-V) is above "
                     f"{LARGEST_EBV:g} mag; correct it, or leave that galaxy out")
  return ebv


def r_column(r_mag: np.ndarray | float, num: int) -> np.ndarray:
  """r magnitude of each galaxy, [num] float64.

  Raises:
    ValueError: as `number_column`, or one is no magnitude.
  """
  r_mag = number_column("r_mag", r_mag, num)
  _refuse_missing("r_mag", r_mag)
  zeros = np.flatnonzero(r_mag == NO_BRIGHTNESS)
  if len(zeros):
    raise ValueError(f"r_mag[{zeros[0]}] is 0, which stands for no measurement; leave that galaxy "
                     "out")
  wrong = np.flatnonzero(outside(r_mag))
  if len(wrong):
    raise ValueError(f"r_mag[{wrong[0]}] is {r_mag[wrong[0]]:g}, {NO_MAGNITUDE}; turn fluxes into "
                     "magnitudes, and leave wrong values out")
  return r_mag


def _refuse_missing(name: str, column: np.ndarray) -> None:
  """Raises ValueError if a number stands for no measurement."""
  missing = np.flatnonzero(is_missing(column))
  if len(missing):
    raise ValueError(f"{name}[{missing[0]}] is {column[missing[0]]:g}, which is no measurement "
                     f"({MISSING}); leave that galaxy out")


def number_column(name: str, values: np.ndarray | float, num: int) -> np.ndarray:
  """One number per galaxy, [num] float64.

  Args:
    name: what the messages call it.
    values: [num], or one number for all galaxies; masked ones count as NaN.
    num: number of galaxies.

  Raises:
    ValueError: they are not numbers, not finite, or not as many as galaxies.
  """
  column = plain_arrays.numbers(values, name, plain_arrays.kind_of(name))
  if not column.ndim:
    column = np.full(num, column)
  (column,) = arguments.columns(**{name: column})
  if len(column) != num:
    raise ValueError(f"{name} has {len(column)} values for {num} galaxies; pass one per galaxy, or "
                     "one number for all of them")
  return column


def extra_values(extra: Mapping[str, np.ndarray | float] | None, names: Sequence[str],
                 num: int) -> np.ndarray | None:
  """The extra columns of a network, [num, columns] float32; None where it takes none.

  Args:
    extra: {name: [num], or one number for all}.
    names: the columns that the network takes, in its order.
    num: number of galaxies.

  Raises:
    ValueError: a column is missing, unknown, or as `number_column`; or a value is
      no measurement.
  """
  given = dict(extra or {})
  faults = [*(f"lacks {name}" for name in names if name not in given),
            *(f"has {name}" for name in given if name not in names)]
  if faults:
    raise ValueError(f"extra {', '.join(faults)}; this run takes "
                     f"{', '.join(names) or 'no extra columns'}: pass exactly these, as "
                     "extra={name: one number per galaxy}")
  columns = [number_column(f"extra[{name!r}]", given[name], num) for name in names]
  for name, column in zip(names, columns):
    _refuse_missing(f"extra[{name!r}]", column)
  return np.stack(columns, 1).astype(np.float32) if columns else None


def id_column(ids: np.ndarray | None, num: int) -> np.ndarray:
  """Ids of the galaxies as texts [num]; their positions where `ids` is None.

  Raises:
    ValueError: not as many as galaxies, or they have lost digits as floating-point numbers.
  """
  ids = np.arange(num) if ids is None else ids if hasattr(ids, "shape") else np.asarray(ids)
  if tuple(ids.shape) != (num,):
    raise ValueError(f"ids have shape {list(ids.shape)} for {num} galaxies; pass one per galaxy")
  return exact_ids(ids, "ids", "predict")
