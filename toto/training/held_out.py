"""The loss of a model on synthetic series that no step of its run trains on."""

from dataclasses import replace

import torch

from toto.model.losses import Loss, pretraining_loss
from toto.model.toto import Toto
from toto.training.batches import Batch, batch_of_step
from toto.training.config import PretrainConfig

COLUMNS = ("step", "tokens", "seconds", "loss", "nll", "robust")
_FIRST = 2**40  # numbers of batches that no run reaches
_NUM_BATCHES = 8


def held_out_batches(config: PretrainConfig) -> list[Batch]:
    """Batches of the run's sizes and context lengths; the same for all seeds."""
    of_any_seed = replace(config, seed=0)
    return [batch_of_step(of_any_seed, _FIRST + i) for i in range(_NUM_BATCHES)]


@torch.no_grad()
def held_out_loss(model: Toto, batches: list[Batch]) -> Loss:
    """The mean loss over all counted steps of the batches."""
    losses = [_loss(model, batch.to(model.device)) for batch in batches]
    counted = torch.stack([loss.num_counted for loss in losses])
    weights = counted / counted.sum().clamp(min=1)
    total, nll, robust = (torch.stack([loss[i] for loss in losses]).mul(weights).sum() for i in range(3))
    return Loss(total, nll, robust, counted.sum())


def _loss(model: Toto, batch: Batch) -> Loss:
    patch_size, stride = model.config.patch_size, model.config.stride
    return pretraining_loss(model.model(*batch.inputs()), batch.series, batch.observed, patch_size, stride)
