"""Legacy pickles are read as plain data, and nothing in them is executed."""

import collections
import io
import os
import pickle
import re

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.readers import sdss_research
from data_tools.readers.pickles import restricted_pickle


class Malicious:
  """Its pickle calls a function when it is loaded."""

  def __init__(self, function, *arguments):
    self._call = function, arguments

  def __reduce__(self):
    return self._call


def _load(data: bytes):
  return restricted_pickle.load(io.BytesIO(data), "label")


class RestrictedPickleTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(protocol=list(range(pickle.HIGHEST_PROTOCOL + 1)))
  def test_arrays_and_containers_survive(self, protocol):
    label = collections.OrderedDict(
        z=np.linspace(0, 1, 5), r=np.arange(3, dtype=np.float32),
        objects=np.array(["a", None, 2.5], object), scalar=np.float64(3.5),
        plain=[1, (2, "three"), {4}, b"five"])
    loaded = _load(pickle.dumps(label, protocol=protocol))
    self.assertAllEqual(loaded["z"], label["z"])
    self.assertEqual(loaded["r"].dtype, np.float32)
    self.assertSequenceEqual(list(loaded["objects"]), ["a", None, 2.5])
    self.assertEqual(loaded["scalar"], 3.5)
    self.assertEqual(loaded["plain"], label["plain"])

  def test_record_array_becomes_a_structured_array(self):
    array = np.rec.fromarrays([[0.1, 0.2], [1, 2]], names="z,n")
    loaded = _load(pickle.dumps(array))
    self.assertIs(type(loaded), np.ndarray)
    self.assertAllClose(loaded["z"], [0.1, 0.2])

  @parameterized.parameters("<f4", ">f8", "S3", "<U4", "?", "V5", "<c16")
  def test_all_kinds_of_numbers_and_text(self, dtype):
    array = np.frombuffer(bytes(range(80)), np.uint8).astype("S1").astype(dtype).reshape(5, 16)
    for order in "CF":
      loaded = _load(pickle.dumps(np.asarray(array, order=order)))
      self.assertEqual(loaded.dtype, array.dtype)
      self.assertEqual(loaded.tobytes(), array.tobytes())

  def test_structured_array_with_padding_and_subarray(self):
    dtype = np.dtype({"names": ["a", "b"], "formats": ["<f4", (">i2", (3,))],
                      "offsets": [4, 12], "itemsize": 24})
    array = np.frombuffer(bytes(range(48)), dtype)
    loaded = _load(pickle.dumps(array))
    self.assertEqual(loaded.dtype, dtype)
    self.assertAllEqual(loaded["b"], array["b"])

  def test_forged_types_follow_no_address(self):
    # An object array whose type claims to hold no objects, over eight bytes of the file.
    data = (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\nt"
            b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\n"
            b"S'AAAAAAAA'\ntb.")
    with self.assertRaisesRegex(ValueError, "label: damaged pickle"):
      _load(data)

  def test_python_2_pickle(self):
    # {'z': array([0.5])}, spelled as Python 2 with numpy 1.16 does.
    data = (b"(dp0\nS'z'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n"
            b"(I0\ntp4\nS'b'\np5\ntp6\nRp7\n(I1\n(I1\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\n"
            b"I1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
            b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\xe0?'\np15\ntp16\nbs.")
    self.assertAllEqual(_load(data)["z"], [0.5])

  @parameterized.parameters(b"numpy.core.multiarray", b"numpy._core.multiarray")
  def test_module_names_of_numpy_1_and_2(self, module):
    data = pickle.dumps(np.arange(3.0), protocol=2)
    data = re.sub(rb"numpy\._?core\.multiarray", module, data)
    self.assertIn(module, data)
    self.assertAllEqual(_load(data), [0, 1, 2])

  @parameterized.product(protocol=list(range(pickle.HIGHEST_PROTOCOL + 1)))
  def test_payload_is_never_executed(self, protocol):
    target = os.path.join(self.get_temp_dir(), f"executed_{protocol}")
    data = pickle.dumps({"z": Malicious(open, target, "w")}, protocol=protocol)
    pickle.loads(data)["z"].close()
    self.assertTrue(os.path.exists(target))  # the payload works if nothing stops it
    os.remove(target)
    with self.assertRaisesRegex(ValueError, "open; only numpy arrays and plain"):
      _load(data)
    self.assertFalse(os.path.exists(target))

  @parameterized.parameters("os system", "builtins eval", "builtins getattr",
                            "numpy load", "numpy.core.multiarray fromfile")
  def test_other_globals_are_named(self, name):
    module, function = name.split()
    data = f"c{module}\n{function}\n(S'x'\ntR.".encode()
    with self.assertRaisesRegex(ValueError, f"label: the pickle asks for {module}.{function}"):
      _load(data)

  def test_dotted_names_are_refused(self):
    # Protocol 4 resolves "ndarray.tofile" attribute by attribute.
    data = b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
    with self.assertRaisesRegex(ValueError, "asks for numpy.ndarray.tofile"):
      _load(data)

  def test_codecs_other_than_latin1(self):
    with self.assertRaisesRegex(ValueError, "codec 'rot13' is not allowed"):
      _load(b"c_codecs\nencode\n(Vx\nVrot13\ntR.")

  def test_dataframe_is_refused_with_a_command_that_converts_it(self):
    data = b"\x80\x02cpandas.core.frame\nDataFrame\n)\x81}b."
    with self.assertRaisesRegex(ValueError, r"numpy\.savez\('label\.npz', "
                                r"\*\*pandas\.read_pickle\('label'\)\)"):
      _load(data)

  def test_damaged_pickle(self):
    data = pickle.dumps({"z": np.arange(100.0)})
    for stop in (0, 1, 20, len(data) - 1):
      with self.assertRaisesRegex(ValueError, "label"):
        _load(data[:stop])

  def test_label_without_columns(self):
    path = os.path.join(self.get_temp_dir(), "label")
    with open(path, "wb") as file:
      pickle.dump([1, 2], file)
    with self.assertRaisesRegex(ValueError, "expected a table of columns, found list"):
      sdss_research.load_label(path)


if __name__ == "__main__":
  tf.test.main()
