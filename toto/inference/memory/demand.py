"""What a forecast needs of memory.

Sizes: D of a token, M of the feed-forward block, H heads, T time layers, P steps and q tokens in a patch,
K mixture components; a context of S tokens, to which every path appends C; rows = series x variates, of the
series that are forecast at once; n paths at once. Everything is in numbers of the layers' dtype, unless it
says bytes:

    weights       all parameters
    prepared      unembedding and heads in one matrix, P 4K D; on x86 processors this, unless the horizon is
                  within a patch, and every linear map once more, in the layout that products want there;
                  30 MiB of code of libraries
    prefill       rows S tokens in a layer, each max(3 D + 2 M, 10 D); 3 D + 4 M without that layout
    shared cache  rows S 2 D T, and 56 bytes for every step of the context
    own cache     rows n C 2 D T
    step          rows n times whichever is largest: q tokens in a layer, each
                  max(3 D + 2 M, (10 + C) D + 3 H (S + C)); P 7 K, the next prediction, while it is made;
                  P 6 K, the prediction, with P (40 + 17 K) bytes, its draws; and twice the values of a path
    results       rows of all series x horizon x paths, in the dtype of the series; where distributions are
                  kept, also rows x (horizon - P) x paths x 4 K, in the dtype of the heads; those of the
                  series at once a second time, unless all are

Within a horizon of one patch nothing is appended, and a step is the drawing alone, P (90 + K) bytes.
Without a cache all S + C tokens take part in a step, twice: each pass is longer than the last one. The peak
of a forecast is the sum of the last five parts and an eighth more, because blocks that one part frees seldom
fit the next, and 4 MiB that libraries take.
"""

from dataclasses import dataclass

import torch
from torch import nn

from toto.inference.memory.estimate import MemoryEstimate
from toto.kernels.linear_maps import BLOCKED_DTYPES
from toto.model.backbone import TotoBackbone
from toto.model.feed_forward import Linear

CODE_OF_LIBRARIES = 30 * 2**20


@dataclass(frozen=True)
class Demand:
    """A forecast of series of one shape, as far as memory is concerned.

    num_steps: of the context, in whole patches. num_samples: None is the mean path. series_bytes: size of a
    value of the series.
    """

    backbone: TotoBackbone
    device: torch.device
    num_series: int
    num_variates: int
    num_steps: int
    horizon: int
    num_samples: int | None
    series_bytes: int
    use_kv_cache: bool = True
    keep_distribution: bool = False
    joint_draws: bool = False

    def estimate(self, series_at_once: int, paths_at_once: int) -> MemoryEstimate:
        """The bytes of every part."""
        config, rows = self.backbone.config, series_at_once * self.num_variates
        num_time_layers = sum(not config.is_space_layer(i) for i in range(config.num_layers))
        cached = 2 * config.embed_dim * num_time_layers * self._number  # keys and values of a token
        prefill = self.context_tokens * max(self._feed_forward, 10 * config.embed_dim) * self._number
        own_tokens = self.appended if self.use_kv_cache or not self.appended else 2 * self.step_tokens
        held_twice = series_at_once if series_at_once < self.num_series else 0
        return MemoryEstimate(
            weights=sum(p.numel() * p.element_size() for p in self.backbone.parameters()),
            prepared=self._prepared(),
            prefill=rows * max(prefill, 80 * self.num_steps, self._errors_of_the_context()),
            shared_cache=rows * (self.context_tokens * cached + 56 * self.num_steps),
            own_cache=rows * paths_at_once * own_tokens * cached,
            step=rows * paths_at_once * (self._step() + 2 * self.horizon * self.series_bytes),
            results=(self.num_series + held_twice) * self._results_of_a_series(),
            series_per_batch=series_at_once,
            samples_per_batch=paths_at_once,
        )

    @property
    def context_tokens(self) -> int:
        """S, with the label of a variate."""
        return self.backbone.patch_embed.num_patches(self.num_steps) + self.backbone.num_prepended_tokens

    @property
    def appended(self) -> int:
        """C: the last patch is not fed back."""
        config = self.backbone.config
        return (self.num_patches - 1) * (config.patch_size // config.stride)

    @property
    def num_patches(self) -> int:
        """Passes through the layers: one over the context, and one for each patch that is appended."""
        return -(-self.horizon // self.backbone.config.patch_size)

    @property
    def step_tokens(self) -> int:
        """Tokens of one row that run through the layers to append a patch to a path."""
        config = self.backbone.config
        if self.use_kv_cache:
            return config.patch_size // config.stride
        return self.context_tokens + self.appended

    def _results_of_a_series(self) -> int:
        config, values = self.backbone.config, self.horizon * self.series_bytes
        if self.keep_distribution:
            later = max(0, self.horizon - config.patch_size)  # all paths share the first patch
            values += later * 4 * config.k_components * self._head_number
        return self.num_variates * (self.num_samples or 1) * values

    def _errors_of_the_context(self) -> int:
        """Working bytes of predicting every patch of the context of a row, for joint draws."""
        if not self.joint_draws:
            return 0
        patch_size, head = self.backbone.config.patch_size, self.backbone.output_distribution
        return self.context_tokens * patch_size * 3 * head.num_outputs * self._head_number

    def _step(self) -> int:
        """Working bytes of decoding a patch of one row of one path."""
        config = self.backbone.config
        components, steps = config.k_components, min(config.patch_size, self.horizon)
        if not self.appended:
            return steps * (90 + components)
        attention = (10 + self.appended) * config.embed_dim
        attention += 3 * config.num_heads * (self.context_tokens + self.appended)
        layer = self.step_tokens * max(self._feed_forward, attention) * self._number
        prediction = steps * components * self._head_number
        return max(layer, 7 * prediction, 6 * prediction + steps * (40 + 17 * components))

    def _prepared(self) -> int:
        backbone, config = self.backbone, self.backbone.config
        heads = config.patch_size * backbone.output_distribution.num_outputs * config.embed_dim
        maps = [m.weight for m in backbone.modules() if isinstance(m, Linear)]
        copies = sum(w.numel() * w.element_size() for w in maps if self._blocked(w.dtype))
        whole_patch = self.horizon >= config.patch_size
        copied_heads = whole_patch and self._blocked(backbone.output_distribution.df.weight.dtype)
        return heads * self._head_number * (2 if copied_heads else 1) + copies + CODE_OF_LIBRARIES

    def _blocked(self, dtype: torch.dtype) -> bool:
        return self.device.type == "cpu" and dtype in BLOCKED_DTYPES

    @property
    def _number(self) -> int:
        """Size of a number in the layers."""
        return layers_dtype(self.backbone.transformer).itemsize

    @property
    def _head_number(self) -> int:
        """Size of a number in the heads, which compute in float32 or better."""
        return max(4, self.backbone.unembed.weight.element_size())

    @property
    def _feed_forward(self) -> int:
        """Numbers that the feed-forward block of one token holds at its widest."""
        config = self.backbone.config
        blocked = self._blocked(layers_dtype(self.backbone.transformer))
        return 3 * config.embed_dim + (2 if blocked else 4) * config.mlp_hidden_dim


def layers_dtype(transformer: nn.Module) -> torch.dtype:
    """That of the linear maps of layers, of keys and values."""
    maps = (m.weight.dtype for m in transformer.modules() if isinstance(m, Linear))
    return next(maps, torch.float32)  # none, where all were replaced by quantised ones, say
