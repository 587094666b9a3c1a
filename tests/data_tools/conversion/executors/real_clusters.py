"""Clusters of processes on this machine, and images that end their workers, for the tests."""

import errno
import glob
import os
import pathlib
import signal
import subprocess
import sys
import time

from tests import programs

ROOT = pathlib.Path(__file__).resolve().parents[4]
_START_S = 120.0


class Processes:
  """Processes that end with the test; they need not import TensorFlow once more."""

  def __init__(self, folder):
    self.folder, self.running = folder, []
    os.makedirs(folder, exist_ok=True)

  def start(self, *words, from_nothing=False):
    """Starts `python -m WORDS` in the root of the project; from nothing, it imports everything."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": ""}
    if from_nothing:
      process = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT,
                                 env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    else:
      process = programs.Program("-m", *words, environment=environment)
    self.running.append(process)
    return process

  def kill(self):
    """Ends all by SIGKILL."""
    for process in self.running:
      process.kill()
      process.wait()
    self.running.clear()


class DaskCluster(Processes):
  """A Dask scheduler and its workers on the loopback interface."""

  def __init__(self, folder, workers=2):
    super().__init__(folder)
    self.file = os.path.join(folder, "scheduler.json")
    self.start("distributed.cli.dask_scheduler", "--host=127.0.0.1", "--port=0",
               "--no-dashboard", f"--scheduler-file={self.file}")
    wait_for(lambda: os.path.exists(self.file))
    for _ in range(workers):
      self.add_worker()

  def add_worker(self, *, from_nothing=False):
    """Starts a worker, which is one process with one thread."""
    return self.start(
        "distributed.cli.dask_worker", "--host=127.0.0.1", "--nthreads=1", "--no-nanny",
        "--no-dashboard", f"--scheduler-file={self.file}", f"--local-directory={self.folder}",
        from_nothing=from_nothing)

  @property
  def option(self):
    """The option of the pipeline that names this cluster."""
    return f"dask_scheduler_file={self.file}"


class JobServer(Processes):
  """Beam's job server in Python."""

  def __init__(self, folder):
    super().__init__(folder)
    file = os.path.join(folder, "port")
    self.start("apache_beam.runners.portability.local_job_service_main",
               f"--port_file={file}", f"--staging_dir={os.path.join(folder, 'staged')}")
    wait_for(lambda: os.path.exists(file))
    self.option = f"job_endpoint=localhost:{pathlib.Path(file).read_text(encoding='utf-8')}"


class KillingImages:
  """Images by row; once some shards are finished, reading one kills processes.

  Args:
    images: images by row.
    output: the data set's folder.
    marker: a file that is made before the first kill; with it, nothing is killed.
    pids: these processes are killed.
    own: then the one that reads is killed, too.
  """

  def __init__(self, images, output, marker, pids=(), *, own=True):
    self._images, self._output, self._marker = images, output, marker
    self._pids, self._own = pids, own

  def __call__(self, row):
    if len(glob.glob(os.path.join(self._output, ".unfinished", "*", "*.json"))) >= 3:
      kill_once(self._marker, (*self._pids, *([os.getpid()] if self._own else [])))
    return self._images(row)


def wait_for(condition):
  """Waits until a condition holds."""
  end = time.monotonic() + _START_S
  while not condition():
    if time.monotonic() > end:
      raise TimeoutError(f"still waiting after {_START_S:g} s")
    time.sleep(0.05)


class FullDisk:
  """Images by row; once a shard is finished, there is no room for another."""

  def __init__(self, images, output):
    self._images, self._output = images, output

  def __call__(self, row):
    if glob.glob(os.path.join(self._output, ".unfinished", "*", "*.json")):
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return self._images(row)


class KillingJob:
  """In place of `on_cluster.predict_job`: once some shards are predicted, kills processes.

  Args:
    marker: a file that is made before the first kill; with it, nothing is killed.
    pids: these processes are killed, then the one that predicts.
  """

  def __init__(self, marker, pids=()):
    self._marker, self._pids = marker, pids

  def __call__(self, settings, job):
    from eval.prediction import on_cluster  # imports TensorFlow, which the cluster does not need

    if len(glob.glob(os.path.join(os.path.dirname(job.path), "*.hdf5"))) >= 2:
      kill_once(self._marker, (*self._pids, os.getpid()))
    on_cluster.predict_job(settings, job)


def kill_once(marker, pids):
  """Kills processes, unless the marker exists; makes it first."""
  try:
    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
  except FileExistsError:
    return
  for pid in pids:
    os.kill(pid, signal.SIGKILL)
