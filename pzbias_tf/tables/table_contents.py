"""Columns of a table, and what their arrays alone do not tell."""

from __future__ import annotations

from typing import Any, Mapping
import unicodedata

from astropy.io import fits
import numpy as np

MANY = "{} values per row"
MASK = ".mask"
"""Ending of the column that says where another one has no value."""
_IS_NULL = "_isnull"
"""The same in tables of HSC."""


class TableColumns(dict[str, np.ndarray]):
  """{name: values [rows]}; missing numbers are NaN, missing texts "".

  Attributes:
    texts: {name: the values as the file has them, "" where missing, [rows] str or bytes} of
      columns whose arrays are less exact.
    skipped: {name: why this column is not among the others}.
    twice: names of several columns that differ; the first of them is among the columns.
    aliases: {another name: the column}, of columns that have a long and a short name.
    header: units (TUNIT), descriptions (TCOMM) and the like, as a FITS table has them.
  """

  def __init__(self, columns: Mapping[str, np.ndarray] | None = None):
    super().__init__(columns or {})
    self.texts: dict[str, np.ndarray] = {}
    self.skipped: dict[str, str] = {}
    self.twice: set[str] = set()
    self.aliases: dict[str, str] = {}
    self.header = fits.Header()

  def add(self, name: str, values: Any, texts: np.ndarray | None = None) -> None:
    """Adds a column of any shape; one of several values per row is skipped.

    Args:
      name: its name; one without a name is skipped.
      values: [rows], also [rows, 1]; may be masked.
      texts: the values as the file has them; None if the array is exact.
    """
    name = name.strip()
    if not name:
      return
    if values.ndim > 1 and values.size != len(values) or not values.ndim:
      self.skipped[name] = MANY.format(" x ".join(map(str, values.shape[1:])) or "no")
      return
    values, masked_texts = without_mask(values.reshape(len(values)))
    texts = masked_texts if texts is None else texts
    if name in self:
      same = self._same(name, values, texts)
      self.twice |= set() if same else {name}
      return
    self[name] = values
    if texts is not None:
      self.texts[name] = texts

  def apply_masks(self) -> TableColumns:
    """These columns, missing where a column `name.mask` or `name_isnull` says so.

    The first are astropy's, since HDF5 and Parquet have no masks of their own.
    """
    for ending in (_IS_NULL, MASK):
      for name in [name for name in self if name.endswith(ending)]:
        self._apply_mask(name, name.removesuffix(ending))
    return self

  def _apply_mask(self, name: str, masked: str) -> None:
    """Takes out what one column says is missing in another; drops astropy's."""
    mask = _as_mask(self[name]) if masked in self else None
    if mask is None:
      return
    values, texts = without_mask(np.ma.MaskedArray(
        self.texts.get(masked, self[masked]) if self[masked].dtype.kind not in "iufb"
        else self[masked], mask))
    if masked in self.texts and texts is None:
      texts = np.where(mask, self.texts[masked].dtype.type(), self.texts[masked])
    self[masked] = values
    self.texts.update({masked: texts} if texts is not None else {})
    if name.endswith(MASK):
      del self[name]
      self.texts.pop(name, None)

  def skip(self, name: str, reason: str) -> None:
    """Notes why a column is not among the others."""
    self.skipped[name.strip()] = reason

  def set_unit(self, name: str, unit: str, ucd: str = "", description: str = "") -> None:
    """Notes the unit of a column, and what it is, as in the header of a FITS table."""
    if not (unit or ucd or description):
      return  # a header of many columns is slow
    fields = self.header.get("TFIELDS", 0)
    number = self._number(name) or fields + 1
    self.header["TFIELDS"] = max(fields, number)
    for keyword, value in (("TTYPE", name), ("TUNIT", unit), ("TUCD", ucd),
                           ("TCOMM", _of_header(description))):
      if value:
        self.header[f"{keyword}{number}"] = value

  def unit(self, name: str) -> str:
    """The unit of a column, "" if none is known."""
    return str(self.header.get(f"TUNIT{self._number(name)}", "")).strip()

  def description(self, name: str) -> str:
    """What a column is, in the words of the file; "" if it has none."""
    return str(self.header.get(f"TCOMM{self._number(name)}", "")).strip()

  def _number(self, name) -> int:
    """The number of a column in the header, 0 if it has none."""
    numbers = range(1, self.header.get("TFIELDS", 0) + 1)
    return next((number for number in numbers
                 if str(self.header.get(f"TTYPE{number}", "")).strip() == name), 0)

  def joined(self, other: Mapping[str, np.ndarray]) -> TableColumns:
    """These columns and those of another table, which replace those of the same name."""
    both = TableColumns({**self, **other})
    both.header, both.aliases = self.header.copy(), dict(self.aliases)
    if isinstance(other, TableColumns):
      for name in other:
        for keyword in ("TTYPE", "TUNIT", "TCOMM"):  # not those of the column that is replaced
          both.header.remove(f"{keyword}{self._number(name)}", ignore_missing=True)
        both.set_unit(name, other.unit(name), description=other.description(name))
    for name in ("texts", "skipped"):
      own = {key: value for key, value in getattr(self, name).items() if key not in other}
      setattr(both, name, {**own, **getattr(other, name, {})})
    both.twice = {name for name in self.twice if name not in other} | getattr(other, "twice", set())
    return both

  def _same(self, name, values, texts) -> bool:
    own = self.texts.get(name, self[name])
    other = values if texts is None else texts
    return own.shape == other.shape and bool(np.all(
        (own == other) | ((own != own) & (other != other))))


def _of_header(text: str) -> str:
  """A text as a header takes it, in one line of ASCII."""
  plain = unicodedata.normalize("NFKD", " ".join(text.split())).encode("ascii", "ignore").decode()
  return "".join(letter for letter in plain if letter.isprintable())


def _as_mask(values: np.ndarray) -> np.ndarray | None:
  """A column of truth values, also as 0 and 1 or as text; None if it holds anything else."""
  if values.dtype.kind == "U":
    words = np.char.lower(values)
    true = np.isin(words, ("true", "t"))
    return true if np.all(true | np.isin(words, ("false", "f"))) else None
  if values.dtype.kind in "biu" and np.all((values == 0) | (values == 1)):
    return values.astype(bool)
  return None


def without_mask(values: Any) -> tuple[np.ndarray, np.ndarray | None]:
  """A column as a plain array, and as texts where masked whole numbers lose digits as doubles."""
  mask: Any = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else np.False_
  plain = np.ma.getdata(values) if np.ma.isMaskedArray(values) else np.asarray(values)
  plain = np.asarray(plain)
  if plain.dtype.kind == "O":
    plain, mask = _objects(plain), np.False_
  return filled(plain, mask) if np.any(mask) else (plain, None)


def filled(plain: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
  """A column without what is masked, as doubles and texts where it holds whole numbers."""
  if plain.dtype.kind in "iub":
    return (np.where(mask, np.nan, plain.astype(np.float64)),
            np.where(mask, "", plain.astype(str)))
  if plain.dtype.kind in "fc":
    return np.where(mask, np.nan, plain), None
  return np.where(mask, b"" if plain.dtype.kind == "S" else "", plain), None


def _objects(values: np.ndarray) -> np.ndarray:
  """Texts of any kind, missing ones as ""."""
  return np.array(["" if value is None or value is np.ma.masked else
                   value.decode("utf-8") if isinstance(value, bytes) else str(value)
                   for value in values], str)
