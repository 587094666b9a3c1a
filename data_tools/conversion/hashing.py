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
  return np.frombuffer(digests, "<u8").astype(np.uint64)


def _texts(keys: Iterable[Any]) -> Iterator[str]:
  """The keys as texts; those of an array become Python's some at a time, which is faster."""
  if isinstance(keys, np.ndarray) and keys.dtype.kind == "U" and not np.ma.isMaskedArray(keys):
    for start in range(0, len(keys), _TEXTS):
      yield from keys[start:start + _TEXTS].tolist()
  else:
    yield from map(str, keys)


def hash_fractions(keys: Iterable[str], salt: str) -> np.ndarray:
  """The hashes as uniform numbers in [0, 1), [n] float64."""
  # A double holds 53 bits: no value is rounded up to 1.
  return (object_hashes(keys, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def repeated(keys: np.ndarray) -> np.ndarray:
  """True at every occurrence of a key but the first, [n] bool.

  Args:
    keys: [n] str or bytes.
  """
  keys = np.asarray(keys)
  hashes = object_hashes(keys, "repeated")
  order = np.argsort(hashes, kind="stable")
  is_repeated, seen = np.zeros(len(keys), bool), set()
  # Equal keys have equal hashes, but not the other way round: keys of equal hashes are compared.
  again = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
  for row in np.unique(np.concatenate([order[again], order[again + 1]])):
    is_repeated[row] = keys[row] in seen
    seen.add(keys[row])
  return is_repeated


def image_hash(pixels: Any) -> int:
  """A 64-bit hash of pixels, bytes or a contiguous array: equal images have equal hashes."""
  return int.from_bytes(hashlib.blake2b(pixels, digest_size=8).digest(), "little")
