"""What the pictures of the model show: the host metrics as it takes them, and what it does to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from toto import MaskedTimeseries, Toto, kernels
from toto.inference.context import Context, prepare_context

DATA = Path(__file__).parents[1] / "examples" / "host_metrics.csv"
NAMES = ("load_1m", "memory_percent", "cached_gib", "disk_read_mib", "network_in_kib", "network_out_kib")
GROUPS = (0, 0, 0, 1, 1, 1)
FIRST, STEPS = 190, 600  # of the series: the machine wakes up, and no whole number of patches
GAP = slice(280, 330)  # of the second variate


@dataclass(frozen=True)
class Scene:
    """A model, series in two groups with a gap, and what came after them.

    context: the series as the model takes them: padded to whole patches, with masks and ids.
    """

    model: Toto
    values: Float[np.ndarray, "variates time"]
    actual: Float[np.ndarray, "variates later"]
    context: Context

    @classmethod
    def of(cls, model: Toto) -> "Scene":
        """The scene of all pictures."""
        table = pd.read_csv(DATA)[list(NAMES)].to_numpy(np.float64).T[:, FIRST:]
        values = table[:, :STEPS].copy()
        values[1, GAP] = np.nan
        series = MaskedTimeseries.from_array(values, group_ids=GROUPS)
        return cls(model, values, table[:, STEPS:], prepare_context(series, model.model))

    @property
    def patch_size(self) -> int:
        """Steps of a patch."""
        return self.model.config.patch_size

    @property
    def num_patches(self) -> int:
        """Patches of the context."""
        return self.context.series.shape[-1] // self.patch_size

    @property
    def layers_across(self) -> list[bool]:
        """For every layer whether it attends across variates, not along time."""
        return [self.model.config.is_space_layer(index) for index in range(self.model.config.num_layers)]

    def statistics(self) -> tuple[Float[np.ndarray, "variates time"], Float[np.ndarray, "variates time"]]:
        """Loc and scale of the patch of every step."""
        backbone = self.model.model
        by_step, _ = backbone.scaler.begin(self.context.series, self.context.observed)
        by_patch = (backbone.per_patch(statistic)[0, ..., -1].numpy() for statistic in by_step)
        loc, scale = (np.repeat(statistic, self.patch_size, axis=-1) for statistic in by_patch)
        return loc, scale

    def attention(self, layer: int) -> Float[np.ndarray, "rows queries keys"]:
        """Attention weights of a layer, the mean over its heads; a row is a variate, or a patch if across."""
        with torch.no_grad(), recorded_attention() as weights:
            self.model(self.context.series, self.context.observed, self.context.group_ids)
        return weights[layer].mean(1).numpy()


@contextmanager
def recorded_attention() -> Iterator[list[Tensor]]:
    """The attention weights of every layer that runs meanwhile, [rows, heads, queries, keys]."""
    weights: list[Tensor] = []
    attention = kernels.attention

    def record(
        query: Shaped[Tensor, "rows heads queries head_dim"],
        key: Shaped[Tensor, "rows heads keys head_dim"],
        value: Shaped[Tensor, "rows heads keys head_dim"],
        allowed: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        seen = torch.ones_like(scores, dtype=torch.bool).tril() if causal else allowed
        weights.append((scores if seen is None else scores.masked_fill(~seen, -torch.inf)).softmax(-1))
        return attention(query, key, value, allowed, causal)

    with mock.patch.object(kernels, "attention", record):
        yield weights
