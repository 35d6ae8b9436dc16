"""Scaling: every patch by statistics of the values known at its end.

A scaler turns a context into a loc and a scale for every step (`begin`) and goes on from what it
remembers when values are appended (`advance`); nothing is computed twice, and no step depends on
a later one (but for the plain scaler, which uses one loc and scale of the whole context).
Statistics run in float64, or float32 where the device has none, and carry no gradient.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from toto.errors import InputError
from toto.model.moments import Moments


class ScalingState(NamedTuple):
    """What a scaler remembers of the past: moments, and the limits of its scale (None: no limits)."""

    moments: Moments
    lowest: Float[Tensor, "*batch"] | None
    highest: Float[Tensor, "*batch"] | None

    def each(self, change: Callable[[Tensor], Tensor]) -> "ScalingState":
        """The state with every tensor changed."""
        num_observed, mean, squares = (change(t) for t in self.moments)
        lowest, highest = (None if t is None else change(t) for t in (self.lowest, self.highest))
        return ScalingState(Moments(num_observed, mean, squares), lowest, highest)

    def with_branch_axis(self) -> "ScalingState":
        """The state of one branch: [...] becomes [..., 1]."""
        return self.each(lambda t: t[..., None])

    def fan_out(self, num_branches: int) -> "ScalingState":
        """The same past for every branch: [..., 1] becomes [..., num_branches], as views."""
        return self.each(lambda t: t.expand(*t.shape[:-1], num_branches))


class Scale(NamedTuple):
    """`scaled = (values - loc) / scale`, for every step."""

    loc: Float[Tensor, "*batch time"]
    scale: Float[Tensor, "*batch time"]


class Scaler(nn.Module, ABC):
    """What all scalers share."""

    one_per_series = False  # whether one loc and scale serve every step

    @abstractmethod
    def begin(
        self,
        values: Shaped[Tensor, "*batch time"],
        weights: Shaped[Tensor, "*batch time"],
        context_length: int | None = None,
    ) -> tuple[Scale, ScalingState]:
        """Loc and scale of every step, and the state after the last one.

        `weights` is 1 (True) where a value is real and 0 elsewhere; global statistics are those
        of the first `context_length` steps (None: all).
        """

    @abstractmethod
    def advance(
        self,
        state: ScalingState,
        values: Shaped[Tensor, "*batch time"],
        weights: Shaped[Tensor, "*batch time"] | None = None,
    ) -> tuple[Scale, ScalingState]:
        """Loc and scale of further steps, and the state after them; without weights all are real."""

    @abstractmethod
    def per_patch(
        self, statistic: Float[Tensor, "*batch time"], patch_size: int, stride: int
    ) -> Float[Tensor, "*batch patches steps"]:
        """A loc or scale of every step as one of every patch, with 1 or patch_size steps each."""

    @torch.no_grad()
    def forward(
        self,
        data: Float[Tensor, "*batch time"],
        padding_mask: Shaped[Tensor, "*batch time"],
        weights: Shaped[Tensor, "*batch time"],
        prefix_length: int | None = None,
    ) -> tuple[Float[Tensor, "*batch time"], Float[Tensor, "*batch steps"], Float[Tensor, "*batch steps"]]:
        """Scaled data, loc and scale, in the dtype of `data` (the interface of toto-ts).

        `padding_mask` is True where a value is real; `weights` multiplies it.
        """
        weights = padding_mask * weights
        (loc, scale), _ = self.begin(torch.where(weights > 0, data, 0.0), weights, prefix_length)
        loc, scale = self._per_step(loc), self._per_step(scale)
        scaled = (data.to(loc.dtype) - loc) / scale
        return scaled.to(data.dtype), loc.to(data.dtype), scale.to(data.dtype)

    def _per_step(self, statistic: Float[Tensor, "*batch time"]) -> Float[Tensor, "*batch steps"]:
        return statistic


class CausalStdMeanScaler(Scaler):
    """Every step by the mean and standard deviation of the values up to and including it.

    With `stabilize_with_global` the scale stays within a factor 10^scale_factor_exponent of the
    standard deviation of the whole context.
    """

    def __init__(
        self,
        dim: int = -1,
        minimum_scale: float = 0.1,
        use_bessel_correction: bool = True,
        stabilize_with_global: bool = False,
        scale_factor_exponent: float = 10.0,
    ) -> None:
        super().__init__()
        _check_dim(dim)
        self.minimum_scale = minimum_scale
        self.use_bessel_correction = use_bessel_correction
        self.stabilize_with_global = stabilize_with_global
        self.scale_factor_exponent = scale_factor_exponent

    @torch.no_grad()
    def begin(
        self,
        values: Shaped[Tensor, "*batch time"],
        weights: Shaped[Tensor, "*batch time"],
        context_length: int | None = None,
    ) -> tuple[Scale, ScalingState]:
        """See `Scaler.begin`."""
        moments = Moments.empty(values[..., 0]).running(values, weights)
        lowest = highest = None
        if self.stabilize_with_global:
            last = -1 if context_length is None else context_length - 1
            spread = (moments.at(last).population_variance() + self.minimum_scale).sqrt()
            factor = 10.0**self.scale_factor_exponent
            lowest, highest = (spread / factor).clamp(min=self.minimum_scale), spread * factor
        state = ScalingState(moments.at(-1), lowest, highest)
        return self._scale(moments, state), state

    @torch.no_grad()
    def advance(
        self,
        state: ScalingState,
        values: Shaped[Tensor, "*batch time"],
        weights: Shaped[Tensor, "*batch time"] | None = None,
    ) -> tuple[Scale, ScalingState]:
        """See `Scaler.advance`."""
        moments = state.moments.running(values, torch.ones_like(values) if weights is None else weights)
        return self._scale(moments, state), state._replace(moments=moments.at(-1))

    def per_patch(
        self, statistic: Float[Tensor, "*batch time"], patch_size: int, stride: int
    ) -> Float[Tensor, "*batch patches steps"]:
        """Every step of a patch keeps its own."""
        return statistic.unfold(-1, patch_size, stride)

    def _scale(self, moments: Moments, state: ScalingState) -> Scale:
        variance = moments.sample_variance() if self.use_bessel_correction else moments.population_variance()
        scale = (variance + self.minimum_scale).sqrt()
        if state.lowest is not None and state.highest is not None:
            scale = scale.clamp(state.lowest[..., None], state.highest[..., None])
        return Scale(moments.mean, scale)


class CausalPatchStdMeanScaler(CausalStdMeanScaler):
    """Every patch by the causal statistics at its last step."""

    def __init__(
        self,
        dim: int = -1,
        patch_size: int = 32,
        minimum_scale: float = 0.1,
        use_bessel_correction: bool = True,
        stabilize_with_global: bool = False,
        scale_factor_exponent: float = 10.0,
    ) -> None:
        super().__init__(
            dim, minimum_scale, use_bessel_correction, stabilize_with_global, scale_factor_exponent
        )
        self.patch_size = patch_size

    def per_patch(
        self, statistic: Float[Tensor, "*batch time"], patch_size: int, stride: int
    ) -> Float[Tensor, "*batch patches steps"]:
        """The last step of a patch speaks for all of it."""
        return statistic.unfold(-1, patch_size, stride)[..., -1:]

    def _per_step(self, statistic: Float[Tensor, "*batch time"]) -> Float[Tensor, "*batch steps"]:
        num_steps = statistic.shape[-1]
        if num_steps % self.patch_size:
            raise InputError(
                f"data must hold whole patches of {self.patch_size} steps, got {num_steps} steps"
            )
        return statistic[..., self.patch_size - 1 :: self.patch_size].repeat_interleave(self.patch_size, -1)


class StdMeanScaler(Scaler):
    """The whole series by one mean and one population standard deviation, those of the context.

    `keepdim` is accepted for code written for toto-ts; loc and scale always keep the time axis.
    """

    one_per_series = True

    def __init__(self, dim: int = -1, keepdim: bool = True, minimum_scale: float = 1e-3) -> None:
        super().__init__()
        _check_dim(dim)
        self.minimum_scale = minimum_scale

    @torch.no_grad()
    def begin(
        self,
        values: Shaped[Tensor, "*batch time"],
        weights: Shaped[Tensor, "*batch time"],
        context_length: int | None = None,
    ) -> tuple[Scale, ScalingState]:
        """See `Scaler.begin`."""
        context = slice(None, context_length)
        moments = Moments.empty(values[..., 0]).running(values[..., context], weights[..., context]).at(-1)
        state = ScalingState(moments, None, None)
        return self._scale(state, values.shape[-1]), state

    @torch.no_grad()
    def advance(
        self,
        state: ScalingState,
        values: Shaped[Tensor, "*batch time"],
        weights: Shaped[Tensor, "*batch time"] | None = None,
    ) -> tuple[Scale, ScalingState]:
        """See `Scaler.advance`; new values change nothing here."""
        return self._scale(state, values.shape[-1]), state

    def per_patch(
        self, statistic: Float[Tensor, "*batch time"], patch_size: int, stride: int
    ) -> Float[Tensor, "*batch patches steps"]:
        """One for all patches and all their steps."""
        return statistic[..., :1, None]

    def _per_step(self, statistic: Float[Tensor, "*batch time"]) -> Float[Tensor, "*batch steps"]:
        return statistic[..., :1]

    def _scale(self, state: ScalingState, num_steps: int) -> Scale:
        spread = (state.moments.population_variance() + self.minimum_scale).sqrt()
        mean = state.moments.mean
        return Scale(
            mean[..., None].expand(*mean.shape, num_steps), spread[..., None].expand(*mean.shape, num_steps)
        )


def _check_dim(dim: int) -> None:
    if dim != -1:
        raise InputError(f"dim must be -1, as time is the last axis of a series, got {dim}")
