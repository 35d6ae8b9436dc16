"""What a forecast needs of memory, and how much of it to do at once.

Sizes: D of a token, M of the feed-forward block, H heads, T time layers, P steps and q tokens in a patch,
K mixture components; a context of S tokens, to which every path appends C; rows = batch x variates; n
paths at once. Everything is in numbers of the layers' dtype, unless it says bytes:

    weights       all parameters
    prepared      unembedding and heads in one matrix, P 4K D; on x86 processors this and every linear
                  map once more, in the layout that products want there; 30 MiB of code of libraries
    prefill       rows S tokens in a layer, each max(3 D + 2 M, 10 D); 3 D + 4 M without that layout
    shared cache  rows S 2 D T, and 56 bytes for every step of the context
    own cache     rows n C 2 D T
    step          rows n times q tokens in a layer, each max(3 D + 2 M, (10 + C) D + 3 H (S + C)),
                  or P 7 K, the next prediction, or P (40 + 17 K) bytes, its draws, whichever is
                  largest; beside the last prediction, P 6 K, and twice the values of a path
    results       rows x horizon x paths, in the dtype of the series; where distributions are kept, also
                  rows x (horizon - P) x paths x 4 K, in the dtype of the heads

Within a horizon of one patch nothing is appended, and a step is the drawing alone, P (40 + 9 K) bytes.
Without a cache all S + C tokens take part in a step, twice: each pass is longer than the last one. Blocks
that one part frees seldom fit the next, so the peak of a forecast is the sum of the last five parts and an
eighth more, and 4 MiB that libraries take.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, SupportsIndex

import torch

from toto.errors import InputError
from toto.inference.arguments import count, count_or_auto
from toto.inference.budget import memory_budget
from toto.inference.recovery import equal_part
from toto.kernels.linear_maps import BLOCKED_DTYPES
from toto.model.backbone import TotoBackbone
from toto.model.config import TotoConfig
from toto.model.feed_forward import Linear
from toto.model.precision import set_precision
from toto.model.toto import Toto

_BETWEEN_BLOCKS = 1.125
_LIBRARIES = 4 * 2**20
_CODE_OF_LIBRARIES = 30 * 2**20
# Tokens in one pass through the layers beyond which more are not faster. Measured on one core of a
# processor, a token costs 15 % more among 64 than among 1024, and 3 % more among 128; several cores want
# more. A GPU needs thousands, to fill its matrix units and to hide what each launch costs.
TOKENS_AT_ONCE = 512
TOKENS_AT_ONCE_ON_GPU = 16_384


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a forecast needs, part by part; the formula is that of `toto.inference.memory`.

    weights: the parameters.
    prepared: what the first forecast makes or loads, and all later ones find.
    prefill: working memory of encoding the context.
    shared_cache: keys, values and statistics of the context, which all paths share.
    own_cache: keys and values of the paths that are decoded at once.
    step: working memory of decoding one patch of them.
    results: the mean path or all sample paths.
    samples_per_batch: how many paths are decoded at once; no bytes.
    """

    weights: int
    prepared: int
    prefill: int
    shared_cache: int
    own_cache: int
    step: int
    results: int
    samples_per_batch: int

    @property
    def working(self) -> int:
        """The peak of a forecast beside the weights and what is prepared."""
        parts = self.prefill + self.shared_cache + self.own_cache + self.step + self.results
        return int(_BETWEEN_BLOCKS * parts) + _LIBRARIES

    @property
    def total(self) -> int:
        """The peak of everything."""
        return self.weights + self.prepared + self.working

    def __str__(self) -> str:
        """A line for each part, in MiB."""
        parts = {f.name.replace("_", " "): getattr(self, f.name) for f in fields(self)[:-1]}
        parts |= {"working peak": self.working, "total": self.total}
        lines = (f"{name:<12}{size / 2**20:>10,.1f} MiB" for name, size in parts.items())
        return "\n".join(lines) + f", with {self.samples_per_batch} paths at once"


