"""The band that a FITS header names, in the spellings of surveys and instruments.

Examples: FILTER = 'g', 'g.MP9401' (MegaCam), 'HSC-G', 'g DECam SDSS c0001 4720.0 1520.0',
'g_SDSS' (OmegaCAM); EXTNAME = 'G'; and of the planes of a cube, BANDS = 'grz' with BAND0 = 'g'.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Sequence

from astropy.io import fits

KEYS = ("FILTER", "BAND", "FILTNAM", "FILTNAME", "FILTERID", "FILTER01", "FILTER1", "FILTER2",
        "FPA.FILTERID", "FPA.FILTER", "ESO INS FILT1 NAME", "INSFLNAM", "PHOTBAND")
"""Keywords whose value is a band; of two filter wheels, one is clear."""
LISTS = ("BANDS", "FILTERS", "FILTER", "BAND")
"""Keywords that may list the bands of a cube's planes."""
_NUMBERED = ("BAND", "FILTER", "FILT", "PLANE")
_ANY_NUMBER = re.compile(r"(.*\D)0*(\d+)")  # CHAN1, FILT0001, BAND 1
_LIST_LIKE = re.compile("BAND|FILT|CHAN|PLANE|COLOU?R|LAYER|SLICE|ORDER")
_TEXTS = {"COMMENT", "HISTORY", "", "CHECKSUM", "DATASUM", "DATE", "EXTNAME"}
_INSTRUMENTS = set(
    "hsc decam des sdss sloan megacam megaprime cfht cfhtls ps1 ps panstarrs pan starrs gpc1 "
    "omegacam ocam vst kids atlas vircam vista viking video ultravista ukidss wfcam ukirt lsst "
    "lsstcam lsstcomcam rubin ztf bass mzls bok 90prime mosaic mosaic3 suprime suprimecam subaru "
    "acs wfc3 nircam niriss uvis wfc hst jwst gemini gmos euclid vis nisp skymapper twomass 2mass "
    "wise galex spitzer irac legacy dels delve splus jplus sci science image img filter filt band "
    "data flux cutout stamp coadd stack mag chan channel plane primary ext".split())
# Words of the value -> the band they mean.  MegaCam's second i filter was once called y.
_ALIASES = {"mp9702": "i", "mp9703": "i"}
_LETTER = re.compile(r"([A-Za-z])(?:prime|band|[Pp]1|p|d|[+'])?", re.ASCII)  # g', gp, gP1, g+, zd
_FUSED = re.compile(r"(?:sdss|decam|hsc|ps1|des|lsst|megacam|omegacam|ztf|kids)([A-Za-z])",
                    re.IGNORECASE)  # sdssg
_BAND_LIKE = re.compile(
    r"[ugrizyUBVRIZYJHK]|Ks|F\d{3,4}[A-Z]{1,2}\d?|[NF]UV|W[1-4]|[IN][AB]\d{3,4}")

_VEGA = re.compile("bessel|johnson|cousins|kron", re.IGNORECASE)  # their R is not r

EXACT, ANY_CASE, NO_MATCH = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class BandWord:
  """What a header says about the band of an image.

  Attributes:
    band: the survey's band, "" if the words name none of them.
    match: EXACT, ANY_CASE (capitals apart) or NO_MATCH.
    text: keyword and value, for messages; "" if the header has none.
    other: a band that the words name and the survey does not have, "" if there is none.
  """

  band: str = ""
  match: int = NO_MATCH
  text: str = ""
  other: str = ""


class BandConflict(ValueError):
  """Two words of one header name different bands; the message has both."""


@functools.lru_cache(1024)
def word_of(value: str, bands: tuple[str, ...], text: str = "") -> BandWord:
  """The band that one value names.

  Args:
    value: such as "g.MP9401".
    bands: the survey's bands; their capitals count where two differ in nothing else.
    text: for messages; default: the value.
  """
  text, value = text or value, value.strip()
  folds = ((EXACT, str), (ANY_CASE, str.lower))[:1 if _VEGA.search(value) else 2]
  for match, fold in folds:
    found = {band for band in bands if fold(band) == fold(value)}
    found = found or {band for band in bands
                      if {*map(fold, _cores(value))} & {*map(fold, _cores(band))}}
    if len(found) == 1:
      return BandWord(found.pop(), match, text)
  others = [core for core in _cores(value) if _BAND_LIKE.fullmatch(core)]
  return BandWord("", NO_MATCH, text, *others[:1])


def band_of(header: fits.Header, bands: Sequence[str]) -> BandWord:
  """The band that a header names, by one of KEYS or by EXTNAME.

  Raises:
    BandConflict: two of its words name different bands of the survey.
  """
  bands = tuple(bands)
  values = {key: str(header[key]) for key in (*KEYS, "EXTNAME") if header.get(key)}
  words = [word_of(value, bands, f"{key} = {value.strip()!r}") for key, value in values.items()]
  found = [word for word in words if word.band]
  if len({word.band for word in found}) > 1:
    raise BandConflict(f"{found[0].text}, but {found[-1].text}")
  if found:
    return min(found, key=lambda word: word.match)
  others = [word for word in words if word.other]
  return [*others, *words, BandWord()][0]


