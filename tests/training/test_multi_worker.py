"""Two processes on the loopback interface train as one process with two devices does."""

import contextlib
import glob
import json
import os
import random
import re
import signal
import socket
import tempfile
import time
from unittest import mock

import numpy as np
import tensorflow as tf

from pzbias_tf.training import one_stage
from pzbias_tf.training.checkpoints import named_weights
from pzbias_tf.training.config import load_config
from tests import programs
from tests.small_data import make_dataset
from tests.small_runs import request, small_config, weights
from train import main as train_main

ITERATIONS = 40
TRAIN = """
import json
import sys
from unittest import mock
from tests.small_runs import request
from train import main as train_main
number, data, runs, settings = sys.argv[1:]
wanted = request(int(number), data, runs, num_devices=0, **json.loads(settings))
with mock.patch.object(train_main, "read_request", lambda: wanted):
  train_main.main([""])
"""


def free_ports(count):
  """Ports below those that the system chooses from: no other test is given them meanwhile."""
  ports = set()
  while len(ports) < count:
    port = random.randrange(20_000, 32_000)
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
      ports.add(port)
  return ports


class MultiWorkerTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.data = os.path.join(cls.folder, "data")
    make_dataset(cls.data, num=300)

  def start(self, number, name, **settings):
    """Both processes at once; returns their exit codes and the errors of the first."""
    processes = self.launch(number, name, **settings)
    ended = [process.wait(240) for process in processes]
    return [process.returncode for process in ended], ended[0].stderr

  def launch(self, number, name, **settings):
    """Starts both processes."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
      config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
      processes.append(programs.Program(
          "-c", TRAIN, str(number), self.data, os.path.join(self.folder, name),
          json.dumps({"iterations": ITERATIONS, **settings}),
          environment={"TF_CONFIG": json.dumps(config)}))
      self.addCleanup(processes[-1].kill)
    return processes

  def test_as_one_process_with_two_devices(self):
    codes, errors = self.start(0, "together")
    self.assertEqual(codes, [0, 0], errors)
    alone = train_main.run(request(0, self.data, os.path.join(self.folder, "alone"),
                                   iterations=ITERATIONS, num_devices=2))
    (together,) = glob.glob(os.path.join(self.folder, "together", "*", "baseline"))
    first, expected, trained = self.first_weights(alone), weights(alone), weights(together)
    for name, value in expected.items():
      # Adam magnifies the rounding of another order of sums.
      self.assertLess(np.mean(np.abs(value - trained[name])), 1e-4, name)
      self.assertGreater(np.mean(np.abs(value - first[name])), 1e-3, name)
    self.assertTrue(os.path.exists(os.path.join(together, "predictions_test.hdf5")))

  def first_weights(self, stage):
    """The weights before the first iteration."""
    config = load_config(stage)[0]
    tf.keras.utils.set_random_seed(config.stage_seed)
    return {name: variable.numpy() for name, variable in named_weights(
        one_stage.make_network(config))}

  def test_a_data_service_for_both(self):
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    workers = [service.WorkerServer(service.WorkerConfig(
        dispatcher_address=dispatcher.target.split("://")[1])) for _ in range(2)]
    codes, errors = self.start(0, "served", data_service=dispatcher.target)
    self.assertEqual(codes, [0, 0], errors)
    self.addCleanup(lambda: (workers, dispatcher))  # they live until the end
    self.assertTrue(glob.glob(os.path.join(
        self.folder, "served", "*", "baseline", "predictions_test.hdf5")))

  def test_who_shares_a_job_of_a_service(self):
    """Processes of one training, and none with other settings."""
    def job(workers, **settings):
      devices = one_stage.Devices(strategy=tf.distribute.get_strategy(), xla=False,
                                  data_service="grpc://a")
      with mock.patch.object(one_stage, "num_workers", lambda strategy: workers):
        return one_stage._data_service(small_config(**settings), devices, "runs/step1").job

    self.assertEqual(job(1), "")
    self.assertStartsWith(job(2), os.path.abspath("runs/step1"))
    self.assertEqual(job(2), job(2))
    self.assertNotEqual(job(2), job(2, batch_size=16))
    self.assertNotEqual(job(2), job(2, data_digest="other"))

  def test_a_signal_to_one_stops_both(self):
    processes = self.launch(0, "signalled", iterations=100_000, checkpoint_minutes=0.0)
    checkpoints = os.path.join(self.folder, "signalled", "*", "baseline", "checkpoints")
    # The first one follows iterations of both: each of them hears signals then.
    while not glob.glob(os.path.join(checkpoints, "ckpt-*.index")):
      self.assertIsNone(processes[0].poll())
      time.sleep(0.1)
    processes[1].terminate()
    ended = [process.wait(120) for process in processes]
    errors = [process.stderr for process in ended]
    self.assertEqual([process.returncode for process in ended], [128 + signal.SIGTERM] * 2, errors)
    stopped = re.search(r"stopped at iteration (\d+) of 100000 \(.*ckpt-", errors[0])
    self.assertIsNotNone(stopped, errors[0])
    self.assertTrue(glob.glob(os.path.join(checkpoints, f"ckpt-{stopped[1]}.index")))

  def test_small_stages_stay_on_one_machine(self):
    step1 = train_main.run(request(1, self.data, os.path.join(self.folder, "steps"), iterations=5))
    self.assertTrue(os.path.exists(step1))
    codes, errors = self.start(2, "steps")
    self.assertNotEqual(codes, [0, 0])
    self.assertIn("one machine is enough; unset TF_CONFIG", errors)


if __name__ == "__main__":
  tf.test.main()
