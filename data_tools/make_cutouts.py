"""Cuts galaxies out of a survey's frames, all bands on one grid.

  python -m data_tools.make_cutouts --frames=FOLDER --positions=galaxies.fits --output=cutouts
  python -m data_tools.make_cutouts --survey=mine.toml --frames=TILES --positions=galaxies.csv \
      --frame_template={field}_{band}.fits --output=cutouts
  python -m data_tools.make_tfrecords --input=cutouts --output=data/mine    then converts them

Reads SDSS corrected frames (frame-<band>-<run>-<camcol>-<field>.fits, .bz2, .gz) or, with
--frame_template, tiles of other names with one file per band, mosaics of CCDs included.  One run
handles many fields.
Needs the optional dependency reproject: pip install '.[cutouts]'.
"""

from __future__ import annotations

from absl import flags

from data_tools.flag_groups.layout_words import SDSS_TEMPLATE
from pzbias_tf.command_line import command, command_flags


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  data, frames = (command_flags.FlagGroup(values, title) for title in ("Data", "Frames"))
  data.text("frames", None, "Folder of the frames.", required=True)
  data.text("positions", None, "Table with ra and dec (deg), .fits, .csv, .parquet, .npy or .npz; "
            "its other columns are kept.", required=True)
  data.text("output", None, "Folder to write; must not exist or be empty.", required=True)
  data.text("survey", "sdss", "sdss, cfhtls or FILE.toml; gives bands and size.")
  data.integer("size", 0, "Side of a cutout, pixels; 0 is the survey's.")
  for role in ("id", "ra", "dec"):
    data.text(f"{role}_column", "", f"Column of {role}, if it has an unusual name.")
  frames.text("frame_template", SDSS_TEMPLATE, "File names of the frames, with {band} and {field}.")
  frames.words("extension", [], "Extensions with the images, by EXTNAME or number, e.g. SCI; "
               "default: by their headers.")
  frames.text("reference_band", "", "Band whose pixel grid the cutouts use; default: r, or the "
              "middle band.")
  frames.text("scratch_dir", "", "Folder for unpacked frames, and for long columns of the "
             "table.")


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import collections
import dataclasses
import os

from absl import logging
import numpy as np

from data_tools.cutouts import assignment, cutout_writer, cutting, regridding
from data_tools.cutouts import fields as fields_lib
from data_tools.cutouts import positions as positions_lib
import pzbias_tf
from pzbias_tf import survey as survey_lib
from pzbias_tf.data.manifest import SMALLEST_SIDE
from pzbias_tf.guards.own_folders import appearing

_LISTED = 10  # files that are named on the screen


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutoutConfig:
  """All values of the command line.

  Attributes:
    frames: folder of the frames.
    positions: table of positions.
    output: folder to write.
    survey: name of a survey, or FILE.toml; gives bands and size.
    reference_band: the band whose pixel grid the cutouts use; "" is r, or the middle band.
    frame_template: file names of the frames, with {band} and {field}.
    size: side of a cutout, pixels; 0 is the survey's.
    columns: {"id", "ra" or "dec": column name}, for unusual names.
    extension: names or numbers of the extensions with images; () goes by the headers.
    scratch: folder for unpacked frames and long columns; "" is a hidden one beside the output,
      and for columns the system's folder for temporary files.
  """

  frames: str
  positions: str
  output: str
  survey: str = "sdss"
  reference_band: str = ""
  frame_template: str = SDSS_TEMPLATE
  size: int = 0
  columns: dict[str, str] = dataclasses.field(default_factory=dict)
  extension: tuple[str, ...] = ()
  scratch: str = ""


