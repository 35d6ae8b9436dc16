"""Quantiles of mixtures of Student-Ts: a coarse table of every mixture, then Halley's method in a bracket.

The table and the first steps are in float32, whatever the dtype: what float64 adds is one more step or two.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from toto.model.mixture_tail import MixtureTail, Parameters, element_blocks, mixture_tail

_NODES = (-3.0, -1.6, -0.7, 0.0, 0.7, 1.6, 3.0)  # of the table, in spreads from the centre
_MOST_LEVELS = 64
_SMALL = {torch.float32: 5e-3, torch.float64: 1e-5}  # an error of the logarithm whose cube is below rounding
_FARTHEST = 1e30  # in spreads, where a search in float64 begins
_ORDINALS = {torch.float32: torch.int32, torch.float64: torch.int64}

Levels = Float[Tensor, "elements levels"]
Pairs = Float[Tensor, "rows levels"]  # an element and a level each; after the first step one level a row


def mixture_quantile(
    levels: Levels, df: Parameters, loc: Parameters, scale: Parameters, weights: Parameters
) -> Levels:
    """The value that each mixture stays below with each of its probabilities, in [0, 1].

    `levels` are float64; the parameters decide how exact the result is. In float64 the probability of the
    value is the level to 1e-12 of the smaller tail, in float32 to 1e-5; the value is rounded to the dtype.
    """
    found = torch.empty_like(levels, dtype=df.dtype)
    find = _in_float32 if df.dtype is torch.float32 else _in_float64
    for elements, mixture in element_blocks([df, loc, scale, weights]):
        for some, values in zip(*(t[elements].split(_MOST_LEVELS, 1) for t in (levels, found)), strict=True):
            values.copy_(find(some, mixture))
    return found


def _in_float32(levels: Levels, mixture: list[Parameters]) -> Levels:
    tail = mixture_tail(*mixture)
    return _found(_start(tail, levels, *_centre_and_spread(*mixture)), tail, levels)


def _in_float64(levels: Levels, mixture: list[Parameters]) -> Levels:
    """Begins at the quantiles in float32 of the mixture in standard units, which fit into float32."""
    centre, spread = _centre_and_spread(*mixture)
    df, loc, scale, weights = mixture
    narrowest = torch.finfo(torch.float32).eps ** 4
    standard = df, (loc - centre) / spread, (scale / spread).clamp(min=narrowest), weights
    near = _in_float32(levels, [p.float() for p in standard]).clamp(-_FARTHEST, _FARTHEST)
    sign, wanted = _smaller_tail(levels)
    farthest = torch.full_like(near, torch.finfo(df.dtype).max, dtype=df.dtype)
    x = sign * (centre + spread * near)
    search = _Search(x, -farthest, farthest, torch.full_like(x, math.inf), wanted, sign)
    return _found(search, mixture_tail(*mixture), levels)


def _centre_and_spread(
    df: Parameters, loc: Parameters, scale: Parameters, weights: Parameters
) -> tuple[Float[Tensor, "elements 1"], Float[Tensor, "elements 1"]]:
    """The mean, and about the standard deviation; that of a component counts as at most 3 times its scale."""
    centre = (weights * loc).sum(-1, keepdim=True)
    offset = loc - centre
    unit = torch.maximum(scale, offset.abs()).amax(-1, keepdim=True)  # squares of scales overflow float32
    variance = (scale / unit).square() * (df / (df - 2).clamp(min=0)).clamp(max=9)
    return centre, unit * (weights * (variance + (offset / unit).square())).sum(-1, keepdim=True).sqrt()


def _smaller_tail(levels: Levels) -> tuple[Levels, Levels]:
    """-1 where a quantile is looked for from above, else 1, and the probability of the tail on that side."""
    return torch.where(levels > 0.5, -1.0, 1.0).to(levels), torch.minimum(levels, 1 - levels)


class _Search(NamedTuple):
    """Where each quantile is looked for: that of probability `wanted`, at most 1/2, of sign X."""

    x: Pairs
    low: Pairs
    high: Pairs
    error: Pairs  # size of the last error that a step of Halley was taken from, else infinity
    wanted: Pairs
    sign: Pairs


def _found(search: _Search, tail: MixtureTail, levels: Levels) -> Levels:
    """The end of a search: as many steps as each level needs."""
    search = search._replace(wanted=search.wanted.clamp(min=torch.finfo(search.x.dtype).tiny))
    sign, rows = search.sign, None
    places = torch.arange(levels.numel(), device=levels.device).view(levels.shape)
    found = torch.empty_like(search.x, memory_format=torch.contiguous_format)
    while places.numel():
        search, finished = _step(search, tail, rows)
        found.view(-1)[places] = search.x
        going = ~finished
        search = _Search(*(value[going][:, None] for value in search))
        places = places[going][:, None]
        rows = places[:, 0] // levels.shape[1]
    outside = torch.where(levels == levels.round(), math.inf, 0.0).to(found)  # levels 0 and 1
    return sign * (found - outside)


def _start(
    tail: MixtureTail,
    levels: Levels,
    centre: Float[Tensor, "elements 1"],
    spread: Float[Tensor, "elements 1"],
) -> _Search:
    """A bracket and a guess for every level, from the probabilities at a few nodes.

    The guess interpolates the node as a function of the normal quantile of its probability: by a cubic with
    the slopes at the nodes, reduced to where it is monotone (Fritsch and Carlson 1980).
    """
    nodes = torch.tensor(_NODES).to(centre)
    node_sign = torch.where(nodes < 0, 1.0, -1.0)
    x = centre + spread * nodes
    probability, density, _ = tail(node_sign * x, node_sign[None])
    score = node_sign * _normal_quantile(probability)
    slope = torch.where(density > 0, (-0.5 * score.square()).exp() / (math.sqrt(2 * math.pi) * density), 0.0)
    sign, wanted = (t.to(x) for t in _smaller_tail(levels))
    target = sign * _normal_quantile(wanted)
    above = (score[:, None] < target[..., None]).sum(-1)
    left, right = (above - 1).clamp(min=0), above.clamp(max=len(_NODES) - 1)
    ends = [(values.gather(1, left), values.gather(1, right)) for values in (score, x, slope)]
    farthest = torch.finfo(x.dtype).max
    low = torch.where(above == 0, -farthest, ends[1][0])
    high = torch.where(above == len(_NODES), farthest, ends[1][1])
    guess = _interpolated(target, *ends).clamp(low, high)
    mirrored = torch.where(sign > 0, low, -high), torch.where(sign > 0, high, -low)
    unknown = torch.full_like(guess, math.inf)
    return _Search(sign * guess, *mirrored, unknown, wanted, sign)


def _interpolated(
    t: Pairs, at: tuple[Pairs, Pairs], x: tuple[Pairs, Pairs], slope: tuple[Pairs, Pairs]
) -> Pairs:
    """The cubic through two points with slopes there; a line where both points are one."""
    width, rise = at[1] - at[0], x[1] - x[0]
    apart = width > 0
    first, last = (torch.where(apart, torch.minimum(s, 3 * rise / width), s) for s in slope)
    u = torch.where(apart, (t - at[0]) / width, 0.0)
    cubic = x[0] + rise * u.square() * (3 - 2 * u) + width * u * (1 - u) * (first * (1 - u) - last * u)
    return torch.where(rise > 0, cubic, x[0] + (t - at[0]) * first)


def _normal_quantile(probability: Pairs) -> Pairs:
    return torch.special.ndtri(probability.clamp(min=torch.finfo(probability.dtype).tiny))


def _step(
    search: _Search, tail: MixtureTail, rows: Int[Tensor, " rows"] | None
) -> tuple[_Search, Bool[Tensor, "rows levels"]]:
    """One step, and which pairs are finished.

    Halley's method on the logarithm of the probability cubes the error. A step that leaves the bracket, or
    follows one that did not halve the error, gives way to bisection, which halves the number of floats in the
    bracket: at most 64 times.
    """
    x, low, high, before, wanted, sign = search
    probability, density, slope = tail(x, sign, rows)
    error = (probability / wanted).log()
    low, high = torch.where(error < 0, x, low), torch.where(error < 0, high, x)
    per_density = probability / density
    bend = 0.5 * error * (slope / density * per_density - 1)  # by the curvature of the logarithm
    step = error * per_density / (1 - bend).clamp(0.5, 2)
    halley, middle = x - step, _middle(low, high)
    inside = (halley > low) & (halley < high)
    converging = inside & (error.abs() <= 0.5 * before)
    at_rest = step.abs() <= torch.finfo(x.dtype).eps * x.abs()
    small = torch.maximum(error.abs(), bend.abs()) <= _SMALL[x.dtype]
    settled = (inside & small) | at_rest | error.isnan()
    best = torch.where(inside, halley, x)
    x = torch.where(settled, best, torch.where(converging, halley, middle))
    error = torch.where(converging, error.abs(), math.inf)
    finished = settled | (middle == low) | (middle == high)
    return _Search(x, low, high, error, wanted, sign), finished


def _middle(low: Pairs, high: Pairs) -> Pairs:
    """The float with as many floats between it and `low` as between it and `high`."""
    ordinals = _ORDINALS[low.dtype]
    first, second = _ordinal(low.view(ordinals)), _ordinal(high.view(ordinals))
    return _ordinal((first & second) + ((first ^ second) >> 1)).view(low.dtype)


def _ordinal(bits: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """The bits of a float as an integer in the order of the floats, and back."""
    return torch.where(bits < 0, torch.iinfo(bits.dtype).min - bits, bits)
