"""The paper's contribution, one idea a file: channels, balanced subset, soft labels, calibration."""
