"""Control characters in ids do not reach the terminal."""

import contextlib
import io
import os

from absl import logging
from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.command_line import command
from pzbias_tf.guards.terminal import printable


class TerminalTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      ("\x1b[2Jgone", "\\x1b[2Jgone"), ("a\rb", "a\\rb"), ("\x07\x00\x7f", "\\x07\\x00\\x7f"),
      ("\x9b31m", "\\x9b31m"), ("\u202egnp", "\\u202egnp"), ("Übel 星\tz\n", "Übel 星\tz\n"))
  def test_printable(self, text, expected):
    self.assertEqual(printable(text), expected)

  def test_what_commands_print(self):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), command.one_line_errors():
      print("id \x1b]0;owned\x07")
    self.assertEqual(out.getvalue(), "id \\x1b]0;owned\\x07\n")

  @parameterized.parameters(1, 100_000)  # held until the end, and not
  def test_work_goes_on_when_nobody_reads_any_more(self, length):
    read, write = os.pipe()
    os.close(read)
    done = False
    with os.fdopen(write, "w") as pipe, contextlib.redirect_stdout(pipe):
      with command.one_line_errors():
        print("x" * length)
        print("y", flush=True)
        done = True
    self.assertTrue(done)

  def test_errors_of_commands(self):
    with self.assertRaisesRegex(SystemExit, r"^Error: id \\x1b\[2J twice$"):
      with command.one_line_errors():
        raise ValueError("id \x1b[2J twice")

  def test_logs_of_commands(self):
    handler, log = logging.get_absl_handler(), io.StringIO()
    with command.one_line_errors():
      record = logging.get_absl_logger().makeRecord(
          "absl", 30, "file", 1, "galaxy %s", ("\x1b[31m",), None)
      handler.filter(record)
      print(record.getMessage(), file=log)
    self.assertEqual(log.getvalue(), "galaxy \\x1b[31m\n")


if __name__ == "__main__":
  tf.test.main()
