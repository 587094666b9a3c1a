"""Catalogues for tests of eval.catalog, and what the command makes of them."""

import json
import os
from unittest import mock

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from eval import catalog as eval_catalog
from eval.catalogs import catalog_files
from eval.catalogs.catalog_request import CatalogRequest
from pzbias_tf.metrics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(number=5)
NUM = 3000


def columns(num=NUM, seed=0, bias=0.01):
  """A catalogue with a bias of the estimates, {name: column}."""
  rng = np.random.default_rng(seed)
  z_spec = 0.02 + 0.36 * rng.beta(2, 3, num)
  return {"objID": np.array([f"s{seed}-{i}" for i in range(num)]), "z": z_spec,
          "r": rng.uniform(15.0, 18.0, num), "photoZ": z_spec + bias + rng.normal(0, 0.01, num),
          "other": z_spec + rng.normal(0, 0.02, num)}


class CatalogCase(tf.test.TestCase, parameterized.TestCase):

  draws = False
  """Whether the report is written, which takes longer than everything else."""

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    if not self.draws:
      self.enter_context(mock.patch.object(catalog_files, "write_catalog_report", lambda *_: []))

  def path(self, name):
    return os.path.join(self.folder, name)

  def write(self, table, name="catalog.fits"):
    path = self.path(name)
    Table(table).write(path, overwrite=True,
                       format="ascii.csv" if ".csv" in name else None)
    return path

  def run_on(self, path, output="out", **settings):
    """(what is printed, metrics.json) of a request."""
    request = CatalogRequest(input=path, output=self.path(output),
                             **{"bootstrap": BOOTSTRAP, **settings})
    text = eval_catalog.evaluate(request)
    with open(os.path.join(request.output, "metrics.json"), encoding="utf-8") as file:
      return text, json.load(file)

  def estimates(self, table, name="catalog.fits", **settings):
    return self.run_on(self.write(table, name), **settings)[1]["estimates"]
