"""The tf.Example of one galaxy, written and parsed in this one place.

An image is raw little-endian bytes (a `float_list` was 40 times slower to
write).  It is stored as delivered; the survey's flux divisor is applied on
reading.
"""

from __future__ import annotations

from typing import NamedTuple

from google.protobuf.message import DecodeError
import numpy as np
import tensorflow as tf


class Record(NamedTuple):
  """One galaxy as it is stored.

  Attributes:
    image: little-endian bytes of the pixels.
    row: the record's row in the catalogue.
    object_id: the object's id.
    z_spec: spectroscopic redshift, NaN where unknown.
    r_mag: r magnitude.
    ebv: Galactic reddening E(B-V), mag.
  """

  image: bytes
  row: int
  object_id: str
  z_spec: float
  r_mag: float
  ebv: float


def serialize(image: np.ndarray, *, row: int, object_id: str, z_spec: float,
              r_mag: float, ebv: float) -> bytes:
  """One galaxy as a serialized tf.Example.

  Args:
    image: [height, width, band] float32 or float16, stored flux.
    row: the record's row in the catalogue.
    object_id: the object's id.
    z_spec: spectroscopic redshift, NaN where unknown.
    r_mag: r magnitude.
    ebv: Galactic reddening E(B-V), mag.

  Returns:
    The bytes of a record.
  """
  image = np.ascontiguousarray(image)
  little = image.astype(image.dtype.newbyteorder("<"), copy=False)
  features = {
      "image": _bytes(little.tobytes()),
      "row": tf.train.Feature(int64_list=tf.train.Int64List(value=[row])),
      "id": _bytes(object_id.encode()),
      "z_spec": _float(z_spec),
      "r_mag": _float(r_mag),
      "ebv": _float(ebv),
  }
  return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(
      deterministic=True)


def parse_record(record: bytes) -> Record:
  """Parses one serialized record with everything in it.

  Raises:
    ValueError: the bytes are no record of a galaxy.
  """
  try:
    feature = tf.train.Example.FromString(record).features.feature
    return Record(
        image=feature["image"].bytes_list.value[0], row=feature["row"].int64_list.value[0],
        object_id=feature["id"].bytes_list.value[0].decode(),
        **{name: feature[name].float_list.value[0] for name in ("z_spec", "r_mag", "ebv")})
  except (DecodeError, IndexError, UnicodeDecodeError) as error:
    raise ValueError(f"no record of a galaxy: {error}") from error


def parse_batch(records: tf.Tensor, *, image_shape: tuple[int, int, int],
                dtype: str = "float32") -> dict[str, tf.Tensor]:
  """Parses a batch of serialized records.

  Args:
    records: [batch] string.
    image_shape: (height, width, bands) of the stored images.
    dtype: the stored dtype, "float32" or "float16".

  Returns:
    "image" [batch, height, width, band] float32 (stored flux, not divided),
    "ebv" [batch] float32 and "row" [batch] int64.
  """
  parsed = tf.io.parse_example(records, {
      "image": tf.io.FixedLenFeature([], tf.string),
      "row": tf.io.FixedLenFeature([], tf.int64),
      "ebv": tf.io.FixedLenFeature([], tf.float32),
  })
  image = tf.io.decode_raw(parsed["image"], tf.as_dtype(dtype), little_endian=True)
  image = tf.reshape(image, [-1, *image_shape])
  return {"image": tf.cast(image, tf.float32), "ebv": parsed["ebv"], "row": parsed["row"]}


def _bytes(value: bytes) -> tf.train.Feature:
  return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _float(value: float) -> tf.train.Feature:
  return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
