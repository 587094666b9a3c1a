"""Photometric redshifts from galaxy images, with the biases taken out.

    import pzbias_tf as pz
    model = pz.load_run("runs/quickstart/sdss_net5_ne1")
    table = model.predict(images, ebv=ebv, r_mag=r_mag)

All public names are here (docs/python.md lists them).  Each is imported when it
is first used, so that this import takes no time, and TensorFlow is loaded only
for what needs it.  The method is that of Lin et al. 2022, A&A 662, A36
(arXiv:2202.09964).
"""

import importlib
import sys

if sys.platform == "win32":  # files are locked by fcntl
  raise ImportError("pzbias_tf runs on Linux and macOS; on Windows use WSL "
                    "(https://learn.microsoft.com/windows/wsl/install)")

__version__ = "0.2.0"

_PUBLIC_NAMES = {
    "survey": ("Survey", "SDSS", "CFHTLS_WIDE", "CFHTLS_DEEP", "load_survey"),
    "trained_run": ("load_run", "load_bundle"),
    "photoz_catalog": ("Catalog",),
    "predictions.predictions": ("Predictions",),
    "predictions.combination": ("combine_pdfs",),
    "models.network": ("build_network",),
    "bias.channels": ("membership",),
    "bias.balance": ("balanced_subset",),
    "bias.dispersion": ("dispersion_cross_entropy",),
    "bias.soft_labels": ("LabelModel", "fit_label_model"),
    "bias.resampling": ("resample_to_expected",),
    "bias.calibration": ("Calibration",),
    "metrics.point": ("mean_residual", "sigma_mad", "outlier_fraction", "sigma_mad_by_magnitude"),
    "metrics.pdf": ("crps", "pit", "cde_loss"),
    "metrics.residuals": ("variances", "residual_vs_z_spec", "residual_vs_z_photo", "Curve",
                          "linear_fit", "simulated_residual"),
    "metrics.distributions": ("total_variation", "expected_total_variation",
                              "wasserstein_by_magnitude"),
}
"""{module of this package: the public names that it defines}."""

_MODULE_OF = {name: module for module, names in _PUBLIC_NAMES.items() for name in names}
_PARTS = ("bias", "metrics", "models", "predictions", "survey")

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str):
  """A public name, or a part of the package, imported now (PEP 562)."""
  if name in _MODULE_OF:
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
  if name in _PARTS:
    return importlib.import_module(f"{__name__}.{name}")
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
  return sorted({*globals(), *__all__, *_PARTS})
