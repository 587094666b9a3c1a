"""The Makefile says what is missing before it begins."""

import os
import subprocess
import sys
import tempfile

from absl.testing import parameterized
import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Of a `make` that runs these tests; with them another one says which folder it enters.
MAKES_OWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
DF = """#!/bin/sh
echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
echo "disk 1 1 $FREE_KB 1% /"
"""


def environment_of_a_user():
  return {name: value for name, value in os.environ.items() if name not in MAKES_OWN}


class DiskSpaceTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.enter_context(tempfile.TemporaryDirectory())
    with open(self.path("df"), "w", encoding="utf-8") as file:
      file.write(DF)
    os.chmod(self.path("df"), 0o755)

  def path(self, *words):
    return os.path.join(self.folder, *words)

  def room(self, free_gb, *, environment, data):
    """What `make room` says on a disk with so much free; environment, data: whether they exist."""
    os.makedirs(self.path("data"), exist_ok=True)
    for name, exists in ((".ready", environment), (os.path.join("data", "manifest.json"), data)):
      if exists:
        with open(self.path(name), "w", encoding="utf-8"):
          pass
    return subprocess.run(
        ["make", "-s", "room", f"PYTHON={sys.executable}", f"READY={self.path('.ready')}",
         f"DATA={self.path('data')}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**environment_of_a_user(), "PATH": f"{self.folder}:{os.environ['PATH']}",
             "FREE_KB": str(round(free_gb * 1024 ** 2))})

  @parameterized.parameters((5.0, False, False), (2.0, True, False), (3.0, False, True),
                            (0.1, True, True))
  def test_enough(self, free_gb, environment, data):
    said = self.room(free_gb, environment=environment, data=data)
    self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""))

  @parameterized.parameters(
      (1.0, False, True, "the environment .venv.* needs 2.5 GB of disk space, and . has 1.0 GB"),
      (3.0, False, False, "the quickstart needs 4.2 GB of disk space, and .* has 3.0 GB left"),
      (1.0, True, False, "the quickstart needs 1.7 GB .*make room, or name other folders with DA"))
  def test_too_little(self, free_gb, environment, data, message):
    said = self.room(free_gb, environment=environment, data=data)
    self.assertNotEqual(said.returncode, 0)
    self.assertRegex(said.stderr, f"^Error: {message}")

  def test_the_quickstart_looks_first(self):
    plan = subprocess.run(["make", "-n", "quickstart", f"PYTHON={sys.executable}"], cwd=ROOT,
                          capture_output=True, text=True, check=True,
                          env=environment_of_a_user()).stdout
    self.assertIn("df -Pk", plan)
    self.assertLess(plan.index("df -Pk"), plan.index("make_tfrecords"))


if __name__ == "__main__":
  tf.test.main()
