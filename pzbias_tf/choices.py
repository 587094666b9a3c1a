"""The words that flags and settings choose from, apart from the code that acts on them.

So a command can check its flags, or describe them, before TensorFlow is imported.
"""

from __future__ import annotations

SPLITS = ("train", "validation", "test", "target")

COMPRESSION_TYPES = {"none": "", "gzip": "GZIP"}
"""{compression of the shards: TensorFlow's name for it}."""

PIXEL_DTYPES = ("float32", "float16")
"""Types of stored pixels."""

REJECT, LIMIT = "reject", "limit"
"""What becomes of a galaxy with a missing magnitude: rejected, or the band's faint limit stands in
for it."""

NETWORKS = ("Net_P", "Net_T", "Net_S1", "Net_S2", "Net_S3", "Net_Q", "Net_C")
"""The network with the number `--net` stands in that place."""

INPUT_SCALINGS = ("sqrt", "sqrt_whitened")

INTERPOLATING = ("rotate", "shift")
"""Augmentations that interpolate; "dihedral" and "none" do not."""

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
"""Number formats in which a network computes."""

FEATURE_DTYPES = ("float32", "float16")
"""Types of stored features of a frozen representation."""

QUICK, FULL = "quick", "full"
"""How an existing data set is looked at: sizes and the catalogue's digest, or all digests."""

OPTIMIZERS = ("adam", "lamb")

SEARCHES = ("published", "global")
"""Ways to find dispersions: the published code's search, or the lowest cross-entropy of all."""

AUTO = "auto"
"""`--label_width`: from validation galaxies, see `metrics.label_width`."""
