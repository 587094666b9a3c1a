"""Tables of RAIL: which columns the stages take, and magnitudes as this package takes them.

Names follow RAIL's shared parameters, mag_u_lsst and mag_err_u_lsst for example, which
`rail.core.common_params.set_param_default` changes for all stages at once.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ceci.config import StageParameter
import numpy as np
from rail.core.common_params import SharedParams

from pzbias_tf.compat import plain_arrays

SHARED = ("bands", "err_bands", "id_col", "redshift_col", "nondetect_val", "nonobserved_val")


def column_options() -> dict[str, Any]:
  """The configuration of stages that read galaxies: RAIL's shared parameters, and our own."""
  return {
      **{name: SharedParams.copy_param(name) for name in SHARED},
      "image_col": StageParameter(str, "", msg=(
          "column of images [n, height, width, band], flux in the unit of the survey; they then "
          "take the place of magnitudes")),
      "r_col": StageParameter(str, "mag_r_lsst", msg=(
          "column of the r magnitude (AB), which selects the magnitude row")),
      "ebv_col": StageParameter(str, "", msg=(
          "column of the Galactic reddening E(B-V), mag; '' for magnitudes that are corrected "
          "for it")),
      "extra_cols": StageParameter(list, [], msg="columns that the networks take besides"),
  }


def wanted_columns(config: Any) -> list[str]:
  """Names of the columns that a stage cannot do without.

  Args:
    config: the stage's configuration.
  """
  own = [config.image_col] if config.image_col else [*config.bands, *config.err_bands]
  further = [config.r_col, config.ebv_col, *config.extra_cols]
  return list(dict.fromkeys([*own, *(name for name in further if name)]))


def magnitudes(table: Mapping[str, np.ndarray], names: Sequence[str], config: Any) -> np.ndarray:
  """Columns side by side, NaN where RAIL's numbers say that nothing was measured.

  Args:
    table: the galaxies.
    names: columns of magnitudes or errors.
    config: the stage's configuration.

  Returns:
    [n, columns] float64.
  """
  return np.stack([magnitude_column(table, name, config) for name in names], 1)


def magnitude_column(table: Mapping[str, np.ndarray], name: str, config: Any) -> np.ndarray:
  """One of these, [n] float64."""
  values = number_column(table, name)
  return np.where(np.isin(values, (config.nondetect_val, config.nonobserved_val)), np.nan, values)


def number_column(table: Mapping[str, np.ndarray], name: str) -> np.ndarray:
  """A column of numbers as it is, [n] float64.

  Raises:
    ValueError: there is none of that name.
  """
  if name not in table:
    raise ValueError(f"the table has no column {name}, only {', '.join(table)}; name another one "
                     "in the configuration of the stage")
  return plain_arrays.numbers(table[name], name, plain_arrays.ANY)


def optional_column(table: Mapping[str, np.ndarray], name: str) -> np.ndarray:
  """A column of numbers, or zeros where `name` is "", [n] float64."""
  num = len(next(iter(table.values())))
  return number_column(table, name) if name else np.zeros(num)
