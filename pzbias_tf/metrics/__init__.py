"""Metrics of estimates and p(z): one kind per file, put together in `stage_metrics`."""
