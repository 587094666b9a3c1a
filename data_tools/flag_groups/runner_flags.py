"""The flags that name a cluster."""

from __future__ import annotations

from data_tools.conversion.executors.runners import RUNNERS
from pzbias_tf.command_line.command_flags import FlagGroup


def define(hardware: FlagGroup, does: str) -> None:
  """Defines --runner and --runner_option.

  Args:
    hardware: the group of the flags.
    does: what the runner does, e.g. "writes the shards".
  """
  hardware.choice("runner", None, RUNNERS, f"Apache Beam runner that {does}, on a file system that "
                  "all of its workers share.")
  hardware.repeated("runner_option", [], "Option of the Beam pipeline, e.g. "
                    "dask_client_address=tcp://host:8786; repeat for more.")
