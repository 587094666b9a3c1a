"""Reads a catalogue of estimates: a table or a file of `qp`, and which column is what."""

from __future__ import annotations

import dataclasses
import os
from typing import Mapping, Sequence

from absl import logging
import numpy as np

from data_tools.readers.hdf5_files import hdf5_columns
from data_tools.readers.parts import table_files
from pzbias_tf import table_columns, table_ids, tables
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.photoz_catalog import Catalog
from pzbias_tf.predictions.estimates import modes
from pzbias_tf.predictions.parts.part_folder import part_names, read_part_pdf
from pzbias_tf.predictions.parts.part_schema import PDF, QUANTILES
from pzbias_tf.predictions.predictions_file import has_pdf, read_columns, read_pdf
from pzbias_tf.survey import Survey
from pzbias_tf.tables.table_contents import without_mask

_HDF5 = (".hdf5", ".h5", ".hdf")
_MODE = "zmode"
_USUAL = table_columns.USUAL_NAMES
_NAMES = {
    "id": (*_USUAL["id"], "specobjid", "object_id", "objectid", "source_id"),
    "z_spec": (*_USUAL["z"], "specz", "spec_z", "z_true"),
    "r": (*_USUAL["r"], "dered_r", "dered_petro_r", "rmag"),
    "z_photo": (*_USUAL["z_photo"], "z_phot", "photoz", "photo_z", _MODE),
    "weights": (),
}
"""{role: usual names of its column}."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
  """A catalogue as it was read.

  Attributes:
    path: the file.
    columns: its columns, and those of the table of truth, [rows] each.
    roles: {"id", "z_spec", "r", "weights": name of the column, "" for none}.
    z_photo: names of the columns of estimates.
    edges: edges of the redshift bins of p(z), [bins + 1]; None without p(z).
    pdf: probability of each bin, [rows, bins]; None without p(z).
    pdf_kind: what p(z) is, in words; "" where there is none.
  """

  path: str
  columns: Mapping[str, np.ndarray]
  roles: Mapping[str, str]
  z_photo: tuple[str, ...]
  edges: np.ndarray | None = None
  pdf: np.ndarray | None = None
  pdf_kind: str = ""

  def __len__(self) -> int:
    return len(self.columns[self.z_photo[0]])

  def catalog(self, survey: Survey, *, missing: Sequence[float] = (),
              only: str = "") -> Catalog:
    """The galaxies that have all values.

    Args:
      survey: the survey.
      missing: further numbers that stand for a missing value.
      only: a single estimate, to be corrected: redshifts, weights and other
        estimates may then be missing; "" for all that is known.

    Raises:
      ValueError: as in `Catalog.from_table`, or p(z) is not on the survey's grid.
    """
    of = lambda role: "" if only else self.roles[role]
    return Catalog.from_table(
        self.columns, survey, z_photo=only or self.z_photo, z_spec=of("z_spec"),
        r_mag=self.roles["r"], ids=self.roles["id"], weights=of("weights"), missing=missing,
        edges=None if only else self.edges, pdf=None if only else self.pdf, origin=self.path)

  def named(self) -> str:
    """Which column was taken for what, in one line."""
    names = {**self.roles, "z_photo": ", ".join(self.z_photo)}
    return ", ".join(f"{role} = {name or table_columns.NONE}" for role, name in names.items())


def read_source(path: str, named: Mapping[str, str], z_photo: Sequence[str],
                truth: str = "") -> Source:
  """Reads a catalogue.

  Args:
    path: FITS, CSV, Parquet or HDF5 of `qp`, or a folder of parts of eval.predict.
    named: {role: column that the user named}; others are found by usual names.
    z_photo: named columns of estimates; found by a usual name if there are none,
      or the modes of p(z).
    truth: table with further columns; "" for none.

  Raises:
    OSError: a file is missing.
    ValueError: a file is not readable, or lacks a column.
  """
  columns, edges, pdf, pdf_kind = _read(path)
  if truth:
    columns = _joined(columns, path, truth, named)
  tables.num_rows(columns, path)
  roles = {role: _column(columns, role, named.get(role, ""), path)
           for role in ("id", "z_spec", "r", "weights")}
  estimates = [table_columns.named(columns, name, "--z_photo_column", path)
               for name in z_photo] or [_column(columns, "z_photo", "", path)]
  if not all(estimates):
    raise ValueError(f"{path}: no column of estimates (looked for {', '.join(_NAMES['z_photo'])}); "
                     f"the columns are {table_columns.listing(columns)}. Name it with "
                     "--z_photo_column")
  for name, what in ((roles["r"], "magnitudes"), (roles["z_spec"], "redshifts"),
                     *((name, "redshifts") for name in estimates)):
    table_columns.check_unit(columns, name, what, path)
  return Source(path=path, columns=columns, roles=roles, z_photo=tuple(dict.fromkeys(estimates)),
                edges=edges, pdf=pdf, pdf_kind=pdf_kind)


def grid_of(survey: Survey, edges: np.ndarray | None, path: str) -> Survey:
  """The survey with as many redshift bins as p(z) has.

  Raises:
    ValueError: the bins of p(z) are not those of the survey for any number of bins.
  """
  if edges is None:
    return survey
  bins = round((survey.z_max - survey.z_min) / float(edges[1] - edges[0]))
  fitting = survey.with_bins(max(bins, 1))
  for extended in (False, True):
    own = fitting.edges(extended=extended)
    if own.shape == edges.shape and np.allclose(own, edges, atol=1e-3 * fitting.bin_width):
      return fitting
  raise ValueError(
      f"{path}: p(z) has {len(edges) - 1} bins from {edges[0]:g} to {edges[-1]:g}, which is no "
      f"grid of survey {survey.name}, from {survey.z_min:g} to {survey.z_max:g}; name a .toml file "
      "with that z_min and z_max as --survey")


def _read(path):
  """Columns; edges, p(z), and what p(z) is, where there is p(z)."""
  if os.path.isdir(path):
    return _read_parts(path)
  if path.endswith(_HDF5):
    return _read_qp(path)
  if not (tables.is_table(path) or path.lower().endswith((".npy", ".npz"))):
    raise ValueError(f"{path}: not a known kind of file; name a {', '.join(tables.SUFFIXES)} or "
                     f"{', '.join(_HDF5)} file")
  return table_files.columns_of(path), None, None, ""


def _read_parts(path):
  names = part_names(path)
  columns = tables.read_table(path)
  if PDF not in names:
    return columns, None, None, "not a histogram, and not measured" * (QUANTILES in names)
  edges, pdf = read_part_pdf(path)
  return columns, edges, pdf, f"histogram of {len(edges) - 1} bins"


def _read_qp(path):
  try:
    with open_hdf5(path) as file:
      groups = set(file)
    columns = _columns_of_qp(path) if "ancil" in groups else tables.TableColumns()
    edges, pdf = read_pdf(path) if has_pdf(path) else (None, None)
  except OSError as error:
    raise OSError(f"{path}: {error}") from error
  if not columns and pdf is None:
    raise ValueError(f"{path}: neither columns (ancil) nor p(z) of qp, but {', '.join(groups)}; "
                     "save the columns as FITS, CSV or Parquet")
  if edges is None or pdf is None:
    return columns, None, None, "not a histogram, and not measured" if "data" in groups else ""
  if not _column(columns, "z_photo", "", path):
    columns[_MODE] = modes(edges, pdf)
  return columns, edges, pdf, f"histogram of {len(edges) - 1} bins"


def _columns_of_qp(path) -> tables.TableColumns:
  """The columns of the group `ancil`, with their units."""
  columns = tables.TableColumns()
  with open_hdf5(path) as file:
    for name, values in read_columns([path]).items():
      columns.add(name, values)
      columns.set_unit(name, hdf5_columns.unit_of(file[f"ancil/{name}"]))
  return columns.apply_masks()


def _column(columns, role, name, path):
  """Name of the column of a role, "" if there is none."""
  if name:
    return table_columns.named(columns, name, f"--{role}_column", path)
  if role == "id":  # any of them will do
    return table_columns.find_id(columns, _NAMES[role], path)
  return table_columns.find_one(columns, _NAMES[role], f"--{role}_column", path)


def _joined(columns, path, truth, named):
  """The columns with those of the table of truth, NaN for galaxies that it lacks."""
  further = table_files.columns_of(truth)
  name = named.get("id", "")
  usual = () if name == table_columns.NONE else _NAMES["id"]
  usual = next(((key,) for key in usual if all(table_columns.find(table, (key,)) for table in (
      columns, further))), usual)  # of one name in both, ids are of one kind
  own, other = (name if name in table else table_columns.find(table, usual)
                for table in (columns, further))
  num, rows = tables.num_rows(columns, path), tables.num_rows(further, truth)
  for file, size in ((path, num), (truth, rows)):
    if not size:
      raise ValueError(f"{file}: no rows; name a file with galaxies")
  if own and other:
    ids, known = (table_ids.ids_of(table, key, file) for table, key, file in (
        (columns, own, path), (further, other, truth)))
    place = _places(ids, known, truth, other)
  elif num == rows:
    place = np.arange(num)
  else:
    raise ValueError(f"{truth}: {rows} rows for the {num} of {path}, and no column of ids in both; "
                     "name it with --id_column")
  found = place >= 0
  if not found.any():
    raise ValueError(f"{truth}: none of its ids ({other}: {known[0]}, ...) is among those of "
                     f"{path} ({own}: {ids[0]}, ...); name columns of the same ids with "
                     "--id_column")
  if not found.all():
    logging.warning("%s has no row for %d of the %d galaxies of %s", truth, np.sum(~found), num,
                    path)
  both = columns if isinstance(columns, tables.TableColumns) else tables.TableColumns(columns)
  return both.joined(_at(further, [
      key for key, values in further.items() if key != other and values.dtype.kind in "iufbUS"],
                         place, found))


def _at(truth, names, place, found) -> tables.TableColumns:
  """Columns of the table of truth by galaxy: NaN or "" where it has none, and their texts."""
  here = tables.TableColumns()
  for name in names:
    values = truth[name][place]
    texts = truth.texts[name][place] if name in truth.texts else None
    if values.dtype.kind in "US":  # may be numbers all the same, or is told to be none
      values = np.where(found, values, values.dtype.type())
    else:
      values, exact = without_mask(np.ma.MaskedArray(values, ~found))
      texts = exact if texts is None else texts
    here.add(name, values, None if texts is None else np.where(found, texts, texts.dtype.type()))
    here.set_unit(name, truth.unit(name), description=truth.description(name))
  return here


def _places(ids, known, truth, name):
  """Row of each id in the table of truth; -1 where it is not there."""
  order = np.argsort(known, kind="stable")
  ranked = known[order]
  same = (ranked[1:] == ranked[:-1]) & (ranked[1:] != "")
  if same.any():
    twice = ranked[1:][same][0]
    raise ValueError(f"{truth}: column {name!r} holds the id {str(twice)!r} twice; keep one of its "
                     "rows")
  place = np.minimum(np.searchsorted(ranked, ids), len(ranked) - 1)
  return np.where((ranked[place] == ids) & (ids != ""), order[place], -1)
