"""Checks that all files of a data set exist, are undamaged and agree with each other.

  python -m data_tools.verify data/sdss
  python -m data_tools.verify --data=data/sdss --num_workers=4
  python -m data_tools.verify --accept=runs/mine/step3/domain.json

The last accepts a change that you made by hand.  Prints one line per problem and ends with
status 1; for a sound data set it prints one line and ends with status 0.
"""

from __future__ import annotations

from absl import flags

from pzbias_tf.command_line import command, command_flags


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  data = command_flags.FlagGroup(values, "Data")
  data.text("data", "", "Folder of the data set; may also be given without --data=.")
  data.text("accept", "", "Instead: a file of a data set or a run that you have changed, which "
            "gets the digest of what it holds now.")
  command_flags.FlagGroup(values, "Hardware").integer(
      "num_workers", 1, "Number of processes that read shards.", lower_bound=1)


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import sys

from tqdm import tqdm

from data_tools.verification import all_checks
from data_tools.verification.accepted_edits import accept
from pzbias_tf.data.manifest import Manifest


def verify(folder: str, *, num_workers: int = 1) -> int:
  """Verifies a data set and prints the problems.

  Args:
    folder: the data set's folder.
    num_workers: number of processes that read shards.

  Returns:
    The exit status: 0 for a sound data set, else 1.
  """
  with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
    verification = all_checks.verify(folder, num_workers=num_workers, progress=bar.update)
  for problem in verification.problems:
    print(problem)
  if verification.problems or verification.manifest is None:
    return 1
  print(summary(folder, verification.manifest))
  return 0


def summary(folder: str, manifest: Manifest) -> str:
  """One line about a sound data set."""
  size = sum(shard.bytes for shard in manifest.shards)
  records = sum(shard.records for shard in manifest.shards)
  parts = (f"photometry, {records} records" if manifest.photometry else
           f"{len(manifest.shards)} shards, {records} records, {size / 1e6:.1f} MB")
  return f"{folder}: OK: {parts}, {manifest.galaxies['written']} galaxies, none in two splits"


def main(argv) -> int:
  """Verifies; the status says whether the data set is sound."""
  values = flags.FLAGS
  with command.one_line_errors():
    if values.accept:
      command.refuse_words(argv)
      print(accept(values.accept))
      return 0
    return verify(command.one_folder(argv, values.data), num_workers=values.num_workers)


if __name__ == "__main__":
  command.run(main, WORDS)
