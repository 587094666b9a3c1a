"""Which devices train, on one machine or several, and whether XLA compiles for them."""

from __future__ import annotations

import functools

import tensorflow as tf

from pzbias_tf.training.workers.tf_config import TF_CONFIG, read_cluster

FIRST_GPU = "/GPU:0"
PREFETCH = 2  # batches kept on the GPU besides the one in training


def make_strategy(num_devices: int = 0) -> tf.distribute.Strategy:
  """All GPUs, or some, or logical CPU devices; with TF_CONFIG, those of several machines.

  Args:
    num_devices: 0 for all GPUs (one CPU device where there is none), else how
      many.  Without a GPU, more than one means logical CPU devices.

  Returns:
    A MultiWorkerMirroredStrategy where the environment variable TF_CONFIG names
    several machines (made before anything else of TensorFlow is used), a
    MirroredStrategy for several devices, else the default strategy.

  Raises:
    ValueError: there are fewer devices, both `num_devices` and TF_CONFIG are set, or TF_CONFIG has
      a mistake.
  """
  if read_cluster():
    if num_devices:
      raise ValueError(f"--num_devices={num_devices} is for one machine; with TF_CONFIG, each "
                       "machine uses all its GPUs")
    return _multi_worker()
  gpus = tf.config.list_physical_devices("GPU")
  count = num_devices or max(1, len(gpus))
  if gpus and count > len(gpus):
    raise ValueError(f"--num_devices={count}, but there are {len(gpus)} GPUs")
  if count == 1:
    return tf.distribute.get_strategy()
  if not gpus:
    _split_cpu(count)
  kind = "GPU" if gpus else "CPU"
  return _mirrored(tuple(f"/{kind}:{i}" for i in range(count)))


def use_xla(choice: str) -> bool:
  """Whether to compile with XLA: "on", "off", or "auto" (exactly where there is a GPU).

  On a CPU, XLA is slower than oneDNN: 1.5 to 3.5 times, measured.
  """
  if choice not in ("auto", "on", "off"):
    raise ValueError(f"--xla={choice}; choose auto, on or off")
  return choice == "on" or (choice == "auto" and bool(tf.config.list_physical_devices("GPU")))


def is_one_device(strategy: tf.distribute.Strategy) -> bool:
  """Whether a step runs on one device of one machine, so that nothing is reduced over replicas."""
  return strategy.num_replicas_in_sync == 1 and strategy.cluster_resolver is None


def on_devices(strategy: tf.distribute.Strategy,
               batches: tf.data.Dataset) -> tf.data.Dataset | tf.distribute.DistributedDataset:
  """Splits global batches over the devices, and copies each batch while the one before trains."""
  if is_one_device(strategy) and tf.config.list_physical_devices("GPU"):
    return batches.apply(tf.data.experimental.prefetch_to_device(FIRST_GPU, PREFETCH))
  return strategy.experimental_distribute_dataset(batches)


def num_workers(strategy: tf.distribute.Strategy) -> int:
  """How many processes train together."""
  resolver = strategy.cluster_resolver
  spec = resolver.cluster_spec().as_dict() if resolver else {}
  return max(1, sum(len(spec.get(job, ())) for job in ("chief", "worker")))


def is_chief(strategy: tf.distribute.Strategy) -> bool:
  """Whether this process is the one that writes."""
  resolver = strategy.cluster_resolver
  if num_workers(strategy) == 1 or resolver.task_type == "chief":
    return True
  return resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict()


@functools.cache
def _multi_worker():
  """One strategy per process: its collectives can be set up only once."""
  try:
    return tf.distribute.MultiWorkerMirroredStrategy()
  except tf.errors.OpError as error:
    raise OSError(f"{TF_CONFIG}: the processes cannot be connected: {error.message}; choose other "
                  "ports, or try again") from error


@functools.cache
def _mirrored(devices):
  """One strategy per set of devices: a second one would reuse the keys of its collectives."""
  return tf.distribute.MirroredStrategy(list(devices))


def _split_cpu(count):
  """Makes logical CPU devices, unless an earlier call has done so."""
  cpu = tf.config.list_physical_devices("CPU")[0]
  if len(tf.config.get_logical_device_configuration(cpu) or []) >= count:
    return
  try:
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * count)
  except RuntimeError as error:  # TensorFlow has started already
    raise ValueError(f"{count} logical CPU devices must be asked for before TensorFlow is "
                     "first used") from error