def estimate_memory(
    model: Any,
    *,
    context_length: SupportsIndex,
    prediction_length: SupportsIndex,
    num_variates: SupportsIndex = 1,
    batch_size: SupportsIndex = 1,
    num_samples: SupportsIndex | None = None,
    samples_per_batch: SupportsIndex | Literal["auto"] = "auto",
    use_kv_cache: bool = True,
    keep_distribution: bool = False,
    series_dtype: torch.dtype = torch.float32,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> MemoryEstimate:
    """The memory that `TotoForecaster.forecast` needs, to about a fifth.

    Args:
        model: a `Toto`, its backbone, or a `TotoConfig`.
        context_length, prediction_length, num_variates, batch_size: sizes of the forecast.
        num_samples, samples_per_batch, use_kv_cache, keep_distribution: as in the forecast; what "auto"
            gives depends on the memory that is free now.
        series_dtype: of the forecast; float64 if the series are in float64 or whole numbers.
        dtype, device: of the weights (None: as they are; of a configuration, float32 on the host).

    Raises:
        InputError: no model, or a size that is no whole number of at least 1.
    """
    backbone = _backbone(model, dtype)
    place = torch.device(device or ("cpu" if backbone.device.type == "meta" else backbone.device))
    steps, config = count("context_length", context_length), backbone.config
    demand = Demand(
        backbone,
        place,
        num_rows=count("batch_size", batch_size) * count("num_variates", num_variates),
        num_steps=steps + -steps % (config.patch_size if steps < config.patch_size else config.stride),
        horizon=count("prediction_length", prediction_length),
        num_samples=None if num_samples is None else count("num_samples", num_samples),
        series_bytes=series_dtype.itemsize,
        use_kv_cache=use_kv_cache,
        keep_distribution=keep_distribution,
    )
    at_most = count_or_auto("samples_per_batch", samples_per_batch)
    return demand.estimate(demand.paths_at_once(at_most, memory_budget(place)))


@dataclass(frozen=True)
class Demand:
    """A forecast of one batch, as far as memory is concerned.

    num_rows: batch x variates. num_steps: of the context, in whole patches. num_samples: None is the mean
    path. series_bytes: size of a value of the series.
    """

    backbone: TotoBackbone
    device: torch.device
    num_rows: int
    num_steps: int
    horizon: int
    num_samples: int | None
    series_bytes: int
    use_kv_cache: bool = True
    keep_distribution: bool = False

    def paths_at_once(self, at_most: int | None, budget: int) -> int:
        """Paths to decode at once, in equal parts; without a limit, what is fast and fits the budget."""
        if at_most is None:
            one = self.estimate(1)
            for_paths = (budget - _LIBRARIES) / _BETWEEN_BLOCKS - one.prefill - one.shared_cache - one.results
            at_most = int(for_paths) // (one.own_cache + one.step)
            if self._appended:  # else no path runs through the layers
                at_most = min(at_most, self._tokens_at_once // (self.num_rows * self._step_tokens))
        return equal_part(self.num_samples or 1, max(1, at_most))

    def series_at_once(self, num_series: int, at_most: int | None, budget: int) -> int:
        """How many of `num_series` like this one to forecast at once, each with `paths_at_once` paths."""
        paths = self.paths_at_once(at_most, budget)
        tokens = max(self._context_tokens, paths * self._step_tokens if self._appended else 0)
        fast = self._tokens_at_once // (self.num_rows * tokens)
        fitting = budget // self.estimate(paths).working
        return equal_part(num_series, max(1, min(fast, fitting)))

    def estimate(self, paths_at_once: int) -> MemoryEstimate:
        """The bytes of every part."""
        config, paths = self.backbone.config, self.num_rows * paths_at_once
        num_time_layers = sum(not config.is_space_layer(i) for i in range(config.num_layers))
        cached = 2 * config.embed_dim * num_time_layers * self._number  # keys and values of a token
        prefill = self._context_tokens * max(self._feed_forward, 10 * config.embed_dim) * self._number
        own_tokens = self._appended if self.use_kv_cache or not self._appended else 2 * self._step_tokens
        return MemoryEstimate(
            weights=sum(p.numel() * p.element_size() for p in self.backbone.parameters()),
            prepared=self._prepared(),
            prefill=self.num_rows * max(prefill, 80 * self.num_steps),
            shared_cache=self.num_rows * (self._context_tokens * cached + 56 * self.num_steps),
            own_cache=paths * own_tokens * cached,
            step=paths * (self._step() + 2 * self.horizon * self.series_bytes),
            results=self.num_rows * (self.num_samples or 1) * self._result(),
            samples_per_batch=paths_at_once,
        )

    def _result(self) -> int:
        """Bytes that are kept of a path of one row."""
        config, values = self.backbone.config, self.horizon * self.series_bytes
        if not self.keep_distribution:
            return values
        later = max(0, self.horizon - config.patch_size)  # all paths share the first patch
        return values + later * 4 * config.k_components * self._head_number

    def _step(self) -> int:
        """Working bytes of decoding a patch of one row of one path."""
        config = self.backbone.config
        components, steps = config.k_components, min(config.patch_size, self.horizon)
        if not self._appended:
            return steps * (40 + 9 * components)
        prediction = steps * 6 * components * self._head_number
        attention = (10 + self._appended) * config.embed_dim
        attention += 3 * config.num_heads * (self._context_tokens + self._appended)
        layer = self._step_tokens * max(self._feed_forward, attention) * self._number
        return prediction + max(layer, prediction * 7 // 6, steps * (40 + 17 * components))

    def _prepared(self) -> int:
        backbone, config = self.backbone, self.backbone.config
        heads = config.patch_size * backbone.output_distribution.num_outputs * config.embed_dim
        maps = [m.weight for m in backbone.modules() if isinstance(m, Linear)]
        copies = sum(w.numel() * w.element_size() for w in maps if self._blocked(w.dtype))
        copied_heads = self._blocked(backbone.output_distribution.df.weight.dtype)
        return heads * self._head_number * (2 if copied_heads else 1) + copies + _CODE_OF_LIBRARIES

    def _blocked(self, dtype: torch.dtype) -> bool:
        return self.device.type == "cpu" and dtype in BLOCKED_DTYPES

    @property
    def _layers_dtype(self) -> torch.dtype:
        """That of the linear maps of layers, of keys and values."""
        maps = (m.weight.dtype for m in self.backbone.transformer.modules() if isinstance(m, Linear))
        return next(maps, torch.float32)  # none, where all were replaced by quantised ones, say

    @property
    def _number(self) -> int:
        """Size of a number in the layers."""
        return self._layers_dtype.itemsize

    @property
    def _head_number(self) -> int:
        """Size of a number in the heads, which compute in float32 or better."""
        return max(4, self.backbone.unembed.weight.element_size())

    @property
    def _feed_forward(self) -> int:
        """Numbers that the feed-forward block of one token holds at its widest."""
        config = self.backbone.config
        return 3 * config.embed_dim + (2 if self._blocked(self._layers_dtype) else 4) * config.mlp_hidden_dim

    @property
    def _tokens_at_once(self) -> int:
        return TOKENS_AT_ONCE if self.device.type == "cpu" else TOKENS_AT_ONCE_ON_GPU

    @property
    def _context_tokens(self) -> int:
        """S, with the label of a variate."""
        return self.backbone.patch_embed.num_patches(self.num_steps) + self.backbone.num_prepended_tokens

    @property
    def _appended(self) -> int:
        """C: the last patch is not fed back."""
        config = self.backbone.config
        return (-(-self.horizon // config.patch_size) - 1) * (config.patch_size // config.stride)

    @property
    def _step_tokens(self) -> int:
        """Tokens of one row that run through the layers to append a patch to a path."""
        config = self.backbone.config
        if self.use_kv_cache:
            return config.patch_size // config.stride
        return self._context_tokens + self._appended


def _backbone(model: Any, dtype: torch.dtype | None) -> TotoBackbone:
    """The backbone of a model as it is; of a configuration or in another dtype, one without weights."""
    backbone = model.model if isinstance(model, Toto) else model
    config = backbone.config if isinstance(backbone, TotoBackbone) else backbone
    if not isinstance(config, TotoConfig):
        raise InputError(f"model must be a Toto, its backbone or a TotoConfig, got {model!r}")
    if isinstance(backbone, TotoBackbone) and dtype is None:
        return backbone
    with torch.device("meta"):
        backbone = TotoBackbone(config)
    set_precision(backbone, dtype or torch.float32)
    return backbone
