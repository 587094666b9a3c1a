"""Networks: parameter counts of the published table, shapes, p(z)."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.models import build_network
from pzbias_tf.models.network import input_columns, redshift_pdf, redshift_variables
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

# Trainable parameters: single output of 180 bins, 6 x 180 + 6, 6 x 360 + 6,
# 10 x 1000 + 10, 10 x 2500 + 10 (Lin et al. 2022).
PARAMETERS = {
    0: (25_826_972, 26_755_622, 27_862_622, 35_902_722, 51_277_722),
    1: (6_675_124, 7_603_774, 8_710_774, 16_750_874, 32_125_874),
    2: (131_956, 364_798, 642_358, 2_658_266, 6_513_266),
    3: (168_948, 401_790, 679_350, 2_695_258, 6_550_258),
    4: (205_940, 438_782, 716_342, 2_732_250, 6_587_250),
}
SHAPES = ((SDSS, False, False), (SDSS, True, False), (SDSS, True, True),
          (CFHTLS_WIDE, True, False), (CFHTLS_WIDE, True, True))


class NetworkTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*[(net, i) for net in PARAMETERS for i in range(5)])
  def test_parameter_counts(self, net, column):
    survey, multi_output, extended = SHAPES[column]
    network = build_network(net, survey, multi_output=multi_output, extended=extended)
    count = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    self.assertEqual(count, PARAMETERS[net][column])

  @parameterized.parameters((False, False), (True, False), (True, True))
  def test_logits_and_pdf(self, multi_output, extended):
    network = build_network(5, SDSS, multi_output=multi_output, extended=extended, image_size=16)
    logits = network({"image": tf.random.stateless_normal([3, 16, 16, 5], [1, 2]),
                      "ebv": tf.zeros([3])})
    bins = 360 if extended else 180
    self.assertEqual(logits["z_logits"].shape, (3, 6 if multi_output else 1, bins))
    self.assertEqual("r_logits" in logits, multi_output)
    pdf = redshift_pdf(logits)
    self.assertEqual(pdf.shape, (3, bins))
    self.assertAllClose(tf.reduce_sum(pdf, -1), np.ones(3), atol=1e-5)

  def test_pdf_weights_the_outputs(self):
    z_logits = np.full([1, 2, 3], -50.0, np.float32)
    z_logits[0, 0, 0] = z_logits[0, 1, 2] = 50.0
    pdf = redshift_pdf({"z_logits": z_logits, "r_logits": np.log([[0.25, 0.75]]).astype("f4")})
    self.assertAllClose(pdf, [[0.25, 0.0, 0.75]], atol=1e-6)

  def test_initial_values_are_those_of_separate_layers(self):
    network = build_network(2, SDSS, multi_output=True, image_size=16)
    kernel, bias = [v.numpy() for v in redshift_variables(network)]
    limit = np.sqrt(6 / (256 + 180))
    self.assertBetween(np.abs(kernel).max(), 0.99 * limit, limit)
    self.assertAllEqual(bias, np.full(6 * 180, np.float32(0.1)))

  def test_ebv_reaches_the_output(self):
    network = build_network(5, SDSS, multi_output=False, image_size=16)
    image = tf.ones([1, 16, 16, 5])
    low = network({"image": image, "ebv": tf.zeros([1])})["z_logits"]
    high = network({"image": image, "ebv": tf.ones([1])})["z_logits"]
    self.assertNotAllClose(low, high)

  @parameterized.parameters("float32", "mixed_float16")
  def test_extra_columns_join_the_features(self, precision):
    columns = ExtraColumns(("mag_J", "mag_H"), (20.0, 18.0), (2.0, 0.5))
    network = build_network(4, SDSS, multi_output=True, image_size=16, extra_columns=columns,
                            precision=precision)
    count = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    self.assertEqual(count, PARAMETERS[4][1] + 2 * 256)
    self.assertEqual(input_columns(network), ("mag_J", "mag_H"))
    self.assertEqual(input_columns(network.get_layer("representation")), ("mag_J", "mag_H"))
    inputs = {"image": tf.ones([2, 16, 16, 5]), "ebv": tf.zeros([2]),
              "extra": tf.constant([[20.0, 18.0], [22.0, 18.5]])}
    standardised = network.get_layer("representation").get_layer("extra_scaling")
    self.assertAllEqual(standardised(inputs["extra"]), [[0.0, 0.0], [1.0, 1.0]])
    self.assertNotAllClose(*network(inputs)["z_logits"])

  def test_names_alone_are_not_standardised(self):
    network = build_network(5, SDSS, multi_output=False, image_size=16, extra_columns=["a", "b"])
    values = tf.constant([[20.0, -3.0]])
    self.assertAllEqual(
        network.get_layer("representation").get_layer("extra_scaling")(values), values)
    self.assertEmpty(input_columns(build_network(5, SDSS, multi_output=False, image_size=16)))

  def test_bad_requests(self):
    with self.assertRaisesRegex(ValueError, "--net=7.*Net_P"):
      build_network(7, SDSS, multi_output=False)
    with self.assertRaisesRegex(ValueError, "at least 49"):
      build_network(1, SDSS, multi_output=False, image_size=16)


if __name__ == "__main__":
  tf.test.main()
