"""The paper's contribution, one idea per file.

Step 1: `channels`.  Step 2: `balance`.  Step 3: `soft_labels`, with `dispersion` and
`scatter`.  Step 4: `resampling`, `calibration` and `smoothing`.  Beyond the paper:
`shrinkage` (of Step 4) and `pdf_calibration`.
"""
