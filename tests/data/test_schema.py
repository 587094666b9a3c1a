"""Records are parsed as they were serialized."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data import schema


def _image(dtype=np.float32, seed=0):
  return np.random.default_rng(seed).normal(size=(6, 4, 3)).astype(dtype)


def _serialize(image, **changes):
  fields = dict(number=7, object_id="J0056-0021", z_spec=0.1, r_mag=16.5, ebv=0.03)
  return schema.serialize(image, **{**fields, **changes})


class SchemaTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("<f4", ">f4", "<f2", ">f2")
  def test_round_trip_of_any_byte_order(self, dtype):
    images = [_image(seed=seed).astype(dtype) for seed in range(3)]
    records = [_serialize(image, number=10**10 + row, ebv=row / 4)
               for row, image in enumerate(images)]
    name = "float32" if dtype.endswith("4") else "float16"
    parsed = schema.parse_batch(tf.constant(records), image_shape=(6, 4, 3), dtype=name)
    self.assertEqual(parsed["image"].dtype, tf.float32)
    self.assertAllEqual(parsed["image"], np.stack(images).astype(np.float32))
    self.assertAllEqual(parsed["number"], 10**10 + np.arange(3))
    self.assertAllEqual(parsed["ebv"], [0, 0.25, 0.5])

  def test_views_are_stored_as_they_look(self):
    image = _image()
    for view in (image[:, ::-1], image.transpose(1, 0, 2)):
      parsed = schema.parse_batch(tf.constant([_serialize(view)]), image_shape=view.shape)
      self.assertAllEqual(parsed["image"][0], view)

  def test_all_features_are_stored(self):
    example = tf.train.Example.FromString(_serialize(_image()))
    feature = example.features.feature
    self.assertEqual(set(feature), {"image", "number", "id", "z_spec", "r_mag", "ebv"})
    self.assertEqual(feature["id"].bytes_list.value[0], b"J0056-0021")
    self.assertEqual(feature["number"].int64_list.value[0], 7)
    self.assertEqual(feature["image"].bytes_list.value[0], _image().astype("<f4").tobytes())
    for name, value in (("z_spec", 0.1), ("r_mag", 16.5), ("ebv", 0.03)):
      self.assertAllClose(feature[name].float_list.value[0], value)

  def test_missing_redshift_stays_missing(self):
    example = tf.train.Example.FromString(_serialize(_image(), z_spec=float("nan")))
    self.assertTrue(np.isnan(example.features.feature["z_spec"].float_list.value[0]))

  def test_same_record_same_bytes(self):
    self.assertEqual(_serialize(_image()), _serialize(_image()))

  def test_image_of_another_shape_is_an_error(self):
    record = tf.constant([_serialize(_image())])
    with self.assertRaises(tf.errors.InvalidArgumentError):
      schema.parse_batch(record, image_shape=(5, 4, 3))


if __name__ == "__main__":
  tf.test.main()
