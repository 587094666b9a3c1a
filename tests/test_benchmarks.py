"""What the benchmarks compute besides timings."""

import multiprocessing

from absl.testing import parameterized
import tensorflow as tf

from benchmarks.devices import rate_over
from benchmarks.steps import IMAGE_SIZE, Case, operations, random_images, repeated
from benchmarks.timing import interleaved
from pzbias_tf.survey import SDSS

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
      with multiprocessing.get_context("spawn").Pool(1) as pool:
        self.assertGreater(pool.apply(rate_over, (count, 1, NET_S2, 2)), 0.0)

  def test_the_fastest_of_some_rounds(self):
    times = interleaved({"one": lambda count: sum(range(1000 * count)),
                         "two": lambda count: sum(range(2000 * count))}, repeats=5, block_s=0.01)
    self.assertGreater(times["two"].cpu_s, times["one"].cpu_s)


if __name__ == "__main__":
  tf.test.main()
