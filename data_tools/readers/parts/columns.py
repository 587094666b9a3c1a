"""Maps a survey's own column names to the columns of the catalogue."""

from __future__ import annotations

import re
from typing import Mapping, Sequence

from absl import logging
from astropy.table import Column, Table
import numpy as np

from data_tools.flag_groups.layout_words import ROLES, SEVERAL
from data_tools.readers.parts import compact_ids
from data_tools.readers.parts.cutout_source import Columns, ReaderOptions
from pzbias_tf import table_columns, table_ids
from pzbias_tf.compat.plain_arrays import PURE
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data.extra_columns import MISSING, is_missing
from pzbias_tf.data.reference_columns import columns_for, columns_in
from pzbias_tf.table_columns import NONE, USUAL_NAMES
from pzbias_tf.tables import disk_columns
from pzbias_tf.tables.scratch_file import release_pages

__all__ = ["GROUP", "NONE", "REQUIRED", "ROLES", "SEVERAL", "USUAL_NAMES", "build_catalog",
           "check_extra", "check_names"]

REQUIRED = ("z", "r", "ebv")
_WHAT = {"z": "redshifts", "z_photo": "redshifts", "ebv": "magnitudes",
         **dict.fromkeys(("r", "r_err", "i", "i_err"), "magnitudes")}
_EXTINCTION = re.compile(  # of a band
    r"(?!.*(?:b_?m?_?v|sfd))(?:a_?[ugrizyvb]|(gal(actic)?_?)?ext(inction)?(_?[a-z]{1,3}\d?)?)",
    re.IGNORECASE)

NAMED = "named columns"
"""Key of a catalogue's meta: {role: column} of r and E(B-V), where the user named unusual ones."""

GROUP = "split_group"
"""Optional column: galaxies of equal value go into the same split (see `splits`)."""

