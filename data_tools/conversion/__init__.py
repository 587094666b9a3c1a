"""From a reader's galaxies to a complete data set folder."""
