"""Photometric redshifts from galaxy images, with the biases taken out.

The library behind the commands of `data_tools`, `train` and `eval`: pure
functions and small classes that read no flags.  The method is that of Lin et
al. 2022, A&A 662, A36 (arXiv:2202.09964).
"""

__version__ = "0.1.0"
