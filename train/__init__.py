"""`python -m train.main`: trains one stage of the method."""

import os

# TensorFlow's start-up lines (missing CUDA, instruction sets) drown what these commands say;
# errors still arrive as exceptions.  Set the variable to 0 to see them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
