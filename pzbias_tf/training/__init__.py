"""Baseline and Steps 1 to 3: what trains, on what, for how long, and how it is resumed."""
