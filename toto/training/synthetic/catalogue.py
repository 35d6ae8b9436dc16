"""The catalogue: every kind of synthetic series by name, and how often training meets it."""

from collections.abc import Mapping

import numpy as np

from toto.training.synthetic import autoregression, counters, counts, events, noise, seasonality, trend
from toto.training.synthetic.compose import aperiodic_mix, seasonal_mix, with_noise
from toto.training.synthetic.draws import Generator, Series, fill_by_choice
from toto.training.synthetic.utilisation import bounded


def constant(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """The same value throughout: an idle machine, a configured limit."""
    return np.repeat(rng.standard_normal((num_series, 1), dtype=np.float32), length, axis=1)


CATALOGUE: Mapping[str, Generator] = {
    "linear trend": trend.linear,
    "damped trend": trend.damped,
    "exponential trend": trend.exponential,
    "logistic trend": trend.logistic,
    "broken line": trend.broken_line,
    "season": seasonality.any_season,
    "ar1": autoregression.ar1,
    "ornstein-uhlenbeck": autoregression.ornstein_uhlenbeck,
    "random walk": autoregression.random_walk,
    "smooth walk": autoregression.smooth_walk,
    "stochastic cycle": autoregression.stochastic_cycle,
    "long memory": autoregression.long_memory,
    "level shifts": events.level_shifts,
    "switching": events.switching,
    "spikes": events.spikes,
    "bursts": events.bursts,
    "counter": counters.counter,
    "sawtooth": counters.sawtooth,
    "irregular sawtooth": counters.irregular_sawtooth,
    "counts": counts.counts,
    "intermittent": counts.intermittent,
    "bounded utilisation": bounded,
    "gaussian noise": noise.gaussian,
    "student-t noise": noise.student_t,
    "laplace noise": noise.laplace,
    "skewed noise": noise.skewed,
    "heteroscedastic noise": noise.heteroscedastic,
    "constant": constant,
    "seasonal mix": seasonal_mix,
    "aperiodic mix": aperiodic_mix,
}

# What pretraining draws from: generators and their shares.
TRAINING_MIX: list[tuple[Generator, float]] = [
    (seasonal_mix, 0.56),
    (aperiodic_mix, 0.16),
    (counts.any_count, 0.06),
    (with_noise(counters.any_counter), 0.06),
    (with_noise(events.any_event), 0.06),
    (bounded, 0.04),
    (with_noise(trend.any_trend), 0.03),
    (noise.any_noise, 0.02),
    (constant, 0.01),
]


def any_series(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One kind of TRAINING_MIX per series, in no particular unit."""
    return fill_by_choice(rng, num_series, length, TRAINING_MIX)
