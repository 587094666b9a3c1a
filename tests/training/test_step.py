"""The compiled step: replicas and XLA give the same weights; schedules; devices."""

import functools
import itertools
import os
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.compat.keras import build_optimizer
from pzbias_tf.models import build_network
from pzbias_tf.survey import SDSS
from pzbias_tf.training import devices
from pzbias_tf.training.devices import make_strategy, use_xla
from pzbias_tf.training.loop import Intervals, Loop
from pzbias_tf.training.step import make_train_steps
from tests import programs
from tests.small_runs import small_config
from tests.training.small_steps import train

FOUR_DEVICES = """
import sys
import numpy as np
from pzbias_tf.training.devices import make_strategy
from tests.training.small_steps import train
weights, _, _ = train(make_strategy(4), xla=False)
_, curve, _ = train(make_strategy(4), xla=False, optimizer="adam")
np.savez(sys.argv[1], *weights, curve=curve)
"""


class StepTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters((2, False), (1, True), (2, True))
  def test_replicas_and_xla_agree_with_one_plain_device(self, devices, xla):
    weights, loss, traces = train(tf.distribute.get_strategy(), xla=False)
    others, other_loss, other_traces = train(make_strategy(devices), xla=xla)
    self.assertEqual((traces, other_traces), (1, 1))
    self.assertAllClose(loss, other_loss, rtol=1e-5)
    for a, b in zip(weights, others):
      self.assertAllClose(a, b, atol=1e-5)

  @parameterized.parameters(("adam", "float32"), ("adam", "mixed_float16"), ("lamb", "float32"))
  def test_xla_compiles_the_update_too(self, optimizer, precision):
    settings = {"precision": precision, "optimizer": optimizer}
    weights, loss, _ = train(tf.distribute.get_strategy(), xla=False, **settings)
    others, other_loss, traces = train(tf.distribute.get_strategy(), xla=True, **settings)
    self.assertEqual(traces, 1)
    self.assertAllClose(loss, other_loss, rtol=1e-3)
    self.assertLess(loss[-1], loss[0])
    if precision == "float32":  # Adam's first steps are as long for a gradient that rounding made
      for a, b in zip(weights, others):
        self.assertAllClose(a, b, atol=2e-3)

  def test_what_xla_compiles(self):
    """The update too on one device, gradients alone on two."""
    for number, compiles in ((1, True), (2, False)):
      strategy, seen = make_strategy(number), []
      with strategy.scope():
        weight = tf.Variable(1.0)
        optimizer = tf.keras.optimizers.SGD(0.1)
        build_optimizer(optimizer, [weight])
      update = optimizer.apply_gradients

      def watched(pairs, update=update, seen=seen):
        seen.append(tf.compat.v1.get_default_graph().name)
        return update(pairs)

      optimizer.apply_gradients = watched
      steps = make_train_steps(
          strategy=strategy, variables=[weight], optimizer=optimizer, global_batch=2, xla=True,
          loss_fn=lambda batch, weight=weight: [weight * batch["x"]])
      steps(iter(strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(
          {"x": tf.ones([2])}))), tf.constant(1))
      self.assertEqual({name == "replica_step" for name in seen}, {compiles}, seen)

  def test_loss_curves_of_adam_agree(self):
    _, curve, _ = train(tf.distribute.get_strategy(), xla=False, optimizer="adam")
    _, other, _ = train(make_strategy(2), xla=False, optimizer="adam")
    self.assertAllClose(curve, other, rtol=1e-3)
    self.assertLess(curve[-1], curve[0])

  def test_four_devices(self):
    """In a process of its own: strategies of other sizes share keys of collectives."""
    path = os.path.join(self.get_temp_dir(), "four.npz")
    programs.run("-c", FOUR_DEVICES, path).check_returncode()
    weights, _, _ = train(tf.distribute.get_strategy(), xla=False)
    _, curve, _ = train(tf.distribute.get_strategy(), xla=False, optimizer="adam")
    with np.load(path) as four:
      for number, value in enumerate(weights):
        self.assertAllClose(value, four[f"arr_{number}"], atol=1e-5)
      self.assertAllClose(curve, four["curve"], rtol=1e-3)

  @parameterized.parameters("mixed_float16", "mixed_bfloat16")
  def test_mixed_precision_is_close_to_float32(self, precision):
    weights, loss, _ = train(tf.distribute.get_strategy(), xla=False)
    others, other_loss, _ = train(make_strategy(2), xla=False, precision=precision)
    self.assertAllClose(loss, other_loss, rtol=2e-3)
    self.assertNotEqual(loss, other_loss)
    for a, b in zip(weights, others):
      self.assertEqual(b.dtype, np.float32)
      self.assertAllClose(a, b, atol=5e-3)

  def test_what_a_mixed_network_computes_in(self):
    network = build_network(5, SDSS, multi_output=True, image_size=8, precision="mixed_float16")
    bright = {"image": tf.fill([1, 8, 8, 5], 1e6), "ebv": tf.zeros([1])}  # no float16 holds it
    logits = network(bright)
    self.assertEqual(network.get_layer("representation")(bright).dtype, tf.float16)
    for name in ("z_logits", "r_logits"):
      self.assertEqual(logits[name].dtype, tf.float32)
      self.assertAllInRange(logits[name], -1e6, 1e6)
    self.assertEqual(tf.keras.mixed_precision.global_policy().name, "float32")
    with self.assertRaisesRegex(ValueError, "--precision=half; choose one of float32"):
      build_network(5, SDSS, multi_output=True, precision="half")

  @parameterized.parameters(1, 2)
  def test_waiting_for_input_is_measured(self, num_devices):
    """By a clock that counts events: batches, and the readings before and after each of them."""
    times = {"batch": [], "before": [], "after": []}
    events, readings = itertools.count(), itertools.cycle(("before", "after"))

    def happens(kind, unused=0):
      times[kind].append(next(events))
      return np.float64(times[kind][-1])

    def read_clock():  # called twice where the loop's body is traced
      return tf.ensure_shape(
          tf.numpy_function(functools.partial(happens, next(readings)), [], tf.float64), [])

    batches = tf.data.Dataset.range(20).map(lambda number: {"x": tf.fill([2], tf.ensure_shape(
        tf.numpy_function(functools.partial(happens, "batch"), [number], tf.float64), []))})
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # each batch when it is asked for
    strategy = make_strategy(num_devices)
    with strategy.scope():
      weight = tf.Variable(1.0)
      optimizer = tf.keras.optimizers.SGD(0.0)
      optimizer.build([weight])
    steps = make_train_steps(
        strategy=strategy, variables=[weight], optimizer=optimizer, global_batch=2, xla=False,
        loss_fn=lambda batch: [weight * tf.cast(batch["x"], tf.float32)])
    iterator = iter(strategy.experimental_distribute_dataset(batches.with_options(options)))
    with mock.patch.object(tf, "timestamp", read_clock):
      waited_s = float(steps(iterator, tf.constant(15)).waited_s)
    before, after = np.array(times["before"]), np.array(times["after"])
    self.assertEqual((len(before), len(after)), (15, 15))
    self.assertEqual(waited_s, np.sum(after - before))
    self.assertAllGreater(after - times["batch"][:15], 0)
    if num_devices == 1:  # for several, batches are made ahead
      self.assertAllGreater(times["batch"] - before, 0)

  def test_batches_are_copied_to_a_gpu_ahead(self):
    """The CPU stands in for it; from numpy, as images that are kept in memory come."""
    batches = tf.data.Dataset.range(5).map(lambda number: {"x": tf.ensure_shape(
        tf.numpy_function(lambda n: np.float32([n, 2 * n]), [number], tf.float32), [2])})
    with (mock.patch.object(devices.tf.config, "list_physical_devices", lambda kind: ["GPU"]),
          mock.patch.object(devices, "FIRST_GPU", "/CPU:0")):
      copied = devices.on_devices(tf.distribute.get_strategy(), batches)
    self.assertIn("Prefetch", type(copied).__name__)
    self.assertAllEqual([batch["x"] for batch in copied], [[n, 2 * n] for n in range(5)])

  def test_uneven_batch_is_refused(self):
    with self.assertRaisesRegex(ValueError, "--batch_size=9.*2 devices"):
      Loop(None, small_config(batch_size=9), None, strategy=make_strategy(2), xla=False)

  def test_device_requests(self):
    self.assertEqual(make_strategy(1).num_replicas_in_sync, 1)
    self.assertEqual(make_strategy(2).num_replicas_in_sync, 2)
    with self.assertRaisesRegex(ValueError, "before TensorFlow is first used"):
      make_strategy(3)
    self.assertTrue(use_xla("on"))
    for gpus in ([], ["GPU"]):
      with mock.patch.object(devices.tf.config, "list_physical_devices", return_value=gpus):
        self.assertEqual(use_xla("auto"), bool(gpus))
    with self.assertRaisesRegex(ValueError, "--xla=maybe"):
      use_xla("maybe")

  def test_intervals_do_not_depend_on_where_a_run_goes_on(self):
    intervals = Intervals(log=100, validate=250, checkpoint=400)
    stops, step = [], 0
    while step < 1000:
      step = intervals.next_stop(step, 1000, (30,))
      stops.append(step)
    self.assertEqual(stops, [30, 100, 200, 250, 300, 400, 500, 600, 700, 750, 800, 900, 1000])
    self.assertEqual(intervals.next_stop(230, 1000, (30,)), 250)


if __name__ == "__main__":
  tf.test.main()
