"""Processes that wait for each other say so, hear signals, and compare their settings."""

import os
import signal
import socket
import threading
import time
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.training.interruption import Interrupted
from pzbias_tf.training.workers import meeting
from pzbias_tf.training.workers.tf_config import Cluster


def free_port():
  with socket.create_server(("127.0.0.1", 0)) as server:
    return server.getsockname()[1]


class MeetingTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.addresses = {f"worker {index}": f"127.0.0.1:{free_port()}" for index in range(3)}
    self.enter_context(mock.patch.object(meeting, "SAY_EVERY_S", 0.4))

  def meet(self, index, settings=(), timeout_s=20.0):
    own = Cluster(addresses=self.addresses, own=f"worker {index}")
    meeting.meet(own, dict(settings), timeout_s=timeout_s)

  def meet_all(self, *settings):
    """Errors of the processes of some settings, "" for none."""
    errors = [""] * len(settings)

    def run(index):
      try:
        self.meet(index, settings[index])
      except (OSError, ValueError) as error:
        errors[index] = str(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(settings))]
    for thread in reversed(threads):  # the first one comes last
      thread.start()
      time.sleep(0.2)
    for thread in threads:
      thread.join(60)
      self.assertFalse(thread.is_alive())
    return errors

  def test_all_come(self):
    self.assertEqual(self.meet_all(*[{"seed": 1, "lr_drops": (0.5,)}] * 3), [""] * 3)

  @parameterized.parameters(({"iterations": 4}, {"iterations": 8}, "iterations: 4 .*, 8 in"),
                            ({"batch_size": 8}, {}, "batch_size: 8 in worker 0, None in worker "),
                            ({"data set": "a"}, {"data set": "b"}, "data set: 'a' in .*'b' in "))
  def test_settings_differ(self, first, others, message):
    errors = self.meet_all(first, first, others)
    for error in (errors[0], errors[2]):
      self.assertRegex(error, f"other settings:\n  {message}")
      self.assertIn(f"worker 2 ({self.addresses['worker 2']})", error)

  @parameterized.parameters(0, 1)
  def test_partner_that_never_comes(self, index):
    with self.assertLogs("absl", "WARNING") as logs:
      with self.assertRaisesRegex(OSError, r"did not answer in 1.5 s \(--connect_timeout\); start"):
        self.meet(index, timeout_s=1.5)
    missing = "worker 1" if index == 0 else "worker 0"
    self.assertRegex(logs.output[0], rf"Waiting for {missing} \({self.addresses[missing]}\)")
    self.assertBetween(len(logs.output), 2, 4)

  @parameterized.product(number=(signal.SIGTERM, signal.SIGINT), index=(0, 1))
  def test_signals_end_it(self, number, index):
    threading.Timer(0.5, os.kill, (os.getpid(), number)).start()
    with self.assertRaisesRegex(Interrupted, f"{number.name} while waiting for worker") as raised:
      self.meet(index)
    self.assertEqual(raised.exception.number, number)

  @parameterized.parameters(0, 1)
  def test_port_that_is_taken(self, index):
    port = int(self.addresses[f"worker {index}"].split(":")[1])
    with socket.create_server(("", port)):
      with self.assertRaisesRegex(OSError, f"TF_CONFIG: port {port} .* worker {index}, is taken"):
        self.meet(index)

  def test_strangers_are_left_alone(self):
    def disturb():
      for line in (b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b'{"name": "worker 7", "settings": {}}\n'):
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
          stranger.sendall(line)

    port = int(self.addresses["worker 0"].split(":")[1])
    thread = threading.Thread(target=disturb)
    thread.start()
    with self.assertRaisesRegex(OSError, "did not answer in 2.5 s"):
      self.meet(0, timeout_s=2.5)
    thread.join()

  def test_two_processes_of_one_index(self):
    """On two machines: no port tells them apart."""
    errors = []

    def run(index, name):
      try:
        with mock.patch.object(meeting, "_own_port", mock.MagicMock()) if index else (
            mock.MagicMock()):
          self.meet(index, timeout_s=4.0)
      except (OSError, ValueError) as error:
        errors.append((name, str(error)))

    threads = [threading.Thread(target=run, args=arguments)
               for arguments in ((0, "first"), (1, "one"), (1, "other"))]
    for thread in threads:
      thread.start()
      time.sleep(0.5)
    for thread in threads:
      thread.join(60)
    self.assertIn("another process is worker 1 already", dict(errors)["other"])


class DataServiceTest(tf.test.TestCase, parameterized.TestCase):

  def test_one_that_answers(self):
    with socket.create_server(("127.0.0.1", 0)) as server:
      meeting.wait_for_service(f"grpc://127.0.0.1:{server.getsockname()[1]}", timeout_s=5.0)

  def test_one_that_nobody_runs(self):
    address = f"grpc://127.0.0.1:{free_port()}"
    with mock.patch.object(meeting, "SAY_EVERY_S", 0.3), self.assertLogs("absl", "WARNING") as logs:
      with self.assertRaisesRegex(OSError, f"service at {address} did not answer in 1 s .*start"):
        meeting.wait_for_service(address, timeout_s=1.0)
    self.assertIn(f"Waiting for a tf.data service at {address}", logs.output[0])

  @parameterized.parameters("localhost:5000", "http://a:5", "grpc://a", "grpc://a:99999", "grpc://")
  def test_addresses_that_are_none(self, address):
    with self.assertRaisesRegex(ValueError, f"--data_service={address}: .*e.g. grpc://node1:5000"):
      meeting.wait_for_service(address, timeout_s=1.0)


if __name__ == "__main__":
  tf.test.main()
