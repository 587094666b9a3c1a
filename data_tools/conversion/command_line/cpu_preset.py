"""Training settings that fit simulated data on a CPU; the manifest passes them to train.main."""

from __future__ import annotations

# How far a network has learned decides how strongly its estimates pile up, so Baseline and Step 1
# get the same budget.  Each of the 11,400 training galaxies of the default size is shown 39 times,
# as often as the published schedule shows each of its 393,000.
_WHOLE_NETWORK = {"iterations": 7000, "batch_size": 64, "learning_rate": 1e-3,
                  "lr_drops": [0.5, 0.75, 0.9]}

CPU_PRESET = {
    "net": 5,
    "image_size": 16,
    "input_scaling": "sqrt_whitened",
    "fth": 15,
    "stages": {
        "baseline": _WHOLE_NETWORK,
        "step1": _WHOLE_NETWORK,
        # A fifth of Step 1's rate, as published: Step 2 continues from its weights.
        "step2": {"iterations": 1000, "batch_size": 128, "learning_rate": 2e-4, "lr_drops": []},
        # The layers of Step 3 start from new weights.
        "step3": {"iterations": 4000, "batch_size": 128, "learning_rate": 1e-3,
                  "lr_drops": [0.6, 0.85]},
    },
}
