"""Reads legacy pickles of numpy arrays in plain containers, and nothing else.

A pickle is a program.  This unpickler accepts a dozen harmless names; at any other name
it stops before calling anything, so that nothing from a file is executed.
"""

from __future__ import annotations

import builtins
import collections
import io
import pickle
from typing import IO, Any

from data_tools.readers.pickles import pickle_limits, pickled_arrays

_CONTAINERS = ("bytearray", "complex", "dict", "frozenset", "list", "set", "tuple")


def _encode_latin1(text: str, encoding: str) -> bytes:
  """The function with which Python 3 pickles bytes for old protocols; it needs no other codec."""
  if encoding not in ("latin1", "latin-1"):
    raise pickle.UnpicklingError(f"codec {encoding!r} is not allowed")
  return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
  """The allowed globals; Python 2 and newer versions of numpy name some modules differently."""
  array_type = object()  # an argument of _reconstruct, never called
  allowed = {
      ("collections", "OrderedDict"): collections.OrderedDict,
      ("_codecs", "encode"): _encode_latin1,
      ("numpy", "dtype"): pickled_arrays.DtypeShell,
      # Record arrays become plain structured arrays, which hold the same columns.
      ("numpy", "ndarray"): array_type,
      ("numpy", "recarray"): array_type,
      ("numpy.rec", "recarray"): array_type,
      ("numpy", "record"): pickled_arrays.RECORD,
  }
  for core in ("numpy.core", "numpy._core"):
    allowed[f"{core}.multiarray", "_reconstruct"] = pickled_arrays.ArrayShell
    allowed[f"{core}.multiarray", "scalar"] = pickled_arrays.scalar
    allowed[f"{core}.numeric", "_frombuffer"] = pickled_arrays.from_data
    allowed[f"{core}.records", "recarray"] = array_type
    allowed[f"{core}.records", "record"] = pickled_arrays.RECORD
  for module in ("builtins", "__builtin__"):
    for name in _CONTAINERS:
      allowed[module, name] = getattr(builtins, name)
  return allowed


class _RestrictedUnpickler(pickle.Unpickler):
  """Resolves the allowed globals and refuses all others."""

  def __init__(self, file: IO[bytes], path: str):
    # Python 2 wrote both text and the bytes of arrays as 8-bit strings.
    super().__init__(file, encoding="latin1")
    self._path = path
    self._allowed = _allowed()

  def find_class(self, module: str, name: str) -> Any:
    if (module, name) in self._allowed:
      return self._allowed[module, name]
    if module.split(".")[0] == "pandas":
      raise pickle.UnpicklingError(_dataframe_message(self._path))
    raise pickle.UnpicklingError(
        f"{self._path}: the pickle asks for {module}.{name}; only numpy arrays and plain "
        "containers are read, since anything else could run code. Save its columns "
        "with numpy.savez instead")

  def persistent_load(self, pid: Any) -> Any:
    raise pickle.UnpicklingError(
        f"{self._path}: persistent ids are not allowed; save its columns with numpy.savez instead")


def load(file: IO[bytes], path: str) -> Any:
  """Reads one pickled value made of arrays and plain containers.

  Args:
    file: an open binary file, at the pickle's first byte.
    path: the file's name, for error messages.

  Raises:
    ValueError: the pickle holds anything else, is nested too deeply, or is damaged.
  """
  try:
    data = file.read()
    pickle_limits.check(data)
    return pickled_arrays.plain(_RestrictedUnpickler(io.BytesIO(data), path).load())
  except pickle.UnpicklingError as error:
    message = str(error)
    raise ValueError(message if path in message else f"{path}: {message}") from error
  except Exception as error:  # a damaged pickle can raise nearly anything
    raise ValueError(f"{path}: damaged pickle: {type(error).__name__}: {error}") from error


def _dataframe_message(path: str) -> str:
  return (f"{path}: a pickled pandas table, which cannot be read without running code "
          "from the file. If you trust it, convert it once where pandas is installed:\n"
          f"python -c \"import pandas, numpy; numpy.savez('{path}.npz', "
          f"**pandas.read_pickle('{path}'))\"")
