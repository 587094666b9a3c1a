"""The representations: from an image, E(B-V) and perhaps more to a feature vector.

Net_P (after Pasquet et al. 2019), Net_T (after Treyer et al. 2023) and the
shallow Net_S1 to Net_S3 are those of Lin et al. 2022, Section 3.2; Net_Q is a
small network of our own that trains on a CPU within minutes.  Net_C, also our own, takes
magnitudes in place of an image.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from pzbias_tf.choices import NETWORKS
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.models.layers import (
  ExtraScaling,
  FluxScaling,
  PhotometryScaling,
  avg_pool,
  conv,
  dense,
)

NET_C = NETWORKS.index("Net_C")
NET_C_UNITS = (512, 512, 512)
"""Of its dense layers."""

# The image is reduced by 8 and then loses 6 pixels to 'valid' convolutions.
NET_T_MIN_SIZE = 49


def build_representation(net: int, *, image_size: int, bands: int,
                         input_scaling: InputScaling,
                         extra_columns: ExtraColumns = ExtraColumns(),
                         photometry: PhotometryInput | None = None) -> tf.keras.Model:
  """Builds the representation part of a network.

  Args:
    net: 0 Net_P, 1 Net_T, 2 to 4 Net_S1 to Net_S3, 5 Net_Q,
      6 Net_C.
    image_size: side of the input image, pixels; Net_C has none.
    bands: number of bands.
    input_scaling: how the flux is scaled first.
    extra_columns: further columns that join the features with E(B-V).
    photometry: what Net_C makes of magnitudes; None for images.

  Returns:
    A model of {"image": [batch, size, size, band] flux, "ebv": [batch]} and, with
    extra columns, {"extra": [batch, columns]} to features [batch, 1024] (Net_P,
    Net_T), [batch, 256] or [batch, 512] (Net_Q, Net_C).  Net_C takes "magnitudes" and
    perhaps "errors" [batch, bands] instead of the image.

  Raises:
    ValueError: there is no such network, or it does not suit the input.
  """
  check_network(net, photometry=photometry is not None)
  if photometry:
    return _net_c(photometry, extra_columns)
  trunk, units = _TRUNKS[net]
  if network_name(net) == "Net_T" and image_size < NET_T_MIN_SIZE:
    raise ValueError(f"Net_T needs images of at least {NET_T_MIN_SIZE} pixels, got {image_size}")
  image = tf.keras.Input([image_size, image_size, bands], name="image")
  ebv = tf.keras.Input([], name="ebv")
  inputs = {"image": image, "ebv": ebv}
  x = FluxScaling(input_scaling, name="flux_scaling")(image)
  joined = [trunk(x), tf.keras.layers.Reshape([1], name="ebv_column")(ebv)]
  if extra_columns.names:
    inputs["extra"] = tf.keras.Input([len(extra_columns.names)], name="extra")
    joined.append(ExtraScaling(extra_columns, name="extra_scaling")(inputs["extra"]))
  x = tf.keras.layers.Concatenate(name="with_ebv")(joined)
  x = dense(x, units, "dense1")
  x = dense(x, units, "dense2")
  return tf.keras.Model(inputs, x, name="representation")


def network_name(net: int) -> str:
  """Name of the network with the number `--net`, e.g. "Net_P"."""
  return _NAMES[net]


def check_network(net: int, *, photometry: bool) -> None:
  """Refuses a network that does not exist or takes something else.

  Args:
    net: number of the network.
    photometry: whether it shall take photometry, not images.

  Raises:
    ValueError: the message says what to do.
  """
  if net not in _NAMES:
    raise ValueError(f"there is no network --net={net}; choose one of "
                     + ", ".join(f"{number} ({name})" for number, name in _NAMES.items()))
  if photometry and net != NET_C:
    raise ValueError(f"--net={net} ({_NAMES[net]}) takes images, and this is photometry; leave "
                     f"--net out, or give --net={NET_C} ({_NAMES[NET_C]})")
  if net == NET_C and not photometry:
    raise ValueError(f"--net={NET_C} ({_NAMES[NET_C]}) takes photometry, and these are images; "
                     "give another --net, or convert a table with python -m "
                     "data_tools.make_tfrecords --magnitude_columns=...")


def _net_c(photometry, extra_columns):
  """Dense layers on magnitudes."""
  bands = len(photometry.bands)
  inputs = {"magnitudes": tf.keras.Input([bands], name="magnitudes"),
            "ebv": tf.keras.Input([], name="ebv")}
  if photometry.with_errors:
    inputs["errors"] = tf.keras.Input([bands], name="errors")
  x = PhotometryScaling(photometry, name="photometry_scaling")(dict(inputs))
  if extra_columns.names:
    inputs["extra"] = tf.keras.Input([len(extra_columns.names)], name="extra")
    scaled = ExtraScaling(extra_columns, name="extra_scaling")(inputs["extra"])
    x = tf.keras.layers.Concatenate(name="with_extra")([x, scaled])
  for number, units in enumerate(NET_C_UNITS, 1):
    x = dense(x, units, f"dense{number}")
  return tf.keras.Model(inputs, x, name="representation")


def _net_p(x):
  x = conv(x, 64, 5, "conv1", "prelu")
  x = avg_pool(x, "pool1")
  x = _inception(x, 48, 64, "inception1")
  x = _inception(x, 64, 92, "inception2")
  x = avg_pool(x, "pool2")
  x = _inception(x, 92, 128, "inception3")
  x = _inception(x, 92, 128, "inception4")
  x = avg_pool(x, "pool3")
  x = _inception(x, 92, 128, "inception5", wide_branch=False)
  return tf.keras.layers.Flatten(name="flatten")(x)


def _inception(x, narrow, wide, name, *, wide_branch=True):
  """I(a, b) of Net_P; without the 5x5 branch, I'(a, b)."""
  branches = [conv(x, wide, 1, f"{name}_1x1", "prelu")]
  for size in (5, 3) if wide_branch else (3,):
    reduced = conv(x, narrow, 1, f"{name}_{size}x{size}_reduce", "prelu")
    branches.append(conv(reduced, wide, size, f"{name}_{size}x{size}", "prelu"))
  pooled = conv(x, narrow, 1, f"{name}_pool_reduce", "prelu")
  branches.append(avg_pool(pooled, f"{name}_pool", strides=1))
  return tf.keras.layers.Concatenate(name=name)(branches)


