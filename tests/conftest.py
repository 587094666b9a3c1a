"""What every test sees: two logical CPU devices, parsed flags, a temporary folder of its own."""

import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TEST_TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="pzbias_tf_tests_")

# TensorFlow reads the log level, absl the folder, when they are imported.
# pylint: disable=wrong-import-position
from absl import flags
import tensorflow as tf

flags.FLAGS.mark_as_parsed()
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_unconfigure(config):
  """Leaves nothing behind."""
  del config
  tf.io.gfile.rmtree(os.environ["TEST_TMPDIR"])


def pytest_collection_modifyitems(items):
  """Leaves out `test_session`, a helper that tf.test.TestCase shows as a test."""
  items[:] = [item for item in items if item.name != "test_session"]
