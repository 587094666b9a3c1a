"""The record of one galaxy, a tf.Example: the one module that writes and parses it.

An image is stored as raw little-endian bytes (a `float_list` was 40 times slower
to write).  Its values are those delivered; the survey's flux divisor is applied
on reading.
"""

from __future__ import annotations

from typing import NamedTuple

from google.protobuf.message import DecodeError
import numpy as np
import tensorflow as tf


class Record(NamedTuple):
  """The stored record of one galaxy.

  Attributes:
    image: little-endian bytes of the pixels.
    number: the record's number in the data set, as in the catalogue.
    object_id: the object's id.
    z_spec: spectroscopic redshift, NaN where unknown.
    r_mag: r magnitude (AB), mag.
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
  """Serializes the record of one galaxy.

  Args:
    image: stored flux, [height, width, band] float32 or float16.
    number: the record's number in the data set, as in the catalogue's column of that name.
    object_id: the object's id.
    z_spec: spectroscopic redshift, NaN where unknown.
    r_mag: r magnitude (AB), mag.
    ebv: Galactic reddening E(B-V), mag.

  Returns:
    The bytes of a record.
  """
  little = image.astype(image.dtype.newbyteorder("<"), copy=False)
  example = tf.train.Example()
  # Filled in place, since a constructor would copy the features with their images.
  feature = example.features.feature
  feature["image"].bytes_list.value.append(little.tobytes())
  feature["number"].int64_list.value.append(number)
  feature["id"].bytes_list.value.append(object_id.encode())
  for name, value in (("z_spec", z_spec), ("r_mag", r_mag), ("ebv", ebv)):
    feature[name].float_list.value.append(value)
  return example.SerializeToString(deterministic=True)


def parse_record(record: bytes) -> Record:
  """Parses one serialized record with all its features.

  Raises:
    ValueError: the bytes are not the record of a galaxy.
  """
  try:
    feature = tf.train.Example.FromString(record).features.feature
    return Record(
        image=feature["image"].bytes_list.value[0],
        number=feature["number"].int64_list.value[0],
        object_id=feature["id"].bytes_list.value[0].decode(),
        **{name: feature[name].float_list.value[0] for name in ("z_spec", "r_mag", "ebv")})
  except (DecodeError, IndexError, UnicodeDecodeError) as error:
    raise ValueError(f"not the record of a galaxy: {error}") from error


def parse_batch(records: tf.Tensor, *, image_shape: tuple[int, ...],
                dtype: str = "float32") -> dict[str, tf.Tensor]:
  """Parses a batch of serialized records.

  Args:
    records: serialized records, [batch] string.
    image_shape: (height, width, bands) of the stored images.
    dtype: dtype of the stored images, "float32" or "float16".

  Returns:
    "image" [batch, height, width, band] float32 (stored flux, not divided),
    "ebv" [batch] float32 and "number" [batch] int64.

  Raises:
    tf.errors.InvalidArgumentError: a record is damaged, or an image has another
      size.
  """
  parsed = tf.io.parse_example(records, {
      "image": tf.io.FixedLenFeature([], tf.string),
      "number": tf.io.FixedLenFeature([], tf.int64),
      "ebv": tf.io.FixedLenFeature([], tf.float32),
  })
  image = tf.io.decode_raw(parsed["image"], tf.as_dtype(dtype), little_endian=True)
  image = tf.reshape(image, [-1, *image_shape])
  return {"image": tf.cast(image, tf.float32), "ebv": parsed["ebv"], "number": parsed["number"]}
