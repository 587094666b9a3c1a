"""What tests/programs.py imports before it forks: whatever takes long, and no command."""

# ruff: noqa: F401
import data_tools.conversion.convert
import eval.evaluation.compare
import eval.prediction.part_output
import pzbias_tf.report.run_report
import pzbias_tf.training.one_stage
import train.preview.dry_run
