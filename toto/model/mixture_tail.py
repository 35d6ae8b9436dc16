"""Tail probabilities of mixtures of Student-Ts at many points, with the density and its slope.

The dtype of the parameters decides: float64 gives all digits, float32 those of its rounding (1e-6 of the
tail, measured) some twenty times faster. Work goes by blocks that stay in the cache of a processor.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto.model.student_t import upper_tail

_CACHED, _STREAMED = 2**17, 2**24  # numbers in a block, on the host and on an accelerator
_TOGETHER = 2**18  # components that are prepared together; bounds memory
_RAISED = 4  # by twice this the float32 form raises the degrees of freedom
_FARTHEST = 1e19  # whose square still fits float32
_LARGEST_DF = 1e9  # from here on float32 does not tell the distribution from the normal one
_EXPANDED = 8.0  # log(1 + t^2 / df) up to which the expansion grows; beyond, the raised df hardly matters

Parameters = Float[Tensor, "elements components"]
Points = Float[Tensor, "rows points"]


class TailValues(NamedTuple):
    """At every point: the probability up to there, the density, and the derivative of the density."""

    probability: Points
    density: Points
    slope: Points


@dataclass(frozen=True)
class MixtureTail:
    """The tails of many mixtures, made by `mixture_tail`; `prepared` is what `evaluate` wants of them."""

    prepared: Float[Tensor, "kinds elements components"]
    evaluate: Callable[[Tensor, Tensor, Tensor], list[Tensor]]

    def __call__(
        self, x: Points, sign: Float[Tensor, "#rows points"], rows: Int[Tensor, " rows"] | None = None
    ) -> TailValues:
        """P(sign X <= x), and its derivatives by x, for the X of every row.

        With sign -1 it is the upper tail, of -x, so that small probabilities keep their digits at either
        end. `rows` are the elements whose mixtures the rows of `x` ask for; None: all of them, in order.
        """
        sign = sign.expand_as(x)
        values = x.new_empty(3, *x.shape)
        block = _CACHED if x.device.type == "cpu" else _STREAMED
        step = max(1, block // max(1, x.shape[1] * self.prepared.shape[2]))
        for first in range(0, len(x), step):
            part = slice(first, first + step)
            prepared = self.prepared[:, part] if rows is None else self.prepared.index_select(1, rows[part])
            found = self.evaluate(x[part, :, None], sign[part, :, None], prepared[:, :, None])
            for kind, value in enumerate(found):
                torch.sum(value, -1, out=values[kind, part])
        return TailValues(*values)


def element_blocks(mixture: list[Parameters]) -> Iterator[tuple[slice, list[Parameters]]]:
    """Elements to work on together, in turn, and their parameters."""
    step = max(1, _TOGETHER // mixture[0].shape[1])
    for first in range(0, len(mixture[0]), step):
        elements = slice(first, first + step)
        yield elements, [p[elements] for p in mixture]


def mixture_tail(df: Parameters, loc: Parameters, scale: Parameters, weights: Parameters) -> MixtureTail:
    """The tails of the mixtures with these parameters, in their dtype: float64, or float32.

    Weights lie in [0, 1] and sum to 1.
    """
    if df.dtype is torch.float64:
        return MixtureTail(torch.stack([df, loc, scale, weights]), _in_float64)
    prepared = df.new_empty(14, *df.shape)
    step = max(1, _CACHED // df.shape[1])
    for first in range(0, len(df), step):
        part = slice(first, first + step)
        _prepare_float32(df[part], loc[part], scale[part], weights[part], prepared[:, part])
    return MixtureTail(prepared, _in_float32)


def _in_float64(x: Tensor, sign: Tensor, prepared: Tensor) -> list[Tensor]:
    """Probability, density and slope of every component, weighted."""
    df, loc, scale, weights = prepared
    standard = (x - sign * loc) / scale
    tail, density = upper_tail(standard.abs(), df)
    density = weights / scale * density
    steepness = (df + 1) / (standard + df / standard) / scale  # (df + 1) t / (df + t^2)
    return [weights * torch.where(standard < 0, tail, 1 - tail), density, -density * steepness]


def _prepare_float32(df: Tensor, loc: Tensor, scale: Tensor, weights: Tensor, prepared: Tensor) -> None:
    """Everything about the components that `_in_float32` needs and that does not depend on the point."""
    centre, stretch, exponent, density, slope, half_weight, *series = prepared
    df = df.clamp(max=_LARGEST_DF)
    half = 0.5 * df
    centre.copy_(loc)
    torch.mul(df.rsqrt(), scale.reciprocal(), out=stretch)
    torch.sub(-0.5, half, out=exponent)
    torch.mul(weights, 0.5, out=half_weight)
    raised, hill = series[:_RAISED], series[_RAISED:]
    # weights Gamma(a + 1/2) / (2 sqrt(pi) Gamma(a + 1)), from a = half + 4, where 3 terms do, down to half
    inverse = (half + _RAISED).reciprocal_()
    square = inverse.square()
    ratio = ((square / -640).add_(1 / 192).mul_(square).sub_(1 / 8)).mul_(inverse).exp_()
    coefficient = ratio.mul_(half_weight).mul_((inverse / math.pi).sqrt_())
    for step in reversed(range(_RAISED)):
        coefficient = torch.mul(coefficient, (half + (step + 1)) / (half + (step + 0.5)), out=raised[step])
    # (1 + y^2)^(-(df + 1) / 2) times these is the density, and, times y / (1 + y^2) as well, its slope
    torch.mul(coefficient, stretch, out=density).mul_(df)
    torch.mul(density, stretch, out=slope).mul_(exponent).mul_(2)
    # -w / sqrt(2) times the series of Hill in s = freedom L, as a polynomial in L, without its sqrt(L)
    freedom = df + (2 * _RAISED - 0.5)
    small = freedom.square().mul_(48).reciprocal_()
    power = (0.5 * freedom).sqrt_().neg_()
    torch.mul((-85.5 * small).add_(3).mul_(small).add_(1), power, out=hill[0])
    torch.mul((-24 * small).add_(1).mul_(small), power.mul_(freedom), out=hill[1])
    small.square_()
    for term, factor in ((hill[2], -3.3), (hill[3], -0.4)):
        torch.mul(small, power.mul_(freedom), out=term).mul_(factor)


def _in_float32(x: Tensor, sign: Tensor, prepared: Tensor) -> list[Tensor]:
    """Probability, density and slope of every component, weighted.

    With y = t / sqrt(df), P(T <= t) = P(T' <= t') - c y (1 + y^2)^(-(df + 1) / 2), where T' has two degrees
    of freedom more and the same y. Four such steps lead to at least 8 degrees of freedom, where two terms
    of the expansion of Hill (1970, CACM algorithm 395) make the value a normal one to 2e-7 of its tail:
    u = w (1 + (s + 3) / b - (4 s^3 + 33 s^2 + 240 s + 855) / (10 b^2)) with s = w^2 = a log(1 + y^2),
    a = df - 1/2 and b = 48 a^2.
    """
    centre, stretch, exponent, density_factor, slope_factor, half_weight, *series = prepared
    raised, hill = series[:_RAISED], series[_RAISED:]
    y = x.addcmul(sign, centre, value=-1).mul_(stretch).clamp_(-_FARTHEST, _FARTHEST)
    squared = y.square()
    log = squared.log1p()
    inverse = squared.add_(1).reciprocal_()
    kernel = (log * exponent).exp_()
    density = kernel * density_factor
    kernel.mul_(y)
    rest = _polynomial(raised, inverse).mul_(kernel)
    slope = kernel.mul_(inverse).mul_(slope_factor)
    normal = _polynomial(hill, log.clamp(max=_EXPANDED)).mul_(torch.copysign(log.sqrt_(), y))
    return [normal.erfc_().mul_(half_weight).sub_(rest), density, slope]


def _polynomial(coefficients: list[Tensor], x: Tensor) -> Tensor:
    """c0 + c1 x + c2 x^2 and so on."""
    *others, highest = coefficients
    total = torch.addcmul(others.pop(), highest, x)
    for coefficient in reversed(others):
        torch.addcmul(coefficient, total, x, out=total)
    return total
