"""What the benchmarks compute besides timings."""

import functools
import importlib
import importlib.util
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from benchmarks import evaluation, gpu, start_up, timing
from benchmarks.networks.padded_network import PaddedCase, copy_network
from benchmarks.steps import IMAGE_SIZE, NET_P, Case, operations, random_images, repeated
from pzbias_tf.survey import SDSS
from tests import programs
from tests.timed_rates import STEP_S, rate_over

NET_S2 = 3


class BenchmarksTest(tf.test.TestCase, parameterized.TestCase):

  def test_operations_of_a_small_network(self):
    network = Case(net=NET_S2, survey=SDSS, batch_size=2).network
    convolutions = 9 * 64 * (IMAGE_SIZE**2 * 5 + (IMAGE_SIZE // 2)**2 * 64)
    layers = 65 * 256 + 256 * 256 + 256 * (6 * 180 + 6)
    self.assertEqual(operations(network), 2 * (convolutions + layers))

  @parameterized.parameters("float32", "mixed_bfloat16")
  def test_a_case_computes_in_its_precision(self, precision):
    case = Case(net=NET_S2, survey=SDSS, batch_size=2, precision=precision)
    images = {name: tf.constant(values) for name, values in random_images(SDSS, 2).items()}
    features = case.network.get_layer("representation")(
        {name: images[name] for name in ("image", "ebv")})
    self.assertEqual(features.dtype, precision.removeprefix("mixed_"))

  def test_steps_train(self):
    do = Case(net=NET_S2, survey=SDSS, batch_size=2).whole_step(repeated(random_images(SDSS, 2)))
    first, later = do(1), do(20)
    self.assertLess(later.loss, first.loss)
    self.assertAllClose(later.loss, later.parts.sum(), rtol=1e-5)

  def test_rates_over_several_devices(self):
    """Each number of devices is measured in a process of its own, as in the benchmark."""
    for count in (1, 4):
      with programs.FORKS.Pool(1) as pool:
        self.assertEqual(pool.apply(rate_over, (count, NET_S2, 2)), count * 2 / STEP_S)

  def test_the_fastest_of_some_rounds(self):
    """By a clock that goes on when something is done, the slower the busier the machine is."""
    now_s, done = 0.0, []
    slowness = iter([1, 1, 1, 1, 3, 3, 1, 2, 2, 1])  # to warm up and for a first look; three rounds

    def takes(name, time_s):
      def do(count):
        nonlocal now_s
        now_s += time_s * count * next(slowness)
        done.append((name, count))
      return do

    with mock.patch.multiple(timing.time, perf_counter=lambda: now_s,
                             process_time=lambda: 2 * now_s):
      times = timing.interleaved({"one": takes("one", 1.0), "two": takes("two", 2.0)}, repeats=3,
                                 block_s=6.0)
    self.assertEqual(times, {"one": timing.Timing(1.0, 2.0), "two": timing.Timing(2.0, 4.0)})
    self.assertEqual(done[4:], 3 * [("one", 6), ("two", 3)])

  def test_a_command_until_a_function(self):
    """Each command reads its flags first, and a command that does not is told."""
    took_s = start_up.until("before", "pzbias_tf.command_line.command_flags", "read", "eval.main")
    self.assertBetween(took_s, 0.0, start_up.HELP_S)
    with self.assertRaisesRegex(RuntimeError, "eval.nothing did not come to .*read"):
      start_up.until("before", "pzbias_tf.command_line.command_flags", "read", "eval.nothing")


@functools.cache
def padded_pair():
  """A small case of Net_P and the same with padded channels."""
  case = Case(net=NET_P, survey=SDSS, batch_size=2, image_size=8)
  return case, PaddedCase.of(case)


class GpuTest(tf.test.TestCase, parameterized.TestCase):
  """The script for a GPU, on a CPU."""

  @parameterized.parameters(1, 2, 3)
  def test_padded_network_is_the_same_function(self, seed):
    """For any weights."""
    case, padded = padded_pair()
    rng = np.random.default_rng(seed)
    case.network.set_weights([rng.normal(0, 0.05, value.shape)
                              for value in case.network.get_weights()])
    copy_network(case.network, padded.network)
    inputs = {"image": rng.normal(size=(2, 8, 8, 5)).astype(np.float32),
              "ebv": np.array([0.0, 0.3], np.float32)}
    logits, same = case.network(inputs), padded.network(inputs)
    for name in ("z_logits", "r_logits"):
      self.assertGreater(np.std(logits[name]), 0.01)
      self.assertAllClose(logits[name], same[name], rtol=1e-5, atol=1e-5)

  def test_channels_are_multiples_of_8(self):
    plain, padded = ([layer.kernel.shape[-2:] for layer in
                      case.network.get_layer("representation").layers
                      if isinstance(layer, tf.keras.layers.Conv2D)] for case in padded_pair())
    self.assertTrue(np.any(np.array(plain) % 8))
    self.assertFalse(np.any(np.array(padded) % 8))

  def test_padded_network_trains_alike(self):
    images = repeated(random_images(SDSS, 2, 8))
    plain, padded = padded_pair()
    copy_network(plain.network, padded.network)
    losses = [case.whole_step(images)(3).loss for case in (plain, padded)]
    self.assertAllClose(*losses, rtol=1e-4)

  def test_parts(self):
    """In order, each with its result, and without a GPU."""
    with mock.patch("builtins.print") as printed:
      gpu.main(["--tiny", "--minutes=0", "--only=padded,loop,torch,cached,waiting"])
    text = "\n".join(str(call.args[0]) for call in printed.call_args_list if call.args)
    if not tf.config.list_physical_devices("GPU"):
      self.assertIn("No GPU is present", text)
    place = -1
    for words in ("padded,", "Net_P / padded:", "100 steps a call", "torch,", "of the bound",
                  "waiting for input"):
      self.assertIn(words, text[place + 1:])
      place = text.index(words, place + 1)


class EvaluationTest(tf.test.TestCase, parameterized.TestCase):
  """The benchmark of eval.main and eval.catalog, on a few galaxies."""

  @parameterized.parameters("run", "csv", "parquet")
  def test_parts_of_a_command(self, kind):
    if kind == "parquet" and not importlib.util.find_spec("pyarrow"):
      self.skipTest("pyarrow is not installed")
    times = evaluation.measure(kind, 400, self.create_tempdir().full_path)
    name = "run" if kind == "run" else "catalog"
    self.assertEqual(list(times), ["imports", *list(evaluation.PARTS[name])[1:], "others",
                                   "together", "GB"])
    parts = [times[part] for part in evaluation.PARTS[name]]
    self.assertAllGreater(parts, 0.0)
    self.assertLess(sum(parts), times["together"])
    self.assertBetween(times["GB"], 0.1, 2.0)

  @parameterized.parameters((29.0, 1.9, False), (31.0, 1.9, True), (29.0, 2.1, True))
  def test_goals(self, time_s, memory_gb, missed):
    times = {"imports": 1.0, "together": time_s, "GB": memory_gb}
    self.assertEqual(evaluation.show("run", 1_000_000, times), missed)

  def test_numbers_without_a_goal(self):
    self.assertFalse(evaluation.show("run", 400, {"together": 1e6, "GB": 1e6}))


class BaselinesTest(tf.test.TestCase):
  """p(z) of the methods that Net_C is compared with."""

  def setUp(self):
    super().setUp()
    if not importlib.util.find_spec("sklearn"):
      self.skipTest("scikit-learn is not installed")
    self.baselines = importlib.import_module("benchmarks.photometry_baselines")

  def test_histograms(self):
    self.assertAllClose(self.baselines.histograms(np.array([[0, 0, 2], [3, 1, 3]]), 4),
                        [[2 / 3, 0, 1 / 3, 0], [0, 1 / 3, 0, 2 / 3]])

  def test_densities_have_their_quantiles(self):
    levels, edges = self.baselines.LEVELS, SDSS.edges()
    quantiles = np.stack([0.05 + 0.2 * levels, np.full(len(levels), 0.1234)])
    pdf = self.baselines.densities(quantiles, SDSS)
    self.assertAllClose(pdf.sum(1), [1.0, 1.0])
    self.assertAllClose(np.interp(quantiles[0], edges, np.cumsum([0, *pdf[0]])), levels, atol=0.01)
    self.assertEqual(np.argmax(pdf[1]), SDSS.redshift_bin(np.array([0.1234]))[0])
    self.assertGreater(pdf[1].max(), 0.99)


if __name__ == "__main__":
  tf.test.main()
