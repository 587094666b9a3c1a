"""Simulated galaxies: photometry -> population -> images -> a survey's own files."""
