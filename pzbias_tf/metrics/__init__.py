"""What estimates are worth: one kind of metric a file, put together in `stage_metrics`."""
