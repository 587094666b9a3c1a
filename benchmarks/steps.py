"""Training steps on random galaxies, made of the library's own parts, for the benchmarks."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, Callable

import numpy as np
import tensorflow as tf

from pzbias_tf.bias.soft_labels import fit_label_model
from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, dihedral
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.pipeline import Labels
from pzbias_tf.models import build_network
from pzbias_tf.models.network import redshift_variables
from pzbias_tf.survey import SDSS, Survey
from pzbias_tf.training import losses
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.devices import on_devices, use_xla
from pzbias_tf.training.features import feature_batches
from pzbias_tf.training.optimizers import make_optimizer
from pzbias_tf.training.step import make_train_steps

IMAGE_SIZE = 64
NET_P, NET_S3, NET_Q = 0, 4, 5
Do = Callable[[int], Any]


def random_labels(survey: Survey, num: int, seed: int = 0) -> dict[str, np.ndarray]:
  """Redshift bins and magnitude rows of `num` galaxies, as in a batch."""
  rng = np.random.default_rng(seed)
  return {"redshift_bin": rng.integers(0, survey.bins, num).astype(np.int32),
          "magnitude_row": rng.integers(0, survey.rows, num).astype(np.int32)}


def random_images(survey: Survey, num: int, image_size: int = IMAGE_SIZE
                  ) -> dict[str, np.ndarray]:
  """A batch of `num` random images, as the pipeline delivers it."""
  rng = np.random.default_rng(1)
  shape = (num, image_size, image_size, len(survey.bands))
  return {"image": rng.normal(size=shape).astype(np.float32),
          "ebv": rng.uniform(0, 0.2, num).astype(np.float32),
          "view": rng.integers(0, DIHEDRAL_ELEMENTS, num).astype(np.int32),
          **random_labels(survey, num)}


def repeated(batch: dict[str, np.ndarray]) -> tf.data.Dataset:
  """The same batch, endlessly."""
  return tf.data.Dataset.from_tensors(batch).repeat()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
  """One network to train.

  Attributes:
    net: number of the network.
    survey: the survey, which decides bands, bins and outputs.
    batch_size: galaxies per batch.
    image_size: side of the images, pixels.
    multi_output: False for the Baseline.
    extended: whether outputs and labels are those of Step 3.
    precision: as `--precision`.
    xla: whether to compile with XLA; as `--xla=auto` unless given.
  """

  net: int
  survey: Survey
  batch_size: int
  image_size: int = IMAGE_SIZE
  multi_output: bool = True
  extended: bool = False
  precision: str = "float32"
  xla: bool = dataclasses.field(default_factory=lambda: use_xla("auto"))

  @functools.cached_property
  def network(self) -> tf.keras.Model:
    """The network, built once."""
    tf.keras.utils.set_random_seed(1)
    return build_network(self.net, self.survey, multi_output=self.multi_output,
                         extended=self.extended, image_size=self.image_size,
                         precision=self.precision)

  @functools.cached_property
  def redshift_loss(self) -> losses.RedshiftLoss:
    """The redshift loss of the Baseline, of Steps 1 and 2, or of Step 3."""
    if not self.multi_output:
      return losses.single_output_loss
    if not self.extended:
      return losses.hard_label_loss(self.survey)
    rng = np.random.default_rng(2)
    z_spec = rng.uniform(self.survey.z_min, self.survey.z_max, 2000)
    r_mag = rng.uniform(self.survey.r_min, self.survey.r_max, 2000)
    sigma_disp = np.full(self.survey.outputs, 3.0)  # given, since fitting it takes a while
    model = fit_label_model(z_spec, np.clip(z_spec + rng.normal(0, 0.02, 2000), 0, None), r_mag,
                            self.survey, sigma_disp=sigma_disp)
    return losses.soft_label_loss(model, soften=True, shift=True)

  def whole_step(self, batches: tf.data.Dataset) -> Do:
    """Steps that train the whole network, as in the Baseline and in Step 1."""
    redshift_loss = self._loss()

    def loss_fn(batch):
      logits = self._forward(batch)
      parts = [redshift_loss(logits, batch)]
      if self.multi_output:
        parts.append(losses.magnitude_loss(logits["r_logits"], batch["magnitude_row"], self.survey))
      return parts

    return self.steps_of(list(self.network.trainable_variables), loss_fn, batches,
                         parts=1 + self.multi_output)

  def frozen_step(self, batches: tf.data.Dataset) -> Do:
    """Steps on images that train the redshift layers behind the frozen representation."""
    loss = self._loss()
    return self.steps_of(redshift_variables(self.network),
                         lambda batch: [loss(self._forward(batch), batch)], batches)

  def output_step(self, batches: tf.data.Dataset) -> Do:
    """Steps on features that train the redshift layers."""
    module, loss = self.network.get_layer("output_module"), self._loss()
    return self.steps_of(redshift_variables(self.network),
                         lambda batch: [loss(module(batch["features"]), batch)], batches)

  def frozen_forward(self, batch: dict[str, np.ndarray]) -> Do:
    """The forward pass of the representation alone."""
    representation = self.network.get_layer("representation")
    forward = tf.function(lambda images: representation(
        {"image": dihedral(images["image"], images["view"]), "ebv": images["ebv"]}),
        jit_compile=self.xla)
    images = {name: tf.constant(values) for name, values in batch.items()}
    return lambda count: [forward(images).numpy() for _ in range(count)]

  def random_features(self) -> dict[str, np.ndarray]:
    """A batch of random features with labels."""
    size = self.network.get_layer("representation").output_shape[-1]
    features = np.random.default_rng(3).random([self.batch_size, size], np.float32)
    return {"features": features, **random_labels(self.survey, self.batch_size)}

  def cached_batches(self, path: str, galaxies: int) -> tf.data.Dataset:
    """Batches from a memory-mapped cache of random features."""
    size = self.network.get_layer("representation").output_shape[-1]
    cache = np.lib.format.open_memmap(path, "w+", np.float32, (galaxies, DIHEDRAL_ELEMENTS, size))
    cache[:] = np.random.default_rng(3).random([galaxies, 1, size], np.float32)
    return feature_batches(cache, np.arange(galaxies), Labels(**random_labels(
        self.survey, galaxies)), batch_size=self.batch_size, seed=0)

  def steps_of(self, variables: list[Any], loss_fn: Callable[[Any], list[tf.Tensor]],
               batches: tf.data.Dataset, parts: int = 1) -> Do:
    """Steps that train some variables.

    Args:
      variables: what to train.
      loss_fn: parts of the loss, by galaxy, from a batch.
      batches: endless batches.
      parts: number of parts of the loss.
    """
    strategy = tf.distribute.get_strategy()
    run = make_train_steps(
        strategy=strategy, variables=variables, optimizer=adam(variables, self.precision),
        loss_fn=loss_fn, global_batch=self.batch_size, xla=self.xla, parts=parts)
    iterator = iter(on_devices(strategy, batches))
    # The loss is copied to the host, as in training, which waits until a GPU has finished.
    return lambda count: tf.nest.map_structure(
        lambda tensor: tensor.numpy(), run(iterator, tf.constant(count)))

  def _forward(self, batch):
    return self.network({"image": dihedral(batch["image"], batch["view"]), "ebv": batch["ebv"]})

  def _loss(self):
    redshift_loss = self.redshift_loss  # made here, so that tracing does not make it
    return lambda logits, batch: redshift_loss(
        logits["z_logits"], batch["redshift_bin"], batch["magnitude_row"])


def adam(variables: list[Any], precision: str = "float32") -> Any:
  """The optimizer of the study, for some variables."""
  return make_optimizer(TrainConfig(
      survey=SDSS, stage="step1", net=0, image_size=IMAGE_SIZE, input_scaling=InputScaling(),
      fth=0, iterations=1, batch_size=1, learning_rate=1e-5, precision=precision), variables)


def operations(model: tf.keras.Model) -> int:
  """Floating-point operations of the products in one image's forward pass: 2 per multiply-add.

  The gradients need twice as many.
  """
  total = 0
  for layer in model.layers:
    if isinstance(layer, tf.keras.Model):
      total += operations(layer)
    elif isinstance(layer, (tf.keras.layers.Conv2D, tf.keras.layers.Dense)):
      pixels = math.prod(layer.output.shape[1:-1])
      total += 2 * pixels * math.prod(layer.kernel.shape)
  return total


def updates(optimizer: Any, variables: list[tf.Variable]) -> Do:
  """A function that only updates variables, with constant gradients, `count` times."""
  gradients = [tf.fill(v.shape, 1e-3) for v in variables]

  @tf.function
  def run(count):
    for _ in tf.range(count):
      optimizer.apply_gradients(zip(gradients, variables))

  def do(count):
    run(tf.constant(count))
    return variables[-1].numpy()

  return do
