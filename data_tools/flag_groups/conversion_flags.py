"""The flags of `data_tools.make_tfrecords`."""

from __future__ import annotations

from absl import flags

from data_tools.flag_groups import reader_flags, runner_flags
from data_tools.simulation import options as simulation_options
from pzbias_tf.choices import COMPRESSION_TYPES, FULL, PIXEL_DTYPES, QUICK
from pzbias_tf.command_line.command_flags import FlagGroup


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  data = FlagGroup(values, "Data")
  data.text("survey", "sdss", "sdss, cfhtls, cfhtls_wide, cfhtls_deep or FILE.toml.")
  data.text("input", "", "File or folder of the survey; without it, one is simulated.")
  data.text("output", "", "Folder of the data set, may be remote, such as gs://bucket/sdss; "
            "default: data/<data set>.")
  reader_flags.define(values)
  FlagGroup(values, "Columns of the input").words(
      "extra_columns", [], "Columns to keep under their own names, which networks take beside "
      "E(B-V), e.g. mag_J,mag_H.")
  _define_sample(FlagGroup(values, "Sample and splits"))
  _define_storage(FlagGroup(values, "Stored data set"))
  _define_hardware(FlagGroup(values, "Hardware"))
  FlagGroup(values, "Simulation").integer(
      "num", 15000, "Number of galaxies to simulate without --input.")
  simulation_options.define_flags(values)
  FlagGroup(values, "Stored data set").choice(
      "preset", "auto", ["auto", "cpu", "none"], "Training settings for the manifest; auto: cpu "
      "for simulated input.")


def _define_sample(sample):
  """Which galaxies, and which of them train, validate and test."""
  sample.text("max_r_mag", "", "Faintest r magnitude (AB) of the sample, or none to take all; "
              "fainter galaxies are outside of the sample. Default: the survey's, 17.8 for sdss.")
  sample.real("max_rejected", None, "Stop if a larger fraction of the galaxies is rejected, e.g. "
              "0.01; does not count those outside of the sample (--max_r_mag, published splits).")
  sample.text("split", "", "train,validation,test fractions by hash of the id, e.g. "
              "0.76,0.04,0.20; overrides a published split.")
  sample.real("validation_share", 0.0, "Share of the training galaxies that validates instead, "
              "e.g. 0.05, for cfhtls, whose published split has no validation set.")
  sample.integer("seed", 0, "Salt of the record order, splits and augmentation.")


def _define_storage(storage):
  """How the records are stored."""
  storage.integer("augment_copies", 1, "Records per training galaxy, 1 to 8, each with its own "
                  "rotation or reflection.")
  storage.choice("dtype", "float32", PIXEL_DTYPES, "Type of the stored pixels.")
  storage.choice("compression", "none", list(COMPRESSION_TYPES), "Compression of the shards; gzip "
                 "takes several times the processor time and saves a few per cent of the size.")
  storage.choice("verify", QUICK, [QUICK, FULL], "How a data set that exists already is checked: "
                 "sizes and the catalogue's digest, or the digests of all files.")
  storage.real("shard_size_mb", 150.0, "Size of a shard before compression (1e6 bytes).")


def _define_hardware(hardware):
  """What does the work."""
  hardware.integer("num_workers", 1, "Number of processes; the data set is the same for any "
                   "number.")
  runner_flags.define(hardware, "writes the shards")
