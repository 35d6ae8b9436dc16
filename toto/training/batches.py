"""Batches by step number: the same run configuration and step always give the same batch."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from toto.training.config import PretrainConfig
from toto.training.synthetic import sample_batch


class Batch(NamedTuple):
    """`SyntheticBatch` as tensors: series in units, observed True where real, a group id per variate."""

    series: Float[Tensor, "batch variates time"]
    observed: Bool[Tensor, "batch variates time"]
    group_ids: Int[Tensor, "batch variates 1"]

    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the backbone takes: series, observed and group ids, [batch, variates, time] each."""
        return self.series, self.observed, self.group_ids.expand_as(self.series)

    def to(self, device: torch.device) -> "Batch":
        """The batch on another device."""
        return Batch(*(t.to(device, non_blocking=True) for t in self))

    def split(self, num_parts: int) -> list["Batch"]:
        """The batch as equal parts of its rows."""
        return [Batch(*parts) for parts in zip(*(t.chunk(num_parts) for t in self), strict=True)]


def batch_of_step(config: PretrainConfig, step: int) -> Batch:
    """The batch that step `step` of a run trains on."""
    rng = np.random.default_rng([config.seed, step])
    lengths = list(config.context_shares)
    shares = np.array(list(config.context_shares.values()))
    length = lengths[int(rng.choice(len(lengths), p=shares / shares.sum()))]
    sampled = sample_batch(
        rng,
        config.num_rows(length) * config.num_variates,
        length,
        num_variates=config.num_variates,
        patch_size=config.model.patch_size,
        grouped_share=config.grouped_share,
        missing_share=config.missing_share,
    )
    series, observed, group_ids = (torch.from_numpy(array) for array in sampled)
    return Batch(series, observed, group_ids[..., :1].clone())
