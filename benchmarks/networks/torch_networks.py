"""Networks in PyTorch, channels_last: for section "torch" of train_step.py, and for predict.py."""

from __future__ import annotations

import functools
from typing import Any, Callable

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from pzbias_tf.bias.channels import row_magnitude_targets
from pzbias_tf.survey import Survey
from pzbias_tf.training.losses import own_outputs_of_rows


def train_step(net: int, batch: dict[str, np.ndarray], survey: Survey, *,
               compiled: bool = False) -> Callable[[int], Any]:
  """A function that trains so many steps of Step 1 on one batch.

  Args:
    net: 0 for Net_P, 4 for Net_S3, 5 for Net_Q.
    batch: a batch from `benchmarks.steps.random_images`.
    survey: the survey, which decides bands, bins and outputs.
    compiled: whether torch.compile compiles the forward pass, the loss and the gradients.
  """
  device = "cuda" if torch.cuda.is_available() else "cpu"
  torch.set_float32_matmul_precision("high")  # TF32 on a GPU, as TensorFlow
  size = batch["image"].shape[1]
  network = _Network(net, survey, size).to(device, memory_format=torch.channels_last)
  optimizer = torch.optim.Adam(network.parameters(), lr=1e-5, eps=1e-8, fused=True)
  tensors = {name: torch.as_tensor(values).to(device) for name, values in batch.items()}
  images = tensors["image"].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
  labels = tensors["redshift_bin"].long(), tensors["magnitude_row"].long()
  loss_fn = _Loss(survey, device)

  def forward(images, ebv, bins, rows):
    return loss_fn(*network(images, ebv), bins, rows)

  if compiled:
    forward = torch.compile(forward)

  def steps(count):
    for _ in range(count):
      optimizer.zero_grad(set_to_none=True)
      loss = forward(images, tensors["ebv"], *labels)
      loss.backward()
      optimizer.step()
    return loss.item()

  return steps


def predictions(inputs: dict[str, np.ndarray], bins: int) -> dict[str, Callable[[], Any]]:
  """Functions that fetch p(z) of one batch by Net_Q with one output: {"eager", "compiled"}.

  Args:
    inputs: "image" [batch, size, size, band] and "ebv" [batch], float32.
    bins: number of redshift bins.
  """
  device = "cuda" if torch.cuda.is_available() else "cpu"
  _, size, _, bands = inputs["image"].shape
  network = _NetQ(bands, size, bins).to(device, memory_format=torch.channels_last).eval()
  ebv = torch.as_tensor(inputs["ebv"]).to(device)
  images = torch.as_tensor(inputs["image"]).to(device).permute(0, 3, 1, 2).contiguous(
      memory_format=torch.channels_last)

  def predict(network):
    with torch.inference_mode():
      return network(images, ebv).cpu().numpy()

  return {"eager": functools.partial(predict, network),
          "compiled": functools.partial(predict, torch.compile(network))}


class _Conv(nn.Sequential):

  def __init__(self, inputs, filters, size, stride=1):
    super().__init__(nn.Conv2d(inputs, filters, size, stride, padding=(size - 1) // 2),
                     nn.PReLU(filters, init=0.0))


class _Inception(nn.Module):
  """As `models.representation._inception`."""

  def __init__(self, inputs, narrow, wide, *, wide_branch=True):
    super().__init__()
    sizes = (5, 3) if wide_branch else (3,)
    self.branches = nn.ModuleList([_Conv(inputs, wide, 1)])
    self.branches.extend(
        nn.Sequential(_Conv(inputs, narrow, 1), _Conv(narrow, wide, size)) for size in sizes)
    self.branches.append(nn.Sequential(
        _Conv(inputs, narrow, 1), nn.ZeroPad2d((0, 1, 0, 1)), nn.AvgPool2d(2, stride=1)))
    self.channels = wide * (1 + len(sizes)) + narrow

  def forward(self, x):
    return torch.cat([branch(x) for branch in self.branches], 1)


def _net_p(bands, size):
  layers, channels = [_Conv(bands, 64, 5), nn.AvgPool2d(2)], 64
  for sizes in ((48, 64), (64, 92), None, (92, 128), (92, 128), None):
    layers.append(_Inception(channels, *sizes) if sizes else nn.AvgPool2d(2))
    channels = layers[-1].channels if sizes else channels
  layers.append(_Inception(channels, 92, 128, wide_branch=False))
  return nn.Sequential(*layers, nn.Flatten()), layers[-1].channels * (size // 8)**2, 1024


def _net_s3(bands, size):
  del size  # the mean over all pixels is taken
  layers = [_Conv(bands, 64, 3), nn.AvgPool2d(2), _Conv(64, 64, 3), nn.AvgPool2d(2),
            _Conv(64, 64, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
  return nn.Sequential(*layers), 64, 256


def _net_q(bands, size):
  layers = [_Conv(bands, 32, 4, 2), _Conv(32, 64, 4, 2), _Conv(64, 64, 3), nn.Flatten()]
  return nn.Sequential(*layers), 64 * (size // 4)**2, 512


class _NetQ(nn.Module):
  """As `models.representation._net_q`, with the output of the Baseline."""

  def __init__(self, bands, size, bins):
    super().__init__()
    self.trunk, features, units = _net_q(bands, size)
    self.dense = nn.Sequential(nn.Linear(features + 1, units), nn.ReLU(),
                               nn.Linear(units, units), nn.ReLU(), nn.Linear(units, bins))

  def forward(self, flux, ebv):
    x = self.trunk(torch.sign(flux) * (torch.sqrt(torch.abs(flux) + 1.0) - 1.0))
    return torch.softmax(self.dense(torch.cat([x, ebv[:, None]], 1)), -1)


class _Network(nn.Module):

  def __init__(self, net, survey, size):
    super().__init__()
    trunk = {0: _net_p, 4: _net_s3, 5: _net_q}[net]
    self.trunk, features, units = trunk(len(survey.bands), size)
    self.dense = nn.Sequential(nn.Linear(features + 1, units), nn.ReLU(), nn.Linear(units, units),
                               nn.ReLU())
    self.redshift = nn.Linear(units, survey.outputs * survey.bins)
    self.magnitude = nn.Linear(units, survey.outputs)
    self.shape = (-1, survey.outputs, survey.bins)

  def forward(self, flux, ebv):
    x = self.trunk(torch.sign(flux) * (torch.sqrt(torch.abs(flux) + 1.0) - 1.0))
    features = self.dense(torch.cat([x, ebv[:, None]], 1))
    return self.redshift(features).view(self.shape), self.magnitude(features)


class _Loss:
  """As `losses.hard_label_loss` and `losses.magnitude_loss`."""

  def __init__(self, survey, device):
    outputs = torch.as_tensor(own_outputs_of_rows(survey), device=device).long()
    self.outputs, self.weights = outputs, torch.ones_like(outputs, dtype=torch.float32)
    self.weights[:, 1] = (outputs[:, 0] != outputs[:, 1]).float()
    self.magnitudes = torch.as_tensor(row_magnitude_targets(survey), device=device)

  def __call__(self, z_logits, r_logits, bins, rows):
    outputs, flat = self.outputs[rows], z_logits.mean(-1)
    at_label = z_logits.flatten(1).gather(1, outputs * z_logits.shape[2] + bins[:, None])
    loss = (torch.logsumexp(z_logits, -1) - flat).sum(1)
    loss = loss + (self.weights[rows] * (flat.gather(1, outputs) - at_label)).sum(1)
    return loss.mean() + F.cross_entropy(r_logits, self.magnitudes[rows])
