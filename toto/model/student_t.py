"""The Student-T functions that PyTorch lacks: parts of the density, tail probabilities, draws from words.

Tails are computed in float64, elementwise, with a fixed amount of work per element.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

# log(Gamma(a + 1/2) / (Gamma(a) sqrt(a))) ~ sum of these times a^-1, a^-3, a^-5, ...
_GAMMA_RATIO = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432, 691 / 180224)
_GAMMA_RATIO_SLOPE = tuple((2 * index + 1) * c for index, c in enumerate(_GAMMA_RATIO))
# sqrt(z / sinh z) = 1 + sum of these times z^2, z^4, z^6, ...
_DENSITY_RATIO = (
    -1 / 12,
    1 / 160,
    -61 / 120960,
    1261 / 29030400,
    -79 / 20275200,
    66643 / 185980354560,
    -16820653 / 502146957312000,
)
_SHIFT = 12  # degrees of freedom are raised by twice this before an expansion for large ones is used
_FRACTION_TERMS = 12
_EXPANSION_LIMIT = 0.6  # the largest log(1 + t^2 / df) at which the expansion still gives all digits


class _LogGammaRatio(torch.autograd.Function):
    """`log_gamma_ratio`, with its derivative in closed form: autograd would keep some twenty tensors."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def forward(a: Tensor) -> Tensor:
        direct = torch.lgamma(a + 0.5) - torch.lgamma(a) - 0.5 * a.log()
        return torch.where(a < _large(a), direct, _odd_series(_GAMMA_RATIO, a.reciprocal()))

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        inverse = a.reciprocal()
        small = a.clamp(max=_large(a))
        direct = torch.digamma(small + 0.5) - torch.digamma(small) - 0.5 * inverse
        series = -inverse * _odd_series(_GAMMA_RATIO_SLOPE, inverse)
        return gradient[0] * torch.where(a < _large(a), direct, series)


