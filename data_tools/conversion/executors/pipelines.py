"""One function, called with each of many elements by the workers of an Apache Beam runner."""

from __future__ import annotations

import logging
from typing import Any, Callable, Sequence

# Neither the import nor the runners' lines, which repeat those of the workers, say much of use.
logging.getLogger("apache_beam").setLevel(logging.WARNING)
_WITHOUT_BIGQUERY = lambda record: "bigquery" not in record.getMessage()
logging.getLogger().addFilter(_WITHOUT_BIGQUERY)
try:
  import apache_beam as beam
except ImportError as import_error:
  raise ValueError("--runner needs Apache Beam: pip install '.[beam]'") from import_error
finally:
  logging.getLogger().removeFilter(_WITHOUT_BIGQUERY)
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from data_tools.conversion.executors.runners import DASK

_DASK_CLASS = "apache_beam.runners.dask.dask_runner.DaskRunner"  # Beam knows no short name for it

_PROCESS = "beam:env:process:v1"
_PROCESS_IN_PYTHON = ("--runner_option=environment_type=beam:env:harness_subprocess_python:v1 "
                      "--runner_option=environment_config='python -m "
                      "apache_beam.runners.worker.sdk_worker_main'")


def options_for(runner: str, num_workers: int, options: Sequence[str]) -> PipelineOptions:
  """The options of a pipeline.

  Args:
    runner: one of `runners.RUNNERS`.
    num_workers: processes of the DirectRunner.
    options: further options of the pipeline, e.g. "flink_master=host:8081".
  """
  arguments = [f"--runner={_DASK_CLASS if runner == DASK else runner}",
               *(f"--{option}" for option in options)]
  if runner == "DirectRunner":
    mode = "multi_processing" if num_workers > 1 else "in_memory"
    arguments += [f"--direct_running_mode={mode}", f"--direct_num_workers={num_workers}"]
  if runner == DASK and not any(option.startswith(("dask_npartitions", "dask_partition_size"))
                                for option in options):
    arguments.append("--dask_partition_size=1")  # else one worker gets the first 128 elements
  return PipelineOptions(arguments)


def run(function: Callable, elements: Sequence[Any], options: PipelineOptions) -> None:
  """Calls a function with each element, spread over all workers.

  Args:
    function: can be pickled, as the elements can; what it returns is dropped.
    elements: small, since runners limit the size of a pipeline.
    options: those of `options_for`.

  Raises:
    OSError: the function failed, or the workers cannot be reached.
  """
  if not elements:
    return
  runner = options.view_as(StandardOptions).runner.rpartition(".")[2]
  if runner == DASK:
    from data_tools.conversion.executors import dask_cluster  # an optional dependency
  try:
    pipeline = beam.Pipeline(options=options)
    _ = (pipeline | "elements" >> beam.Create(elements) | beam.Reshuffle()
         | "call" >> beam.ParDo(_Call(function)))
    if runner == DASK:
      dask_cluster.run(pipeline)
    else:
      with pipeline:
        pass  # it runs at the end
  except Exception as error:  # of any kind, also those of the function on a worker
    raise _clear(error, runner) from error


def _clear(error: Exception, runner: str) -> OSError:
  """An error of one line; the number of a system's error is kept, since callers look at it."""
  lines = str(error).split("\n")
  # Other runners than Dask send the traceback of a worker, whose last line is the error.
  words = lines if runner == DASK else [line for line in lines if line.strip()][-1:]
  cause = " ".join(" ".join(words).split()) or type(error).__name__
  text = f"{runner}: the pipeline failed; the same command keeps what is finished: {cause}"
  if _PROCESS in cause:
    text += f". Beam's job server in Python has processes under another name: {_PROCESS_IN_PYTHON}"
  number = getattr(error, "errno", None)
  return OSError(number, text) if number else OSError(text)


class _Call(beam.DoFn):
  """Calls a function with each element."""

  def __init__(self, function: Callable):
    super().__init__()
    self._function = function

  def process(self, element: Any) -> None:
    self._function(element)
