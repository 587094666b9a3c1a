"""The host's loop: compiled steps, and what happens between them.

Validation, checkpoints and log lines fall on fixed iterations, so that a run
that is started again goes through the same ones.
"""

from __future__ import annotations

import dataclasses
import math
import os

from absl import logging
import numpy as np
import tensorflow as tf

from pzbias_tf.evaluation.point import mean_residual, sigma_mad
from pzbias_tf.models.network import redshift_pdf
from pzbias_tf.training.checkpoints import StageFiles, save_weights, training_state
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.optimizers import LearningRate, make_optimizer
from pzbias_tf.training.problem import Problem
from pzbias_tf.training.progress import Progress
from pzbias_tf.training.step import make_train_steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intervals:
  """How often something happens, in iterations.

  Attributes:
    log: loss and rate go to TensorBoard and to the progress line.
    validate: validation, and a look at the best weights.
    checkpoint: a checkpoint to go on from.
  """

  log: int = 100
  validate: int = 2000
  checkpoint: int = 2000

  @classmethod
  def of(cls, iterations: int) -> Intervals:
    """Twenty validations and checkpoints a run, but none more often than the log."""
    often = min(2000, max(100, iterations // 20))
    return cls(log=min(100, often), validate=often, checkpoint=often)

  def next_stop(self, step: int, last: int, extra: tuple[int, ...]) -> int:
    """The next iteration at which something happens."""
    stops = [(step // every + 1) * every for every in (self.log, self.validate, self.checkpoint)]
    return min([last, *stops, *(stop for stop in extra if stop > step)])


class Loop:
  """Trains one problem, from the last checkpoint to the end.

  Args:
    problem: what trains.
    config: iterations, batch, learning rate.
    files: where weights and checkpoints go.
    strategy: where it runs.
    xla: compile with XLA.
    intervals: how often to log, validate and save.
  """

  def __init__(self, problem: Problem, config: TrainConfig, files: StageFiles, *,
               strategy: tf.distribute.Strategy, xla: bool, intervals: Intervals | None = None):
    if config.batch_size % strategy.num_replicas_in_sync:
      raise ValueError(f"--batch_size={config.batch_size} does not divide evenly over "
                       f"{strategy.num_replicas_in_sync} devices")
    self._problem, self._config, self._files = problem, config, files
    self._strategy = strategy
    self._intervals = intervals or Intervals.of(config.iterations)
    with strategy.scope():
      optimizer = make_optimizer(config, problem.variables)
      self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
      self._best = tf.Variable(np.inf, dtype=tf.float32, trainable=False)
    self._train_steps = make_train_steps(
        strategy=strategy, variables=problem.variables, optimizer=optimizer,
        loss_fn=self._training_loss, global_batch=config.batch_size, xla=xla)
    self._validate = tf.function(self._validation_batch, reduce_retracing=True)
    checkpoint = training_state(problem.network, optimizer, problem.variables,
                                step=self._step, best=self._best)
    self._manager = tf.train.CheckpointManager(checkpoint, files.resume, max_to_keep=2)

  def run(self) -> None:
    """Trains to the last iteration, then writes the last weights."""
    restored = self._manager.restore_or_initialize()
    step, last = int(self._step.numpy()), self._config.iterations
    if restored:
      logging.info("Going on from iteration %d of %d (%s)", step, last, restored)
    writer = tf.summary.create_file_writer(os.path.join(self._files.folder, "tensorboard"))
    with writer.as_default(), Progress(self._config, step, self._problem.galaxies) as progress:
      batches = iter(self._strategy.experimental_distribute_dataset(self._problem.batches(step)))
      while step < last:
        stop = self._intervals.next_stop(step, last, self._config.keep_weights_at)
        loss = float(self._train_steps(batches, tf.constant(stop - step)))
        self._check_finite(loss, step, stop)
        step = stop
        self._step.assign(step)
        self._after(step, loss, progress)
    save_weights(self._problem.network, self._files.last)

  def _training_loss(self, batch):
    batch = self._problem.augment(batch)
    return self._problem.loss_fn(self._problem.forward(batch), batch)

  def _check_finite(self, loss, step, stop):
    if not math.isfinite(loss):
      raise FloatingPointError(
          f"the loss became {loss} between iterations {step} and {stop}; the last good "
          f"checkpoint is {self._manager.latest_checkpoint}. Try a smaller --learning_rate")

  def _after(self, step, loss, progress):
    """What is due after an iteration."""
    due = lambda every: step % every == 0 or step == self._config.iterations
    progress.update(step, loss)
    if due(self._intervals.log):
      tf.summary.scalar("train/loss", loss, step)
      tf.summary.scalar("train/learning_rate", LearningRate(self._config)(step - 1), step)
      tf.summary.scalar("train/examples_per_s", progress.examples_per_s, step)
    if due(self._intervals.validate) and self._problem.validation:
      self._look_at_validation(step)
    if step in self._config.keep_weights_at:
      save_weights(self._problem.network, self._files.kept(step))
    if due(self._intervals.checkpoint):
      self._manager.save(checkpoint_number=step)

  def _look_at_validation(self, step):
    """Validation loss and cheap metrics; keeps the best weights."""
    loss, z_label, z_photo = (np.concatenate(part) for part in zip(*(
        [t.numpy() for t in self._validate(batch)] for batch in self._problem.validation)))
    for name, value in (("loss", loss.mean()), ("sigma_mad", sigma_mad(z_label, z_photo)),
                        ("mean_residual", mean_residual(z_label, z_photo))):
      tf.summary.scalar(f"validation/{name}", value, step)
    if loss.mean() < float(self._best.numpy()):
      self._best.assign(loss.mean())
      save_weights(self._problem.network, self._files.best)

  def _validation_batch(self, batch):
    """Loss, centre of z_spec's bin and z_photo of each galaxy [batch]."""
    logits = self._problem.forward(batch)
    survey = self._config.survey
    own = tf.constant(survey.centers(), tf.float32)
    grid = tf.constant(survey.centers(extended=self._config.stage_spec.extended), tf.float32)
    return (self._problem.loss_fn(logits, batch), tf.gather(own, batch["redshift_bin"]),
            tf.gather(grid, tf.argmax(redshift_pdf(logits), -1)))
