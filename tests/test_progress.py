"""Progress is a bar on a terminal, and log lines elsewhere."""

import io
import sys
from unittest import mock

import tensorflow as tf

from pzbias_tf.progress import Progress


class ProgressTest(tf.test.TestCase):

  def test_log_lines(self):
    clock = mock.patch("time.monotonic", side_effect=[0.0, 1.0, 5.0, 6.0])
    with clock, self.assertLogs("absl", "INFO") as logs:
      with Progress(100, title="work", unit="things", done=20, log_every_s=3.0) as progress:
        progress.advance(10)  # too early for a line
        progress.advance(30, "7 MB/s")
        progress.advance(40, rate=5.0)
    self.assertEqual([line.partition("absl:")[2] for line in logs.output], [
        "work: 60 of 100 things, 8/s, 7 MB/s, ETA 5 s", "work: 100 of 100 things, 5/s, ETA 0 s"])

  def test_bar(self):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    with mock.patch.object(sys, "stderr", terminal), self.assertNoLogs("absl", "INFO"):
      with Progress(4, title="work", unit="things") as progress:
        progress.advance(1)
        progress.advance(3, "7 MB/s")
    self.assertRegex(terminal.getvalue(), "work: 100%.* 4/4 .*things/s, 7 MB/s")


if __name__ == "__main__":
  tf.test.main()
