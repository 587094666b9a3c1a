"""The environment variable TF_CONFIG, read and checked before TensorFlow sees it.

TensorFlow would wait for ever for a partner whose address is misspelt, or end in an error that
does not name the variable.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re

TF_CONFIG = "TF_CONFIG"
JOBS = ("chief", "worker")

_EXAMPLE = ('\'{"cluster": {"worker": ["node1:7777", "node2:7777"]}, "task": {"type": "worker", '
            '"index": 0}}\'')
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
  """The processes that train together.

  Attributes:
    addresses: {name of the process, such as "worker 1": "host:port"}; the first one writes.
    own: name of this process.
  """

  addresses: dict[str, str]
  own: str

  @property
  def first(self) -> str:
    """Name of the process that writes and that the others report to."""
    return next(iter(self.addresses))

  def place(self, name: str) -> tuple[str, int]:
    """Host and port of a process."""
    return split_address(self.addresses[name])


def split_address(address: str) -> tuple[str, int]:
  """Host and port of "host:port".

  Raises:
    ValueError: it is no such text, or the port is none.
  """
  match = _ADDRESS.fullmatch(address)
  if not match or not 0 < int(match[2]) < 65536:
    raise ValueError(f"{address!r} is no address host:port with a port from 1 to 65535")
  return match[1].strip("[]"), int(match[2])


def read_cluster() -> Cluster | None:
  """The processes that TF_CONFIG names; None where it is not set.

  Raises:
    ValueError: it has a mistake; the message names the variable and the mistake.
  """
  text = os.environ.get(TF_CONFIG, "")
  if not text.strip():
    return None
  try:
    return _parsed(text)
  except ValueError as error:
    raise ValueError(f"{TF_CONFIG}: {error}; correct it, e.g. {_EXAMPLE}, or unset it to train on "
                     "this machine alone") from error


def _parsed(text):
  try:
    fields = json.loads(text)
  except (ValueError, RecursionError) as error:
    raise ValueError(f"not JSON ({error})") from error
  for key in ("cluster", "task"):
    if not isinstance(fields, dict) or not isinstance(fields.get(key), dict) or not fields[key]:
      raise ValueError(f'"{key}" is missing, or no table')
  addresses = {}
  for job in sorted(fields["cluster"], key=lambda job: job != "chief"):
    addresses.update(_addresses(job, fields["cluster"][job]))
  return Cluster(addresses=addresses, own=_own(fields["task"], addresses))


def _addresses(job, values):
  """{name: address} of the processes of one job."""
  if job not in JOBS:
    raise ValueError(f'"cluster" has {job!r}; only {" and ".join(JOBS)} train')
  if not isinstance(values, list) or not values:
    raise ValueError(f'"{job}" must be a list of addresses, got {json.dumps(values)[:60]}')
  for value in values:
    split_address(value if isinstance(value, str) else json.dumps(value)[:60])
  return {f"{job} {index}": value for index, value in enumerate(values)}


def _own(task, addresses):
  """Name of this process."""
  twice = [address for address in addresses.values()
           if list(addresses.values()).count(address) > 1]
  if twice:
    raise ValueError(f"the address {twice[0]} is named twice")
  job, index = task.get("type"), task.get("index")
  if job not in JOBS:
    raise ValueError(f'the "type" of "task" is {job!r}; only {" and ".join(JOBS)} train, and '
                     "evaluation needs no process of its own")
  if isinstance(index, bool) or not isinstance(index, int):
    raise ValueError(f'the "index" of "task" must be a whole number, got {index!r}')
  if f"{job} {index}" not in addresses:
    raise ValueError(f'"task" is {job} {index}, but "cluster" has {", ".join(addresses)}')
  return f"{job} {index}"
