"""Two processes on the loopback interface train as one process with two devices does."""

import glob
import json
import os
import socket
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from tests.small_data import make_dataset
from tests.training.test_stages import request, weights
from train import main as train_main

ITERATIONS = 40
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TRAIN = """
import sys
from tests.training.test_stages import request
from train import main as train_main
number, data, runs = sys.argv[1:]
train_main.run(request(int(number), data, runs, iterations=%d, num_devices=0))
""" % ITERATIONS


def free_ports(count):
  sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


class MultiWorkerTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.data = os.path.join(cls.folder, "data")
    make_dataset(cls.data, num=300)

  def start(self, number, name):
    """Both processes at once; returns their exit codes and the errors of the first."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
      config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
      processes.append(subprocess.Popen(
          [sys.executable, "-c", TRAIN, str(number), self.data, os.path.join(self.folder, name)],
          cwd=ROOT, stderr=subprocess.PIPE, text=True,
          env={**os.environ, "TF_CONFIG": json.dumps(config), "TF_CPP_MIN_LOG_LEVEL": "3"}))
    errors = [process.communicate(timeout=240)[1] for process in processes]
    return [process.returncode for process in processes], errors[0]

  def test_as_one_process_with_two_devices(self):
    codes, errors = self.start(0, "together")
    self.assertEqual(codes, [0, 0], errors)
    alone = train_main.run(request(0, self.data, os.path.join(self.folder, "alone"),
                                   iterations=ITERATIONS, num_devices=2))
    (together,) = glob.glob(os.path.join(self.folder, "together", "*", "baseline"))
    expected, found = weights(alone), weights(together)
    for name, value in expected.items():
      # Adam magnifies the rounding of another order of sums.
      self.assertLess(np.mean(np.abs(value - found[name])), 1e-4, name)
      self.assertGreater(np.mean(np.abs(value)), 1e-3 if name.endswith("kernel") else -1.0)
    self.assertTrue(os.path.exists(os.path.join(together, "predictions_test.hdf5")))

  def test_small_stages_stay_on_one_machine(self):
    step1 = train_main.run(request(1, self.data, os.path.join(self.folder, "steps"), iterations=5))
    self.assertTrue(os.path.exists(step1))
    codes, errors = self.start(2, "steps")
    self.assertNotEqual(codes, [0, 0])
    self.assertIn("one machine is enough; unset TF_CONFIG", errors)


if __name__ == "__main__":
  tf.test.main()
