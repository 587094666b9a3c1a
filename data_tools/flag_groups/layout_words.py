"""The words of flags about files: layouts, and the roles of columns.

They stand apart from the code that reads and writes those layouts, so that a command knows its
flags before astropy and TensorFlow are imported.
"""

from __future__ import annotations

AUTO = "auto"

LAYOUTS = ("sdss_research", "cfhtls", "zphoto_catalog", "sdss_public", "cube", "hdf5",
           "fits_cutouts", "photometry")
"""Keys of `readers.READERS`."""

SIMULATED_LAYOUTS = {"sdss": ("public_npy", "public", "research"), "cfhtls": ("cubes",)}
"""{data set: keys of `layouts.LAYOUTS` for it}; the first layout is the default."""

ROLES = {
    "id": "id", "z": "z_spec", "ebv": "ebv", "r": "r_mag", "r_err": "r_err",
    "i": "i_mag", "i_err": "i_err", "z_photo": "z_photo_ref", "ra": "ra", "dec": "dec",
}
"""{role, as in the flag --<role>_column: column of the catalogue}."""

SEVERAL = ("z_photo",)
"""Roles that may have several columns, whose names are separated by commas."""

SDSS_TEMPLATE = "frame-{band}-{field}.fits"
"""Names of SDSS corrected frames; the field is <run>-<camcol>-<field>."""
