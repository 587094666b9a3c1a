"""Stand-ins that collect the state of a pickled array, and build the array afterwards.

numpy's own `__setstate__` trusts what a pickle says about an array's memory: a forged type
could make it follow addresses from the file.  Here every type is built from its parts, and
every array by `numpy.frombuffer`, which checks its arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_UNFINISHED = object()

RECORD = "V"
"""Stands for the type numpy.record: a plain structured element."""


class DtypeShell:
  """Stands in for numpy.dtype."""

  __slots__ = ("dtype", "_code")

  def __init__(self, code: str, align: bool = False, copy: bool = False):
    del align, copy  # the state contains the offsets
    self._code = code
    self.dtype = np.dtype(code)

  def __setstate__(self, state: tuple) -> None:
    _, byte_order, subarray, names, fields, size = state[:6]
    if subarray is not None:
      self.dtype = np.dtype((subarray[0].dtype, subarray[1]))
    elif names is not None:
      self.dtype = np.dtype({
          "names": list(names), "formats": [fields[name][0].dtype for name in names],
          "offsets": [fields[name][1] for name in names], "itemsize": size})
    elif self.dtype.kind in "mM":
      raise ValueError("columns of dates are not read; store them as numbers")
    else:
      dtype = np.dtype(f"V{size}") if self.dtype.kind == "V" else np.dtype(self._code)
      self.dtype = dtype.newbyteorder(byte_order)


class ArrayShell:
  """Stands in for an array until the pickle is read."""

  __slots__ = ("_state",)

  def __init__(self, *unused_arguments: Any):
    self._state: tuple = ()

  def __setstate__(self, state: tuple) -> None:
    self._state = state

  def array(self) -> np.ndarray:
    """The array.

    Raises:
      TypeError, ValueError: the state does not describe an array.
    """
    _, shape, shell, is_fortran, data = self._state
    return from_data(data, shell, shape, "F" if is_fortran else "C")


def from_data(data: Any, shell: DtypeShell, shape: Any, order: Any = "C") -> np.ndarray:
  """An array from bytes, or from a list of objects (or of rows with objects)."""
  if shell.dtype.hasobject:
    flat = np.empty(len(data), shell.dtype)
    for index, value in enumerate(data):
      flat[index] = plain(value)
  else:
    flat = np.frombuffer(_as_bytes(data), shell.dtype).copy()
  return flat.reshape(shape, order=order)


def scalar(shell: DtypeShell, data: Any) -> np.generic:
  """Stands in for numpy.core.multiarray.scalar."""
  return np.frombuffer(_as_bytes(data), shell.dtype)[0]


def plain(value: Any, known: dict[int, Any] | None = None) -> Any:
  """A value in which arrays replace their shells; what is shared stays shared.

  Args:
    value: the value.
    known: {id: plain value} of what was met before.

  Raises:
    ValueError: it contains itself.
  """
  known = {} if known is None else known
  if not isinstance(value, (ArrayShell, dict, list, tuple)):
    return value
  if id(value) in known:
    if known[id(value)] is _UNFINISHED:
      raise ValueError("a container that contains itself")
    return known[id(value)]
  known[id(value)] = _UNFINISHED
  made: Any
  if isinstance(value, ArrayShell):
    made = value.array()
  elif isinstance(value, dict):
    made = type(value)((key, plain(item, known)) for key, item in value.items())
  else:
    made = type(value)(plain(item, known) for item in value)
  known[id(value)] = made
  return made


def _as_bytes(data: Any) -> bytes:
  """Python 2 wrote an array's bytes as an 8-bit string."""
  return data.encode("latin1") if isinstance(data, str) else bytes(data)
