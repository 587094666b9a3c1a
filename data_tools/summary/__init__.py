"""What a data set looks like: numbers, tables and pictures, from its catalogue and a sample."""
