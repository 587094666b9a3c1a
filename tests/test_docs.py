"""The links, files, commands and flags that the pages name exist."""

import functools
import importlib
import os
import pathlib
import re

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.command_line import command_flags

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [str(path.relative_to(ROOT)) for path in sorted([
    ROOT / "README.md", ROOT / "WORKSPACE.md", ROOT / "benchmarks" / "README.md",
    *(ROOT / "docs").glob("*.md")])]
COMMANDS = tuple(
    f"{folder}.{path.stem}" for folder in ("benchmarks", "data_tools", "eval", "train")
    for path in sorted((ROOT / folder).glob("*.py"))
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8"))
SIZES = {"README.md": 7_500, "WORKSPACE.md": 12_000}
"""{page: its largest size in bytes}."""

COMMANDS_OF_PZBIAS = command_flags.COMMANDS
LINK = r"\]\(([^)\s]+)\)"
FILE = r"`([\w./]+/[\w.]*\.py)`"
MODULE = r"python -m ([\w.]+)"


def text_of(page: str) -> str:
  return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: pathlib.Path) -> set[str]:
  """The anchors of a page's headings, as GitHub makes them."""
  headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
  return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def flags_of(command: str) -> set[str]:
  """Names of the flags that a command's --help shows."""
  if command.startswith("benchmarks."):
    source = text_of(f"{command.replace('.', '/')}.py")
    return set(re.findall(r'add_argument\(\s*"--(\w+)"', source))
  define_flags = importlib.import_module(command).define_flags
  text = command_flags.help_text(command, define_flags, "")
  return {*re.findall(r"^  --(?:\[no\])?(\w+)", text, re.MULTILINE), "help", "verbosity"}


def unknown_flags(words: str, known: set[str]) -> list[str]:
  """The flags of a command line that are not `known`, as --name or --noname."""
  return [flag for flag in re.findall(r"--(\w+)", words)
          if not {flag, flag.removeprefix("no")} & known]


def command_lines(text: str) -> list[tuple[str, str]]:
  """(command, its words) of each `python -m command ...` or `pzbias command`, with its further
  lines."""
  joined = re.sub(r" *\\\n\s*", " ", text)
  commands = re.findall(
      r"python (?:-m )?((?:benchmarks|data_tools|train|eval)[./]\w+)(?:\.py)?([^\n`|]*)", joined)
  short = [(COMMANDS_OF_PZBIAS[name], words) for name, words in re.findall(
      r"^ *pzbias ([\w-]+)([^\n`|]*)", joined, re.MULTILINE) if name in COMMANDS_OF_PZBIAS]
  return [(command.replace("/", "."), words) for command, words in commands] + short


class DocsTest(tf.test.TestCase, parameterized.TestCase):

  def test_there_is_something_to_look_up(self):
    pages = "\n".join(map(text_of, PAGES))
    for pattern in (LINK, FILE, MODULE):
      self.assertGreater(len(set(re.findall(pattern, pages))), 3, pattern)
    links = [target for target in re.findall(LINK, pages) if not target.startswith("https://")]
    self.assertTrue(any("#" in target for target in links))
    self.assertTrue(any("#" not in target for target in links))

  @parameterized.parameters(*PAGES)
  def test_links_lead_somewhere(self, page):
    for target in re.findall(LINK, text_of(page)):
      if target.startswith("https://"):
        continue
      name, _, anchor = target.partition("#")
      path = (ROOT / page).parent / name if name else ROOT / page
      self.assertTrue(path.exists(), f"{page} links {target}")
      if anchor:
        self.assertIn(anchor, anchors(path), f"{page} links {target}")

  @parameterized.parameters(*PAGES)
  def test_named_files_exist(self, page):
    for name in re.findall(FILE, text_of(page)):
      self.assertTrue((ROOT / name).exists(), f"{page} names {name}")

  @parameterized.parameters(*PAGES)
  def test_named_modules_exist(self, page):
    for name in re.findall(MODULE, text_of(page)):
      path = ROOT.joinpath(*name.split("."))
      self.assertTrue(path.with_suffix(".py").exists() or (path / "__main__.py").exists()
                      or name in ("pip", "pytest") or name.startswith("apache_beam."), name)

  @parameterized.parameters(*PAGES)
  def test_commands_have_the_flags_that_are_named(self, page):
    for command, words in command_lines(text_of(page)):
      self.assertIn(command, COMMANDS, page)
      self.assertEmpty(unknown_flags(words, flags_of(command)), f"{page}: {command}{words}")

  @parameterized.parameters(*PAGES)
  def test_flags_in_the_text_are_those_of_some_command(self, page):
    known = set().union(*map(flags_of, COMMANDS))
    for words in re.findall(r"`(--[^`]*)`", text_of(page)):
      self.assertEmpty(unknown_flags(words, known), f"{page}: {words}")

  def test_tests_that_show_the_differences_exist(self):
    named = re.findall(r"`(test_\w+)`(?: in `([\w./]+\.py)`)?", text_of("docs/differences.md"))
    self.assertGreater(len(named), 20)
    for name, file in named:
      self.assertIn(f"  def {name}(", text_of(file or "tests/test_differences.py"))

  def test_a_command_line_of_several_lines_is_read(self):
    self.assertEqual(command_lines("python -m eval.main --run=a \\\n    --seed=1\n"),
                     [("eval.main", " --run=a --seed=1")])
    self.assertEqual(command_lines("    pzbias eval --run=a\n"), [("eval.main", " --run=a")])
    self.assertEqual(command_lines("`python benchmarks/convert.py --num=1`"),
                     [("benchmarks.convert", " --num=1")])
    self.assertEqual(unknown_flags("--run=a --norun --sead=1", {"run"}), ["sead"])
    self.assertNotIn("sead", flags_of("eval.main"))
    self.assertContainsSubset({"tstep", "multir"}, flags_of("train.main"))

  @parameterized.parameters(*SIZES.items())
  def test_front_pages_are_short(self, page, most):
    self.assertLessEqual(os.path.getsize(ROOT / page), most)


if __name__ == "__main__":
  tf.test.main()
