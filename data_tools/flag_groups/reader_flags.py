"""The flags for reading a survey's own files, shared by all commands that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from data_tools.flag_groups.layout_words import AUTO, LAYOUTS, ROLES, SEVERAL
from pzbias_tf.choices import LIMIT, REJECT
from pzbias_tf.command_line.command_flags import FlagGroup

if TYPE_CHECKING:
  from data_tools import readers


def define(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines --layout, --table, --<role>_column and the like."""
  files, columns = FlagGroup(values, "Input files"), FlagGroup(values, "Columns of the input")
  files.choice("layout", AUTO, [AUTO, *LAYOUTS], "Layout of the input.")
  files.alias("format", "layout")
  files.text("table", "", "Table of the images, if it has an unusual name.")
  files.text("image_template", "", "File names of the images, e.g. {id}_{band}.fits; braces may "
             "hold any column of the table.")
  files.words("extension", [], "Extensions of FITS files with the images, by EXTNAME or number; "
              "default: by their headers.")
  files.text("image_dataset", "", "Dataset of the images in an HDF5 file.")
  for role, column in ROLES.items():
    columns.text(f"{role}_column", "", f"Input column of {column}; default: the layout's own name."
                 + " Several, separated by commas, keep their names." * (role in SEVERAL))
  columns.alias("z_photo_ref_column", "z_photo_column")
  columns.real("ebv", None, "One E(B-V) (mag) for all galaxies, instead of a column.",
               lower_bound=0.0, upper_bound=10.0)
  columns.switch("r_from_image", False, "r magnitude from the summed r band of each image, which "
                 "must be in nanomaggies.")
  columns.real("extra_fill", None, "What replaces missing values of extra columns. Default: those "
               "galaxies are rejected.")
  columns.words("magnitude_columns", [], "Columns of the magnitudes of a table of photometry, in "
                "the order of the survey's bands, e.g. u,g,r,i,z.")
  columns.words("error_columns", [], "Columns of their errors (mag).")
  columns.choice("missing_magnitudes", "", ["", REJECT, LIMIT], "Galaxies with a missing "
                 "magnitude: reject them (default), or let the faint limit of the training "
                 "galaxies stand for it, and tell the network.")
  files.text("scratch_dir", "", "Folder for unpacked copies of compressed cubes, and for "
             "long columns of tables; default: the system's for temporary files.")


def options(values: flags.FlagValues) -> readers.ReaderOptions:
  """The values of the flags."""
  from data_tools import readers  # imports astropy and TensorFlow, which --help does without

  columns = {role: values[f"{role}_column"].value for role in ROLES}
  return readers.ReaderOptions(
      columns={role: name for role, name in columns.items() if name}, ebv=values.ebv,
      r_from_image=values.r_from_image, table=values.table, scratch=values.scratch_dir,
      image_template=values.image_template,
      extension=tuple(values.extension), image_dataset=values.image_dataset,
      extra_fill=values.extra_fill, magnitude_columns=tuple(values.magnitude_columns),
      error_columns=tuple(values.error_columns), missing_magnitudes=values.missing_magnitudes)
