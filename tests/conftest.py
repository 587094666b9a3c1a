"""What every test sees: two logical CPU devices, parsed flags, a temporary folder of its own.

Each process has such a folder; a worker of pytest-xdist has it in that of the process that
started it, which thus removes everything, also after a worker that was killed.
"""

import os
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TEST_TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(
    prefix="pzbias_tf_tests_", dir=os.environ.get("TEST_TMPDIR"))

# TensorFlow reads the log level, absl the folder, when they are imported.
# pylint: disable=wrong-import-position
from absl import flags
import pytest
import tensorflow as tf

FOLDER = os.path.dirname(os.path.abspath(__file__))
# The files that take longest, longest first: so the end, when a worker has nothing left to do while
# another one is in the middle of a file, is short.
LONGEST = (
    "training/test_interruption.py", "training/test_stages.py", "training/test_killed.py",
    "training/test_multi_worker.py", "test_commands.py", "eval/test_main.py",
    "train/test_published_lines.py",
    "eval/test_predict.py", "training/test_damaged_checkpoints.py", "training/test_features.py",
    "eval/test_results.py", "train/test_experiments.py", "data_tools/conversion/test_resume.py",
    "data_tools/conversion/executors/test_beam.py", "training/test_cfhtls.py",
    "training/test_step.py",
    "test_own_survey.py", "training/test_monitoring.py", "eval/test_export.py",
)

flags.FLAGS.mark_as_parsed()
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_unconfigure(config):
  """Leaves nothing behind."""
  del config
  shutil.rmtree(os.environ["TEST_TMPDIR"])


def pytest_collection_modifyitems(items):
  """The longest files go first, and `test_session` is left out, tf.test.TestCase's helper."""
  place = {os.path.join(FOLDER, *name.split("/")): number for number, name in enumerate(LONGEST)}
  for path in place:
    if not os.path.exists(path):
      raise pytest.UsageError(f"{path} is not there; correct LONGEST in tests/conftest.py")
  items[:] = sorted((item for item in items if item.name != "test_session"),
                    key=lambda item: place.get(str(item.path), len(place)))
