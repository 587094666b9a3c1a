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
    number: the record's number in the data set, as in the catalogue.
    object_id: the object's id.
    z_spec: spectroscopic redshift, NaN where unknown.
    r_mag: r magnitude.
    ebv: Galactic reddening E(B-V), mag.
  """

  image: bytes
  number: int
  object_id: str
  z_spec: float
  r_mag: float
  ebv: float


def serialize(image: np.ndarray, *, number: int, object_id: str, z_spec: float,
              r_mag: float, ebv: float) -> bytes:
  """One galaxy as a serialized tf.Example.

  Args:
    image: [height, width, band] float32 or float16, stored flux.
    number: the record's number in the data set, as in the catalogue's column of that name.
    object_id: the object's id.
    z_spec: spectroscopic redshift, NaN where unknown.
    r_mag: r magnitude.
    ebv: Galactic reddening E(B-V), mag.

  Returns:
    The bytes of a record.
  """
  little = image.astype(image.dtype.newbyteorder("<"), copy=False)
  example = tf.train.Example()
  # Filled in place: features handed to a constructor are copied, images and all.
  feature = example.features.feature
  feature["image"].bytes_list.value.append(little.tobytes())
  feature["number"].int64_list.value.append(number)
  feature["id"].bytes_list.value.append(object_id.encode())
  for name, value in (("z_spec", z_spec), ("r_mag", r_mag), ("ebv", ebv)):
    feature[name].float_list.value.append(value)
  return example.SerializeToString(deterministic=True)


def parse_record(record: bytes) -> Record:
  """Parses one serialized record with everything in it.

  Raises:
    ValueError: the bytes are no record of a galaxy.
  """
  try:
    feature = tf.train.Example.FromString(record).features.feature
    return Record(
        image=feature["image"].bytes_list.value[0],
        number=feature["number"].int64_list.value[0],
        object_id=feature["id"].bytes_list.value[0].decode(),
        **{name: feature[name].float_list.value[0] for name in ("z_spec", "r_mag", "ebv")})
  except (DecodeError, IndexError, UnicodeDecodeError) as error:
    raise ValueError(f"no record of a galaxy: {error}") from error


def parse_batch(records: tf.Tensor, *, image_shape: tuple[int, ...],
                dtype: str = "float32") -> dict[str, tf.Tensor]:
  """Parses a batch of serialized records.

  Args:
    records: [batch] string.
    image_shape: (height, width, bands) of the stored images.
    dtype: the stored dtype, "float32" or "float16".

  Returns:
    "image" [batch, height, width, band] float32 (stored flux, not divided),
    "ebv" [batch] float32 and "number" [batch] int64.
  """
  parsed = tf.io.parse_example(records, {
      "image": tf.io.FixedLenFeature([], tf.string),
      "number": tf.io.FixedLenFeature([], tf.int64),
      "ebv": tf.io.FixedLenFeature([], tf.float32),
  })
  image = tf.io.decode_raw(parsed["image"], tf.as_dtype(dtype), little_endian=True)
  image = tf.reshape(image, [-1, *image_shape])
  return {"image": tf.cast(image, tf.float32), "ebv": parsed["ebv"], "number": parsed["number"]}
