"""The site of `make docs` and its notebooks: nothing is left out, and what they show still runs."""

import importlib.util
import json
import os
import pathlib
import re
import stat
import sys

from absl.testing import parameterized
import tensorflow as tf

import pzbias_tf

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
NAMED = re.findall(r"^ +- [^:]+: (\S+\.(?:md|ipynb))$", CONFIG, re.MULTILINE)
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
MOST_BYTES = 200_000
"""Of a notebook, pictures included."""

RUNNERS = all(importlib.util.find_spec(name) for name in ("nbclient", "ipykernel"))


def notebook(path: pathlib.Path) -> dict:
  return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path: pathlib.Path) -> list[dict]:
  return [cell for cell in notebook(path)["cells"] if cell["cell_type"] == "code"]


def sources(path: pathlib.Path) -> list[str]:
  return ["".join(cell["source"]) for cell in code_cells(path)]


class SiteTest(tf.test.TestCase, parameterized.TestCase):

  def test_every_page_stands_in_the_navigation_once(self):
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*")
             if path.suffix in (".md", ".ipynb")]
    self.assertGreater(len(pages), 12)
    self.assertContainsSubset(pages, NAMED)
    self.assertLen(set(NAMED), len(NAMED))

  @parameterized.parameters(*NAMED)
  def test_what_the_navigation_names_exists(self, page):
    self.assertTrue((ROOT / page).is_file())

  @parameterized.parameters(*pzbias_tf.__all__)
  def test_public_names_stand_on_their_page(self, name):
    lines = re.findall(rf"^::: pzbias_tf\.([\w.]+)\.{name}$", API, re.MULTILINE)
    self.assertLen(lines, 1)
    module = importlib.import_module(f"pzbias_tf.{lines[0]}")
    self.assertIs(getattr(module, name), getattr(pzbias_tf, name))

  def test_the_site_is_built_strictly_and_not_committed(self):
    self.assertIn("\nstrict: true\n", CONFIG)
    self.assertIn("\nsite_dir: build/site\n", CONFIG)
    self.assertIn("/build/", (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())


class NotebooksTest(tf.test.TestCase, parameterized.TestCase):

  def test_there_are_three(self):
    self.assertLen(NOTEBOOKS, 3)

  @parameterized.parameters(*NOTEBOOKS)
  def test_they_are_small_and_show_pictures(self, path):
    self.assertLess(os.path.getsize(path), MOST_BYTES)
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]]
    self.assertNotEmpty([output for output in outputs if "image/png" in output.get("data", {})])
    self.assertEmpty([output for output in outputs if output["output_type"] == "error"])

  @parameterized.parameters(*NOTEBOOKS)
  def test_cells_are_short(self, path):
    for source in sources(path):
      self.assertLessEqual(len(source.splitlines()), 20, source)

  @parameterized.parameters(*NOTEBOOKS)
  def test_their_links_lead_somewhere(self, path):
    text = "\n".join("".join(cell["source"]) for cell in notebook(path)["cells"]
                     if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    self.assertNotEmpty(links)
    for link in links:
      if not link.startswith("https://"):
        self.assertTrue((path.parent / link.partition("#")[0]).is_file(), link)

  @parameterized.parameters(*NOTEBOOKS)
  def test_they_run(self, path):
    if not RUNNERS:
      self.skipTest("nbclient and ipykernel are not installed: pip install '.[test]'")
    import nbclient
    import nbformat
    folder = pathlib.Path(self.create_tempdir().full_path)
    command = folder / "pzbias"  # of this tree, whatever is installed
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pzbias_tf "$@"\n', encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
                   "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    ran = nbformat.read(path, as_version=4)
    for cell in ran.cells:
      cell.pop("outputs", None)
      if cell.cell_type == "code":
        cell.outputs = []
    nbclient.NotebookClient(ran, timeout=1200, kernel_name="python3").execute(
        cwd=str(folder), env=environment)
    for stored, cell in zip(code_cells(path),
                            [cell for cell in ran.cells if cell.cell_type == "code"]):
      self.assertEqual([output["output_type"] for output in stored["outputs"] if
                        output["output_type"] == "display_data"],
                       [output["output_type"] for output in cell.outputs if
                        output["output_type"] == "display_data"], "".join(stored["source"]))


if __name__ == "__main__":
  tf.test.main()
