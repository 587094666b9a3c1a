"""The parts of eval.main: calibrations, description, outliers, comparison."""
