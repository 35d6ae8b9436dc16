"""Student-T distributions and mixtures of them, and the heads of the model that predict them.

Samples are exact functions of random words (`from_bits`), so that a forecast can be made to depend on a
counter and not on the order of calls; no gamma variates are needed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Distribution, constraints
from torch.distributions.constraints import Constraint
from torch.nn import functional as F

from toto.errors import InputError
from toto.kernels import accumulation_dtype
from toto.model.mixture_quantile import mixture_quantile
from toto.model.mixture_tail import element_blocks, mixture_tail
from toto.model.student_t import log1p_square, log_gamma_ratio, polar_draw

_HALF_LOG_TWO_PI = 0.9189385332046727
_WEIGHT_STEPS = 2**30  # resolution of the probability with which a component is drawn


class _WordDistribution(Distribution, ABC):
    """Distributions of real numbers whose draws are functions of random words."""

    support = constraints.real
    loc: Tensor

    @abstractmethod
    def from_bits(self, bits: Int[Tensor, "*batch words"]) -> Float[Tensor, "*batch"]:
        """The draws that three words in [0, 2**32) stand for, one per element of bits[..., 0]."""

    @abstractmethod
    def as_mixture(self) -> "MixtureOfStudentTs":
        """The same distributions as mixtures, of one component if need be."""

    @torch.no_grad()
    def cdf(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """P(X <= value), to the rounding of the dtype of the parameters; not differentiable."""
        return self._tail(value, 1.0)

    @torch.no_grad()
    def sf(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """P(X > value), with all its digits where it is small; not differentiable."""
        return self._tail(value, -1.0)

    def _tail(self, value: Float[Tensor, "..."], sign: float) -> Float[Tensor, "..."]:
        """P(sign X <= sign value)."""
        values, mixture, shape = self._by_element(value)
        values = sign * values.to(mixture[0])
        found = (values > 0).to(values)  # of infinite values
        for elements, parameters in element_blocks(mixture):
            x = values[elements]
            probability = mixture_tail(*parameters)(x, torch.full_like(x[:1], sign)).probability
            found[elements] = torch.where(x.isinf(), found[elements], probability)
        return found.clamp(max=1).T.reshape(shape).to(self.loc)  # weights sum to 1 but for rounding

    @torch.no_grad()
    def icdf(self, level: float | Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The value that X stays below with probability `level`; not differentiable.

        Levels broadcast against the batch; 0 and 1 give minus and plus infinity. The probability of the
        value is the level to 1e-12 of the smaller tail for parameters in float64, else to 1e-5.

        Raises:
            InputError: a level outside [0, 1].
        """
        levels, mixture, shape = self._by_element(_levels(level, self.loc))
        return mixture_quantile(levels, *mixture).T.reshape(shape).to(self.loc)

    def _by_element(self, values: Float[Tensor, "..."]) -> tuple[Tensor, list[Tensor], torch.Size]:
        """Values and parameters with a row per element of the batch, and the shape both broadcast to.

        A value that the batch does not share adds to its elements. Half precision becomes float32.
        """
        mixture = self.as_mixture()
        shape = torch.broadcast_shapes(values.shape, self.batch_shape)
        batch = shape[len(shape) - len(self.batch_shape) :]
        dtype = torch.promote_types(self.loc.dtype, torch.float32)
        parameters = (mixture.df, mixture.loc, mixture.scale, mixture.weights)
        num_elements, num_points = batch.numel(), shape[: len(shape) - len(batch)].numel()
        rows = [p.to(dtype).expand(*batch, -1).reshape(num_elements, p.shape[-1]) for p in parameters]
        return values.expand(shape).reshape(num_points, num_elements).T, rows, shape

    def sample(
        self, sample_shape: Sequence[int] = (), generator: Generator | None = None
    ) -> Float[Tensor, "..."]:
        """Independent draws of shape [*sample_shape, *batch_shape], without gradients.

        Random words come from `generator`, on its own device, or else from the global state of the
        device of the parameters.
        """
        device = generator.device if generator is not None else self.loc.device
        shape = (*sample_shape, *self.batch_shape, 3)
        bits = torch.randint(2**32, shape, generator=generator, device=device, dtype=torch.int64)
        return self.from_bits(bits.to(self.loc.device))


