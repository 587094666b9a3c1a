"""A pipeline of Apache Beam on the workers of a Dask cluster."""

from __future__ import annotations

from concurrent import futures
import contextlib
import logging

import apache_beam as beam

try:
  import distributed
except ImportError as import_error:
  raise ValueError("--runner=DaskRunner needs dask and distributed: pip install "
                   "'.[dask]'") from import_error

_LOOK_AFTER_S = 30.0


def run(pipeline: beam.Pipeline) -> None:
  """Runs a pipeline and leaves nothing of it on the cluster.

  Raises:
    Exception: whatever the pipeline raised on a worker, or what went wrong with the cluster.
  """
  for name in ("client", "utils"):  # they log a lost scheduler as tracebacks; one line says it
    logging.getLogger(f"distributed.{name}").setLevel(logging.CRITICAL)
  try:
    result = pipeline.run()
    _wait(result.futures)
    result.wait_until_finish()  # raises what a worker raised
  except futures.CancelledError as error:
    raise ConnectionError("the scheduler went away, or cancelled the pipeline") from error
  finally:
    with contextlib.suppress(ValueError):  # there is none
      distributed.default_client().close()


def _wait(results) -> None:
  """Waits for the end, and says so while no worker is left: one may come and go on."""
  while True:
    try:
      distributed.wait(results, timeout=_LOOK_AFTER_S)
      return
    except TimeoutError:
      client = distributed.default_client()
      if not client.scheduler_info(n_workers=1)["workers"]:
        logging.warning("%s has no workers; the pipeline waits for one. Ctrl-C ends it, and the "
                        "same command goes on later", client.scheduler.address)
