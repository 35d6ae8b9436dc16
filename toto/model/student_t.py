"""The Student-T functions that PyTorch lacks: tail probabilities, quantiles and draws from random words.

Tails and quantiles are computed in float64, elementwise, with a fixed amount of work per element.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
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
_LOWEST_INT64 = -(2**63)
_HIGHEST_FLOAT64 = torch.finfo(torch.float64).max


class _LogGammaRatio(torch.autograd.Function):
    """`log_gamma_ratio`, with its derivative in closed form: autograd would keep some twenty tensors."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
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

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
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


def mixture_tail(
    x: Float[Tensor, "..."],
    df: Float[Tensor, "... components"],
    loc: Float[Tensor, "... components"],
    scale: Float[Tensor, "... components"],
    weights: Float[Tensor, "... components"],
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """P(X <= x) and the density at x of a mixture of Student-Ts; float64."""
    standard = (x[..., None] - loc) / scale
    tail, density = upper_tail(standard.abs(), df)
    below = torch.where(standard < 0, tail, 1 - tail)
    return (weights * below).sum(-1), (weights / scale * density).sum(-1)


def mixture_quantile(
    level: Float[Tensor, "..."],
    df: Float[Tensor, "... components"],
    loc: Float[Tensor, "... components"],
    scale: Float[Tensor, "... components"],
    weights: Float[Tensor, "... components"],
) -> Float[Tensor, "..."]:
    """The value that a mixture of Student-Ts stays below with probability `level`, in [0, 1]; float64."""
    sign = torch.where(level > 0.5, -1.0, 1.0).to(level.dtype)
    rare = torch.minimum(level, 1 - level)  # the upper half is the lower half of the mirrored mixture
    probability = rare.clamp(min=torch.finfo(level.dtype).tiny)
    x = _lower_quantile(probability, df, sign[..., None] * loc, scale, weights)
    return sign * torch.where(rare == 0, -math.inf, x)


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


def _lower_quantile(
    probability: Float[Tensor, "..."],
    df: Float[Tensor, "... components"],
    loc: Float[Tensor, "... components"],
    scale: Float[Tensor, "... components"],
    weights: Float[Tensor, "... components"],
) -> Float[Tensor, "..."]:
    """The quantile of a probability in (0, 1/2]: Newton's method on the logarithm, kept in a bracket.

    Elements leave the computation as they converge: most after 4 to 8 steps, steplike mixtures after 50.
    """
    probability, df, loc, scale, weights = torch.broadcast_tensors(
        probability[..., None], df, loc, scale, weights
    )
    mixture = [p.reshape(-1, p.shape[-1]) for p in (df, loc, scale, weights)]
    wanted = probability[..., 0].flatten()
    search = _bracket(wanted, *mixture)
    result = search.x.clone()
    places = torch.arange(len(wanted), device=wanted.device)
    while len(places):
        search, finished = _search_step(search, wanted, mixture)
        result[places] = search.x
        going = ~finished
        search = _Search(*(value[going] for value in search))
        places, wanted, mixture = places[going], wanted[going], [p[going] for p in mixture]
    return result.reshape(probability.shape[:-1])


class _Search(NamedTuple):
    """Where a root is looked for; float64 [elements]."""

    x: Tensor
    low: Tensor
    high: Tensor
    error: Tensor  # size of the last error that a Newton step was taken from, else infinity


def _search_step(
    search: _Search, probability: Float[Tensor, " elements"], mixture: list[Tensor]
) -> tuple[_Search, Bool[Tensor, " elements"]]:
    """One step, and which elements are finished.

    A Newton step that leaves the bracket, or follows one that did not halve the error, gives way to
    bisection, which halves the number of floats in the bracket: at most 64 times.
    """
    x, low, high, before = search
    below, density = mixture_tail(x, *mixture)
    error = (below / probability).log()
    low, high = torch.where(error < 0, x, low), torch.where(error < 0, high, x)
    step = error * below / density
    newton, middle = x - step, _middle(low, high)
    inside = (newton > low) & (newton < high)
    converging = inside & (error.abs() <= 0.5 * before)
    settled = (error.abs() <= 1e-12) | (step.abs() <= 2e-16 * x.abs()) | error.isnan()
    last = torch.where(inside, newton, x)
    x = torch.where(settled, last, torch.where(converging, newton, middle))
    error = torch.where(converging, error.abs(), math.inf)
    return _Search(x, low, high, error), settled | (middle == low) | (middle == high)


def _bracket(
    probability: Float[Tensor, " elements"],
    df: Float[Tensor, "elements components"],
    loc: Float[Tensor, "elements components"],
    scale: Float[Tensor, "elements components"],
    weights: Float[Tensor, "elements components"],
) -> _Search:
    """A value below the quantile, one above it, and a guess.

    P(T > t) <= (1 + t^2 / df)^(-df/2) / 2 bounds every component, and no quantile below the median lies
    above the largest median. The guess replaces Hill's variable by the normal quantile.
    """
    extreme = -2 * (2 * probability[:, None]).log()
    normal = torch.special.ndtri(probability)[:, None].square()
    lowest = loc - scale * (df * torch.expm1(extreme / df)).sqrt()
    likely = loc - scale * (df * torch.expm1(normal / (df - 0.5).clamp(min=0.5))).sqrt()
    low, high = lowest.amin(-1).clamp(min=-_HIGHEST_FLOAT64), loc.amax(-1)
    guess = (weights * likely).sum(-1).clamp(low, high)
    return _Search(guess, low, high, torch.full_like(guess, math.inf))


def _middle(low: Float[Tensor, "..."], high: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The float64 with as many floats between it and `low` as between it and `high`."""
    first, second = _ordinal(low.view(torch.int64)), _ordinal(high.view(torch.int64))
    return _ordinal((first & second) + ((first ^ second) >> 1)).view(torch.float64)


def _ordinal(bits: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """The bits of a float64 as an integer in the order of the floats, and back."""
    return torch.where(bits < 0, _LOWEST_INT64 - bits, bits)
