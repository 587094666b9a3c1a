"""The networks: a representation, an output module, and both joined."""

from pzbias_tf.models.network import build_network

__all__ = ["build_network"]
