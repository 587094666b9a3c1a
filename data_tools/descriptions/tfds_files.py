"""dataset_info.json and features.json, with which TensorFlow Datasets opens a data set as it is.

`tfds.builder_from_directory(folder)` finds the splits, the shards and the features in them.
Both files follow from the manifest alone, and tensorflow-datasets need not be installed.
"""

from __future__ import annotations

import re
from typing import Any

from pzbias_tf.data import manifest as manifest_lib

INFO_NAME, FEATURES_NAME = "dataset_info.json", "features.json"

_PYTHON = "tensorflow_datasets.core.features"


def tfds_files(manifest: manifest_lib.Manifest) -> dict[str, dict[str, Any]]:
  """The contents of both files.

  Args:
    manifest: the data set's manifest.

  Returns:
    {file name: contents}; {} where TensorFlow Datasets could read nothing: photometry has no
    shards, and it reads no compressed ones.
  """
  if manifest.photometry or manifest.compression_type:
    return {}
  return {INFO_NAME: _info(manifest), FEATURES_NAME: _features(manifest)}


def description(manifest: manifest_lib.Manifest) -> str:
  """What the data set holds, in words."""
  text = (f"Galaxies of {manifest.survey} for photometric redshifts: {manifest.kind} in the bands "
          f"{', '.join(manifest.bands)}. z_spec is NaN where it is unknown.")
  if manifest.photometry:
    return text
  # What other packages read is what is stored, which the pipeline of this one divides.
  return (f"{text} An image is [height, width, band] flux; divided by {manifest.flux_divisor:g}, "
          "it is what the networks take. number is a column of the catalogue, too.")


def _info(manifest: manifest_lib.Manifest) -> dict[str, Any]:
  """Of dataset_info.json, which is the JSON of a protocol buffer: 64-bit numbers are strings."""
  return {
      "description": description(manifest), "fileFormat": "tfrecord",
      "name": _plain_name(manifest.dataset),
      "splits": [_split(manifest, split) for split in manifest_lib.SPLITS
                 if manifest.records(split)],
      "version": f"{manifest.schema_version}.0.0"}


def _plain_name(name: str) -> str:
  """A name as tfds allows it: letters, digits and _, a letter first."""
  plain = re.sub(r"\W", "_", name, flags=re.ASCII)
  return plain if plain[0].isalpha() else f"set_{plain}"


def _split(manifest: manifest_lib.Manifest, split: str) -> dict[str, Any]:
  shards = manifest.split_shards(split)
  return {"filepathTemplate": "{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}", "name": split,
          "numBytes": str(sum(shard.bytes for shard in shards)),
          "shardLengths": [str(shard.records) for shard in shards]}


def _features(manifest: manifest_lib.Manifest) -> dict[str, Any]:
  """Of features.json: the features of `schema.serialize`."""
  scalars = {"number": "int64", "z_spec": "float32", "r_mag": "float32", "ebv": "float32"}
  image = {"dimensions": [str(side) for side in manifest.image_shape]}
  features = {
      "image": {"pythonClassName": f"{_PYTHON}.tensor_feature.Tensor",
                "tensor": {"dtype": manifest.dtype, "encoding": "bytes", "shape": image}},
      "id": {"pythonClassName": f"{_PYTHON}.text_feature.Text", "text": {}},
      **{name: {"pythonClassName": f"{_PYTHON}.scalar.Scalar",
                "tensor": {"dtype": dtype, "encoding": "none", "shape": {}}}
         for name, dtype in scalars.items()}}
  return {"featuresDict": {"features": features},
          "pythonClassName": f"{_PYTHON}.features_dict.FeaturesDict"}
