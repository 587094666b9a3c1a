"""Measures and calibrates the estimates of any catalogue of photometric redshifts.

  python -m eval.catalog --input=photoz.csv --output=measured
  python -m eval.catalog --input=photoz.csv --output=measured --fit_fraction=0.5
  python -m eval.catalog --input=new.fits --output=new \
      --calibration=measured/calibration.json --apply

Whoever made them: the catalogue has a column of estimates, and for its metrics one of
spectroscopic redshifts; r magnitudes and p(z) add to the metrics.  Writes metrics.json
and report/; with Step 4, calibration.json; with --apply, calibrated.fits.
"""

from __future__ import annotations

from absl import flags

from eval.catalogs.catalog_request import define_flags
from pzbias_tf.command_line import command, command_flags

if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

from eval.catalogs.catalog_files import Outcome, as_text, save_all
from eval.catalogs.catalog_request import CatalogRequest, define_flags, from_flags
from eval.catalogs.catalog_source import grid_of, read_source
from eval.catalogs.catalog_steps import make_step4, measure_estimates
from pzbias_tf.survey import load_survey

__all__ = ["define_flags", "evaluate"]


def main(argv):
  command.refuse_words(argv)
  with command.one_line_errors():
    print(evaluate(from_flags(flags.FLAGS)))


def evaluate(request: CatalogRequest) -> str:
  """Measures a catalogue, and calibrates it if asked to.

  Args:
    request: what to do.

  Returns:
    The table of estimates and what was written, as text.

  Raises:
    OSError: a file cannot be read or written.
    ValueError: the catalogue lacks a column, or holds values that are not valid.
  """
  source = read_source(request.input, request.columns, request.z_photo, request.truth)
  if not source.roles["z_spec"] and not (request.calibration and request.apply):
    raise ValueError(f"{request.input}: no column of redshifts to measure with; name it with "
                     "--z_spec_column, or a table with --truth; without redshifts, --calibration "
                     "with --apply is all that can be done")
  survey = grid_of(load_survey(request.survey), source.edges, source.path)
  catalog = source.catalog(survey, missing=request.missing)
  step4 = make_step4(request, source, catalog)
  measured = [] if catalog.z_spec is None else measure_estimates(request, step4)
  outcome = Outcome(request=request, source=source, survey=survey, catalog=catalog, step4=step4,
                    measured=measured)
  return as_text(outcome, save_all(outcome))


if __name__ == "__main__":
  command.run(main, WORDS)
