"""The flags of train.main, and the request that they become."""

from __future__ import annotations

import dataclasses
import math
import os

from absl import flags

from pzbias_tf.choices import (
  AUTO,
  FEATURE_DTYPES,
  INPUT_SCALINGS,
  INTERPOLATING,
  NETWORKS,
  OPTIMIZERS,
  PRECISIONS,
  SEARCHES,
)
from pzbias_tf.command_line.command_flags import FlagGroup, NumberedWords
from pzbias_tf.survey import Survey, load_survey
from pzbias_tf.training.stages import STAGES, Stage, stage_named


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  _define_published(FlagGroup(values, "Published flags"))
  _define_folders(FlagGroup(values, "Data and folders"))
  _define_schedule(FlagGroup(values, "Training"))
  _define_network_input(FlagGroup(values, "Network input"))
  _define_hardware(FlagGroup(values, "Hardware"))
  _define_monitoring(FlagGroup(values, "Checkpoints and monitoring"))


def _define_published(define):
  """The flags of the published code, under their names and with their meaning."""
  define.integer("ne", 1, "Fold: seeds of Baseline and Step 1, balanced subset of Steps 2 and 3.",
                 lower_bound=1, upper_bound=5)
  define.integer("fth", None, "Balancing threshold of Steps 2 and 3; 10000 keeps every galaxy and "
                 "lets Step 2 train nothing. Baseline and Step 1 ignore it (0, as published). "
                 "Default: the survey's.", lower_bound=0)
  define.integer("nsub", 0, "Training galaxies of Baseline and Step 1, 0 for all.", lower_bound=0)
  define.real("errl", 0.0, "Standard deviation of the Gaussian errors added to the training "
              "redshifts of Baseline and Step 1 (SDSS).", lower_bound=0.0)
  define.switch("midreduce", False, "Keep 10% of the training galaxies with 0.08 <= z <= 0.12 "
                "(SDSS, in every stage).")
  define.switch("testphase", False, "Only predict, with existing weights.")
  define.integer("tstep", 0, "Stage: 0 Baseline, 1 to 3 Steps 1 to 3.",
                 lower_bound=0, upper_bound=3)
  define.choice("stage", None, [stage.name for stage in STAGES], "The stage by its name, in place "
                "of --tstep.")
  define.switch("multir", None, "Several redshift outputs. Default: what --tstep needs.")
  define.switch("usecfht", False, "CFHTLS instead of SDSS.")
  define.switch("usecfhtd", False, "With --usecfht: DEEP instead of WIDE.")
  define.integer("bins", None, "Redshift bins. Default: the survey's.", lower_bound=1)
  define.parsed(NumberedWords(NETWORKS), "net", None, "Network, by name or number: 0 Net_P, 1 "
                "Net_T, 2 to 4 Net_S1 to Net_S3, 5 Net_Q; 6 Net_C for photometry. Default: net_p, "
                "and net_c for photometry.")
  define.integer("itealter", 0, "1: Baseline and Step 1 for 240,000 iterations at a constant "
                 "learning rate, with weights kept on the way. K > 1: test the weights of "
                 "iteration K, or start Steps 2 and 3 from them (SDSS).", lower_bound=0)
  define.switch("softlabel", True, "Soften the labels of Step 3.")
  define.switch("shiftlabel", True, "Shift the labels of Step 3.")


def _define_folders(define):
  """Which data set, and which run."""
  define.text("survey", "", "Another survey: sdss, cfhtls_wide, cfhtls_deep, or a .toml file that "
              "defines one.")
  define.text("data_dir", "", "Data set. Default: data/<data set of the survey>.")
  define.text("workdir", "runs", "Folder of all runs.")
  define.text("experiment", "", "Name of the run. Default: made from survey, network, ne and the "
              "variants above.")
  define.switch("dry_run", False, "Only print the settings and where each comes from, the folder, "
                "the data and the expected time; nothing is written.")
  define.text("init_from", "", "Folder of the stage to start from, e.g. Step 1 of another run.")
  define.integer("seed", 0, "Seed of the run.", lower_bound=0)


