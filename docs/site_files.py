"""Which files the site of `make docs` holds: a hook of MkDocs.

Pages keep their places, README.md at the root and the others in docs/, so that one link leads to
the same page on GitHub and on the site.  Notebooks become pages, with the outputs they hold.
"""

import json
import pathlib

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parents[1]
AT_ROOT = ("README.md", "WORKSPACE.md", "RESULTS.md", "CHANGELOG.md", "CITATION.cff")
FOLDERS = ("benchmarks", "docs", "results/figures")
ENDINGS = (".css", ".ipynb", ".md", ".png", ".svg", ".toml")


class NotebookPage(File):
  """A notebook, which MkDocs shows as a page."""

  def is_documentation_page(self) -> bool:
    return True

  @property
  def content_string(self) -> str:
    return notebook_markdown(pathlib.Path(self.abs_src_path).read_text(encoding="utf-8"))


def on_files(files, config):
  """Puts the files of this project in the place of those that MkDocs found in docs/."""
  for file in [file for file in files if file.src_dir == config.docs_dir]:
    files.remove(file)
  for name in site_files():
    kind = NotebookPage if name.endswith(".ipynb") else File
    files.append(kind(name, str(ROOT), config.site_dir, config.use_directory_urls))
  return files


def site_files() -> list[str]:
  """The files of the site, as paths below the root."""
  paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")
           if path.suffix in ENDINGS and ".ipynb_checkpoints" not in path.parts]
  return [*AT_ROOT, *sorted(path.relative_to(ROOT).as_posix() for path in paths)]


def notebook_markdown(text: str) -> str:
  """A notebook as a Markdown page: its text, code and outputs."""
  parts = []
  for cell in json.loads(text)["cells"]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
      parts.append(source)
    elif cell["cell_type"] == "code":
      language = "bash" if source.startswith("%%bash") else "python"
      parts += [f"```{language}\n{source}\n```", *map(_output, cell["outputs"])]
  return "\n\n".join(parts) + "\n"


def _output(output):
  """An output of a cell: a picture, or text."""
  data = output.get("data", {})
  if "image/png" in data:
    return (f'<p><img alt="Figure that the code above draws" '
            f'src="data:image/png;base64,{"".join(data["image/png"]).strip()}"></p>')
  text = "".join(output.get("text", data.get("text/plain", "")))
  return f"```text\n{text.rstrip()}\n```" if text.strip() else ""
