"""What eval.catalog is asked to do: its flags, as one frozen object."""

from __future__ import annotations

import dataclasses
import shlex
from typing import Mapping

from absl import flags

from pzbias_tf.bias.calibration import CELLS
from pzbias_tf.command_line.command_flags import FlagGroup
from pzbias_tf.metrics.bootstrap import Bootstrap

RESAMPLE = ("auto", "yes", "no")

_COLUMNS = {
    "id": "Column of ids. Default: the first usual name, else row numbers; none for those.",
    "z_spec": "Column of spectroscopic redshifts. Default: the first usual name; none for none.",
    "r": "Column of r magnitudes. Default: the first usual name; none for none.",
    "weights": "Column of weights of the galaxies in the metrics. Default: all weigh the same.",
}


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  data, columns = FlagGroup(values, "Data"), FlagGroup(values, "Columns")
  data.text("input", "", "FITS, CSV (also .gz), Parquet, HDF5 of qp, or a folder of "
            "parts of eval.predict.")
  data.text("output", "", "Folder to write to.")
  data.text("truth", "", "Table with further columns, such as redshifts, of the galaxies of "
            "--input.")
  data.text("survey", "", "Name or .toml file of the survey, whose grids are used. Default: sdss.")
  for role, words in _COLUMNS.items():
    columns.text(f"{role}_column", "", words)
  columns.words("z_photo_column", [], "Columns of estimates, separated by commas. Default: the "
                "first usual name.")
  columns.words("missing", [], "Further numbers that stand for a missing value, such as 0.")
  _define_step4(FlagGroup(values, "Step 4"))
  errors = FlagGroup(values, "Errors")
  errors.integer("num_bootstrap", 100, "Bootstraps behind each error.", lower_bound=2)
  errors.integer("seed", 0, "Seed of bootstraps, resampling, and of the share to fit on.",
                 lower_bound=0)


def _define_step4(step4):
  """Where Step 4 comes from, and how it is fitted."""
  step4.real("fit_fraction", 0.0, "Fit Step 4 on this share of the galaxies, and measure it on the "
             "others.", lower_bound=0.0, upper_bound=1.0)
  step4.text("fit", "", "Table of other galaxies to fit Step 4 on.")
  step4.text("calibration", "", "File of a Step 4 that was fitted before.")
  step4.switch("apply", False, "Write the catalogue with the calibrated estimates.")
  step4.choice("calibration_cells", "", ["", *CELLS], "Step 4's correction of a cell: its mean "
               "residual (plain, as published), smoothed over redshift, or shrunk by its own "
               "error. Default: shrunk.")
  step4.real("smooth_calibration", 0.0, "Width, in wide redshift bins, of "
             "--calibration_cells=smoothed; 0 for the usual 2.", lower_bound=0.0)
  step4.choice("resample", "auto", RESAMPLE, "Whether Step 4 is fitted to the distribution that is "
               "expected of the galaxies to correct. auto: for --fit, not for --fit_fraction, "
               "whose galaxies have that distribution.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CatalogRequest:
  """What to measure, and how; the attributes are the flags.

  Attributes:
    columns: {role: column that the user named}, roles being those of _COLUMNS.
    z_photo: named columns of estimates.
    bootstrap: how errors are estimated; its seed is that of all draws.
  """

  input: str
  output: str
  truth: str = ""
  survey: str = "sdss"
  columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
  z_photo: tuple[str, ...] = ()
  missing: tuple[float, ...] = ()
  fit_fraction: float = 0.0
  fit: str = ""
  calibration: str = ""
  apply: bool = False
  calibration_cells: str = "shrunk"
  width: float = 0.0
  resample: str = "auto"
  bootstrap: Bootstrap = Bootstrap()

  def __post_init__(self):
    from pzbias_tf.report.figures.style import ESTIMATES  # imports matplotlib

    for name in ("input", "output"):
      if not getattr(self, name):
        raise ValueError(f"--{name} is missing; name the "
                         f"{'catalogue' if name == 'input' else 'folder to write to'}")
    given = [f"--{name}" for name in ("fit_fraction", "fit", "calibration") if getattr(self, name)]
    if len(given) > 1:
      raise ValueError(f"{' and '.join(given)} each tell where Step 4 comes from; give one of them")
    if self.apply and not given:
      raise ValueError("--apply needs a Step 4: give --fit_fraction, --fit or --calibration")
    if len(self.z_photo) > len(ESTIMATES):
      raise ValueError(f"--z_photo_column names {len(self.z_photo)} columns; compare at most "
                       f"{len(ESTIMATES)} at once")
    if self.fit_fraction == 1.0:
      raise ValueError("--fit_fraction=1 leaves no galaxy to measure Step 4 on; give less")

  @property
  def command(self) -> str:
    """The command that asks for this: all that differs from the defaults."""
    usual = {field.name: field.default for field in dataclasses.fields(self)}
    words = {**{name: getattr(self, name) for name in (
        "input", "output", "truth", "survey", "fit_fraction", "fit", "calibration", "apply",
        "calibration_cells", "resample")},
             **{f"{role}_column": name for role, name in self.columns.items()},
             "z_photo_column": ",".join(self.z_photo),
             "missing": ",".join(map(str, self.missing)), "smooth_calibration": self.width or "",
             "num_bootstrap": self.bootstrap.number, "seed": self.bootstrap.seed}
    given = [f"--{name}" if value is True else f"--{name}={value}"
             for name, value in words.items() if value not in ("", usual.get(name))]
    return shlex.join(["python", "-m", "eval.catalog", *given])

  @property
  def resampled(self) -> bool:
    """Whether Step 4 is fitted to the distribution expected of the galaxies to correct."""
    return bool(self.fit) if self.resample == "auto" else self.resample == "yes"


def from_flags(values: flags.FlagValues) -> CatalogRequest:
  """The command line as one frozen object.

  Raises:
    ValueError: flags contradict each other, or a value is no number.
  """
  named = {role: values[f"{role}_column"].value for role in _COLUMNS}
  try:
    missing = tuple(float(number) for number in values.missing)
  except ValueError as error:
    raise ValueError(f"--missing={','.join(values.missing)}: {error}") from error
  return CatalogRequest(
      input=values.input, output=values.output, truth=values.truth, survey=values.survey or "sdss",
      columns={role: name for role, name in named.items() if name},
      z_photo=tuple(values.z_photo_column), missing=missing, fit_fraction=values.fit_fraction,
      fit=values.fit, calibration=values.calibration, apply=values.apply,
      calibration_cells=values.calibration_cells or (
          "smoothed" if values.smooth_calibration else "shrunk"),
      width=values.smooth_calibration, resample=values.resample,
      bootstrap=Bootstrap(number=values.num_bootstrap, seed=values.seed))
