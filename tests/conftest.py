"""Set-up of all tests: two logical CPU devices, parsed flags, a temporary folder per process.

A worker of pytest-xdist has its folder inside that of the process that started it.  So that
process removes everything, even if the worker was killed.
"""

import gc
from multiprocessing import util
import os
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TEST_TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(
    prefix="pzbias_tf_tests_", dir=os.environ.get("TEST_TMPDIR"))

# TensorFlow reads the log level, and absl the folder, when they are imported.
# pylint: disable=wrong-import-position
from absl import flags
import pytest
import tensorflow as tf

FOLDER = os.path.dirname(os.path.abspath(__file__))
# The files that take longest, longest first.  So the time at the end is short in which one worker
# is in the middle of a file and the others have nothing left to do.
LONGEST = (
    "training/test_interruption.py", "test_real_photometry.py", "training/test_stages.py",
    "train/test_published_lines.py", "rail/test_pipeline.py", "training/test_killed.py",
    "training/test_multi_worker.py", "test_site.py", "training/test_extra_columns.py",
    "rail/test_images.py", "eval/test_main.py", "eval/test_predict.py",
    "data_tools/conversion/test_resume.py", "training/test_features.py",
    "eval/prediction/test_on_cluster.py", "eval/test_results.py", "training/test_photometry.py",
    "data_tools/conversion/executors/test_dask_cluster.py",
    "training/test_damaged_checkpoints.py", "training/test_cfhtls.py", "test_commands.py",
    "train/test_experiments.py", "data/test_data_service.py", "data/test_pipeline.py",
    "data_tools/conversion/executors/test_beam.py", "training/test_step.py",
    "test_own_survey.py", "training/test_monitoring.py", "eval/test_export.py",
)

# Folders that outlive a file of tests: those of multiprocessing, of matplotlib, and of
# tests/eval/small_run.py.
OUTLIVE = ("pymp-", "matplotlib", "kept_")

# Removed at the end, after multiprocessing (-100) has removed its own folder in it.
util.Finalize(None, shutil.rmtree, args=(tempfile.tempdir,), exitpriority=-200)
flags.FLAGS.mark_as_parsed()
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(scope="module", autouse=True)
def _remove_folders():
  """Removes what a file of tests has written: all files together write tens of GB."""
  before = {*os.listdir(tempfile.tempdir)}
  yield
  for name in {*os.listdir(tempfile.tempdir)} - before:
    if not name.startswith(OUTLIVE):
      shutil.rmtree(os.path.join(tempfile.tempdir, name), ignore_errors=True)


def pytest_collection_modifyitems(items):
  """Sorts the longest files first, and leaves out `test_session`, a helper of tf.test.TestCase."""
  place = {os.path.join(FOLDER, *name.split("/")): number for number, name in enumerate(LONGEST)}
  for path in place:
    if not os.path.exists(path):
      raise pytest.UsageError(f"{path} does not exist; correct LONGEST in tests/conftest.py")
  items[:] = sorted((item for item in items if item.name != "test_session"),
                    key=lambda item: place.get(str(item.path), len(place)))


def pytest_collection_finish():
  """Lets the garbage collector look at what tests make alone: TensorFlow is a million objects."""
  gc.collect()
  gc.freeze()