def _net_t(x):
  x = conv(x, 96, 5, "conv1", "relu")
  x = conv(x, 96, 3, "conv2", "tanh")
  x = avg_pool(x, "pool1")
  for number in (1, 2, 3):
    x = _treyer_block(x, f"block{number}")
  x = avg_pool(x, "pool2")
  for number in (4, 5):
    x = _treyer_block(x, f"block{number}")
  x = avg_pool(x, "pool3")
  x = _treyer_block(x, "block6")
  for number in (3, 4, 5):
    x = conv(x, 96, 3, f"conv{number}", "relu", padding="valid")
  x = avg_pool(x, "pool4", strides=1)
  return tf.keras.layers.Flatten(name="flatten")(x)


def _treyer_block(x, name, width=156):
  """T of Net_T."""
  narrow = int(0.65 * width)
  branches = []
  for size in (5, 3):
    reduced = conv(x, narrow, 1, f"{name}_{size}x{size}_reduce", "relu")
    branches.append(conv(reduced, width, size, f"{name}_{size}x{size}", "relu"))
  pooled = conv(x, narrow, 1, f"{name}_pool_reduce", "relu")
  branches.append(avg_pool(pooled, f"{name}_pool", strides=1))
  branches.append(conv(x, int(0.7 * width), 1, f"{name}_1x1", "relu"))
  return tf.keras.layers.Concatenate(name=name)(branches)


def _net_s(depth: int) -> Callable:
  def trunk(x):
    for number in range(1, depth + 1):
      if number > 1:
        x = avg_pool(x, f"pool{number - 1}")
      x = conv(x, 64, 3, f"conv{number}", "prelu")
    return tf.keras.layers.GlobalAveragePooling2D(name="global_mean")(x)
  return trunk


def _net_q(x):
  # Strides instead of pooling: half of a CPU's time went into passes over the first layer's output.
  x = conv(x, 32, 4, "conv1", "prelu", strides=2)
  x = conv(x, 64, 4, "conv2", "prelu", strides=2)
  x = conv(x, 64, 3, "conv3", "prelu")
  return tf.keras.layers.Flatten(name="flatten")(x)


# --net -> (name, trunk, units of the two dense layers).
_TRUNKS = {
    0: (_net_p, 1024),
    1: (_net_t, 1024),
    2: (_net_s(1), 256),
    3: (_net_s(2), 256),
    4: (_net_s(3), 256),
    5: (_net_q, 512),
}

_NAMES = dict(enumerate(NETWORKS))
