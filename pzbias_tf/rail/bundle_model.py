"""A bundle as one object, which RAIL's model files hold: it is complete wherever they are copied.

The files of the bundle stand in it as they are; its manifest says whether one has changed.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from rail.core.model import Model

from pzbias_tf.trained_run import TrainedRun, load_bundle

FORMAT = "pzbias_tf bundle 1"


def packed(folder: str) -> dict[str, Any]:
  """A bundle as an object of plain Python types, to be pickled.

  Args:
    folder: the bundle, as `eval.export` writes it.
  """
  files = {}
  for root, _, names in os.walk(folder):
    for name in sorted(names):
      path = os.path.join(root, name)
      with open(path, "rb") as file:
        files[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
  return {"format": FORMAT, "files": files}


def trained_from(model: Any, stage: str) -> TrainedRun:
  """The trained stage of a packed bundle.

  Args:
    model: of `packed`, or RAIL's wrapper of one.
    stage: name of the stage of the pipeline, for messages.

  Raises:
    ValueError: it is something else, or a file in it was changed.
  """
  content = model.data if isinstance(model, Model) else model
  if not isinstance(content, dict) or content.get("format") != FORMAT:
    raise ValueError(f"{stage}: the model is {type(content).__name__}, not one of PzbiasInformer; "
                     "set model to the file of one, or to the folder of a run or of a bundle")
  with tempfile.TemporaryDirectory(prefix="pzbias-model-") as folder:
    for name, data in content["files"].items():
      path = os.path.normpath(os.path.join(folder, name))
      if not path.startswith(folder + os.sep):
        raise ValueError(f"{stage}: the model holds the file {name!r}, which is outside of it")
      os.makedirs(os.path.dirname(path), exist_ok=True)
      with open(path, "wb") as file:
        file.write(data)
    return load_bundle(folder)
