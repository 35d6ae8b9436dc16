"""What a forecast by quantiles needs of memory.

Sizes: D of a token, F of the feed-forward block, P steps of a patch, K patches that are predicted at once,
T tokens of the context and these; rows = series x variates, of the series that are forecast at once.
Everything is in numbers of the layers' dtype, unless it says bytes:

    weights       all parameters
    prepared      on x86 processors every linear map once more, in the layout that products want there; 30 MiB
                  of code of libraries
    prefill       rows T tokens in a layer, each 5 D, three times queries, keys and values, and their mixture,
                  or 3 D + 2 F (4 F without that layout); 80 bytes for every step, for its statistics; with
                  missing patches the masks of attention, rows T^2 bytes. Behind them the head, if that is
                  more: rows K predicted patches, each 8 D, and 9 P quantiles of 32 bytes in units
    shared cache  with blocks, keys and values of the time layers: beside the first pass those of the context,
                  but for the last layer; behind it those of all tokens, old and new ones
    results       rows of all series x horizon x 9, twice

Nothing belongs to single paths, for there are none, and the passes of later blocks are smaller than the
first. These are the bytes in use: on a processor the C library may keep some that were freed (glibc up to
four fifths of prefill, in blocks below 32 MiB), and reuses them.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from toto.inference.memory.budget import tokens_at_once
from toto.inference.memory.demand import CODE_OF_LIBRARIES, layers_dtype
from toto.inference.memory.estimate import MemoryEstimate
from toto.kernels.linear_maps import BLOCKED_DTYPES
from toto.model.feed_forward import Linear
from toto.model2.toto2 import LEVELS, Toto2Model


@dataclass(frozen=True)
class Demand2:
    """Series of `num_variates` rows each, with the same horizon.

    block: steps that are predicted in one pass; fewer than the horizon take several, which keep a cache.
    series_bytes: size of a value of the series.
    """

    model: Toto2Model
    num_series: int
    num_variates: int
    horizon: int
    block: int
    series_bytes: int

    def estimate(self, num_steps: int, series_at_once: int) -> MemoryEstimate:
        """The bytes of every part, for contexts of at most `num_steps`."""
        rows, size = series_at_once * self.num_variates, self.model.config.patch_size
        tokens = self.tokens(num_steps)
        layer = tokens * (self._numbers_of_a_token * self._number + 80 * size + tokens)
        head = self._patches(self.block) * (32 * self.model.config.d_model + 32 * len(LEVELS) * size)
        first_pass = max(layer, head)
        results = 2 * self.num_variates * self.horizon * len(LEVELS) * self.series_bytes
        return MemoryEstimate(
            weights=self._weights,
            prepared=self._prepared,
            prefill=rows * first_pass,
            shared_cache=rows * self._cache_beside(first_pass, num_steps),
            own_cache=0,
            step=0,
            results=self.num_series * results,
            series_per_batch=series_at_once,
            samples_per_batch=0,
        )

    def together(self, num_steps: int, series_at_once: int, budget: int) -> bool:
        """Whether so many series with contexts of at most `num_steps` are fast together and fit a budget."""
        tokens = series_at_once * self.num_variates * self.tokens(num_steps)
        fast = tokens <= tokens_at_once(self.model.device)
        return fast and self.estimate(num_steps, series_at_once).working <= budget

    def tokens(self, num_steps: int) -> int:
        """Tokens of a row in the first pass, of its context and what is predicted there."""
        return self._patches(num_steps) + self._patches(self.block)

    def _cache_beside(self, first_pass: int, num_steps: int) -> int:
        """Bytes of keys and values of a row where the peak is: beside the first pass, or behind it."""
        if self.block >= self.horizon:
            return 0
        context, everything = self._patches(num_steps), self._patches(num_steps) + self._patches(self.horizon)
        beside = context * max(0, self._num_time_layers - 1)
        behind = 2 * everything * self._num_time_layers
        return max(beside * self._cached_of_a_token, behind * self._cached_of_a_token - first_pass)

    def _patches(self, num_steps: int) -> int:
        return -(-num_steps // self.model.config.patch_size)

    @cached_property
    def _weights(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.model.parameters())

    @cached_property
    def _numbers_of_a_token(self) -> int:
        config = self.model.config
        projected = config.num_heads * config.qk_dim + config.num_groups * (config.qk_dim + config.v_dim)
        attention = 5 * config.d_model + 3 * projected + config.num_heads * config.v_dim
        return max(attention, 3 * config.d_model + (2 if self._blocked else 4) * config.d_ff)

    @cached_property
    def _cached_of_a_token(self) -> int:
        """Bytes of the keys and values of a token, in a layer."""
        config = self.model.config
        return config.num_groups * (config.qk_dim + config.v_dim) * self._number

    @cached_property
    def _num_time_layers(self) -> int:
        config = self.model.config
        return sum(not config.is_variate_layer(index) for index in range(config.num_layers))

    @cached_property
    def _prepared(self) -> int:
        maps = [m.weight for m in self.model.modules() if isinstance(m, Linear)]
        return CODE_OF_LIBRARIES + (sum(w.numel() * w.element_size() for w in maps) if self._blocked else 0)

    @property
    def _blocked(self) -> bool:
        return self.model.device.type == "cpu" and self._layers_dtype in BLOCKED_DTYPES

    @property
    def _number(self) -> int:
        return self._layers_dtype.itemsize

    @cached_property
    def _layers_dtype(self) -> torch.dtype:
        return layers_dtype(self.model.transformer)
