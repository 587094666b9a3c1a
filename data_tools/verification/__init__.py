"""Whether a data set is what its manifest says: one kind of check a file, put together in `run`."""
