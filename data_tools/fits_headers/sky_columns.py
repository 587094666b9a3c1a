"""Positions in tables as degrees (ICRS): by TUNIT, RADESYS, EQUINOX and the columns' names.

Columns without a unit are degrees, and without a system ICRS.  VOTable, ECSV, Parquet and HDF5 may
have units as well.
"""

from __future__ import annotations

import re
from typing import Any, Mapping
import warnings

from absl import logging
from astropy import units
from astropy.coordinates import FK4, FK5, ICRS, Angle, FK4NoETerms, Galactic, SkyCoord
from astropy.io import fits
from astropy.table import Table
import numpy as np

from pzbias_tf import table_columns
from pzbias_tf.arguments import MISSING_WORDS
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.tables import disk_columns

_SPELLINGS = {
    **dict.fromkeys(("deg", "degs", "degree", "degrees", "decimal degrees"), units.deg),
    **dict.fromkeys(("rad", "rads", "radian", "radians"), units.rad),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "hourangle", "decimal hours"),
                    units.hourangle)}
_SEXAGESIMAL = {**dict.fromkeys(("h:m:s", "hms", "hh:mm:ss"), units.hourangle),
                **dict.fromkeys(("d:m:s", "dms", "dd:mm:ss"), units.deg)}
_GALACTIC = {("glon", "glat"), ("l", "b"), ("gal_l", "gal_b"), ("gal_lon", "gal_lat")}
_FRAMES = {"ICRS": ICRS, "FK5": FK5, "FK4": FK4, "FK4-NO-E": FK4NoETerms}
_TEXT_ANGLE = re.compile(  # 10:00:00.9, 10 00 00.9, 10h00m00.9s, -02d12m00s
    r"[+-]?\d{1,3}\s*[:hd\xb0\s]\s*\d{1,2}\s*[:m'\s]\s*\d{1,2}(?:\.\d*)?\s*[s\"]?")
_LAST_BESSELIAN = 1984.0  # as in the FITS standard


def in_degrees(ra: np.ndarray, dec: np.ndarray, names: tuple[str, str], path: str,
               header: fits.Header | None = None) -> tuple[np.ndarray, np.ndarray]:
  """Positions in degrees (ICRS).

  Args:
    ra: [n], as the table has it.
    dec: [n].
    names: of the two columns.
    path: the table's file.
    header: units and systems as in a FITS table; None reads that of the file, if it is one.

  Returns:
    ra and dec, [n] float64, deg; NaN where one is missing.

  Raises:
    ValueError: a unit is no angle, or the system is not known; the message names both.
  """
  header = _table_header(path) if header is None else header
  lon = _degrees(ra, names[0], header, path, is_longitude=True)
  lat = _degrees(dec, names[1], header, path, is_longitude=False)
  return _to_icrs(lon, lat, _frame(header, names, path))


def correct(catalog: Table, chosen: Mapping[str, str], columns: Mapping[str, np.ndarray],
            path: str, scratch: str = "") -> None:
  """Puts degrees (ICRS) into `ra` and `dec` of a catalogue, or NaN with a warning.

  Args:
    catalog: with columns ra and dec, which are overwritten.
    chosen: {role: name of the column in the table}.
    columns: the table's columns.
    path: the table's file.
    scratch: folder for long columns; "" is the system's folder for temporary files.
  """
  if not {"ra", "dec"} & set(chosen):
    return
  names = chosen.get("ra", ""), chosen.get("dec", "")
  header = getattr(columns, "header", None) or _table_header(path)
  if not header and isinstance(_frame(header, names, path), ICRS):  # degrees already
    _blank_off_sky(catalog, path, scratch)
    return
  nothing = np.broadcast_to(np.nan, len(catalog))
  ra, dec = (columns[chosen[role]] if role in chosen else nothing for role in ("ra", "dec"))
  try:
    ra, dec = _positions(ra, dec, names, path, header, scratch)
  except ValueError as error:
    logging.warning("%s. The data set goes without ra and dec", error)
    ra, dec = nothing, nothing
  for name, values in (("ra", ra), ("dec", dec)):
    catalog_lib.put_column(catalog, name, values)
  _blank_off_sky(catalog, path, scratch)


def _positions(ra, dec, names, path, header, scratch):
  """`in_degrees` of a table; numbers some rows at a time, texts as a whole, as their form is."""
  def of_some(ra, dec):
    return in_degrees(ra, dec, names, path, header)

  if {np.asarray(values).dtype.kind for values in (ra, dec)} <= set("iuf"):
    return disk_columns.all_transformed(of_some, ra, dec, scratch=scratch)
  return of_some(ra, dec)


def _blank_off_sky(catalog: Table, path: str, scratch: str) -> None:
  """Puts NaN in place of positions that are none, such as -9999."""
  ra, dec = (np.asarray(catalog[name], np.float64) for name in ("ra", "dec"))
  off = disk_columns.transformed(
      lambda ra, dec: (np.abs(dec) > 90) | (np.abs(ra) > 360), ra, dec, scratch=scratch)
  if off.any():
    logging.warning("%s: %d positions are not on the sky, e.g. ra %g, dec %g, and count as "
                    "missing", path, off.sum(), ra[off][0], dec[off][0])
    for name, values in (("ra", ra), ("dec", dec)):
      catalog_lib.put_column(catalog, name, disk_columns.transformed(
          lambda off, own: np.where(off, np.nan, own), off, values, scratch=scratch))


def _is_fits(path: str) -> bool:
  return path.lower().endswith((".fits", ".fit", ".fits.gz", ".fit.gz"))


