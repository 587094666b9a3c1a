"""Predictions read by the community's own package, where it is installed."""

import os

from absl.testing import parameterized
import h5py
import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.estimates import point_estimates
from pzbias_tf.predictions.predictions_file import PdfFormat, PredictionsWriter
from pzbias_tf.survey import SDSS

try:
  import qp
except ImportError:
  qp = None


class QpTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(("full", "float32", 1e-5, 1e-4), ("full", "float16", 2e-3, 2e-3),
                            ("quantiles", "float32", 0.03, 0.02))
  def test_read(self, kind, dtype, of_pdf, of_cdf):
    if qp is None:
      self.skipTest("the package qp-prob is not installed")
    path, edges = os.path.join(self.create_tempdir().full_path, "p.hdf5"), SDSS.edges()
    centers = SDSS.centers()
    pdf = np.exp(-0.5 * ((centers - np.array([[0.1], [0.2], [0.3]])) / 0.03) ** 2)
    pdf = (pdf / pdf.sum(1, keepdims=True)).astype(np.float32)
    with h5py.File(path, "w") as file:
      writer = PredictionsWriter(file, edges, 3, PdfFormat(kind=kind, dtype=dtype))
      for row in range(3):
        writer.append(pdf[row:row + 1], {
            "id": np.array([f"g{row}"]), "redshift": np.array([0.1]),
            **point_estimates(edges, pdf[row:row + 1])})
    ensemble = qp.read(path)
    self.assertEqual(ensemble.npdf, 3)
    self.assertAllClose(ensemble.pdf(centers) * SDSS.bin_width, pdf, atol=of_pdf * pdf.max())
    self.assertAllClose(ensemble.cdf(edges[1:]), np.cumsum(pdf, 1), atol=of_cdf)
    self.assertAllClose(ensemble.ancil["zmode"], [0.1, 0.2, 0.3], atol=SDSS.bin_width)
    self.assertContainsSubset({"id", "redshift", "zmean", "zmedian"}, ensemble.ancil)
    self.assertAllClose(np.ravel(ensemble.median()), ensemble.ancil["zmedian"], atol=2e-3)


if __name__ == "__main__":
  tf.test.main()
