"""Metrics of redshift estimates and PDFs: one kind per file, combined by `stage_metrics`."""