def _table_header(path: str) -> fits.Header:
  """Header of the first table of a FITS file; an empty one for other files."""
  if _is_fits(path):
    with warnings.catch_warnings(action="ignore"), fits.open(path) as file:
      for unit in file:
        if isinstance(unit, (fits.BinTableHDU, fits.TableHDU)) and not isinstance(
            unit, fits.CompImageHDU):
          return unit.header.copy()
  return fits.Header()


def _of_column(header: fits.Header, name: str, keyword: str) -> str:
  """TUNIT, TUCD or the like of a column, "" if it has none."""
  for number in range(1, header.get("TFIELDS", 0) + 1):
    if str(header.get(f"TTYPE{number}", "")).strip() == name:
      return str(header.get(f"{keyword}{number}", "")).strip()
  return ""


def _degrees(values: np.ndarray, name: str, header: fits.Header, path: str, *,
             is_longitude: bool) -> np.ndarray:
  """A column in degrees, by its unit."""
  text = _of_column(header, name, "TUNIT")
  word = re.sub(r"\s+", " ", text.strip("'\" .()[]")).lower()
  values = np.asarray(values)
  try:
    if values.dtype.kind in "SU":
      values = np.char.strip(
          np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values)
      form = _SEXAGESIMAL.get(word) or (_usual_form(values, is_longitude) if not word else None)
      if form is not None:
        return _from_text(values, form)
      values = table_columns.numbers(values, name, path)
    if not word:
      return values.astype(np.float64)
    unit: Any = _SPELLINGS.get(word) or units.Unit(text)
    if is_longitude and unit.is_equivalent(units.s):  # right ascension in time
      unit = units.hourangle * float(unit.to(units.hour))
    elif unit is units.hourangle and not is_longitude:
      raise ValueError("a declination is not measured in hours")
    return (values.astype(np.float64) * unit).to_value(units.deg)
  except (ValueError, TypeError) as error:
    raise ValueError(
        f"{path}: positions must be numbers in degrees, or name their unit of angle: column "
        f"{name} has {'the unit ' + repr(text) if text else 'no unit'} ({error}); convert it, "
        "or correct TUNIT") from error


def _from_text(values: np.ndarray, unit) -> np.ndarray:
  """Sexagesimal angles, in degrees; NaN where missing."""
  given = ~np.isin(np.char.encode(np.char.lower(values), "utf-8"), MISSING_WORDS)
  angles = np.full(len(values), np.nan)
  angles[given] = Angle(values[given], unit=unit).deg
  return angles


def _usual_form(values: np.ndarray, is_longitude: bool):
  """The unit of sexagesimal text without any: hours of right ascensions; None for other text.

  Raises:
    ValueError: right ascensions of 24 and more without a letter, which may be degrees.
  """
  given = [value for value in values.tolist()
           if value.lower().encode() not in MISSING_WORDS]
  if not given or not all(map(_TEXT_ANGLE.fullmatch, given)):
    return None
  if not is_longitude:
    return units.deg
  plain = [value for value in given if not re.search("[hd\xb0]", value)]
  if any(int(re.findall(r"\d+", value)[0]) >= 24 for value in plain):
    raise ValueError("text beyond 24 hours; if it is degrees, minutes and seconds, say so by the "
                     "unit d:m:s")
  return units.hourangle


def system_of(text: str) -> str:
  """RADESYS in the standard's spelling: icrs, 'ICRS J2000' and GAIA-CRF3 are ICRS."""
  word = (text.upper().split() or [""])[0]
  if word.startswith("GAIA-CRF"):
    return "ICRS"
  return word if word in _FRAMES else text.strip()


def _frame(header: fits.Header, names: tuple[str, str], path: str):
  """The system of the positions, as astropy's frame."""
  lowered = tuple(name.lower() for name in names)
  ucd = _of_column(header, names[0], "TUCD").lower()
  if lowered in _GALACTIC or ucd.startswith("pos.galactic"):
    return Galactic()
  if ucd.startswith(("pos.ecliptic", "pos.supergalactic", "pos.az", "pos.earth")):
    raise ValueError(f"{path}: column {names[0]} has the UCD {ucd!r}; give right ascension and "
                     "declination (ICRS)")
  if any(re.search(r"b?1950", name) for name in lowered):
    return FK4(equinox="B1950")
  system = system_of(str(header.get("RADESYS", header.get("RADECSYS", ""))))
  equinox = re.fullmatch(r"([BJ]?)(\d+\.?\d*)", str(header.get("EQUINOX", "")).strip().upper())
  year = float(equinox[2]) if equinox else None
  if not system and equinox and year:
    system = "FK4" if equinox[1] == "B" or year < _LAST_BESSELIAN and not equinox[1] else "FK5"
  if system and system not in _FRAMES:
    raise ValueError(f"{path}: columns {', '.join(names)} are in the system RADESYS = {system!r}; "
                     f"known are {', '.join(_FRAMES)}")
  if system.startswith("FK"):
    letter, default = ("J", 2000.0) if system == "FK5" else ("B", 1950.0)
    return _FRAMES[system](equinox=f"{letter}{year or default}")
  return ICRS()


def _to_icrs(lon, lat, frame) -> tuple[np.ndarray, np.ndarray]:
  """Converts what lies on the sky; the rest stays as it is, to be rejected by its value."""
  with np.errstate(invalid="ignore"):
    good = np.isfinite(lon) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
  if isinstance(frame, ICRS) or not np.any(good):
    return lon, lat
  sky = SkyCoord(lon[good] * units.deg, lat[good] * units.deg, frame=frame).icrs
  lon, lat = lon.copy(), lat.copy()
  lon[good], lat[good] = sky.ra.deg, sky.dec.deg
  lon[~np.isfinite(lat)] = np.nan
  return lon, lat
