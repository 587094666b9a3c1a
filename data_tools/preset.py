"""Training settings that suit a simulated data set on a CPU.

They travel in the manifest of a data set that was simulated because no input
was named, so that training on it without further flags ends in minutes.
"""

_WHOLE = {"batch_size": 64, "learning_rate": 1e-3, "lr_drops": [0.6, 0.85]}
_LAYERS = {"batch_size": 128, "learning_rate": 1e-3, "lr_drops": [0.6, 0.85]}

CPU_PRESET = {
    "net": 5,
    "image_size": 16,
    "input_scaling": "sqrt_per_band",
    "fth": 15,
    "stages": {
        "baseline": {**_WHOLE, "iterations": 5000},
        # Six outputs share the features, so the representation learns more slowly.
        "step1": {**_WHOLE, "iterations": 6000},
        "step2": {**_LAYERS, "iterations": 3000},
        "step3": {**_LAYERS, "iterations": 4000},
    },
}
