"""The shape of one cycle: a day, a week, a minute, drawn on a grid of points.

Shapes have the signature of the generators, with the points of one cycle in the place of the steps
of a series; the last point is followed by the first.
"""

import numpy as np
from jaxtyping import Float32

from toto.training.synthetic.draws import (
    Choices,
    Column,
    Series,
    chosen,
    fill_by_choice,
    log_uniform,
    look_up,
    normal,
    product,
    standardise,
    uniform,
)

Profile = Float32[np.ndarray, "series points"]


def grid(num_points: int) -> Float32[np.ndarray, "1 points"]:
    """The points of a cycle as phases between 0 and 1."""
    return (np.arange(num_points, dtype=np.float32)[None] + 0.5) / np.float32(num_points)


def distance(phase: Float32[np.ndarray, "#series points"], centre: Column) -> Profile:
    """How far a phase is from a centre on the circle, 0 to 0.5."""
    apart = phase - centre
    return np.abs(apart - np.rint(apart))


def fourier(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """A sum of up to 16 harmonics whose amplitudes fall with their order: from a sine to a rugged curve."""
    order = np.arange(1, max(min(16, num_points // 2), 1) + 1, dtype=np.float32)
    angle = np.float32(2.0 * np.pi) * order[:, None] * grid(num_points)
    highest = np.floor(uniform(rng, num_series, 1.0, 17.0))
    size = order ** -uniform(rng, num_series, 0.3, 2.5) * (order <= highest)
    coefficients = normal(rng, num_series, 2 * len(order)) * np.tile(size, 2)
    return product(coefficients, np.concatenate([np.cos(angle), np.sin(angle)]))


def plateau(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """Working hours: up in the morning, down in the evening, edges soft or hard; a break in some."""
    apart = distance(grid(num_points), uniform(rng, num_series, 0.0, 1.0))
    width = uniform(rng, num_series, 0.05, 0.45)
    edge = log_uniform(rng, num_series, 0.003, 0.1)
    shape = 0.5 + 0.5 * np.tanh((width - apart) / edge)
    depth = uniform(rng, num_series, -0.6, 0.6).clip(min=0.0)
    return shape * (1.0 - depth * np.exp(-np.square(apart / (0.3 * width))))


def peaks(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """One to three bumps, broad or narrow: rush hours, meals, the evening."""
    shape = np.zeros((num_series, num_points), dtype=np.float32)
    for present in (1.0, 0.7, 0.4):
        height = uniform(rng, num_series, 0.3, 1.0) * (uniform(rng, num_series, 0.0, 1.0) < present)
        apart = distance(grid(num_points), uniform(rng, num_series, 0.0, 1.0))
        shape += height * np.exp(-np.square(apart / log_uniform(rng, num_series, 0.015, 0.2)))
    return shape


def half_wave(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """The part of a cosine above a threshold: daylight."""
    angle = np.float32(2.0 * np.pi) * (grid(num_points) - uniform(rng, num_series, 0.0, 1.0))
    return np.maximum(np.cos(angle) - uniform(rng, num_series, -0.8, 0.7), 0.0)


def triangle(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """A straight climb and a straight fall that share the cycle unevenly: filling and emptying."""
    phase = grid(num_points) + uniform(rng, num_series, 0.0, 1.0)
    phase -= np.floor(phase)
    turn = uniform(rng, num_series, 0.02, 0.98)
    return np.minimum(phase / turn, (1.0 - phase) / (1.0 - turn))


def square(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """Two levels: a machine that is on for a part of the cycle."""
    apart = distance(grid(num_points), uniform(rng, num_series, 0.0, 1.0))
    return (apart < log_uniform(rng, num_series, 0.02, 0.48)).astype(np.float32)


SHAPES: Choices = (
    (fourier, 4.0),
    (plateau, 2.5),
    (peaks, 2.5),
    (half_wave, 1.0),
    (triangle, 0.7),
    (square, 0.6),
)


def any_profile(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """A standardised cycle: one of the shapes, or two added; a fifth with high peaks, some upside down."""
    shapes = standardise(fill_by_choice(rng, num_series, num_points, SHAPES))
    mixed = chosen(rng, num_series, 0.4)
    # the other shape is that of a neighbour: as random as a new one, and there already
    shapes[mixed] += uniform(rng, len(mixed), 0.2, 1.5) * shapes[mixed - 1]
    peaked = chosen(rng, num_series, 0.2)
    shapes[peaked] = np.exp(uniform(rng, len(peaked), 0.3, 1.2) * shapes[peaked])
    upside_down = uniform(rng, num_series, 0.0, 1.0) < 0.15
    return standardise(shapes) * (1.0 - 2.0 * upside_down.astype(np.float32))


def read_cycle(profile: Profile, phase: Series) -> Series:
    """The value of a cycle at a phase in cycles (its whole part is ignored), straight between the points."""
    num_points = profile.shape[1]
    position = (phase - np.floor(phase)) * np.float32(num_points)
    lower = np.minimum(position.astype(np.int32), num_points - 1)
    # one point more than the cycle has: the first again
    closed = np.concatenate([profile, profile[:, :1]], axis=1)
    left = look_up(closed, lower)
    return left + (position - lower.astype(np.float32)) * (look_up(closed, lower + 1) - left)
