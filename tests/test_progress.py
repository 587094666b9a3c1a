"""Progress is a bar on a terminal, and log lines elsewhere."""

import io
import logging as standard_logging
import os
import re
import sys
from unittest import mock

from absl import logging
from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.progress import Progress, short


class ProgressTest(tf.test.TestCase, parameterized.TestCase):

  def test_log_lines(self):
    clock = mock.patch("time.monotonic", side_effect=[0.0, 1.0, 5.0, 6.0])
    with clock, self.assertLogs("absl", "INFO") as logs:
      with Progress(100, title="work", unit="things", done=20, log_every_s=3.0) as progress:
        progress.advance(10)  # too early for a line
        progress.advance(30, "7 MB/s")
        progress.advance(40, rate=5.0)
    self.assertEqual([line.partition("absl:")[2] for line in logs.output], [
        "work: 60 of 100 things, 8/s, 7 MB/s, ETA 5 s", "work: 100 of 100 things, 5/s, ETA 0 s"])

  @parameterized.parameters((12345678.9, "12345679"), (12345.6, "12346"), (999.94, "999.9"),
                            (8.0, "8"), (0.12345, "0.1235"))
  def test_rates_have_no_exponent(self, number, text):
    self.assertEqual(short(number), text)

  @parameterized.product(width=(80, 100, 200), total=(400, 120_000))
  def test_bar_keeps_its_shape(self, width, total):
    lines = self.bar_of(width, total, "loss 4.1234, 12345 examples/s, 1.5 ms per step, 0% of it "
                        "waiting for input")
    self.assertNotEmpty(lines)
    for line in lines:
      self.assertLessEqual(len(line), width)
      self.assertRegex(line, r"^Step 1: +\d+%\|.{8,}\| \d+/\d+ \[.*iterations/s.*\]$")
    if total == 400 or width > 80:  # a rate of this test has many digits
      self.assertIn(", loss 4.1234", lines[-1])
    self.assertEqual("waiting for input]" in lines[-1], width == 200)

  def bar_of(self, width, total, words, log=""):
    """The lines of a terminal of that width."""
    terminal = io.StringIO()
    terminal.isatty, terminal.fileno = lambda: True, lambda: 2
    absl_handler = logging.get_absl_handler()
    size = os.terminal_size((width + 1, 25))  # tqdm leaves the last column free
    with (mock.patch.object(os, "get_terminal_size", return_value=size),
          mock.patch.object(sys, "stderr", terminal),
          mock.patch.object(absl_handler.python_handler, "stream", terminal),
          mock.patch.object(standard_logging.getLogger(), "handlers", [absl_handler])):
      with Progress(total, title="Step 1", unit="iterations") as progress:
        for _ in range(4):
          progress.advance(total // 4, words)
          if log:
            logging.warning(log)
    return [line.strip() for line in re.split(r"[\r\n]", terminal.getvalue()) if line.strip()]

  def test_log_lines_stand_above_the_bar(self):
    lines = self.bar_of(80, 400, "loss 4.1", log="a line of its own")
    said = [line for line in lines if "a line" in line]
    self.assertLen(said, 4)
    for line in said:  # in absl's format, once
      self.assertRegex(line, r"^W\d{4} .*test_progress.py:\d+\] a line of its own$")
    self.assertRegex(lines[-1], "^Step 1: 100%.*400/400")

  def test_handlers_are_as_before(self):
    root = standard_logging.getLogger()
    before = list(root.handlers)
    self.bar_of(80, 4, "")
    self.assertEqual(root.handlers, before)

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