class _Log1pSquare(torch.autograd.Function):
    """`log1p_square`, with its derivative in the form that cannot overflow."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.where(x.abs() > 1e8, 2 * x.abs().log(), x.square().log1p())

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient[0] * (2 / (x + x.reciprocal()))


def log_gamma_ratio(half_df: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """log(Gamma(a + 1/2) / (Gamma(a) sqrt(a))) of each a > 0, differentiable; 0 in the limit of large a.

    The difference of two `lgamma` would lose every digit of float32 from a = 1e6 on.
    """
    return _LogGammaRatio.apply(half_df)


def log1p_square(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """log(1 + x^2), also where x^2 is too large for the dtype; differentiable."""
    return _Log1pSquare.apply(x)


def upper_tail(
    distance: Float[Tensor, "..."], df: Float[Tensor, "..."]
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """P(T > distance) and the density there, of the standard Student-T; float64, distance >= 0, df > 0.

    The tail is half the incomplete beta function I_x(df/2, 1/2), x = 1 / (1 + distance^2 / df). Its
    recurrence I_x(a, b) = x^a (1-x)^b / (a B(a, b)) + I_x(a + 1, b) brings every df into the range where
    few terms of an expansion do; only positive numbers are added, so that the far tail keeps its digits.
    """
    half = df / 2
    log_x = -log1p_square(distance / df.sqrt())
    x = log_x.exp()
    product, series = torch.ones_like(half), torch.ones_like(x)
    for step in reversed(range(_SHIFT)):
        factor = (half + (step + 0.5)) / (half + (step + 1))
        product = product * factor
        if step < _SHIFT - 1:
            series = 1 + series * (factor * x)
    raised = half + _SHIFT
    gamma_ratio = _odd_series(_GAMMA_RATIO, raised.reciprocal()).exp()
    leading = gamma_ratio / (product * (math.pi * raised).sqrt())  # Gamma(a + 1/2) / (Gamma(a + 1) sqrt(pi))
    power = (half * log_x).exp()
    root = (-torch.expm1(log_x)).sqrt()
    near = _tail_by_expansion(log_x, raised)
    far = power * _tail_by_fraction(x, root, raised)
    rest = gamma_ratio * torch.where(log_x > -_EXPANSION_LIMIT, near, far)
    density = leading * (half / 2).sqrt() * power * (log_x / 2).exp()
    return 0.5 * leading * power * root * series + rest, density


def polar_draw(words: Int[Tensor, "*batch 2"], df: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """One standard Student-T value of every pair of uniform words in [0, 2**32).

    Bailey's polar method (Mathematics of Computation 62, 1994, 779-781), exact for every df:
    sqrt(df (u^(-2/df) - 1)) cos(2 pi v). A word w stands for (w + 1/2) / 2^32, strictly between 0 and 1;
    the logarithm and the cosine are taken of integers counted from their nearest zero, so that no
    rounding to float32 makes u 0 or 1 or a small value coarse.
    """
    radius, angle = (2 * words + 1).unbind(-1)  # odd multiples of 2^-33
    below, above = radius.to(df.dtype) * 2**-33, (2**33 - radius).to(df.dtype) * 2**-33
    log_u = torch.where(radius < 2**32, below.log(), (-above).log1p())
    from_quarter = (angle - 2**32).abs() - 2**31
    cosine = (from_quarter.to(df.dtype) * (math.pi * 2**-32)).sin()
    return (df * torch.expm1(-2 * log_u / df)).sqrt() * cosine


def _large(a: Tensor) -> float:
    """From where on the series for large a has the full accuracy of the dtype."""
    return 12.0 if a.dtype == torch.float64 else 4.0


def _odd_series(coefficients: Sequence[float], x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """c0 x + c1 x^3 + c2 x^5 + ..."""
    square = x.square()
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * square + coefficient
    return total * x


def _tail_by_expansion(log_x: Float[Tensor, "..."], half_df: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The tail over the Gamma ratio, for half_df >= 12 and log(1 + t^2 / df) up to about 0.6.

    In the variable w of Hill (1970, CACM algorithm 395), w^2 = (df - 1/2) log(1 + t^2 / df), the density is
    the normal one times sqrt(z / sinh z), z = w^2 / (2 df - 1); its power series is integrated term by term.
    """
    freedom = 2 * half_df - 0.5
    squared = -freedom * log_x
    w = squared.sqrt()
    normal = (-0.5 * squared).exp()
    moment = math.sqrt(math.pi / 2) * torch.erfc(w * math.sqrt(0.5))  # of w^0, from w to infinity
    boundary, total = normal / w.clamp(min=1e-300), moment
    inverse = (0.5 / freedom).square()
    weight = torch.ones_like(freedom)
    for index, coefficient in enumerate(_DENSITY_RATIO):
        for order in (4 * index + 1, 4 * index + 3):
            boundary = boundary * squared
            moment = boundary + order * moment
        weight = weight * inverse
        total = total + coefficient * weight * moment
    return total * (half_df / (math.pi * freedom)).sqrt()


def _tail_by_fraction(
    x: Float[Tensor, "..."], root: Float[Tensor, "..."], half_df: Float[Tensor, "..."]
) -> Float[Tensor, "..."]:
    """The tail over the Gamma ratio and x^(half_df - 12), for half_df >= 12 and x below about 0.55.

    The continued fraction of the incomplete beta function by Didonato and Morris (1992, ACM TOMS 18),
    from the innermost term outwards; root = sqrt(1 - x).
    """
    constant = half_df * (1 - x) - 0.5 * x + 1
    fraction = torch.full_like(x, math.inf)
    for m in reversed(range(_FRACTION_TERMS)):
        numerator = (m + 1) * (m + 0.5) * (half_df + m) * (half_df + (m + 0.5))
        inner = (half_df + m) / (half_df + (2 * m + 1)) * (constant + m * (2 - x))
        outer = m + inner - m * (m - 0.5) * x / (half_df + (2 * m - 1))
        fraction = outer - numerator * (x / (half_df + (2 * m + 1))).square() / fraction
    return 0.5 * x**_SHIFT * root * (half_df / math.pi).sqrt() / fraction