def run(config: CutoutConfig) -> str:
  """Cuts, writes and reports.

  Returns:
    The folder, as an absolute path; it appears only when it is complete.

  Raises:
    FileExistsError: the folder exists and is not empty.
    OSError: a file is missing, or reproject is not installed.
    ValueError: a setting is wrong, or no position has a cutout.
  """
  output = os.path.abspath(config.output)
  if os.path.lexists(output) and not (os.path.isdir(output) and not os.listdir(output)):
    raise FileExistsError(f"{output} already exists; name another --output, or remove it")
  settings = _settings(config)
  positions = positions_lib.read_positions(config.positions, config.columns, config.scratch)
  fields = fields_lib.find_fields(config.frames, settings.bands, config.frame_template)
  assigned = assignment.assign(positions, fields, choice=settings.choice,
                               reference=settings.reference, size=settings.size)
  reference = settings.bands.index(settings.reference)
  with appearing(output, "cutting") as hidden:
    unpacking = dataclasses.replace(settings, scratch=config.scratch or hidden)
    rows = cutting.write_cube(os.path.join(hidden, "cube.npy"), assigned, fields, unpacking)
    if not len(rows):
      raise ValueError(f"none of {len(positions)} positions has a cutout: {_counted(assigned)}; "
                       f"check --positions and --frames{_unused(assigned)}")
    cutout_writer.write_catalog(hidden, _columns(positions, fields, assigned, rows, reference))
    cutout_writer.write_rejected(hidden, positions.ids, assigned.reason)
    cutout_writer.write_unused(hidden, assigned.unused)
    cutout_writer.write_record(hidden, {
        **dataclasses.asdict(config), **dataclasses.asdict(settings),
        "version": pzbias_tf.__version__, "read": len(positions), "written": len(rows),
        "rejected": _counted(assigned), "unused_files": len(assigned.unused)})
  _report(output, config, positions, rows, assigned)
  return output


def _settings(config: CutoutConfig) -> cutting.CutoutSettings:
  survey = survey_lib.load_survey(config.survey)
  bands = tuple(survey.bands)
  reference = config.reference_band or ("r" if "r" in bands else bands[len(bands) // 2])
  if reference not in bands:
    raise ValueError(f"--reference_band={reference}: survey {survey.name} has the bands "
                     f"{', '.join(bands)}")
  if config.size < 0 or 0 < config.size < SMALLEST_SIDE:
    raise ValueError(f"--size={config.size}: must be {SMALLEST_SIDE} or more, or 0 for the "
                     "survey's size")
  regridding.check_installed()
  return cutting.CutoutSettings(bands, reference, config.size or survey.image_size, config.scratch,
                                config.extension)


def _columns(positions, fields, assigned, rows, reference) -> dict[str, np.ndarray]:
  """The columns of the positions, and the origin of each cutout."""
  names = np.array([field.name for field in fields])
  return {"id": positions.ids[rows],
          **{name: values[rows] for name, values in positions.columns.items()
             if name.lower() != "id"},
          "cutout_field": names[assigned.field[rows]],
          "cutout_extension": assigned.units[rows, reference],
          "cutout_x": assigned.first[rows, 0], "cutout_y": assigned.first[rows, 1]}


def _counted(assigned) -> dict[str, int]:
  return dict(collections.Counter(str(reason) for reason in assigned.reason if reason))


def _unused(assigned) -> str:
  """The files that could not be used, one per line; the first few if there are many."""
  lines = [f"\n  {path}: {reason}" for path, reason in assigned.unused.items()]
  more = f"\n  and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
  return "".join(lines[:_LISTED]) + more


def _report(output, config, positions, rows, assigned) -> None:
  print(f"{output}: {len(positions)} positions read, {len(rows)} cutouts written, "
        f"{len(positions) - len(rows)} rejected")
  for reason, number in _counted(assigned).items():
    print(f"  rejected: {number} x {reason}")
  if assigned.unused:
    print(f"  {len(assigned.unused)} files cannot be used, or not in full "
          f"({cutout_writer.UNUSED}){_unused(assigned)}")
  print(f"Next: python -m data_tools.make_tfrecords --survey={config.survey} --input={output}")


def config_from_flags(values: flags.FlagValues) -> CutoutConfig:
  """The command line as one frozen object."""
  columns = {role: values[f"{role}_column"].value for role in ("id", "ra", "dec")}
  return CutoutConfig(
      frames=values.frames, positions=values.positions, output=values.output,
      survey=values.survey, reference_band=values.reference_band,
      frame_template=values.frame_template, size=values.size,
      columns={role: name for role, name in columns.items() if name},
      extension=tuple(values.extension), scratch=values.scratch_dir)


def main(argv) -> None:
  """Cuts; a user's mistake ends in one line, not in a traceback."""
  command.refuse_words(argv)
  logging.set_verbosity(logging.INFO)
  with command.one_line_errors():
    run(config_from_flags(flags.FLAGS))


if __name__ == "__main__":
  command.run(main, WORDS)
