"""The script that completes `pzbias`, as bash uses it."""

import os
import re
import subprocess
import sys

from absl.testing import parameterized
import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class CompletionTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.script = subprocess.run(
        [sys.executable, "-m", "pzbias_tf", "completion", "bash"], cwd=ROOT, capture_output=True,
        text=True, check=True).stdout

  def completed(self, *words):
    """What bash offers for the last of these words."""
    asked = " ".join(f"'{word}'" for word in words)
    return subprocess.run(
        ["bash", "-c", f"{self.script}\nCOMP_WORDS=({asked}); COMP_CWORD={len(words) - 1}\n"
         '_pzbias; printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True, text=True, check=True).stdout.split()

  @parameterized.parameters(
      (("pzbias", "ma"), ["make-tfrecords", "make-cutouts"]),
      (("pzbias", "su"), ["summarize", "surveys"]),
      (("pzbias", "train", "--tst"), ["--tstep="]),
      (("pzbias", "train", "--mult"), ["--multir"]),
      (("pzbias", "predict", "--pdf"), ["--pdf_format=", "--pdf_dtype="]),
      (("pzbias", "verify", "--tst"), []),
      (("pzbias", "completion", ""), ["bash", "zsh"]))
  def test_bash_completes_commands_and_flags(self, words, expected):
    self.assertEqual(self.completed(*words), expected)

  def test_bash_reads_what_is_printed(self):
    self.assertEqual(self.script.count("_pzbias() {"), 1)
    subprocess.run(["bash", "-n"], input=self.script, text=True, check=True)

  def test_zsh_has_the_same_words(self):
    words = lambda text: set(re.findall(r"--\w+=?", text))
    self.assertEqual(words(subprocess.run(
        [sys.executable, "-m", "pzbias_tf", "completion", "zsh"], cwd=ROOT, capture_output=True,
        text=True, check=True).stdout), words(self.script))


if __name__ == "__main__":
  tf.test.main()
