"""The paper's contribution, one idea per file.

Step 1's channels, Step 2's balanced subset, Step 3's soft labels, Step 4's calibration.
"""
