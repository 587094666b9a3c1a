"""Whether a data set is what its manifest says: one file per kind of check, and `all_checks`."""
