"""Opens pages in headless Chromium and tells what became of them."""

import os
import re
import shutil
import subprocess
import tempfile
from typing import NamedTuple

CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium", "chromium-browser", "google-chrome", "chrome"))), "")
PHONE = 390
WIDTHS = (1280, 500, PHONE)  # a screen, the narrowest window that Chromium opens, a phone
_NARROWEST = 500

_REPORT = """<script>
addEventListener("load", () => {
  const page = document.documentElement;
  const images = [...document.images];
  const broken = images.filter((image) => !image.naturalWidth).length;
  // Figures have 200 pixels per inch and letters of 7 points.
  const letters = images.map((image) => image.clientWidth / image.naturalWidth * 200 * 7 / 72);
  const regions = [...document.querySelectorAll(".wide")].filter(
      (region) => region.scrollWidth > region.clientWidth);
  const silent = regions.filter((region) => !region.nextElementSibling.offsetHeight).length;
  const seen = [innerWidth, page.scrollWidth, broken, Math.round(Math.min(99, ...letters)),
                regions.length, silent].join(" ");
  page.dataset.seen = seen;
  parent.postMessage(seen, "*");
});
</script>"""
# A frame may be narrower than a window.
_FRAME = """<html><body><script>
addEventListener("message", (event) => { document.documentElement.dataset.seen = event.data; });
</script><iframe src="page.html" width="WIDTH" height="900" style="border: 0"></iframe></body>
</html>"""


class Seen(NamedTuple):
  """A page in a window.

  Attributes:
    window: width of the window, pixels.
    page: width that the page takes, pixels; larger than the window's where it overflows.
    broken: number of pictures that are not shown.
    letters: height of the smallest letters in figures, pixels.
    scrolled: number of figures and tables that are scrolled sideways.
    silent: number of those that do not say so.
    console: what the console says.
  """

  window: int
  page: int
  broken: int
  letters: int
  scrolled: int
  silent: int
  console: list[str]


def look_at(path: str, width: int) -> Seen:
  """Opens a file in a window of some width."""
  with open(path, encoding="utf-8") as file:
    text = file.read().replace("</body>", _REPORT + "</body>")
  with tempfile.TemporaryDirectory() as folder:
    copy = os.path.join(folder, "page.html")
    with open(copy, "w", encoding="utf-8") as file:
      file.write(text)
    if width < _NARROWEST:
      copy = os.path.join(folder, "frame.html")
      with open(copy, "w", encoding="utf-8") as file:
        file.write(_FRAME.replace("WIDTH", str(width)))
    result = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={folder}/profile", "--enable-logging=stderr", "--log-level=0",
         f"--window-size={max(width, _NARROWEST)},900", "--virtual-time-budget=5000", "--dump-dom",
         f"file://{copy}"], capture_output=True, text=True, check=True, timeout=120)
  numbers = re.search(r'data-seen="(\d+) (\d+) (\d+) (\d+) (\d+) (\d+)"', result.stdout)
  if not numbers:
    raise ValueError(f"{path}: Chromium has not loaded it:\n{result.stderr}")
  return Seen(*map(int, numbers.groups()), re.findall(r"CONSOLE[^\n]*", result.stderr))
