"""Step 4 as a stage of RAIL: it calibrates the point estimates of any estimator's ensemble.

A reference sample with redshifts says by how much estimates of each redshift and magnitude are
wrong in the mean, once it is resampled to the galaxies that are calibrated.

Source: Lin et al. 2022 (Step 4).
"""

from __future__ import annotations

from typing import Any, Iterator

from ceci.config import StageParameter
import numpy as np
import qp
from rail.core.common_params import SharedParams
from rail.core.data import QPHandle, TableHandle, TableLike
from rail.core.stage import RailStage
import tables_io

from pzbias_tf.bias.calibration import CELLS
from pzbias_tf.photoz_catalog import Catalog
from pzbias_tf.rail import rail_tables
from pzbias_tf.survey import load_survey


class PzbiasStep4(RailStage):
  """Adds calibrated point estimates to an ensemble.

  Inputs are the ensemble and the table of its galaxies, whose r magnitudes are needed, and the
  same of a reference sample with redshifts, which the estimator has estimated as well.  The
  ensemble comes out with further ancillary columns: <estimate>_calibrated, its standard error
  <estimate>_calibration_error, and <estimate>_corrected, which is 0 where the reference sample has
  no galaxy to tell a correction.  Galaxies without r have NaN.
  """

  name = "PzbiasStep4"
  entrypoint_function = "calibrate"
  interactive_function = "pzbias_step4"
  parallel = False  # a correction follows from all galaxies
  config_options = RailStage.config_options.copy()
  config_options.update(
      **{name: SharedParams.copy_param(name) for name in (
          "chunk_size", "hdf5_groupname", "redshift_col", "nondetect_val", "nonobserved_val")},
      r_col=rail_tables.column_options()["r_col"],
      survey=StageParameter(str, "lsst", msg="name of a survey, or its .toml file: its grids"),
      point_estimate=StageParameter(str, "zmode", msg="the ancillary column to calibrate"),
      calibration_cells=StageParameter(str, "shrunk", msg=f"one of {', '.join(CELLS)}"),
      seed=StageParameter(int, 0, msg="seed of the resampling"),
  )
  inputs = [("input", QPHandle), ("photometry", TableHandle), ("reference", QPHandle),
            ("truth", TableHandle)]
  outputs = [("output", QPHandle)]

  def calibrate(self, input_data: qp.Ensemble, photometry: TableLike, reference: qp.Ensemble,
                truth: TableLike, **kwargs: Any) -> QPHandle:
    """Calibrates an ensemble in Python.

    Args:
      input_data: the ensemble, or its handle.
      photometry: table of the same galaxies, or its handle.
      reference: the estimator's ensemble of galaxies with redshifts.
      truth: table of these galaxies, with redshifts and r magnitudes.

    Returns:
      The handle of the calibrated ensemble.
    """
    for tag, data in (("input", input_data), ("photometry", photometry), ("reference", reference),
                      ("truth", truth)):
      self.set_data(tag, data)
    self.validate()
    self.run()
    self.finalize()
    return self.get_handle("output")

  def run(self) -> None:
    """Fits to all galaxies, then writes the ensemble chunk by chunk.

    Raises:
      ValueError: a column is missing, or tables and ensembles differ in length.
    """
    target = self._catalog("input", "photometry", with_redshifts=False)
    reference = self._catalog("reference", "truth", with_redshifts=True)
    calibration = reference.fit(target=target, seed=self.config.seed,
                                calibration_cells=self.config.calibration_cells)
    corrected = target.apply(calibration)
    num, estimate = self.get_handle("input").size(), self.config.point_estimate
    columns = {f"{estimate}_calibrated": np.full(num, np.nan),
               f"{estimate}_calibration_error": np.full(num, np.nan),
               f"{estimate}_corrected": np.zeros(num, np.int8)}
    for values, own in zip(columns.values(), corrected):
      values[target.rows] = own
    if len(target) < num:
      self.log.warning(f"{num - len(target):,} of {num:,} galaxies have no {estimate} or no "
                       f"{self.config.r_col} and are not calibrated")
    self._write(columns, num)

  def _catalog(self, ensemble: str, table: str, *, with_redshifts: bool) -> Catalog:
    """Point estimates and magnitudes of all galaxies; those that lack one are left out."""
    config = self.config
    columns = {"z_photo": self._estimates(ensemble), "r": self._column(table, config.r_col)}
    columns["r"] = rail_tables.magnitude_column(columns, "r", config)
    if with_redshifts:
      columns["z_spec"] = self._column(table, config.redshift_col)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
      raise ValueError(f"{config.name}: {ensemble} and {table} are of {len(columns['z_photo'])} "
                       f"and {len(columns['r'])} galaxies; name those of the same galaxies")
    return Catalog.from_table(columns, load_survey(config.survey), z_photo="z_photo", r_mag="r",
                              z_spec="z_spec" if with_redshifts else "", origin=table)

  def _estimates(self, tag: str) -> np.ndarray:
    """The column of point estimates of an ensemble, [n]."""
    name, parts = self.config.point_estimate, []
    for _, _, part in self._chunks(tag):
      if name not in (part.ancil or {}):
        raise ValueError(f"{self.config.name}: the ensemble {tag} has no ancillary column {name}, "
                         f"only {', '.join(part.ancil or {}) or 'none'}; let its estimator make it "
                         f"(calculated_point_estimates: [{name}]), or name another point_estimate")
      parts.append(np.ravel(part.ancil[name]))
    return np.concatenate(parts)

  def _column(self, tag: str, name: str) -> np.ndarray:
    """One column of a table, [n] float64."""
    parts = []
    for _, _, part in self._chunks(tag):
      table = tables_io.convert(part, tables_io.types.NUMPY_DICT)
      parts.append(rail_tables.number_column(table, name))
    return np.concatenate(parts)

  def _chunks(self, tag: str) -> Iterator[tuple[int, int, Any]]:
    config = self.config
    return self.get_handle(tag, allow_missing=True).iterator(
        groupname=config.hdf5_groupname, chunk_size=config.chunk_size, rank=0, parallel_size=1)

  def _write(self, columns: dict[str, np.ndarray], num: int) -> None:
    """The ensemble with further ancillary columns."""
    parts, writes = [], self.config.output_mode != "return"
    output: Any = None
    for start, end, ensemble in self._chunks("input"):
      ensemble.set_ancil({**(ensemble.ancil or {}),
                          **{name: values[start:end] for name, values in columns.items()}})
      if output is None:
        output = self.add_handle("output", data=ensemble)
        if writes:
          output.initialize_write(num, communicator=None)
      if writes:
        output.set_data(ensemble, partial=True)
        output.write_chunk(start, end)
      else:
        parts.append(ensemble)
    if writes:
      output.finalize_write()
    else:
      whole = qp.concatenate(parts)
      whole.set_ancil({**whole.ancil, **columns})  # it has made columns of one column of them
      output.set_data(whole)
