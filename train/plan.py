"""From a study item to the stages that have to be trained, each once, in order."""

from __future__ import annotations

import dataclasses
import itertools
import os
from typing import Any, Mapping, Sequence

from absl import flags

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.guards import json_files
from pzbias_tf.training.config import load_config
from pzbias_tf.training.run_folder import EXPERIMENT_RECORD, PREDICTIONS_TEST, TIMING, is_stage
from pzbias_tf.training.training_log import load_timing, timing_kind
from train.flags import define_flags, read_request
from train.settings import resolve
from train.study_items import NETWORKS, SCALES, StudyItem
from train.variants import default_stage_folder, stage_folder, variant_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageJob:
  """One call of train.main.

  Attributes:
    words: its flags.
    stage_dir: the folder that it fills.
    needs: folders of stages that have to be complete first.
    iterations: how many it trains; 0 where it predicts with weights of another stage.
    kind: jobs of one kind take the same time per iteration.
  """

  words: tuple[str, ...]
  stage_dir: str
  needs: tuple[str, ...]
  iterations: int
  kind: str

  @property
  def done(self) -> bool:
    """Whether its predictions exist."""
    return os.path.exists(os.path.join(self.stage_dir, PREDICTIONS_TEST))


Variants = Mapping[str, Sequence[Sequence[StageJob]]]
"""{value of the flag that varies: the jobs of each stage, of which the last fills its folder}."""


def plan_variants(item: StudyItem, *, scale: str, survey: str = "sdss",
                  values: tuple[str, ...] = (), common: tuple[str, ...] = ()) -> Variants:
  """All jobs of a study item, variant by variant.

  Args:
    item: the study item.
    scale: a key of `SCALES`.
    survey: a key of `SURVEYS`.
    values: of the flag that varies; () for those of the scale.
    common: further flags of every job, such as --data_dir and --workdir.

  Returns:
    {value: for each stage its jobs, of which the last one fills the stage's folder}.

  Raises:
    ValueError: flags contradict each other.
    OSError: the data set is missing.
  """
  variants = item.variants(values, scale=scale, survey=survey)
  return {value: [_jobs(item, number, value, (*_network(item, scale), *words, *common), scale)
                  for number in item.stages] for value, words in variants.items()}


def _jobs(item, number, value, words, scale):
  """The jobs of one stage of a variant."""
  if not item.step3_alone:
    return _stage_jobs(number, words, scale)
  usual = _stage_jobs(number, tuple(
      word for word in words if not word.startswith(f"--{item.varies}=")), scale)
  return usual if number < 3 else _of_step3(
      usual, _words_of_stage(number, words, scale), item.varies, value)


def _of_step3(usual, words, varies, value):
  """The jobs of a Step 3 with another schedule, in a run beside the usual one.

  The name of the usual run tells nothing of schedules.
  """
  data = Dataset.open(_request(words).data_dir)
  own, default = (resolve(_request(given), data)[varies] for given in (words, usual[-1].words))
  if own == default:
    return usual
  run = os.path.basename(os.path.dirname(usual[-1].stage_dir))
  return [_job((*words, f"--experiment={run}_step3_{varies}{value}"))]


def in_order(variants: Variants) -> list[StageJob]:
  """The jobs of a study item, each once, and after those whose stages it needs."""
  jobs = itertools.chain.from_iterable(itertools.chain.from_iterable(variants.values()))
  return list({job.stage_dir: job for job in jobs}.values())


def _network(item, scale):
  return () if item.varies == "net" else (f"--net={NETWORKS[scale]}",)


