"""From predictions to numbers: predictions files, metrics, Step 4."""
