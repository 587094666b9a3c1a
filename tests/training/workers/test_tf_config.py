"""Mistakes in TF_CONFIG are named, and with them the variable."""

import json
import os
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.training.workers.tf_config import read_cluster

TWO = ["node1:7777", "node2:7777"]


def config(workers=None, job="worker", index=0, **others):
  """The text of TF_CONFIG."""
  return json.dumps({"cluster": {"worker": TWO if workers is None else workers, **others},
                     "task": {"type": job, "index": index}})


class TfConfigTest(tf.test.TestCase, parameterized.TestCase):

  def read(self, text):
    with mock.patch.dict(os.environ, {"TF_CONFIG": text}):
      return read_cluster()

  def test_processes(self):
    cluster = self.read(config(index=1, chief=["[::1]:5"]))
    self.assertEqual(cluster.addresses, {
        "chief 0": "[::1]:5", "worker 0": "node1:7777", "worker 1": "node2:7777"})
    self.assertEqual((cluster.own, cluster.first), ("worker 1", "chief 0"))
    self.assertEqual(cluster.place("chief 0"), ("::1", 5))
    self.assertEqual(self.read(config()).first, "worker 0")

  @parameterized.parameters("", " ")
  def test_none(self, text):
    self.assertIsNone(self.read(text))

  @parameterized.parameters(
      ('{"cluster": {"worker": ["localhost:1"', "not JSON"), ("[" * 100_000, "not JSON"),
      ("[]", '"cluster" is missing'), ("7", '"cluster" is missing'),
      ('{"cluster": {"worker": ["localhost:12345"]}}', '"task" is missing'),
      (config("localhost:12345"), '"worker" must be a list of addresses, got "localhost:12345"'),
      (config([]), '"worker" must be a list'), (config([7]), "'7' is no address host:port"),
      (config(["node1"]), "'node1' is no address host:port"),
      (config(["node1:99999"]), "'node1:99999' is no address host:port with a port from 1 to 6553"),
      (config(["node1:0"]), "'node1:0' is no address"),
      (config(["http://node1:7"]), "'http://node1:7' is no address"),
      (config(["a:1", "a:1"]), "the address a:1 is named twice"),
      (config(index=2), '"task" is worker 2, but "cluster" has worker 0, worker 1'),
      (config(index=-1), '"task" is worker -1'), (config(index="0"), "whole number, got '0'"),
      (config(index=True), "whole number, got True"),
      (config(job="chief"), '"task" is chief 0, but'),
      (config(job="evaluator"), "is 'evaluator'; only chief and worker train, and evaluation"),
      (config(job=None), '"type" of "task" is None'), (config(ps=["a:1"]), "\"cluster\" has 'ps'"))
  def test_mistakes(self, text, message):
    with self.assertRaises(ValueError) as raised:
      self.read(text)
    self.assertRegex(str(raised.exception), "^TF_CONFIG: .*; correct it, e.g. .*, or unset it")
    self.assertIn(message, str(raised.exception))


if __name__ == "__main__":
  tf.test.main()
