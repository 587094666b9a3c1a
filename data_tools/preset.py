"""Training settings that suit a simulated data set on a CPU.

They travel in the manifest of a data set that was simulated because no input
was named, so that training on it without further flags ends in minutes.
"""

CPU_PRESET = {
    "net": 5,
    "image_size": 16,
    "input_scaling": "sqrt_per_band",
    "fth": 15,
    "stages": {
        "baseline": {"batch_size": 64, "learning_rate": 1e-3, "drops": [0.6, 0.85],
                     "iterations": 3000},
        "step1": {"batch_size": 64, "learning_rate": 1e-3, "drops": [0.6, 0.85],
                  "iterations": 3000},
        "step2": {"batch_size": 128, "learning_rate": 1e-3, "drops": [], "iterations": 2000},
        "step3": {"batch_size": 128, "learning_rate": 1e-3, "drops": [], "iterations": 2000},
    },
}