def _stage_jobs(number, words, scale):
  """The job of a stage, after the one whose weights --itealter=K tests."""
  words = _words_of_stage(number, words, scale)
  kept = next((word for word in words if word.startswith("--itealter=")), "")
  if not kept or number >= 2:
    return [_job(words)]
  # Weights kept on the way are those of one long training, whatever the iteration.
  long = _job(tuple("--itealter=1" if word == kept else word for word in words))
  if int(kept.split("=")[1]) > long.iterations:
    raise ValueError(f"{kept}: the training ends at iteration {long.iterations}; name earlier "
                     "ones, e.g. --values=2000,5000")
  tested = _job((*words, "--testphase"))
  return [long, dataclasses.replace(tested, needs=(long.stage_dir,), iterations=0)]


def _words_of_stage(number, words, scale):
  """Flags of a stage; what the item says counts more than what the scale says."""
  return (f"--tstep={number}", *(("--multir",) if number else ()), *SCALES[scale][number], *words)


def _job(words):
  """The job of a command line."""
  request = _request(words)
  data = Dataset.open(request.data_dir)
  settings = resolve(request, data)
  variant, stage = variant_of(request, settings, data), request.stage
  stage_dir = stage_folder(request, variant)
  if not request.testphase:
    _check_same_settings(stage_dir, settings, data)
  return StageJob(
      words=tuple(words), stage_dir=stage_dir, iterations=settings["iterations"],
      needs=tuple(default_stage_folder(request, variant, name)
                  for name in (stage.predecessor, stage.labels_from) if name),
      kind=timing_kind(stage.name, settings["net"], settings["image_size"],
                       settings["batch_size"], request.survey.bins))


def _request(words):
  values = flags.FlagValues()
  define_flags(values)
  values(["train.main", *words])
  return read_request(values)


def _check_same_settings(stage_dir, settings, data):
  """Refuses a stage that was trained at another scale: its folder has the same name."""
  if not is_stage(stage_dir):
    return
  config = load_config(stage_dir)[0]
  trained = {"data set": config.data_digest, "input_scaling": config.input_scaling.kind,
             **{name: getattr(config, name) for name in ("iterations", "batch_size", "image_size")}}
  wanted = {**settings, "data set": data.manifest.digest()}
  for name, value in trained.items():
    if value != wanted[name]:
      raise ValueError(f"{stage_dir} was trained with {name} {value}, the plan has {wanted[name]}; "
                       "name another --workdir")


def step_time_s(job: StageJob, workdir: str) -> float | None:
  """Time of an iteration of a finished job of the same kind under `workdir`; None without any."""
  return timed(job.kind, os.path.basename(job.stage_dir), workdir)


def timed(kind: str, stage: str, workdir: str) -> float | None:
  """Time of an iteration of a finished stage of that kind under `workdir`; None without any."""
  for name in sorted(os.listdir(workdir)) if os.path.isdir(workdir) else []:
    path = os.path.join(workdir, name, stage, TIMING)
    if os.path.exists(path):
      own_kind, time_s = load_timing(path)
      if own_kind == kind:
        return time_s
  return None


def save_record(name: str, item: StudyItem, variants: Variants, *, scale: str, workdir: str,
                seed: int, command: str) -> str:
  """Writes the record of a study item beside its runs.

  Args:
    name: the item's name.
    item: the study item.
    variants: of `plan_variants`.
    scale: a key of `SCALES`.
    workdir: folder of all runs.
    seed: of every run.
    command: the command that makes the runs.

  Returns:
    The path.
  """
  os.makedirs(workdir, exist_ok=True)
  path = os.path.join(workdir, name + EXPERIMENT_RECORD)
  json_files.write(path, {
      "experiment": name, "title": item.title, "varies": item.varies, "scale": scale,
      "seed": seed, "command": command,
      "variants": [_variant_record(value, stages, workdir) for value, stages in variants.items()],
  })
  return path


def _variant_record(value, stages, workdir) -> dict[str, Any]:
  """The folders of the stages that are compared, and of all that was trained for them."""
  folder = lambda job: os.path.relpath(job.stage_dir, workdir)
  return {"value": value, "stages": [folder(jobs[-1]) for jobs in stages],
          "trained": [folder(job) for jobs in stages for job in jobs if job.iterations]}
