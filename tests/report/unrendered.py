"""Pages whose figures are drawn, but not made pictures, which takes most of an evaluation."""

import contextlib
import os
from typing import Iterator
from unittest import mock

from eval.study import study_page
from pzbias_tf.report import page_files
from pzbias_tf.report.figures.picture_files import FORMATS, save_figure


@contextlib.contextmanager
def unrendered(*others: str) -> Iterator[None]:
  """Writes empty files in place of pictures, for tests that look at something else.

  Args:
    *others: names of figures that are rendered all the same.
  """
  def save(figure, folder, name, *, formats=FORMATS):
    if name in others:
      return save_figure(figure, folder, name, formats=formats)
    paths = [os.path.join(folder, f"{name}.{kind}") for kind in formats]
    for path in paths:
      with open(path, "wb"):
        pass
    return paths

  with contextlib.ExitStack() as stack:
    for module in (page_files, study_page):
      stack.enter_context(mock.patch.object(module, "save_figure", save))
    yield
