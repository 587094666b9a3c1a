"""What the pages say exists: links, files, commands and their flags."""

import functools
import importlib
import os
import pathlib
import re

from absl import flags
from absl.testing import parameterized
import tensorflow as tf

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [str(path.relative_to(ROOT)) for path in sorted([
    ROOT / "README.md", ROOT / "WORKSPACE.md", ROOT / "benchmarks" / "README.md",
    *(ROOT / "docs").glob("*.md")])]
SIZES = {"README.md": 7_500, "WORKSPACE.md": 12_000}
"""Bytes at most."""

# Whose flags are defined elsewhere than in the command's own file.
FLAGS_IN = {"eval.predict": "eval.prediction.request", "train.main": "train.flags"}


def text_of(page: str) -> str:
  return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: pathlib.Path) -> set[str]:
  """The anchors of a page's headings, as GitHub makes them."""
  headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
  return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def flags_of(command: str) -> set[str]:
  """Names of a command's flags."""
  values = flags.FlagValues()
  importlib.import_module(FLAGS_IN.get(command, command)).define_flags(values)
  return set(values)


def command_lines(text: str) -> list[tuple[str, str]]:
  """(command, its words) of each `python -m command ...`, continued lines included."""
  joined = re.sub(r" *\\\n\s*", " ", text)
  return re.findall(r"python -m ((?:data_tools|train|eval)\.\w+)([^\n`|]*)", joined)


class DocsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*PAGES)
  def test_links_lead_somewhere(self, page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
      if target.startswith("https://"):
        continue
      name, _, anchor = target.partition("#")
      path = (ROOT / page).parent / name if name else ROOT / page
      self.assertTrue(path.exists(), f"{page} links {target}")
      if anchor:
        self.assertIn(anchor, anchors(path), f"{page} links {target}")

  @parameterized.parameters(*PAGES)
  def test_named_files_exist(self, page):
    for name in re.findall(r"`([\w./]+/[\w.]*\.py)`", text_of(page)):
      self.assertTrue((ROOT / name).exists(), f"{page} names {name}")

  @parameterized.parameters(*PAGES)
  def test_named_modules_exist(self, page):
    for name in re.findall(r"python -m ([\w.]+)", text_of(page)):
      path = ROOT.joinpath(*name.split("."))
      self.assertTrue(path.with_suffix(".py").exists() or name in ("pip", "pytest"), name)

  @parameterized.parameters(*PAGES)
  def test_commands_have_the_flags_that_are_named(self, page):
    for command, words in command_lines(text_of(page)):
      for flag in re.findall(r"--(\w+)", words):
        known = flags_of(command)
        self.assertTrue({flag, flag.removeprefix("no")} & known, f"{page}: {command} --{flag}")

  def test_a_command_line_of_several_lines_is_read(self):
    self.assertEqual(command_lines("python -m eval.main --run=a \\\n    --seed=1\n"),
                     [("eval.main", " --run=a --seed=1")])
    self.assertNotIn("sead", flags_of("eval.main"))
    self.assertContainsSubset({"tstep", "multir"}, flags_of("train.main"))

  @parameterized.parameters(*SIZES.items())
  def test_front_pages_are_short(self, page, most):
    self.assertLessEqual(os.path.getsize(ROOT / page), most)


if __name__ == "__main__":
  tf.test.main()
