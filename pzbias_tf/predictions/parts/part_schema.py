"""The schema of the parts: types, and what a file says about each column.

Each field holds its unit, description and UCD, and the schema the VOTable header of the IVOA's
note "Parquet in the VO", as the catalogues of `point_catalog` do.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Mapping
from xml.etree import ElementTree

from astropy.io.votable.tree import VOTableFile
from astropy.table import Table
import h5py
import numpy as np

from pzbias_tf.data.galaxy_origin import MARK
from pzbias_tf.predictions.point_catalog import ColumnInfo, column_info
from pzbias_tf.predictions.predictions_file import LEVELS, WEIGHTS

if TYPE_CHECKING:
  import pyarrow

CALIBRATED = "zmode_calibrated"
PDF, QUANTILES = "pdf", "quantiles"
EDGES_KEY, LEVELS_KEY = "pzbias_tf.edges", "pzbias_tf.levels"
"""Metadata of a schema: edges of the bins of PDF, levels of QUANTILES, as JSON."""

PDF_INFO = {
    "pdfs": (PDF, ColumnInfo(f"p(z): probability per unit redshift in each bin; the edges are in "
                             f"the metadata, {EDGES_KEY}", "", "stat.probability;src.redshift")),
    "locs": (QUANTILES, ColumnInfo("redshifts at which the cumulative p(z) reaches levels; these "
                                   f"are in the metadata, {LEVELS_KEY}", "",
                                   "src.redshift.phot;stat.value")),
}
"""{array of a predictions file: its column in a part, and what it is}."""

_VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"


def part_columns(file: h5py.File, *, calibrated: bool) -> dict[str, tuple[str, ColumnInfo]]:
  """The columns of a part: {name: (its array in the predictions file, what it is)}, in order.

  Args:
    file: an open predictions file.
    calibrated: whether there will be CALIBRATED; its array is that of "zmode".

  Raises:
    ValueError: a column is not known.
  """
  names = [*file["ancil"], *([CALIBRATED] if calibrated else [])]
  known = column_info(names)
  unknown = sorted(set(names) - set(known))
  if unknown:
    raise ValueError(f"unknown column {', '.join(unknown)}; describe it in COLUMN_INFO")
  columns = {name: ("ancil/" + name.replace(CALIBRATED, "zmode"), info)
             for name, info in known.items()}
  for array in file.get("data", ()):
    name, info = PDF_INFO[array]
    columns[name] = f"data/{array}", info
  return columns


def part_schema(file: h5py.File, *, calibrated: bool) -> pyarrow.Schema:
  """The schema of the part that a predictions file becomes.

  Args:
    file: an open predictions file.
    calibrated: whether there will be CALIBRATED.
  """
  import pyarrow as pa  # an optional dependency
  columns, fields = part_columns(file, calibrated=calibrated), []
  for name, (array, info) in columns.items():
    dtype = file[array].dtype
    kind = pa.string() if dtype.kind == "S" else pa.from_numpy_dtype(dtype)
    if file[array].ndim == 2:
      kind = pa.list_(kind, file[array].shape[1])
    fields.append(pa.field(name, kind, metadata={
        key: value for key, value in info._asdict().items() if value}))
  header = _votable({name: info for name, (_, info) in columns.items()}, file, columns)
  return pa.schema(fields, metadata={**_about(file), "IVOA.VOTable-Parquet.version": "1.0",
                                     "IVOA.VOTable-Parquet.content": header})


def _about(file) -> dict[str, str]:
  """What is the same for all galaxies, as metadata of the schema."""
  about = {WEIGHTS: str(file.attrs.get(WEIGHTS, ""))}
  if file.attrs.get(MARK):
    about[MARK] = str(file.attrs[MARK])
  if "meta/bins" in file:
    about[EDGES_KEY] = json.dumps(np.ravel(file["meta/bins"]).tolist())
  if "meta/quants" in file:
    about[LEVELS_KEY] = json.dumps(list(LEVELS))
  return about


def _votable(infos: Mapping[str, ColumnInfo], file, columns) -> str:
  """The VOTable header, without data, as XML."""
  example = Table({name: _example(file[array]) for name, (array, _) in columns.items()})
  document = VOTableFile.from_table(example)
  for field in document.get_first_table().fields:
    info = infos[field.name]
    field.description, field.unit, field.ucd = info.description, info.unit or None, info.ucd
    if field.datatype in ("char", "unicodeChar"):
      field.arraysize = "*"
  content = io.BytesIO()
  document.to_xml(content)
  root = ElementTree.fromstring(content.getvalue())
  (table,) = root.iter(f"{_VOTABLE}TABLE")
  for data in table.findall(f"{_VOTABLE}DATA"):
    table.remove(data)
  ElementTree.SubElement(table, f"{_VOTABLE}PARQUET", type="Parquet-local-XML")
  return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _example(array):
  """One value of a column, of a type that VOTables have."""
  if array.dtype.kind == "S":
    return np.array(["text"])
  single = np.float32 if array.dtype == np.float16 else array.dtype
  return np.zeros((1, *array.shape[1:]), single)