_EXTRA_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,60}")  # part of a run's name; FITS allows 68 bytes


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
    The object table, long columns on disk and ids as `compact_ids` has them unless the layout
    defines them, and {role: name of the chosen column}.

  Raises:
    ValueError: a required, named or extra column is absent, or holds no numbers.
  """
  references = _references(columns, options, origin)
  chosen = {}
  values = {}
  for role in ROLES:
    if role == "r" and options.r_from_image or role == "z_photo" and references:
      continue  # an existing column of magnitudes is not used
    name, numbers = _role(columns, role, names.get(role, ()), options, origin)
    if name:
      chosen[role] = name
    if numbers is not None:
      values[ROLES[role]] = numbers
  values.update({column: _numbers(columns, name, options, origin)
                 for column, name in references.items()})
  if references:
    chosen["z_photo"] = ",".join(references.values())
  if ids is not None:
    values["id"] = ids
  if options.ebv is not None:
    values["ebv"] = np.broadcast_to(np.float64(options.ebv), num)
    chosen["ebv"] = f"constant {options.ebv:g}"
    logging.warning("%s: E(B-V) = %g for all galaxies, as requested by --ebv", origin, options.ebv)
  catalog = catalog_lib.object_table(num, **values)
  if ids is None:
    column = _ids(columns, chosen, num, names.get("id", ()), options=options, origin=origin)
    column.description = catalog["id"].description
    catalog.replace_column("id", column, copy=False)
  catalog.meta[NAMED] = {
      role: chosen[role] for role in ("r", "ebv") if options.columns.get(role) and role in chosen
      and not _is_usual(columns, role, names.get(role, ()), chosen[role], origin)}
  if GROUP in columns:
    catalog_lib.put_column(catalog, GROUP, disk_columns.transformed(
        lambda block: block.astype(str), np.asarray(columns[GROUP]), scratch=options.scratch))
  for name in options.extra_columns:
    catalog_lib.put_column(catalog, name, _extra(columns, name, num, options, origin))
  release_pages()
  return catalog, chosen


def _is_usual(columns, role, candidates, name, origin) -> bool:
  """Whether a column is the one that would be taken if nobody named it."""
  try:
    return table_columns.find_one(columns, candidates, f"--{role}_column", origin) == name
  except ValueError:  # several, of which the user had to name one
    return False


def check_names(columns: Mapping[str, str]) -> None:
  """Raises ValueError for an unknown role, or for names that several columns cannot keep."""
  unknown = sorted(set(columns) - set(ROLES))
  if unknown:
    raise ValueError(f"no column role {', '.join(unknown)}; known are {', '.join(ROLES)}")
  columns_for(_named_references(columns))


def _named_references(columns) -> list[str]:
  return [name.strip() for name in columns.get("z_photo", "").split(",")]


def _references(columns, options, origin) -> dict[str, str]:
  """{column of the catalogue: the survey's column} of several photometric redshifts, else {}."""
  names = _named_references(options.columns)
  if len(names) == 1:
    return {}
  lowered = {name.lower(): name for name in reversed(list(columns))}
  # The files of one survey may spell a name in two ways: those of CFHTLS have zphot and ZPHOT.
  found = [table_columns.named(
      columns, name if table_columns.resolve(columns, name) else lowered.get(name.lower(), name),
      "--z_photo_column", origin) for name in names]
  return dict(zip(columns_for(names), found))


def check_extra(options: ReaderOptions, photometry_names: Sequence[str] = ()) -> None:
  """Raises ValueError for extra columns that a data set cannot hold, or a fill without meaning.

  Args:
    options: the user's options.
    photometry_names: columns of the catalogue that hold photometry.
  """
  own = {*catalog_lib.OBJECT_COLUMNS, *catalog_lib.RECORD_COLUMNS, GROUP,
         *(name.lower() for name in photometry_names)}
  seen: set[str] = set()
  for name in options.extra_columns:
    flag = f"--extra_columns={','.join(options.extra_columns)}"
    if not _EXTRA_NAME.fullmatch(name):
      raise ValueError(f"{flag}: a column cannot be called {name!r}; rename it to letters, digits "
                       "and _ . + -")
    # FITS does not tell capital letters from small ones.
    if name.lower() in own or columns_in([name.lower()]):
      raise ValueError(f"{flag}: a data set has a column {name.lower()} of its own; rename yours")
    if name.lower() in seen:
      raise ValueError(f"{flag} names {name} twice (capital letters do not count)")
    seen.add(name.lower())
  if options.extra_fill is None:
    return
  if is_missing(options.extra_fill):
    raise ValueError(f"--extra_fill={options.extra_fill:g} stands for a missing value itself "
                     f"({MISSING}); choose a number within the columns' own range")
  if not options.extra_columns:
    raise ValueError(f"--extra_fill={options.extra_fill:g} is for extra columns, and there are "
                     "none; leave it out")


def _role(columns, role, candidates, options, origin) -> tuple[str, np.ndarray | None]:
  """The column of a role and its numbers; "" and None where it goes without.

  A column that nobody named, and that is not required, may be no column of numbers; that of an
  optional role may also be absent or not certain.
  """
  optional = role in options.optional and role not in options.columns
  try:
    name = _pick(columns, role, candidates, options, origin)
    if not name or role == "id":
      return name, None
    optional |= role not in REQUIRED and role not in options.columns
    if role in _WHAT:
      table_columns.check_unit(columns, name, _WHAT[role], origin)
    if role == "ebv" and _EXTINCTION.fullmatch(name.rpartition("/")[2]):
      raise ValueError(f"{origin}: column {name!r} holds the extinction in a band, by its name, "
                       "and no E(B-V). Divide it by that of E(B-V) = 1 mag, 3.1 for V, and name "
                       "the result with --ebv_column; if it holds E(B-V), rename it")
    return name, _numbers(columns, name, options, origin)
  except ValueError as error:
    if not optional:
      raise
    logging.warning("%s. The data set goes without", error)
    return "", None


def _numbers(columns, name, options, origin) -> np.ndarray:
  """A column as `table_columns.number_column` has it."""
  values = columns[name]
  if disk_columns.is_on_disk(values) and values.dtype == np.float64:
    return values
  if np.ndim(values) != 1:
    return table_columns.number_column(columns, name, origin, PURE)
  return disk_columns.transformed(
      lambda block: table_columns.numbers(block, name, origin, PURE), values,
      scratch=options.scratch)


def _pick(columns, role, candidates, options, origin) -> str:
  """Name of the column of a role, "" if there is none."""
  given = options.columns.get(role, "")
  if given:
    return table_columns.named(columns, given, f"--{role}_column", origin)
  if role == "id":  # any of them will do
    return table_columns.find_id(columns, candidates, origin)
  found = table_columns.find_one(columns, candidates, f"--{role}_column", origin)
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


def _extra(columns, name, num, options, origin) -> np.ndarray:
  """An extra column, [num] float64; missing numbers stay as they are."""
  if not table_columns.resolve(columns, name):
    raise ValueError(f"{origin}: no extra column {name!r}; the columns are "
                     f"{table_columns.listing(columns)}. Rename one, or choose others "
                     "(--extra_columns)")
  values = np.asarray(columns[table_columns.named(columns, name, "--extra_columns", origin)])
  try:
    if values.dtype.kind in "iufSU" and values.shape == (num,):
      return disk_columns.transformed(
          lambda block: table_columns.numbers(block, name, origin), values,
          scratch=options.scratch)
  except ValueError:
    pass  # text that is no number
  raise ValueError(f"{origin}: extra column {name!r} does not hold one number per galaxy, but "
                   f"{values.dtype} of shape {list(values.shape)}; leave it out, or convert it")


def _ids(columns, chosen, num, candidates, *, options, origin) -> Column:
  """Ids; the row numbers if there is no column, with a warning."""
  if "id" in chosen:
    name = chosen["id"]
    return compact_ids.packed(
        table_ids.most_exact(columns, name, origin),
        lambda block: _ascii(table_ids.exact_ids(block, name, origin), origin),
        scratch=options.scratch)
  logging.warning("%s: no column of ids (looked for %s): the numbers of the rows are the ids; name "
                  "a column with --id_column", origin, ", ".join(candidates) or "none")
  return compact_ids.packed(np.arange(num), lambda block: block.astype(str),
                            scratch=options.scratch)


def _ascii(ids: np.ndarray, origin: str) -> np.ndarray:
  """The ids, if catalog.fits can hold them: text in FITS tables is ASCII."""
  try:
    ids.astype("S")  # numpy's bytes are ASCII
  except UnicodeEncodeError as error:
    raise ValueError(f"{origin}: id {error.object!r} is not plain ASCII; name another "
                     "--id_column") from error
  return ids
