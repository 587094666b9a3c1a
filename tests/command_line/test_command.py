"""What all commands share."""

import os
import pathlib
from unittest import mock

from absl import flags
from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.command_line import command

COMMANDS = ("data_tools.make_tfrecords", "data_tools.make_cutouts", "data_tools.simulate",
            "data_tools.summarize", "data_tools.verify", "train.main", "train.experiments",
            "eval.main", "eval.predict", "eval.catalog", "eval.export", "eval.results")

ROOT = pathlib.Path(__file__).parents[2]


class HomeTest(tf.test.TestCase, parameterized.TestCase):

  def parsed(self, *words):
    values = flags.FlagValues()
    flags.DEFINE_string("output", "~/runs", "", flag_values=values)
    flags.DEFINE_string("name", None, "", flag_values=values)
    flags.DEFINE_list("files", [], "", flag_values=values)
    flags.DEFINE_multi_string("folder", [], "", flag_values=values)
    flags.DEFINE_integer("number", 3, "", flag_values=values)
    values(["command", *words])
    command.expand_home(values)
    return values

  def test_home_in_all_kinds_of_flags(self):
    with mock.patch.dict(os.environ, {"HOME": "/home/me"}):
      values = self.parsed("--files=~/a,b,~", "--folder=~/c", "--folder=d~", "--name=x~/y")
      self.assertEqual(values.output, "/home/me/runs")
      self.assertEqual(values.files, ["/home/me/a", "b", "/home/me"])
      self.assertEqual(values.folder, ["/home/me/c", "d~"])
      self.assertEqual((values.name, values.number), ("x~/y", 3))

  def test_nothing_happens_before_flags_are_read(self):
    values = flags.FlagValues()
    flags.DEFINE_string("output", "~/runs", "", flag_values=values)
    command.expand_home(values)
    self.assertEqual(values["output"].value, "~/runs")

  @parameterized.parameters(*COMMANDS)
  def test_every_command_expands_it(self, name):
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    self.assertIn("with command.one_line_errors(", path.read_text(encoding="utf-8"))

  def test_a_mistake_is_one_line(self):
    with self.assertRaisesRegex(SystemExit, "^Error: wrong"), command.one_line_errors():
      raise ValueError("wrong")


if __name__ == "__main__":
  tf.test.main()
