"""The report: figures, tables and one page, made from the measured stages of a run."""
