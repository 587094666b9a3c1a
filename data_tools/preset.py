"""Training settings that suit a simulated data set on a CPU.

They travel in the manifest of a data set that was simulated because no input
was named, so that training on it without further flags ends in minutes.
"""

# How far a network has learned decides how strongly its estimates pile up, so Baseline and Step 1
# have the same budget.  It shows them each of the 11,400 training galaxies of the default size 39
# times, as the published schedule does with its 393,000.
_WHOLE = {"iterations": 7000, "batch_size": 64, "learning_rate": 1e-3,
          "lr_drops": [0.5, 0.75, 0.9]}

CPU_PRESET = {
    "net": 5,
    "image_size": 16,
    "input_scaling": "sqrt_whitened",
    "fth": 15,
    "stages": {
        "baseline": _WHOLE,
        "step1": _WHOLE,
        # A fifth of Step 1's rate, as published: Step 2 goes on from its weights.
        "step2": {"iterations": 1000, "batch_size": 128, "learning_rate": 2e-4, "lr_drops": []},
        # These layers start afresh.
        "step3": {"iterations": 4000, "batch_size": 128, "learning_rate": 1e-3,
                  "lr_drops": [0.6, 0.85]},
    },
}
