"""Memory that the galaxies of a survey take before their images are read."""

import tracemalloc

import numpy as np
import tensorflow as tf

from data_tools.conversion import record_plan
from data_tools.conversion.accepted import accept_galaxies
from data_tools.conversion.rejects import Rejects
from data_tools.readers.parts.cutout_source import CutoutSource, with_split
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.survey import SDSS

NUM = 20_000


def source_of(num: int) -> CutoutSource:
  """Galaxies without images, with ids of 19 digits as SDSS has them."""
  catalog = catalog_lib.object_table(
      num, id=(np.arange(num) + 1_237_648_702_966_988_000).astype(str),
      z_spec=np.linspace(0.01, 0.39, num), r_mag=np.linspace(14.0, 17.0, num),
      ebv=np.full(num, 0.1))
  return CutoutSource(catalog=with_split(catalog), images=lambda row: None,
                      image_shape=(64, 64, 5))


class MemoryTest(tf.test.TestCase):

  def planned(self, source):
    accepted = accept_galaxies(source, SDSS, seed=0)
    rejects = Rejects(accepted.catalog["id"], accepted.reasons)
    plan = record_plan.plan_records(accepted.catalog, accepted.rows, accepted.splits, seed=0,
                                    augment_copies=1, per_shard=1000)
    return accepted, rejects, plan

  def test_rules_and_plan_take_few_bytes_per_galaxy(self):
    source = source_of(NUM)
    self.planned(source)  # imports and caches
    tracemalloc.start()
    held = self.planned(source)
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    self.assertLen(held[2].rows, NUM)
    # Two rows, two reasons, an r magnitude, and single bytes.
    self.assertLess(size / NUM, 50)
    self.assertLess(peak / NUM, 130)

  def test_rejected_object_costs_a_temporary_copy_of_the_ids(self):
    source = source_of(NUM)
    source.catalog["ebv"][7] = -1.0
    self.planned(source)
    tracemalloc.start()
    accepted, _, _ = self.planned(source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    self.assertLen(accepted.rows, NUM - 1)
    self.assertLess(peak / NUM, 130 + 4 * 19)

  def test_split_with_an_unknown_name(self):
    source = source_of(3)
    source.catalog["split"] = ["train", "val", ""]
    with self.assertRaisesRegex(ValueError, "returns a split 'val'; it must be one of train"):
      accept_galaxies(source, SDSS, seed=0)

  def test_missing_columns_take_no_memory(self):
    tracemalloc.start()
    catalog = catalog_lib.object_table(NUM, z_spec=np.zeros(NUM))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    self.assertLen(catalog["dec"], NUM)
    self.assertLess(size / NUM, 16)


if __name__ == "__main__":
  tf.test.main()
