"""The model of the second generation as users hold it: made from a configuration, or from a checkpoint."""

from operator import index
from typing import Any, NamedTuple, SupportsIndex, cast

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from toto import kernels
from toto.errors import InputError
from toto.model.pretrained import Pretrained
from toto.model2.cache import Past
from toto.model2.config import Toto2Config
from toto.model2.decoding import Plan, decode
from toto.model2.feed_forward import ResidualMlp
from toto.model2.inputs import prepare
from toto.model2.scaler import Observed, Patches, PatchScale, causal_scale, moments_by_patch
from toto.model2.transformer import Transformer
from toto.model2.visibility import Visible, groups_by_patch

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Toto2Output(NamedTuple):
    """Quantiles in scaled space of what follows each patch, and the map out of it: loc + scale * sinh(value).

    Entry j of patch i, of patch_size * num_output_patches entries, predicts step j after the end of patch i;
    `loc` and `scale` hold for every step of each patch.
    """

    quantiles: Float[Tensor, "levels *batch variates patches entries"]
    loc: Float[Tensor, "*batch variates time"]
    scale: Float[Tensor, "*batch variates time"]


class Toto2Model(Pretrained):
    """Patch embedding, transformer and quantile head of one configuration, with random weights.

    `from_pretrained` loads one. `forecast` takes a dictionary of tensors and gives quantiles, as the
    published package does; `Toto2Forecaster` takes series of any kind.

    source: what it was loaded from: an absolute path, or a hub id; None: nothing.
    adapter: what is merged into its weights; `save_pretrained` writes it in their place.
    """

    generation = 2
    config_class = Toto2Config
    config: Toto2Config

    def __init__(self, config: Toto2Config) -> None:
        super().__init__()
        self.config = config
        size, width = config.patch_size, config.d_model
        self.patch_proj = ResidualMlp(2 * size, 4 * width, width, power=0.5)
        self.transformer = Transformer(config)
        num_knots = len(LEVELS) * size * config.num_output_patches
        head = ResidualMlp(width, 4 * width, num_knots, power=1.0)  # a readout
        self.output_head = nn.ModuleDict({"param_projection": nn.ModuleDict({"proj": head})})
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @classmethod
    def from_config(cls, config: Toto2Config) -> "Toto2Model":
        """A model of this configuration, with random weights."""
        return cls(config)

    @property
    def backbone(self) -> "Toto2Model":
        """The model itself."""
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> "Toto2Model":
        """Move or cast, and drop what was derived from the weights as they were."""
        moved: Toto2Model = super()._apply(fn, recurse)
        kernels.forget(self.parameters())
        return moved

    def forecast(
        self,
        inputs: Any,
        horizon: SupportsIndex,
        decode_block_size: SupportsIndex | None = None,
        has_missing_values: bool = True,
        scaler_fallback_min_obs: SupportsIndex = 0,
        quantile_real_cap_k: float = 0.0,
    ) -> Float[Tensor, "levels *batch variates horizon"]:
        """Quantiles of the next steps of every target, in units, at the levels 0.1, 0.2, ... 0.9.

        Args:
            inputs: a dictionary of tensors. `target` [..., variates, time] is a context of any length, with
                `target_mask` (True where a value is real; None: where it is finite) and `series_ids` [...,
                variates] (variates of equal ids see each other; None: all do). Covariates are
                `known_dynamic`, from the same first step on and as far into the horizon as they are known,
                `known_dynamic_mask` and `known_dynamic_series_ids`. NaN and infinite values are missing.
            horizon: steps to forecast.
            decode_block_size: None predicts the horizon in one pass, which is fastest, and best for short
                ones. Otherwise so many steps at once, a multiple of the patch size; the medians of a
                block are the context of the next.
            has_missing_values: accepted for published code. What is missing is seen from the masks, and
                attention is masked only where it must be.
            scaler_fallback_min_obs: scale patches with fewer values so far by the first so many of the
                series; 0: never.
            quantile_real_cap_k: keep forecasts within so many scales of the range of the context; 0: no
                limit.

        Returns:
            [levels, ..., variates, horizon], in float32, or float64 for targets in float64 or whole numbers.

        Raises:
            InputError: an argument that breaks a rule; the message names it.
        """
        num_steps = _whole_number("horizon", horizon, at_least=1)
        plan = self._plan(num_steps, decode_block_size, scaler_fallback_min_obs, quantile_real_cap_k)
        num_future = -(-num_steps // self.config.patch_size)
        prepared, leading = prepare(inputs, num_future, self.config.patch_size, self.device)
        quantiles = decode(self, prepared, plan)[..., :num_steps]
        return quantiles.reshape(len(LEVELS), *leading, *quantiles.shape[2:])

    def _plan(self, num_steps: int, block: Any, fallback_min_observed: Any, cap: float) -> Plan:
        size = self.config.patch_size
        if self.config.num_output_patches != 1:
            raise InputError(
                f"forecast needs a model with num_output_patches 1, got {self.config.num_output_patches}: "
                "call the model itself for what it predicts after each patch"
            )
        block_steps = _whole_number("decode_block_size", 0 if block is None else block, 0)
        if block_steps % size:
            raise InputError(
                f"decode_block_size must be a multiple of the patch size {size}, got {block_steps}"
            )
        if not 0 <= cap < float("inf"):
            raise InputError(f"quantile_real_cap_k must be at least 0 and finite, got {cap!r}")
        fallback = _whole_number("scaler_fallback_min_obs", fallback_min_observed, 0)
        return Plan(block_steps // size or -(-num_steps // size), fallback, float(cap))

    def forward(
        self,
        target: Float[Tensor, "*batch variates time"],
        target_mask: Bool[Tensor, "*batch variates time"],
        cpm_mask: Bool[Tensor, "*batch variates time"],
        series_ids: Shaped[Tensor, "*batch variates"],
        num_return_steps: int | None = None,
    ) -> Toto2Output:
        """Predict what follows every patch, in one pass, as training does.

        Args:
            target: series in units, in whole patches.
            target_mask: True where a value is real.
            cpm_mask: False where a value is hidden, to be predicted.
            series_ids: variates of equal ids see each other.
            num_return_steps: only the last so many patches (None: all).

        Raises:
            InputError: time is not a multiple of the patch size.
        """
        size, leading = self.config.patch_size, target.shape[:-2]
        if target.shape[-1] == 0 or target.shape[-1] % size:
            raise InputError(f"target must hold whole patches of {size} steps, got {target.shape[-1]} steps")
        values, real, shown = (
            t.reshape(-1, *t.shape[-2:]).unflatten(-1, (-1, size)) for t in (target, target_mask, cpm_mask)
        )
        real = real & values.isfinite()
        observed = real & shown
        patches = torch.where(observed, values, 0.0)
        scale = causal_scale(moments_by_patch(patches, observed))
        ids = series_ids.reshape(-1, series_ids.shape[-1]).unique(return_inverse=True)[1]
        groups = groups_by_patch(ids, unseen=~real.any(-1) & shown.all(-1))
        num_patches = groups.shape[-1]
        num_returned = num_patches if num_return_steps is None else min(num_return_steps, num_patches)
        tokens = self.embed(patches, observed, scale)
        hidden, _ = self.transformer(tokens, Visible.of(groups, num_patches), Past(), 0, num_returned)
        returned = [s[:, :, num_patches - num_returned :].expand(-1, -1, -1, size).flatten(-2) for s in scale]
        loc, spread = (s.to(target.dtype).reshape(*leading, *s.shape[1:]) for s in returned)
        knots = self.knots(hidden)
        return Toto2Output(knots.reshape(len(LEVELS), *leading, *knots.shape[2:]), loc, spread)

    def embed(
        self, patches: Patches, observed: Observed, scale: PatchScale
    ) -> Float[Tensor, "batch variates patches d_model"]:
        """Tokens of patches in units, before any layer."""
        dtype = self.patch_proj.linear1.weight.dtype
        scaled = scale.scaled(patches, observed, dtype)
        return self.patch_proj(torch.cat([scaled, (~observed).to(dtype)], dim=-1))

    def knots(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "levels *batch entries"]:
        """Quantiles in scaled space of what follows each token."""
        head = cast(ResidualMlp, self.output_head.get_submodule("param_projection.proj"))
        return head(hidden.to(head.linear1.weight.dtype)).unflatten(-1, (-1, len(LEVELS))).movedim(-1, 0)


def _whole_number(name: str, value: Any, at_least: int) -> int:
    try:
        number = -1 if isinstance(value, bool) else index(value)
    except TypeError:
        number = -1
    if number < at_least:
        raise InputError(f"{name} must be a whole number of at least {at_least}, got {value!r}")
    return number
