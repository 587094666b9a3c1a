"""Salted hashes of object ids, which order the records and draw the splits.

A hash depends on nothing but the id and the salt, so that the order of records and the
splits do not change with the order of the input or the number of processes.
"""

from __future__ import annotations

import hashlib
from typing import Any, Iterable, Iterator

import numpy as np

_TEXTS = 10_000  # of an array that are Python's objects at a time


def object_hash(key: str, salt: str) -> int:
  """A 64-bit hash of `key`; different salts give independent hashes."""
  digest = hashlib.blake2b(f"{salt}:{key}".encode(), digest_size=8).digest()
  return int.from_bytes(digest, "little")


def object_hashes(keys: Iterable[str], salt: str) -> np.ndarray:
  """`object_hash` of every key, [n] uint64."""
  start, digests = hashlib.blake2b(f"{salt}:".encode(), digest_size=8), bytearray()
  for key in _texts(keys):
    own = start.copy()  # twice as fast as to begin anew
    own.update(key.encode())
    digests += own.digest()
  return np.frombuffer(digests, "<u8").astype(np.uint64, copy=False)


def _texts(keys: Iterable[Any]) -> Iterator[str]:
  """The keys as texts; those of an array become Python's some at a time, which is faster."""
  if isinstance(keys, np.ndarray) and keys.dtype.kind == "U" and not np.ma.isMaskedArray(keys):
    for start in range(0, len(keys), _TEXTS):
      yield from keys[start:start + _TEXTS].tolist()
  else:
    yield from map(str, keys)


def hash_fractions(keys: Iterable[str], salt: str) -> np.ndarray:
  """The hashes as uniform numbers in [0, 1), [n] float64."""
  # A double holds 53 bits: no value is rounded up to 1.  In place, as many fractions take memory.
  hashes = object_hashes(keys, salt)
  hashes >>= np.uint64(11)
  fractions = hashes.astype(np.float64)
  fractions *= 2.0**-53
  return fractions


def repeated(keys: np.ndarray) -> np.ndarray:
  """True at every occurrence of a key but the first, [n] bool.

  Args:
    keys: [n] str or bytes.
  """
  keys = np.asarray(keys)
  is_repeated, seen = np.zeros(len(keys), bool), set()
  # Equal keys have equal hashes, but not the other way round: keys of equal hashes are compared.
  for row in rows_of_repeated(object_hashes(_decoded(keys), "repeated")):
    is_repeated[row] = keys[row] in seen
    seen.add(keys[row])
  return is_repeated


def _decoded(keys: np.ndarray) -> Iterable[str]:
  """Keys as texts, some at a time where they are bytes."""
  if keys.dtype.kind != "S":
    return keys
  blocks = (keys[start:start + _TEXTS] for start in range(0, len(keys), _TEXTS))
  return (key.decode("latin-1") for block in blocks for key in block.tolist())


def rows_of_repeated(hashes: np.ndarray) -> np.ndarray:
  """The rows whose hash another row has as well, in order.

  Args:
    hashes: [n] uint64.
  """
  ranked = np.sort(hashes)  # without the rows: hardly any hash stands twice
  twice = np.unique(ranked[1:][ranked[1:] == ranked[:-1]])
  del ranked
  return np.flatnonzero(np.isin(hashes, twice)) if twice.size else np.zeros(0, np.int64)


def image_hash(pixels: Any) -> int:
  """A 64-bit hash of pixels, bytes or a contiguous array: equal images have equal hashes."""
  return int.from_bytes(hashlib.blake2b(pixels, digest_size=8).digest(), "little")
