"""What a forecast by quantiles needs of memory.

Sizes: D of a token, F of the feed-forward block, P steps of a patch, T tokens of context and horizon, K of
the horizon alone; rows = series x variates, of the series that are forecast at once. Everything is in
numbers of the layers' dtype, unless it says bytes:

    weights       all parameters
    prepared      on x86 processors every linear map of the layers once more, in the layout that products want
                  there; 30 MiB of code of libraries
    prefill       rows T tokens in a layer, each 5 D, three times queries, keys and values, and their mixture,
                  or 3 D + 2 F (4 F without that layout); 80 bytes for every step, for its statistics; with
                  missing patches the masks of attention, rows T^2 bytes
    shared cache  with blocks, rows T keys and values in every time layer
    step          rows K predicted patches, each 8 D in the head, and 9 P quantiles of 32 bytes in units
    results       rows of all series x horizon x 9, twice

Nothing belongs to single paths, for there are none.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from toto.inference.budget import tokens_at_once
from toto.inference.memory_demand import CODE_OF_LIBRARIES, layers_dtype
from toto.inference.memory_estimate import MemoryEstimate
from toto.kernels.linear_maps import BLOCKED_DTYPES
from toto.model.feed_forward import Linear
from toto.model2.toto2 import LEVELS, Toto2Model


@dataclass(frozen=True)
class Demand2:
    """Series of `num_variates` rows each, with the same horizon.

    in_blocks: whether the horizon takes several passes, which keep keys and values.
    series_bytes: size of a value of the series.
    """

    model: Toto2Model
    num_series: int
    num_variates: int
    horizon: int
    in_blocks: bool
    series_bytes: int

    def estimate(self, num_steps: int, series_at_once: int) -> MemoryEstimate:
        """The bytes of every part, for contexts of at most `num_steps`."""
        rows, size = series_at_once * self.num_variates, self.model.config.patch_size
        tokens, cached = self.tokens(num_steps), self._cached_of_a_token if self.in_blocks else 0
        layer = tokens * (self._numbers_of_a_token * self._number + 80 * size + tokens)
        predicted = self.num_patches * (32 * self.model.config.d_model + 32 * len(LEVELS) * size)
        results = 2 * self.num_variates * self.horizon * len(LEVELS) * self.series_bytes
        return MemoryEstimate(
            weights=self._weights,
            prepared=self._prepared,
            prefill=rows * layer,
            shared_cache=rows * tokens * cached,
            own_cache=0,
            step=rows * predicted,
            results=self.num_series * results,
            series_per_batch=series_at_once,
            samples_per_batch=1,
        )

    def together(self, num_steps: int, series_at_once: int, budget: int) -> bool:
        """Whether so many series with contexts of at most `num_steps` are fast together and fit a budget."""
        tokens = series_at_once * self.num_variates * self.tokens(num_steps)
        fast = tokens <= tokens_at_once(self.model.device)
        return fast and self.estimate(num_steps, series_at_once).working <= budget

    def tokens(self, num_steps: int) -> int:
        """Tokens of a row, of its context and its horizon."""
        return -(-num_steps // self.model.config.patch_size) + self.num_patches

    @property
    def num_patches(self) -> int:
        """Patches that the horizon begins."""
        return -(-self.horizon // self.model.config.patch_size)

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
        """Bytes of the keys and values of a token, in all time layers."""
        config = self.model.config
        time_layers = sum(not config.is_variate_layer(index) for index in range(config.num_layers))
        return config.num_groups * (config.qk_dim + config.v_dim) * time_layers * self._number

    @cached_property
    def _prepared(self) -> int:
        maps = [m.weight for m in self.model.transformer.modules() if isinstance(m, Linear)]
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
