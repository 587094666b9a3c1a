"""From a reader's galaxies to the folder of a complete data set."""
