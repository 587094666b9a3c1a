"""croissant.json: a data set in JSON-LD, as Croissant 1.1 describes data sets.

Search engines and catalogues of data sets read it: the files, the columns of the catalogue with
their meaning, and the features of the records.
"""

from __future__ import annotations

from typing import Any, Iterator, Sequence

import numpy as np

from data_tools.descriptions import tfds_files
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib

CROISSANT_NAME = "croissant.json"

_CATALOG, _RECORDS = "catalog", "records"
_TYPES = {"U": "sc:Text", "f": "sc:Float", "i": "sc:Integer"}
_RECORD_TYPES = {"number": "sc:Integer", "id": "sc:Text", "z_spec": "sc:Float",
                 "r_mag": "sc:Float", "ebv": "sc:Float"}
_IMAGE_TYPES = {"float32": "cr:Float32", "float16": "cr:Float16"}
# As the standard words it: names of this file, and what they mean.
_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"}, "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract",
    "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes",
    "isArray": "cr:isArray", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "name": {"@container": "@language"},
    "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform"}


def json_ld(manifest: manifest_lib.Manifest, columns: Sequence[str]) -> dict[str, Any]:
  """The contents of croissant.json.

  Args:
    manifest: the data set's manifest, with the digests of its catalogue.
    columns: names of the catalogue's columns.
  """
  return {
      "@context": _CONTEXT, "@type": "sc:Dataset", "name": manifest.dataset,
      "description": tfds_files.description(manifest),
      "conformsTo": "http://mlcommons.org/croissant/1.1",
      "version": f"{manifest.schema_version}.0.0", "distribution": list(_files(manifest)),
      "recordSet": list(_record_sets(manifest, columns))}


def _files(manifest: manifest_lib.Manifest) -> Iterator[dict[str, Any]]:
  """The files; shards as a pattern, since there may be thousands: the manifest names each."""
  for name, digest in zip(manifest.catalogs, manifest.catalog_sha256):
    yield {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
           "encodingFormat": "application/fits", "sha256": digest}
  if len(manifest.catalogs) > 1:
    yield {"@type": "cr:FileSet", "@id": _CATALOG, "name": _CATALOG,
           "includes": "catalog-*.fits", "encodingFormat": "application/fits"}
  if manifest.shard_files:
    yield {"@type": "cr:FileSet", "@id": _RECORDS, "name": _RECORDS, "includes": "*.tfrecord",
           "encodingFormat": "application/x-tfrecord"}


def _record_sets(manifest, columns) -> Iterator[dict[str, Any]]:
  """The galaxies of the catalogue, and the records of the shards."""
  alone = len(manifest.catalogs) == 1
  source = {"fileObject" if alone else "fileSet": {
      "@id": manifest.catalogs[0] if alone else _CATALOG}}
  yield _record_set("galaxies", source, {name: _column(name, columns) for name in columns})
  if manifest.shard_files:
    image = {"dataType": _IMAGE_TYPES[manifest.dtype], "isArray": True,
             "arrayShape": ",".join(map(str, manifest.image_shape)),
             "description": "flux, [height, width, band], as little-endian bytes"}
    yield _record_set("examples", {"fileSet": {"@id": _RECORDS}}, {
        "image": image, **{name: {"dataType": kind, "description": _meaning(name)}
                           for name, kind in _RECORD_TYPES.items()}})


def _record_set(name, source, fields) -> dict[str, Any]:
  return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": [
      {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, **what,
       "source": {**source, "extract": {"column": field}}} for field, what in fields.items()]}


def _column(name, columns) -> dict[str, Any]:
  known = {**catalog_lib.object_columns(columns), **catalog_lib.RECORD_COLUMNS}
  dtype = known[name][0] if name in known else np.float64  # photometry and extra columns
  return {"dataType": _TYPES[np.dtype(dtype).kind], "description": _meaning(name, known)}


def _meaning(name, known=catalog_lib.OBJECT_COLUMNS | catalog_lib.RECORD_COLUMNS) -> str:
  """What a column holds, with its unit."""
  if name not in known:
    return f"{name} of the source"
  _, unit, description = known[name]
  return f"{description}, {unit}" if unit else description
