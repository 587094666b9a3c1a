"""The report of a conversion on the terminal: what was written, and the next command."""

from __future__ import annotations

import os

from data_tools.conversion.accepted import OUTSIDE_SAMPLE, TOO_FAINT
from pzbias_tf.data import manifest as manifest_lib

_TRAIN_FLAGS = {"sdss": "", "cfhtls_wide": " --usecfht", "cfhtls_deep": " --usecfht --usecfhtd"}


def summary(manifest: manifest_lib.Manifest, output: str, *, survey: str) -> str:
  """What was written, what was rejected, and the next command.

  Args:
    manifest: the data set's manifest.
    output: its folder.
    survey: name or file of the survey, as the user gave it.
  """
  size = sum(shard.bytes for shard in manifest.shards)
  counts, *reasons = count_lines(manifest)
  lines = [f"{output}: {counts}"
           + ("; photometry in the catalogue" if manifest.photometry else
              f"; {len(manifest.shards)} shards, {size / 1e6:.1f} MB")]
  lines += [f"  {split}: {manifest.records(split)} records" for split in manifest_lib.SPLITS]
  if manifest.augment_copies > 1:
    lines.append(f"  each training galaxy has {manifest.augment_copies} records")
  if manifest.extra_columns:
    lines.append(f"  extra columns: {', '.join(manifest.extra_columns)}")
  lines += [*reasons, f"  splits: {manifest.split_rule}",
            f"Next: {next_command(manifest, output, survey=survey)}"]
  return "\n".join(lines)


def count_lines(manifest: manifest_lib.Manifest) -> list[str]:
  """Objects read, written, rejected and outside of the sample; reasons; replaced values."""
  galaxies, reasons = manifest.galaxies, manifest.source.get("rejected", {})
  outside = {reason: number for reason, number in reasons.items() if reason in OUTSIDE_SAMPLE}
  number_outside = sum(outside.values())
  limit = manifest.source.get("settings", {}).get("max_r_mag")
  return [
      f"{galaxies['read']} galaxies read, {galaxies['written']} written, "
      f"{galaxies['rejected'] - number_outside} rejected"
      + f", {number_outside} outside of the sample" * bool(outside),
      *(f"  {'outside of the sample' if reason in outside else 'rejected'}: {number} x {reason}"
        for reason, number in sorted(reasons.items(), key=lambda item: -item[1])),
      *(f"  the sample ends at r = {end:g}; --max_r_mag=none takes all"
        for end in [limit] if TOO_FAINT in outside and end is not None),
      *(f"  replaced: {number} values of {column}"
        for column, number in manifest.replaced.items())]


def next_command(manifest: manifest_lib.Manifest, output: str, *, survey: str) -> str:
  """The command that trains Step 1, or predicts if the data set has no training galaxies."""
  if not manifest.records("train"):
    split = next(split for split in manifest_lib.SPLITS if manifest.records(split))
    return f"python -m eval.predict --run=RUN --stage=step3 --data={output} --split={split}"
  command = "python -m train.main --tstep=1 --multir"
  command += _TRAIN_FLAGS.get(manifest.survey, f" --survey={survey}")
  if os.path.normpath(output) != os.path.join("data", manifest.dataset):
    command += f" --data_dir={output}"
  return command
