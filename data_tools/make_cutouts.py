"""Cuts galaxies out of a survey's frames, all bands on one grid.

  python -m data_tools.make_cutouts --frames=FOLDER --positions=galaxies.fits --output=cutouts
  python -m data_tools.make_tfrecords --input=cutouts --output=data/mine

Reads SDSS corrected frames (frame-<band>-<run>-<camcol>-<field>.fits, .bz2, .gz) or,
with --frame_template, tiles of any name with one image a band; of many fields at once.
Needs the extra `cutouts` (reproject).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import os

from absl import app, flags, logging
import numpy as np

from data_tools.cutouts import assignment, cutout_writer, cutting, regridding
from data_tools.cutouts import fields as fields_lib
from data_tools.cutouts import positions as positions_lib
import pzbias_tf
from pzbias_tf import command, files
from pzbias_tf import survey as survey_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutoutConfig:
  """All that the command line says.

  Attributes:
    frames: folder of the frames.
    positions: table of positions.
    output: folder to write.
    survey: name of a survey, or FILE.toml: bands and size.
    reference_band: the band whose pixels are kept; "" is r, or the middle band.
    frame_template: file names of frames with {band} and {field}.
    size: side of a cutout, pixels; 0 is the survey's.
    columns: {"id", "ra", "dec": column name} where they have unusual ones.
    scratch: folder for unpacked frames; "" is the system's.
  """

  frames: str
  positions: str
  output: str
  survey: str = "sdss"
  reference_band: str = ""
  frame_template: str = fields_lib.SDSS_TEMPLATE
  size: int = 0
  columns: dict[str, str] = dataclasses.field(default_factory=dict)
  scratch: str = ""


def run(config: CutoutConfig) -> str:
  """Cuts, writes and reports.

  Returns:
    The folder, as an absolute path; it appears when it is complete, not before.

  Raises:
    FileExistsError: the folder holds something.
    OSError: a file is missing, or reproject is not installed.
    ValueError: a setting is wrong, or no position has a cutout.
  """
  output = os.path.abspath(config.output)
  if os.path.lexists(output) and not (os.path.isdir(output) and not os.listdir(output)):
    raise FileExistsError(f"{output} is there already; name another --output, or remove it")
  job = _job(config)
  positions = positions_lib.read_positions(config.positions, config.columns)
  fields = fields_lib.find_fields(config.frames, job.bands, config.frame_template)
  found = assignment.assign(positions, fields, bands=job.bands, reference=job.reference,
                            size=job.size)
  with files.appearing(output, "cutting") as hidden:
    rows = cutting.write_cube(os.path.join(hidden, "cube.npy"), found, fields, job)
    if not len(rows):
      raise ValueError(f"none of {len(positions)} positions has a cutout: {_counted(found)}")
    cutout_writer.write_catalog(hidden, _columns(positions, fields, found, rows))
    cutout_writer.write_rejected(hidden, positions.ids, found.reason)
    cutout_writer.write_record(hidden, {
        **dataclasses.asdict(config), **dataclasses.asdict(job), "version": pzbias_tf.__version__,
        "read": len(positions), "written": len(rows), "rejected": _counted(found)})
  _report(output, config, positions, rows, found)
  return output


def _job(config: CutoutConfig) -> cutting.Job:
  survey = survey_lib.load_survey(config.survey)
  bands = tuple(survey.bands)
  reference = config.reference_band or ("r" if "r" in bands else bands[len(bands) // 2])
  if reference not in bands:
    raise ValueError(f"--reference_band={reference}: survey {survey.name} has the bands "
                     f"{', '.join(bands)}")
  if config.size < 0:
    raise ValueError(f"--size={config.size}: must be positive, or 0 for the survey's size")
  regridding.check_installed()
  return cutting.Job(bands, reference, config.size or survey.image_size, config.scratch)


def _columns(positions, fields, found, rows) -> dict[str, np.ndarray]:
  """The catalogue's own columns, and where each cutout comes from."""
  names = np.array([field.name for field in fields])
  return {"id": positions.ids[rows],
          **{name: values[rows] for name, values in positions.columns.items()
             if name.lower() != "id"},
          "cutout_field": names[found.field[rows]],
          "cutout_x": found.first[rows, 0], "cutout_y": found.first[rows, 1]}


def _counted(found) -> dict[str, int]:
  return dict(collections.Counter(str(reason) for reason in found.reason if reason))


def _report(output, config, positions, rows, found) -> None:
  print(f"{output}: {len(positions)} positions read, {len(rows)} cutouts written, "
        f"{len(positions) - len(rows)} rejected")
  for reason, number in _counted(found).items():
    print(f"  rejected: {number} x {reason}")
  print(f"Next: python -m data_tools.make_tfrecords --survey={config.survey} --input={output}")


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  text = functools.partial(flags.DEFINE_string, flag_values=values)
  text("frames", None, "Folder of the frames.", required=True)
  text("positions", None, "Table with ra and dec (deg), .fits, .csv, .parquet, .npy or .npz; its "
       "other columns are kept.", required=True)
  text("output", None, "Folder to write; must not exist.", required=True)
  text("survey", "sdss", "sdss, cfhtls or FILE.toml: bands and size.")
  text("reference_band", "", "Band whose pixels are kept; default r.")
  text("frame_template", fields_lib.SDSS_TEMPLATE, "File names of the frames.")
  flags.DEFINE_integer("size", 0, "Side of a cutout, pixels; 0 is the survey's.",
                       flag_values=values)
  for role in ("id", "ra", "dec"):
    text(f"{role}_column", "", f"Column of {role}, where it is called otherwise.")
  text("scratch_dir", "", "Folder for unpacked frames.")


def config_from_flags(values: flags.FlagValues) -> CutoutConfig:
  """The command line as one frozen object."""
  columns = {role: values[f"{role}_column"].value for role in ("id", "ra", "dec")}
  return CutoutConfig(
      frames=values.frames, positions=values.positions, output=values.output,
      survey=values.survey, reference_band=values.reference_band,
      frame_template=values.frame_template, size=values.size,
      columns={role: name for role, name in columns.items() if name}, scratch=values.scratch_dir)


def main(argv) -> None:
  """Cuts; a mistake of the user ends in one line, not in a traceback."""
  command.refuse_words(argv)
  logging.set_verbosity(logging.INFO)
  with command.one_line_errors():
    run(config_from_flags(flags.FLAGS))


if __name__ == "__main__":
  define_flags()
  app.run(main)
