"""HDF5 files that may be damaged or made to do harm: their datasets, and columns with units."""
