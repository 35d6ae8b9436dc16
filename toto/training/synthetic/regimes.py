"""Processes whose rules change: states that last for a while, and change points for good."""

import numpy as np
from jaxtyping import Float32, Int32

from toto.training.synthetic.autoregression import any_autoregression, filter_first_order
from toto.training.synthetic.calendar import calendar
from toto.training.synthetic.draws import (
    Series,
    chosen,
    fill_by_choice,
    log_uniform,
    look_up,
    normal,
    standardise,
    steps,
    uniform,
)
from toto.training.synthetic.events import impulses
from toto.training.synthetic.seasonality import cycles

States = Int32[np.ndarray, "series time"]
NUM_STATES = 3


def states(rng: np.random.Generator, num_series: int, length: int) -> States:
    """Two or three states in turn at random, 2 to 30 changes a series on average."""
    rate = log_uniform(rng, num_series, 2.0, 30.0) / np.float32(length)
    changes = impulses(rng, rate, length)
    # from 0, 1 or 2 to one of the other two: one or two further, modulo three
    further = changes * (1.0 + (rng.random((num_series, length), dtype=np.float32) < 0.5))
    state = np.cumsum(further, axis=1).astype(np.int32) % NUM_STATES
    two = chosen(rng, num_series, 0.5)
    state[two] = np.minimum(state[two], 1)
    return state


def of_state(state: States, values: Float32[np.ndarray, "series states"]) -> Series:
    """The value of the state at every step."""
    return look_up(values, state)


def switching_reversion(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Ornstein-Uhlenbeck whose mean and volatility are those of the state; half of them with a season.

    The mean is approached with the time constant of the process: a shift is followed by a relaxation.
    """
    state = states(rng, num_series, length)
    time_constant = log_uniform(rng, num_series, 2.0, max(length / 8, 3.0))
    coefficient = np.exp(-1.0 / time_constant)
    mean = of_state(state, normal(rng, num_series, NUM_STATES) * uniform(rng, num_series, 0.0, 3.0))
    volatility = of_state(state, np.exp(0.8 * normal(rng, num_series, NUM_STATES)))
    drive = (1.0 - coefficient) * mean
    drive += np.sqrt(1.0 - coefficient**2) * volatility * normal(rng, num_series, length)
    drive[:, :1] += coefficient * mean[:, :1]
    series = filter_first_order(drive, coefficient)
    rows = chosen(rng, num_series, 0.5)
    series[rows] += log_uniform(rng, len(rows), 0.2, 3.0) * standardise(calendar(rng, len(rows), length))
    return series


def change_point(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A season whose strength, level or period changes once: a release, a migration, a new customer."""
    time = steps(length)
    after = (time > uniform(rng, num_series, 0.1, 0.9) * np.float32(length)).astype(np.float32)
    season = standardise(cycles(rng, num_series, length))
    other = season.copy()
    replaced = chosen(rng, num_series, 0.25)
    other[replaced] = standardise(cycles(rng, len(replaced), length))
    strength = log_uniform(rng, num_series, 0.2, 5.0)
    level = 2.0 * normal(rng, num_series, 1) * (uniform(rng, num_series, 0.0, 1.0) < 0.6)
    noise = log_uniform(rng, num_series, 0.01, 0.7) * normal(rng, num_series, length)
    return season + after * (strength * other + level - season) + noise


def intermittent_activity(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A process that is only sometimes active and rests at one value between: jobs, night shifts, outages."""
    state = states(rng, num_series, length)
    active = of_state(state, np.array([[0.0, 1.0, 1.0]], dtype=np.float32).repeat(num_series, axis=0))
    inner = [(any_autoregression, 1.0), (calendar, 1.0)]
    level = uniform(rng, num_series, -1.0, 4.0)
    return active * (standardise(fill_by_choice(rng, num_series, length, inner)) + level)


def any_regime(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the processes of this file per series."""
    choices = [(switching_reversion, 3.0), (change_point, 2.0), (intermittent_activity, 1.0)]
    return fill_by_choice(rng, num_series, length, choices)
