"""Numbers, tables and pictures of a data set, from its catalogue and a sample of its images."""