class StudentT(_WordDistribution):
    """Student-T distributions of `df` degrees of freedom, shifted by `loc` and stretched by `scale`.

    The parameters broadcast against each other to the batch shape; none is copied. Nothing is checked
    unless `validate_args`, because a check would make the host wait for the device.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def __init__(
        self,
        df: Float[Tensor, "*#batch"],
        loc: Float[Tensor, "*#batch"],
        scale: Float[Tensor, "*#batch"],
        *,
        validate_args: bool = False,
    ) -> None:
        self.df, self.loc, self.scale = _aligned(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Float[Tensor, "*batch"]:
        """`loc`; NaN where df <= 1."""
        return torch.where(self.df > 1, self.loc, torch.nan)

    @property
    def variance(self) -> Float[Tensor, "*batch"]:
        """scale^2 df / (df - 2); infinite where 1 < df <= 2, NaN where df <= 1."""
        finite = self.df > 2
        excess = torch.where(finite, self.df - 2, 1.0)
        variance = torch.where(finite, self.scale.square() * (self.df / excess), torch.inf)
        return torch.where(self.df > 1, variance, torch.nan)

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Log of the density at `value`, which broadcasts against the batch; differentiable throughout."""
        if self._validate_args:
            self._validate_sample(value)
        standard = (value - self.loc) / self.scale
        kernel = -0.5 * (self.df + 1) * log1p_square(standard / self.df.sqrt())
        return kernel + (log_gamma_ratio(0.5 * self.df) - self.scale.log() - _HALF_LOG_TWO_PI)

    @torch.no_grad()
    def from_bits(self, bits: Int[Tensor, "*batch words"]) -> Float[Tensor, "*batch"]:
        """The draws that three words in [0, 2**32) stand for, one per element of bits[..., 0].

        Uniform words give independent exact draws; the first word, which a mixture spends on the
        component, is not used. Leading axes of `bits` beyond the batch shape are further draws.

        Raises:
            InputError: the shape of `bits` is not [*batch, 3].
        """
        shape = _draw_shape(bits, self.batch_shape)
        return _scaled_draw(bits, *(p.expand(shape) for p in (self.df, self.loc, self.scale)))

    def affine(self, loc: float | Tensor, scale: float | Tensor) -> "StudentT":
        """The distribution of loc + scale * X; `loc` and `scale` broadcast against the batch."""
        return StudentT(self.df, loc + scale * self.loc, (scale * self.scale).abs())

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "StudentT":
        """The same distributions seen as a larger batch; nothing is copied."""
        return StudentT(*(p.expand(*batch_shape) for p in (self.df, self.loc, self.scale)))

    def as_mixture(self) -> "MixtureOfStudentTs":
        """The same distributions as mixtures of one component each."""
        df, loc, scale = (p[..., None] for p in (self.df, self.loc, self.scale))
        return MixtureOfStudentTs(df, loc, scale, torch.zeros_like(df))


