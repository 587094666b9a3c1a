"""Freed memory stays in the process, unless the environment decides otherwise."""

import os
import platform
import subprocess
import sys
import unittest

import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAULTS = """
import ctypes, resource
from pzbias_tf.data.allocator import keep_freed_memory
kept = keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range(20):  # blocks as large as a batch of images
  blocks = [libc.malloc(20 << 20) for _ in range(4)]
  for block in blocks:
    ctypes.memset(block, 1, 20 << 20)
  for block in blocks:
    libc.free(block)
print(kept, faults() - before)
"""


@unittest.skipUnless(platform.libc_ver()[0] == "glibc", "the allocator is not glibc's")
class AllocatorTest(tf.test.TestCase):

  def faults(self, **environment):
    """Whether memory is kept, and the pages that the system had to hand out."""
    bare = {name: value for name, value in os.environ.items()
            if not name.startswith("MALLOC_") and name != "GLIBC_TUNABLES"}
    run = subprocess.run([sys.executable, "-c", FAULTS], cwd=ROOT, env={**bare, **environment},
                         check=True, capture_output=True, text=True)
    kept, faults = run.stdout.split()
    return kept == "True", int(faults)

  def test_pages_are_fetched_once(self):
    kept, faults = self.faults()
    left, faults_by_default = self.faults(MALLOC_ARENA_MAX="8")
    self.assertEqual((kept, left), (True, False))
    self.assertLess(faults, 0.2 * faults_by_default)


if __name__ == "__main__":
  tf.test.main()
