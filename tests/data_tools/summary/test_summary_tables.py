"""The tables for the terminal."""

import numpy as np
import tensorflow as tf

from data_tools.conversion.command_line import report_text
from data_tools.summary import galaxy_table, summary_tables
from data_tools.summary.pixel_statistics import band_statistics
from pzbias_tf.data.manifest import Manifest, Shard


class SummaryTablesTest(tf.test.TestCase):

  def manifest(self):
    shards = (Shard(split="train", name="a", records=6, bytes=2_500_000, sha256=""),
              Shard(split="train", name="b", records=6, bytes=2_500_000, sha256=""),
              Shard(split="target", name="c", records=1, bytes=600_000, sha256=""))
    return Manifest(
        dataset="sdss", survey="sdss", bands=("g", "r"), image_shape=(4, 4, 2), shards=shards,
        galaxies={"read": 12, "written": 5, "rejected": 7}, replaced={"r_mag": 3},
        source={"rejected": {"duplicate id": 2, "r magnitude above --max_r_mag": 4,
                             "z outside the redshift grid": 1},
                "settings": {"max_r_mag": 17.8}})

  def test_splits(self):
    galaxies = galaxy_table.Galaxies(
        z_spec=np.array([0.1, 0.2, 0.4, 0.1, np.nan]), split=np.array(["train"] * 4 + ["target"]),
        r_mag=np.array([15.0, 16, 17, 18, 17.5]))
    self.assertEqual(summary_tables.split_table(galaxies, self.manifest()).splitlines(), [
        "  split   galaxies  records  shards   MB  median z  median r",
        "  train          4       12       2  5.0    0.1500     16.50",
        "  target         1        1       1  0.6         -     17.50"])

  def test_cells(self):
    galaxies = galaxy_table.Galaxies(
        z_spec=np.array([0.1, 0.12, 0.31, np.nan]), split=np.array(["train"] * 3 + ["target"]),
        r_mag=np.array([15.0, 15.4, 17.1, 30.0]))
    lines = summary_tables.cell_table(galaxies).splitlines()
    self.assertEqual(lines[0].split()[-3:], ["0.25-0.3", "0.3-0.35", "all"])
    self.assertEqual(lines[1].split(), ["15-15.2", "1", *["."] * 4, "1"])
    self.assertEqual(lines[3].split(), ["15.4-15.6", "1", *["."] * 4, "1"])
    self.assertEqual(lines[-2].split(), ["17-17.2", *["."] * 4, "1", "1"])
    self.assertEqual(lines[-1].split(), ["all", "2", *["0"] * 3, "1", "3"])
    self.assertLen(set(map(len, lines)), 1)

  def test_bands(self):
    statistics = band_statistics(np.ones((3, 8, 8, 2)) * (1.0, 0.25))
    lines = summary_tables.band_table(("g", "r"), statistics).splitlines()
    self.assertEqual(lines[0].split(), ["band", "sky", "rms", "flux", "0.1%", "1%", "16%", "50%",
                                        "84%", "99%", "99.9%"])
    self.assertEqual(lines[2].split(), ["r", "0", "16", *["0.25"] * 7])

  def test_counts(self):
    self.assertEqual(report_text.count_lines(self.manifest()), [
        "12 galaxies read, 5 written, 3 rejected, 4 outside of the sample",
        "  outside of the sample: 4 x r magnitude above --max_r_mag",
        "  rejected: 2 x duplicate id", "  rejected: 1 x z outside the redshift grid",
        "  the sample ends at r = 17.8; --max_r_mag=none takes all",
        "  replaced: 3 values of r_mag"])


if __name__ == "__main__":
  tf.test.main()