class MixtureOfStudentTs(_WordDistribution):
    """Mixtures of Student-T distributions; the components lie on the last axis of the four parameters.

    The batch shape is the broadcast shape of the parameters without that axis. `logits` need not be
    normalised: the weights are their softmax.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "df": constraints.independent(constraints.positive, 1),
        "loc": constraints.real_vector,
        "scale": constraints.independent(constraints.positive, 1),
        "logits": constraints.real_vector,
    }

    def __init__(
        self,
        df: Float[Tensor, "*#batch #components"],
        loc: Float[Tensor, "*#batch #components"],
        scale: Float[Tensor, "*#batch #components"],
        logits: Float[Tensor, "*#batch #components"],
        *,
        validate_args: bool = False,
    ) -> None:
        self.df, self.loc, self.scale, self.logits = _aligned(df, loc, scale, logits)
        super().__init__(self.df.shape[:-1], validate_args=validate_args)

    @property
    def weights(self) -> Float[Tensor, "*batch components"]:
        """The probability of every component."""
        return self.logits.softmax(-1)

    @property
    def component_distribution(self) -> StudentT:
        """The components, with batch shape [*batch, components]."""
        return StudentT(self.df, self.loc, self.scale)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the number of the component."""
        return Categorical(logits=self.logits, validate_args=False)

    @property
    def mean(self) -> Float[Tensor, "*batch"]:
        """The weighted mean of the component means; NaN where any component has df <= 1."""
        return (self.weights * self.component_distribution.mean).sum(-1)

    @property
    def variance(self) -> Float[Tensor, "*batch"]:
        """Variance within and between components; infinite or NaN where that of any component is."""
        components = self.component_distribution
        offset = components.mean - self.mean[..., None]
        return (self.weights * (components.variance + offset.square())).sum(-1)

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Log of the density at `value`, which broadcasts against the batch; differentiable throughout."""
        if self._validate_args:
            self._validate_sample(value)
        by_component = self.component_distribution.log_prob(value[..., None])
        return (by_component + self.logits.log_softmax(-1)).logsumexp(-1)

    @torch.no_grad()
    def from_bits(self, bits: Int[Tensor, "*batch words"]) -> Float[Tensor, "*batch"]:
        """The draws that three words in [0, 2**32) stand for: one picks the component, two the value in it.

        Uniform words give independent exact draws. Leading axes of `bits` beyond the batch shape are
        further draws. Only the parameters of the picked components are read.

        Raises:
            InputError: the shape of `bits` is not [*batch, 3].
        """
        shape = _draw_shape(bits, self.batch_shape)
        picked = _picked_component(bits[..., 0], self.logits)[..., None]
        parameters = (self.df, self.loc, self.scale)
        return _scaled_draw(bits, *(p.expand(*shape, -1).gather(-1, picked).squeeze(-1) for p in parameters))

    def affine(self, loc: float | Tensor, scale: float | Tensor) -> "MixtureOfStudentTs":
        """The distribution of loc + scale * X; `loc` and `scale` broadcast against the batch."""
        components = self.component_distribution.affine(_per_component(loc), _per_component(scale))
        return MixtureOfStudentTs(components.df, components.loc, components.scale, self.logits)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "MixtureOfStudentTs":
        """The same mixtures seen as a larger batch; nothing is copied."""
        parameters = (self.df, self.loc, self.scale, self.logits)
        return MixtureOfStudentTs(*(p.expand(*batch_shape, -1) for p in parameters))

    def as_mixture(self) -> "MixtureOfStudentTs":
        """These mixtures."""
        return self


class StudentTOutput(nn.Module):
    """The head that predicts one Student-T distribution from every feature vector."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.num_outputs = 3
        self.df = nn.Linear(embed_dim, 1)
        self.loc_proj = nn.Linear(embed_dim, 1)
        self.scale_proj = nn.Linear(embed_dim, 1)

    def forward(self, features: Float[Tensor, "*batch embed_dim"]) -> StudentT:
        """Distributions of batch shape *batch, in float32 for features of half precision."""
        return self.from_projection(_project(features, *self.joint_projection()))

    def joint_projection(self) -> tuple[Float[Tensor, "outputs embed_dim"], Float[Tensor, " outputs"]]:
        """Weight and bias of all projections in one: df, loc, scale."""
        return _joint(self.df, self.loc_proj, self.scale_proj)

    def from_projection(self, projected: Float[Tensor, "*batch outputs"]) -> StudentT:
        """The distributions of the outputs of the joint projection."""
        df, loc, scale = projected.unbind(-1)
        return StudentT(2 + _positive(df), loc, _positive(scale))


class MixtureOfStudentTsOutput(nn.Module):
    """The head that predicts a mixture of `k_components` Student-T distributions from each feature vector."""

    def __init__(self, embed_dim: int, k_components: int) -> None:
        super().__init__()
        self.num_outputs = 4 * k_components
        self.df = nn.Linear(embed_dim, k_components)
        self.loc_proj = nn.Linear(embed_dim, k_components)
        self.scale_proj = nn.Linear(embed_dim, k_components)
        self.mixture_weights = nn.Linear(embed_dim, k_components)

    def forward(self, features: Float[Tensor, "*batch embed_dim"]) -> MixtureOfStudentTs:
        """Mixtures of batch shape *batch, in float32 for features of half precision."""
        return self.from_projection(_project(features, *self.joint_projection()))

    def joint_projection(self) -> tuple[Float[Tensor, "outputs embed_dim"], Float[Tensor, " outputs"]]:
        """Weight and bias of all projections in one: df, loc, scale and logits, each of all components."""
        return _joint(self.df, self.loc_proj, self.scale_proj, self.mixture_weights)

    def from_projection(self, projected: Float[Tensor, "*batch outputs"]) -> MixtureOfStudentTs:
        """The mixtures of the outputs of the joint projection."""
        df, loc, scale, logits = projected.chunk(4, -1)
        return MixtureOfStudentTs(2 + _positive(df), loc, _positive(scale), logits)


