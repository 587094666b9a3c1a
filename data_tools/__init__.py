"""From cutouts in a survey's own files to sharded TFRecords; the root holds the commands."""

import os

# TensorFlow's start-up messages (missing CUDA, instruction sets) would drown the output of these
# commands; errors still arrive as exceptions.  Set the variable to 0 to see them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