def _define_schedule(define):
  """How long the stage trains, on which labels, and how."""
  define.choice("dispersions", "published", list(SEARCHES), "Widths of Step 3's soft labels: as "
                "the search of the published code finds them, or the global minimum of its "
                "cross-entropy.")
  define.text("label_width", "1", "Factor on those widths; auto: instead of them, the widest "
              "labels that cost 1% of the CRPS of validation galaxies.")
  define.integer("iterations", None, "Iterations. Default: the stage's.", lower_bound=1)
  define.integer("batch_size", None, "Galaxies per batch, over all devices. Default: the survey's.",
                 lower_bound=1)
  define.real("learning_rate", None, "Initial learning rate. Default: the stage's.",
              lower_bound=0.0)
  define.choice("optimizer", "adam", list(OPTIMIZERS), "Optimizer; lamb is for batches of "
                "thousands over many devices.")
  define.integer("warmup", 0, "Iterations over which the learning rate rises to its initial value.",
                 lower_bound=0)


def _define_network_input(define):
  """What the network sees of a galaxy."""
  define.integer("image_size", None, "Use the central pixels only. Default: the whole image.",
                 lower_bound=1)
  define.choice("input_scaling", None, list(INPUT_SCALINGS), "Scaling of the flux; sqrt_whitened "
                "also makes the bands independent, which lets small networks learn faster. "
                "Default: sqrt.")
  define.words("extra_columns", None, "Columns of the data set that the network takes beside "
               "E(B-V), in this order; --extra_columns= for none. Default: all that the data set "
               "was converted with, and Step 1's in Steps 2 and 3.")
  define.choice("augment", "dihedral", ["dihedral", *INTERPOLATING, "none"], "Augmentation; rotate "
                "adds rotation by any angle, shift moves by up to a pixel.")
  define.text("data_service", "", "Address of a tf.data service (grpc://host:port) that reads the "
              "images of Baseline and Step 1; such a run cannot be repeated bit by bit.")
  define.switch("cache_features", True, "Compute the frozen representation of Steps 2 and 3 once "
                "and keep it on disk; --nocache_features runs the whole network in each iteration.")
  define.choice("feature_dtype", "float32", list(FEATURE_DTYPES), "How those features are stored; "
                "float16 halves the disk space.")


def _define_hardware(define):
  """Devices and precision."""
  define.integer("num_devices", 0, "Devices: 0 for all GPUs, or one CPU; more than one without "
                 "GPUs means logical CPU devices.", lower_bound=0)
  define.real("connect_timeout", 600.0, "Seconds to wait for the other machines of TF_CONFIG, or "
              "for --data_service.", lower_bound=0.0)
  define.choice("xla", "auto", ["auto", "on", "off"], "Compile the training step with XLA; auto: "
                "exactly where there is a GPU.")
  define.choice("precision", "float32", list(PRECISIONS), "Number format in which the "
                "network computes; weights, softmax, loss and metrics stay float32. On a GPU, "
                "TensorFlow multiplies float32 in TF32; NVIDIA_TF32_OVERRIDE=0 forbids it to "
                "cuBLAS and cuDNN.")


