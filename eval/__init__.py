"""`python -m eval.main`: from predictions to metrics, calibration and catalogue."""
