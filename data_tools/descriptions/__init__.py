"""What other packages read of a data set: files for TensorFlow Datasets, and Croissant."""