def _define_monitoring(define):
  """Pace, checkpoints, monitoring."""
  define.integer("steps_per_loop", 0, "Iterations per compiled call, 0 for as many as take some "
                 "seconds.", lower_bound=0)
  define.real("checkpoint_minutes", 10.0, "Longest time between two checkpoints.", lower_bound=0.0)
  define.switch("histograms", False, "Histograms of all weights for TensorBoard.")
  define.words("profile", [], "First and last iteration of a profile, e.g. 100,110.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
  """The flags of one call, read once; None where a default comes from elsewhere.

  Attributes are the flags of those names, except:
    stage: the stage of `--tstep` or `--stage`.
    survey: the survey of `--survey`, `--usecfht`, `--usecfhtd` and `--bins`.
    bins: redshift bins where they are not the survey's own, else None.
    label_width: a number, or `choices.AUTO`.
    given: the flags that were given, as words of a command line.
  """

  stage: Stage
  survey: Survey
  bins: int | None
  given: tuple[str, ...]
  data_dir: str
  workdir: str
  experiment: str
  init_from: str
  testphase: bool
  dry_run: bool = False
  net: int | None
  image_size: int | None
  input_scaling: str | None
  extra_columns: list[str] | None
  iterations: int | None
  batch_size: int | None
  learning_rate: float | None
  fth: int | None
  ne: int
  nsub: int
  errl: float
  midreduce: bool
  itealter: int
  softlabel: bool
  shiftlabel: bool
  dispersions: str
  label_width: float | str
  augment: str
  optimizer: str
  warmup: int
  cache_features: bool
  feature_dtype: str
  precision: str
  xla: str
  steps_per_loop: int
  checkpoint_minutes: float
  data_service: str
  histograms: bool
  profile: tuple[str, ...]
  num_devices: int
  seed: int
  connect_timeout: float = 600.0


def read_request(values: flags.FlagValues = flags.FLAGS) -> Request:
  """Reads the flags.

  Raises:
    ValueError: they contradict each other; the message names the flags.
  """
  stage = _stage(values)
  _check_published(stage, values)
  survey, bins = _survey(values)
  names = {field.name for field in dataclasses.fields(Request)} - {
      "stage", "survey", "bins", "given", "data_dir", "label_width"}
  request = Request(stage=stage, survey=survey, bins=bins, given=_given(values),
                    data_dir=values.data_dir or os.path.join("data", survey.dataset),
                    label_width=_label_width(values.label_width),
                    **{name: getattr(values, name) for name in names})
  _check_variants(request)
  return request


def _stage(values):
  """The stage that --stage or --tstep names."""
  if values.stage is None:
    return STAGES[values.tstep]
  stage = stage_named(values.stage)
  if values["tstep"].present and values.tstep != stage.number:
    raise ValueError(f"--stage={stage.name} and --tstep={values.tstep} "
                     f"({STAGES[values.tstep].name}) name different stages; give one of them")
  return stage


def _check_published(stage, values):
  """Refuses values of the published flags that cannot be meant."""
  if stage.multi_output and values.multir is False:
    raise ValueError(f"--multir=0 --tstep={stage.number}: {stage.title} has several redshift "
                     "outputs; leave --multir out, or give --multir=1")
  if values.multir and not stage.multi_output:
    raise ValueError("--multir=1 belongs to --tstep=1, 2 or 3; the Baseline has a single output")
  if not stage.trains_all and values.fth == 0:
    raise ValueError(f"--fth=0 --tstep={stage.number}: {stage.title} trains on a balanced subset; "
                     "give its threshold, e.g. --fth=200, or --fth=10000 for all galaxies")


def _label_width(text):
  """`--label_width`: a positive factor, or AUTO."""
  if text == AUTO:
    return AUTO
  try:
    factor = float(text)
  except ValueError:
    factor = math.nan
  if not 0.0 < factor < math.inf:
    raise ValueError(f"--label_width={text} is neither {AUTO} nor a factor above 0, such as 1.5")
  return factor


def _survey(values):
  """The survey that the flags name, and its bins where the flags change them."""
  if values.usecfhtd and not values.usecfht:
    raise ValueError("--usecfhtd needs --usecfht")
  if values.survey and values.usecfht:
    raise ValueError("--survey and --usecfht both name a survey; give one of them")
  name = values.survey or (
      "cfhtls_deep" if values.usecfhtd else "cfhtls_wide" if values.usecfht else "sdss")
  survey = load_survey(name)
  if values.bins in (None, survey.bins):
    return survey, None
  return survey.with_bins(values.bins), values.bins


def _given(values):
  """The given flags of this file in one spelling, whatever the user's was."""
  own = flags.FlagValues()
  define_flags(own)
  words = (values[name].serialize() for name in sorted(own) if values[name].present)
  return tuple(word for word in words if word)


def _check_variants(request):
  """Refuses variants that the study does not define."""
  for name in ("errl", "midreduce", "itealter"):
    if getattr(request, name) and not request.survey.published_variants:
      raise ValueError(f"--{name} is defined for surveys with published_variants, which "
                       f"{request.survey.name} is not")
  if request.itealter == 1 and not request.stage.trains_all:
    raise ValueError("--itealter=1 trains Baseline and Step 1; for Steps 2 and 3 give the "
                     "iteration to start from, e.g. --itealter=240000")
  if request.itealter > 1 and request.stage.trains_all and not request.testphase:
    raise ValueError(f"--itealter={request.itealter} tests the weights of that iteration: add "
                     "--testphase, or train them with --itealter=1")