def _project(
    features: Float[Tensor, "*batch embed_dim"],
    weight: Float[Tensor, "outputs embed_dim"],
    bias: Float[Tensor, " outputs"],
) -> Float[Tensor, "*batch outputs"]:
    """The projection in float32 or better: in half precision 2 + a small softplus would round to 2."""
    with torch.autocast(features.device.type, enabled=False):
        dtype = torch.promote_types(features.dtype, torch.float32)
        return F.linear(features.to(dtype), weight.to(dtype), bias.to(dtype))


def _joint(*layers: nn.Linear) -> tuple[Float[Tensor, "outputs embed_dim"], Float[Tensor, " outputs"]]:
    return torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])


def _positive(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return F.softplus(x.contiguous()).clamp(min=torch.finfo(x.dtype).eps)  # on strides 15 times slower


def _aligned(*parameters: Tensor) -> tuple[Tensor, ...]:
    """The parameters in their common dtype, broadcast to their common shape without copies."""
    dtype = reduce(torch.promote_types, (p.dtype for p in parameters))
    return torch.broadcast_tensors(*(p.to(dtype) for p in parameters))


def _per_component(x: float | Tensor) -> float | Tensor:
    return x[..., None] if isinstance(x, Tensor) else x


def _levels(level: float | Tensor, like: Tensor) -> Tensor:
    levels = torch.as_tensor(level, dtype=accumulation_dtype(like.device), device=like.device)
    outside = levels[~((levels >= 0) & (levels <= 1))]
    if outside.numel():
        raise InputError(f"levels must lie between 0 and 1, got {outside[0].item():g}")
    return levels


def _draw_shape(bits: Tensor, batch_shape: torch.Size) -> torch.Size:
    shape = bits.shape[:-1]
    pairs = zip(reversed(batch_shape), reversed(shape), strict=False)
    if bits.shape[-1] != 3 or len(shape) < len(batch_shape) or any(b not in (1, n) for b, n in pairs):
        rule = f"must end in the batch shape {tuple(batch_shape)} and 3 words"
        raise InputError(f"the shape of bits {rule}, got {tuple(bits.shape)}")
    return shape


def _picked_component(
    word: Int[Tensor, "*draws"], logits: Float[Tensor, "*batch components"]
) -> Int[Tensor, "*draws"]:
    """The component whose share of [0, 2**32) holds the word.

    Cumulative weights are integers: their sum is exact and ordered, a component of weight 0 is never
    picked, and CUDA has no deterministic cumulative sum of floats.
    """
    weights = _without_repeats(logits).softmax(-1)
    edges = weights.mul_(_WEIGHT_STEPS).round_().to(torch.int32).cumsum(-1, dtype=torch.int32)
    position = (word[..., None] >> 2) * edges[..., -1:] // _WEIGHT_STEPS  # int64, as words are
    beyond = edges > position.to(torch.int32)
    return beyond.view(torch.uint8).argmax(-1)  # of the first; a sum would copy all of it to int64


def _without_repeats(x: Tensor) -> Tensor:
    """A view in which every axis that was expanded has length 1 again."""
    for axis, stride in enumerate(x.stride()):
        if stride == 0 and axis < x.ndim - 1:
            x = x.narrow(axis, 0, min(1, x.shape[axis]))
    return x


def _scaled_draw(
    bits: Int[Tensor, "*batch 3"],
    df: Float[Tensor, "*batch"],
    loc: Float[Tensor, "*batch"],
    scale: Float[Tensor, "*batch"],
) -> Float[Tensor, "*batch"]:
    dtype = torch.promote_types(df.dtype, torch.float32)
    return (loc + scale * polar_draw(bits[..., 1:], df.to(dtype))).to(loc.dtype)
