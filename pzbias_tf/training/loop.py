"""The host's loop: compiled steps, and what happens between them.

Validation, checkpoints and log lines fall on fixed iterations, which are the
same for a stage that resumes.
"""

from __future__ import annotations

import dataclasses
import signal
import time

from absl import logging
import numpy as np
import tensorflow as tf

from pzbias_tf.models.network import redshift_pdf
from pzbias_tf.training.checkpoints import Checkpoints, StageFiles, save_weights, training_state
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.devices import is_chief, num_workers, on_devices
from pzbias_tf.training.interruption import Interrupted, StopRequest
from pzbias_tf.training.monitoring import (
  Monitoring,
  named_losses,
  write_histograms,
  write_settings,
  write_validation,
)
from pzbias_tf.training.optimizers import LearningRate, make_optimizer
from pzbias_tf.training.problem import Problem
from pzbias_tf.training.step import make_train_steps
from pzbias_tf.training.training_log import TrainingLog, save_timing

STEPS_TOGETHER = 20  # iterations per compiled call, where several processes train together
PICTURE_EVERY = 4  # validations: drawing takes half a second


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intervals:
  """How often something happens, in iterations.

  Attributes:
    log: loss and rate go to TensorBoard and to the progress line.
    validate: validation, after which the best weights so far are kept.
    checkpoint: a checkpoint to resume from.
  """

  log: int = 100
  validate: int = 2000
  checkpoint: int = 2000

  @classmethod
  def of(cls, iterations: int) -> Intervals:
    """About twenty validations and checkpoints, 100 to 2000 iterations apart."""
    often = min(2000, max(100, iterations // 20))
    return cls(log=min(100, often), validate=often, checkpoint=often)

  def next_stop(self, step: int, last: int, extra: tuple[int, ...]) -> int:
    """The next iteration at which something happens."""
    stops = [(step // every + 1) * every for every in (self.log, self.validate, self.checkpoint)]
    return min([last, *stops, *(stop for stop in extra if stop > step)])


def _sum_over_replicas(number):
  """The sum over all processes; the identity puts the number on a device, which the sum needs."""
  return tf.distribute.get_replica_context().all_reduce(
      tf.distribute.ReduceOp.SUM, tf.identity(number))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
  """How often the loop returns to the host; this changes no result.

  Attributes:
    steps_per_loop: iterations per compiled call, 0 for as many as take about `call_s`.
    checkpoint_minutes: longest time between two checkpoints.
    call_s: how long a call may take, s; signals are noticed between calls.
  """

  steps_per_loop: int = 0
  checkpoint_minutes: float = 10.0
  call_s: float = 5.0

  def steps(self, step_time_s: float | None, *, alone: bool = True) -> int:
    """Iterations of the next call.

    Args:
      step_time_s: time of an iteration in the call before, None for the first call.
      alone: False where several processes train together: their calls must have
        the same length, or they wait for one another forever.
    """
    if self.steps_per_loop or not alone:
      return self.steps_per_loop or STEPS_TOGETHER
    return max(1, int(self.call_s / step_time_s)) if step_time_s else 1


class Loop:
  """Trains one problem, from the last checkpoint to the end.

  Args:
    problem: what trains.
    config: iterations, batch, learning rate.
    files: where weights and checkpoints go.
    strategy: where it runs.
    xla: compile with XLA.
    intervals: how often to log, validate and save.
    pace: how often to return to the host.
    monitoring: what TensorBoard shows besides scalars and pictures.
  """

  def __init__(self, problem: Problem, config: TrainConfig, files: StageFiles, *,
               strategy: tf.distribute.Strategy, xla: bool, intervals: Intervals | None = None,
               pace: Pace = Pace(), monitoring: Monitoring = Monitoring()):
    if config.batch_size % strategy.num_replicas_in_sync:
      raise ValueError(f"--batch_size={config.batch_size} does not divide evenly over "
                       f"{strategy.num_replicas_in_sync} devices")
    self._problem, self._config, self._files = problem, config, files
    monitoring.check_profile(config.iterations)
    self._strategy, self._writes = strategy, is_chief(strategy)
    self._alone, self._profiling = num_workers(strategy) == 1, False
    self._intervals = intervals or Intervals.of(config.iterations)
    self._pace, self._monitoring = pace, monitoring
    self._step_time_s: float | None = None
    self._extra_stops = (*config.keep_weights_at, *monitoring.profile)
    with strategy.scope():
      optimizer = make_optimizer(config, problem.variables)
      self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
      self._best = tf.Variable(np.inf, dtype=tf.float32, trainable=False)
    self._train_steps = make_train_steps(
        strategy=strategy, variables=problem.variables, optimizer=optimizer,
        loss_fn=self._training_losses, global_batch=config.batch_size, xla=xla,
        parts=len(problem.losses))
    self._sum_over_processes = tf.function(lambda number: strategy.experimental_local_results(
        strategy.run(_sum_over_replicas, (number,)))[0])
    self._validate = tf.function(self._validation_batch, reduce_retracing=True)
    self._checkpoints = Checkpoints(
        training_state(problem.network, optimizer, problem.variables, step=self._step,
                       best=self._best),
        files.resume, minutes=pace.checkpoint_minutes)

  def run(self) -> None:
    """Trains to the last iteration, then writes the last weights.

    Raises:
      FloatingPointError: a loss was not finite; the last good checkpoint is kept.
      Interrupted: SIGTERM or SIGINT came; a checkpoint is written.
      OSError: there are checkpoints, but none can be read.
    """
    restored = self._checkpoints.restore()
    step, last = int(self._step.numpy()), self._config.iterations
    if restored:
      logging.info("Resuming from iteration %d of %d (%s)", step, last, restored)
    with self._summary_writer().as_default(), StopRequest() as request, TrainingLog(
        self._config, step, self._problem.galaxies) as log:
      write_settings(self._config, self._files.folder)
      batches = iter(on_devices(self._strategy, self._problem.batches(step)))
      while step < last:
        step = self._call(batches, step, log)
        if self._writes:
          self._after(step, log)
        number = request.number if self._alone else self._agreed(request.number)
        if number and step < last:
          self._stop(step, number)
    if self._writes:
      save_weights(self._problem.network, self._files.last)
      save_timing(self._config, self._files.folder, log.step_time_s)

  def _summary_writer(self):
    if not self._writes:
      return tf.summary.create_noop_writer()
    return tf.summary.create_file_writer(self._files.folder)

  def _agreed(self, number):
    """The signal that any of the processes has received: all stop at the same iteration."""
    everywhere = int(self._sum_over_processes(tf.constant(number)))
    return number or min(everywhere, signal.SIGTERM)

  def _training_losses(self, batch):
    """The parts of each galaxy's loss, [batch] each."""
    batch = self._problem.augment(batch)
    logits = self._problem.forward(batch)
    return [loss(logits, batch) for loss in self._problem.losses.values()]

  def _call(self, batches, step, log):
    """Runs some iterations in one compiled call; returns the iteration reached."""
    stop = self._intervals.next_stop(step, self._config.iterations, self._extra_stops)
    stop = min(stop, step + self._pace.steps(self._step_time_s, alone=self._alone))
    start_s = time.monotonic()
    steps = self._train_steps(batches, tf.constant(stop - step))
    self._check_finite(step + int(steps.first_bad) + 1, int(steps.first_bad))
    took_s = time.monotonic() - start_s
    # The first call includes the compilation: its time says nothing about the next ones.
    first = self._step_time_s is None
    self._step_time_s = self._pace.call_s / 10 if first else took_s / (stop - step)
    losses = named_losses(dict(zip(self._problem.losses, steps.parts.numpy())))
    log.update(stop, losses, float(steps.waited_s) / took_s)
    self._step.assign(stop)
    return stop

  def _check_finite(self, iteration, first_bad):
    if first_bad >= 0:
      raise FloatingPointError(
          f"the loss of iteration {iteration} is not finite; the last good checkpoint is "
          f"{self._checkpoints.newest()}. Try a smaller --learning_rate")

  def _after(self, step, log):
    """Does what is due after an iteration."""
    due = lambda every: step % every == 0 or step == self._config.iterations
    if due(self._intervals.log):
      for name, value in log.since_last_log().items():
        tf.summary.scalar(f"train/{name}", value, step)
      tf.summary.scalar("train/learning_rate", LearningRate(self._config)(step - 1), step)
    if due(self._intervals.validate) and self._problem.validation:
      self._run_validation(step)
    self._profiling = self._monitoring.follow_profile(step, self._files.folder,
                                                      running=self._profiling)
    if step in self._config.keep_weights_at:
      save_weights(self._problem.network, self._files.kept(step))
    if due(self._intervals.checkpoint) or self._checkpoints.due():
      self._save(step)

  def _stop(self, step, number):
    path = self._save(step) if self._writes else "saved by another process"
    raise Interrupted(f"stopped at iteration {step} of {self._config.iterations} ({path}); "
                      "the same command goes on from there", number)

  def _save(self, step):
    """Writes a checkpoint; refuses weights that are not finite."""
    for variable in self._problem.variables:
      if not np.isfinite(variable.numpy()).all():
        raise FloatingPointError(
            f"weights are not finite after iteration {step}; the last good checkpoint is "
            f"{self._checkpoints.newest()}. Try a smaller --learning_rate")
    return self._checkpoints.save(step)

  def _run_validation(self, step):
    """Writes validation loss, cheap metrics and a picture; keeps the best weights."""
    parts, z_label, z_photo = (np.concatenate(part, axis=-1) for part in zip(*(
        [t.numpy() for t in self._validate(batch)] for batch in self._problem.validation)))
    loss = parts.sum(axis=0)
    pictured = step % (PICTURE_EVERY * self._intervals.validate) == 0
    write_validation(self._config, dict(zip(self._problem.losses, parts)), z_label, z_photo, step,
                     picture=pictured or step == self._config.iterations)
    if self._monitoring.histograms:
      write_histograms(self._problem.network, step)
    if loss.mean() < float(self._best.numpy()):
      self._best.assign(loss.mean())
      save_weights(self._problem.network, self._files.best)

  def _validation_batch(self, batch):
    """Losses [parts, batch], centre of z_spec's bin and z_photo of each galaxy [batch]."""
    logits = self._problem.forward(batch)
    survey = self._config.survey
    own = tf.constant(survey.centers(), tf.float32)
    grid = tf.constant(survey.centers(extended=self._config.stage_spec.extended), tf.float32)
    parts = tf.stack([loss(logits, batch) for loss in self._problem.losses.values()])
    return (parts, tf.gather(own, batch["redshift_bin"]),
            tf.gather(grid, tf.argmax(redshift_pdf(logits), -1)))
