"""Maps a survey's own column names to the columns of the catalogue."""

from __future__ import annotations

from typing import Mapping

from absl import logging
from astropy.table import Table
import numpy as np

from data_tools.readers.parts.cutout_source import Columns, ReaderOptions
from pzbias_tf import table_columns
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.table_columns import NONE, USUAL_NAMES

__all__ = ["GROUP", "NONE", "REQUIRED", "ROLES", "USUAL_NAMES", "build_catalog", "check_names"]

# Role (the flag --<role>_column) -> column of the catalogue.
ROLES = {
    "id": "id", "z": "z_spec", "ebv": "ebv", "r": "r_mag", "r_err": "r_err",
    "i": "i_mag", "i_err": "i_err", "z_photo": "z_photo_ref", "ra": "ra", "dec": "dec",
}
REQUIRED = ("z", "r", "ebv")
GROUP = "split_group"
"""Optional column: galaxies of equal value go into the same split (see `splits`)."""

def build_catalog(columns: Columns, names: Mapping[str, tuple[str, ...]], num: int,
                  options: ReaderOptions, *, origin: str,
                  ids: np.ndarray | None = None) -> tuple[Table, dict[str, str]]:
  """Selects and renames the columns of a survey's catalogue.

  Args:
    columns: the survey's columns, each [num].
    names: {role: the layout's own names}; the first existing one is taken.
    num: number of objects.
    options: the user's column names and constants.
    origin: the file, for error messages.
    ids: ids [num] if the layout defines them; None takes the id column, or the row number
      if there is no id column.

  Returns:
    The object table and {role: name of the chosen column}.

  Raises:
    ValueError: a required or named column is absent, or holds no numbers.
  """
  chosen = {}
  for role in ROLES:
    if role == "r" and options.r_from_image:
      continue  # an existing column of magnitudes is not used
    name = _pick(columns, role, names.get(role, ()), options, origin)
    if name:
      chosen[role] = name
  values = {ROLES[role]: table_columns.numbers(columns[name], name, origin)
            for role, name in chosen.items() if role != "id"}
  if ids is None:
    ids = _ids(columns, chosen, num, named="id" in options.columns, origin=origin)
  values["id"] = ids
  if options.ebv is not None:
    values["ebv"] = np.full(num, options.ebv)
    chosen["ebv"] = f"constant {options.ebv:g}"
    logging.warning("%s: E(B-V) = %g for all galaxies, as requested by --ebv", origin, options.ebv)
  catalog = catalog_lib.object_table(num, **values)
  if GROUP in columns:
    catalog[GROUP] = np.asarray(columns[GROUP]).astype(str)
  return catalog, chosen


def check_names(columns: Mapping[str, str]) -> None:
  """Raises ValueError for a role that does not exist."""
  unknown = sorted(set(columns) - set(ROLES))
  if unknown:
    raise ValueError(f"no column role {', '.join(unknown)}; known are {', '.join(ROLES)}")


def _pick(columns, role, candidates, options, origin) -> str:
  """Name of the column of a role, "" if there is none."""
  given = options.columns.get(role, "")
  if given:
    return table_columns.named(columns, given, f"--{role}_column", origin)
  found = table_columns.find(columns, candidates)
  if not found:
    _raise_if_required(role, candidates, columns, options, origin)
  return found


def _raise_if_required(role, candidates, columns, options, origin):
  if role not in REQUIRED or (role == "ebv" and options.ebv is not None):
    return
  remedy = {
      "ebv": ", or give one value for all galaxies, e.g. --ebv=0",
      "r": ", or sum the r band of images in nanomaggies with --r_from_image",
      "z": f", or give --z_column={NONE} if no redshifts are known",
  }[role]
  raise ValueError(
      f"{origin}: no column for {ROLES[role]} (looked for {', '.join(candidates) or 'none'}); "
      f"the columns are {table_columns.listing(columns)}. Name it with --{role}_column{remedy}")


def _ids(columns, chosen, num, *, named, origin) -> np.ndarray:
  """Ids as text; the row numbers if no column is usable."""
  name, ids = chosen.get("id"), np.arange(num).astype(str)
  if name:
    try:
      ids = table_columns.exact_ids(columns[name], name, origin)
    except ValueError:
      if named:
        raise
      logging.warning("%s: the ids in %s have lost digits; row numbers are used", origin, name)
      del chosen["id"]
  return _ascii(ids, origin)


def _ascii(ids: np.ndarray, origin: str) -> np.ndarray:
  """The ids, if catalog.fits can hold them: text in FITS tables is ASCII."""
  try:
    np.char.encode(ids, "ascii")
  except UnicodeEncodeError as error:
    raise ValueError(f"{origin}: id {error.object!r} is not plain ASCII; name another "
                     "--id_column") from error
  return ids
