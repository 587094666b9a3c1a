"""Opens pages in headless Chromium and tells what became of them."""

import os
import re
import shutil
import subprocess
import tempfile
from typing import NamedTuple

CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium", "chromium-browser", "google-chrome", "chrome"))), "")
WIDTHS = (1280, 500)  # a screen, and the narrowest window that Chromium opens

_REPORT = """<script>
addEventListener("load", () => {
  const page = document.documentElement;
  const broken = [...document.images].filter((image) => !image.naturalWidth).length;
  page.dataset.seen = [innerWidth, page.scrollWidth, broken].join(" ");
});
</script>"""


class Seen(NamedTuple):
  """A page in a window.

  Attributes:
    window: width of the window, pixels.
    page: width that the page takes, pixels; larger than the window's where it overflows.
    broken: number of pictures that are not shown.
    console: what the console says.
  """

  window: int
  page: int
  broken: int
  console: list[str]


def look_at(path: str, width: int) -> Seen:
  """Opens a file in a window of some width."""
  with open(path, encoding="utf-8") as file:
    text = file.read().replace("</body>", _REPORT + "</body>")
  with tempfile.TemporaryDirectory() as folder:
    copy = os.path.join(folder, "page.html")
    with open(copy, "w", encoding="utf-8") as file:
      file.write(text)
    result = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={folder}/profile", "--enable-logging=stderr", "--log-level=0",
         f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom",
         f"file://{copy}"], capture_output=True, text=True, check=True, timeout=120)
  numbers = re.search(r'data-seen="(\d+) (\d+) (\d+)"', result.stdout)
  if not numbers:
    raise ValueError(f"{path}: Chromium has not loaded it:\n{result.stderr}")
  return Seen(*map(int, numbers.groups()), re.findall(r"CONSOLE[^\n]*", result.stderr))