def listed(header: fits.Header, num: int, bands: Sequence[str]) -> list[BandWord]:
  """The bands of a cube's planes; [] if the header does not list them.

  Args:
    header: with BANDS = 'grz' or 'g,r,z', or with BAND0, BAND1 and so on, from 0 or 1.
    num: number of planes.
    bands: the survey's bands.

  Raises:
    BandConflict: two lists differ, or one is not as long as the cube.
  """
  bands, lists = tuple(bands), {}
  for key in LISTS:
    parts = _parts(str(header.get(key, "")), num, bands)
    names = [word_of(part, bands) for part in parts]
    if key == "BANDS" and parts or len(parts) == num > 1 and all(
        word.band or word.other for word in names):
      lists[key] = parts
  for key in _NUMBERED:
    for form in ("{}{}", "{}_{}", "{}{:02d}"):
      first = 0 if form.format(key, 0) in header else 1
      numbered = [form.format(key, first + number) for number in range(num)]
      parts = [str(header[name]) for name in numbered if name in header]
      if len(parts) > 1:
        lists[numbered[0]] = parts
  return _agreeing(lists or _other_lists(header, num, bands), num, bands)


def told_apart(headers: Sequence[fits.Header], bands: Sequence[str]) -> list[BandWord]:
  """The bands of images that a keyword other than KEYS tells apart, such as OBJECT; else [].

  Args:
    headers: of the images, all of which have the keyword.
    bands: the survey's bands.

  Raises:
    BandConflict: two keywords differ.
  """
  bands, lists = tuple(bands), {}
  for key in dict.fromkeys(headers[0]) if len(headers) > 1 else ():
    values = [header.get(key) for header in headers]
    if key not in _TEXTS and all(isinstance(value, str) for value in values):
      lists[key] = values
  return _agreeing(_all_different(lists, bands), len(headers), bands)


def _other_lists(header, num, bands) -> dict[str, list[str]]:
  """Lists of bands under keywords that are not known: numbered ones, and ones that sound so."""
  lists: dict[str, list[str]] = {}
  numbered: dict[str, dict[int, str]] = {}
  for key, value in header.items() if num > 1 else ():
    match = _ANY_NUMBER.fullmatch(key)
    if not isinstance(value, str) or key in _TEXTS:
      continue
    if match:
      numbered.setdefault(match[1], {})[int(match[2])] = value
    elif _LIST_LIKE.search(key) and key not in LISTS:
      lists[key] = _parts(value, num, bands)
  for stem, values in numbered.items():
    first = min(values)
    if first < 2 and set(values) == set(range(first, first + num)):
      lists[f"{stem}{first}"] = [values[number] for number in sorted(values)]
  return _all_different({key: parts for key, parts in lists.items() if len(parts) == num}, bands)


def _all_different(lists: dict[str, list[str]], bands) -> dict[str, list[str]]:
  """The lists whose words name as many bands, those of the survey among them."""
  kept = {}
  for key, parts in lists.items():
    words = [word_of(part, bands) for part in parts]
    names = {word.band or word.other for word in words}
    if len(names) == len(parts) and "" not in names and {word.band for word in words} >= set(bands):
      kept[key] = parts
  return kept


def _agreeing(lists: dict[str, list[str]], num, bands) -> list[BandWord]:
  """The one list of bands, as words."""
  words = {key: [dataclasses.replace(word, other="" if word.band else part) for part in parts
                 for word in [word_of(part, bands, f"{key} = {','.join(parts)!r}")]]
           for key, parts in lists.items()}
  for key, parts in lists.items():
    if len(parts) != num:
      raise BandConflict(f"{key} names {len(parts)} bands ({','.join(parts)}), but the cube has "
                         f"{num} planes")
  named = [key for key in words if any(word.band for word in words[key])]
  if len({tuple(word.band for word in words[key]) for key in named}) > 1:
    raise BandConflict(f"{named[0]} = {','.join(lists[named[0]])}, but {named[-1]} = "
                       f"{','.join(lists[named[-1]])}")
  return words[named[0]] if named else next(iter(words.values()), [])


def _parts(text: str, num: int, bands: Sequence[str]) -> list[str]:
  """A list such as 'g,r,z', 'g r z' or 'grz'; bands of the survey may have several letters."""
  parts = [part for part in re.split(r"[^\w.'+-]+", text.strip()) if part]
  if len(parts) != 1 or num == 1:
    return parts
  longest = sorted(map(re.escape, [*bands, "Ks"]), key=len, reverse=True)
  letters = re.findall("|".join([*longest, "."]), parts[0])
  return letters if len(letters) == num or all(map(_BAND_LIKE.fullmatch, letters)) else parts


def _cores(value: str) -> list[str]:
  """The parts of a value that may be a band: without instruments and decoration."""
  value = re.sub(r"^W-[JCS]-", "", value.strip())  # Suprime-Cam: Johnson, Cousins, SDSS
  words = [word for word in re.split(r"[^A-Za-z0-9+']+", value) if word]
  for word in words:
    if word.lower() in _ALIASES:
      return [_ALIASES[word.lower()]]
  lowered = {word.lower() for word in words}
  cores = [match[1].lower() if (match := _FUSED.fullmatch(word)) else word for word in words
           if word.lower() not in _INSTRUMENTS and not word.isdigit()]
  if "hsc" in lowered:  # HSC-G, HSC-Y and the second filters HSC-R2, HSC-I2
    cores = [re.sub(r"^([a-z])2$", r"\1", word.lower()) for word in cores]
  elif lowered & {"sdss", "sloan"} and not lowered & {"decam"}:
    cores = [word.lower() if len(word) == 1 else word for word in cores]
  plain = [match[1] if (match := _LETTER.fullmatch(word)) else word for word in cores]
  return [*dict.fromkeys([*plain, *("K" for word in cores if word == "Ks")])]
