"""Processes that train together meet before TensorFlow connects them.

TensorFlow waits in silence, deaf to signals, and hangs where settings differ.  So each process
first reports to the first one, at the address that TF_CONFIG gives it, and says with which
settings it trains.  When all are there and agree, TensorFlow takes over.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from typing import Any, Iterator, Mapping

from absl import logging

from pzbias_tf.training.interruption import Interrupted, StopRequest
from pzbias_tf.training.workers.tf_config import TF_CONFIG, Cluster, split_address

SAY_EVERY_S = 10.0
_POLL_S = 0.2
_LONGEST_LINE = 1 << 20


def meet(cluster: Cluster, settings: Mapping[str, Any], *, timeout_s: float) -> None:
  """Waits until all processes are there and have the same settings.

  Args:
    cluster: the processes.
    settings: {name: JSON value}, which must be the same everywhere.
    timeout_s: how long to wait.

  Raises:
    Interrupted: a signal came.
    OSError: a process did not come, or the port of this one is taken.
    ValueError: settings differ; the message names them.
  """
  settings = json.loads(json.dumps(settings, default=str))
  with StopRequest() as stop, _own_port(cluster) as server:
    wait = _Waiting(stop, timeout_s)
    if cluster.own == cluster.first:
      _receive(cluster, settings, server, wait)
    else:
      _report(cluster, settings, wait)


def wait_for_service(address: str, *, timeout_s: float) -> None:
  """Waits until a tf.data service answers.

  Args:
    address: "grpc://host:port" of its dispatcher.
    timeout_s: how long to wait.

  Raises:
    Interrupted: a signal came.
    OSError: none answered.
    ValueError: the address is none.
  """
  scheme, _, name = address.rpartition("://")
  try:
    place = split_address(name)
    if scheme != "grpc":
      raise ValueError("it begins with grpc://")
  except ValueError as error:
    raise ValueError(f"--data_service={address}: {error}; e.g. grpc://node1:5000") from error
  with StopRequest() as stop:
    wait = _Waiting(stop, timeout_s)
    while True:
      connection = _connected(place)
      if connection:
        connection.close()
        return
      wait.on(f"a tf.data service at {address}", "start one there, or leave out --data_service")


class _Waiting:
  """Says every SAY_EVERY_S what is missing; ends at a signal or after some time."""

  def __init__(self, stop: StopRequest, timeout_s: float):
    self._stop, self._timeout_s = stop, timeout_s
    self._start_s = self._said_s = time.monotonic()

  def on(self, missing: str, remedy: str) -> bool:
    """Waits a moment for what is missing; returns whether it was said."""
    if self._stop.number:
      name = signal.Signals(self._stop.number).name
      raise Interrupted(f"{name} while waiting for {missing}", self._stop.number)
    now_s = time.monotonic()
    if now_s - self._start_s > self._timeout_s:
      raise OSError(f"{missing} did not answer in {self._timeout_s:g} s (--connect_timeout); "
                    f"{remedy}")
    if now_s - self._said_s < SAY_EVERY_S:
      time.sleep(_POLL_S)
      return False
    self._said_s = now_s
    logging.warning("Waiting for %s for %.0f s; giving up after %g s (--connect_timeout)", missing,
                    now_s - self._start_s, self._timeout_s)
    return True


_START = f"start the same command there, or correct {TF_CONFIG}"


@contextlib.contextmanager
def _own_port(cluster) -> Iterator[socket.socket]:
  """Listens at this process's port, which TensorFlow will use: nobody else can have it."""
  _, port = cluster.place(cluster.own)
  with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
      server.bind(("", port))
      server.listen()
    except OSError as error:
      raise OSError(
          f"{TF_CONFIG}: port {port} of this machine, that of {cluster.own}, is taken "
          f"({error.strerror}): by another process of this index, or by another program; give each "
          "process an index of its own, or choose another port") from error
    server.settimeout(_POLL_S)
    yield server


def _receive(cluster, settings, server, wait) -> None:
  """The part of the first process: waits for the reports of all others, and compares them."""
  members: dict[str, socket.socket] = {}
  with contextlib.ExitStack() as stack:
    while len(members) < len(cluster.addresses) - 1:
      with contextlib.suppress(TimeoutError):
        connection = stack.enter_context(server.accept()[0])
        name, others = _read_report(connection, cluster, members)
        if name:
          _compare(cluster, settings, name, others, [*members.values(), connection])
          members[name] = connection
      missing = [f"{name} ({address})" for name, address in cluster.addresses.items()
                 if name not in members and name != cluster.own]
      if missing and wait.on(", ".join(missing), _START):
        for name in [name for name, member in members.items()
                     if not _send(member, {"waiting": ", ".join(missing)})]:
          del members[name]  # it has ended
    for member in members.values():
      _send(member, {"go": True})


def _read_report(connection, cluster, members):
  """Name and settings of the process that reports; ("", {}) for what is none."""
  try:
    connection.settimeout(5.0)
    with connection.makefile("rb") as file:
      report = json.loads(file.readline(_LONGEST_LINE))
    name, settings, known = report["name"], dict(report["settings"]), report["all"]
  except (OSError, ValueError, TypeError, KeyError, RecursionError):
    return "", {}
  if name not in cluster.addresses or name == cluster.own or known != cluster.addresses:
    _send(connection, {"error": f"{TF_CONFIG}: this process is {name} of {known}, "
                                f"{cluster.first} knows {cluster.addresses}"})
    return "", {}
  if name in members and _send(members[name], {"waiting": "others"}):
    _send(connection, {"error": f"{TF_CONFIG}: another process is {name} already; give each "
                                "process an index of its own"})
    return "", {}
  return name, settings


def _compare(cluster, settings, name, others, connections) -> None:
  """Tells all processes of settings that differ."""
  differing = [f"  {key}: {settings.get(key)!r} in {cluster.own}, {others.get(key)!r} in {name} "
               f"({cluster.addresses[name]})"
               for key in sorted({*settings, *others}) if settings.get(key) != others.get(key)]
  if differing:
    text = "\n".join(["the processes of this training have other settings:", *differing,
                      "Give all of them the same command"])
    for connection in connections:
      _send(connection, {"error": text})
    raise ValueError(text)


def _report(cluster, settings, wait) -> None:
  """The part of all others: report, and wait for the answer."""
  message = {"name": cluster.own, "all": cluster.addresses, "settings": settings}
  missing = f"{cluster.first} ({cluster.addresses[cluster.first]})"
  while True:
    connection = _connected(cluster.place(cluster.first))
    if connection:
      with connection:
        if _send(connection, message) and _answered(connection, wait, missing):
          return
    wait.on(missing, _START)


def _connected(place):
  """A connection to another process; None if it is not there."""
  try:
    return socket.create_connection(place, timeout=2.0)
  except OSError:
    return None


def _answered(connection, wait, first) -> bool:
  """Waits for the word to go; False if the first process has ended."""
  connection.settimeout(_POLL_S)
  received, missing = b"", first
  while True:
    try:
      part = connection.recv(4096)
      if not part:
        return False
      received += part
    except TimeoutError:
      pass
    except OSError:
      return False
    while b"\n" in received:
      line, received = received.split(b"\n", 1)
      answer = json.loads(line)
      if "go" in answer:
        return True
      if "error" in answer:
        raise ValueError(answer["error"])
      missing = answer["waiting"]
    wait.on(missing, _START)


def _send(connection, message) -> bool:
  """Sends a line; returns whether the other process is still there."""
  try:
    connection.sendall(json.dumps(message).encode() + b"\n")
  except OSError:
    return False
  return True
