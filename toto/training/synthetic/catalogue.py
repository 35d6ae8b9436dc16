"""The catalogue: every kind of synthetic series by name, and how often training meets it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from toto.training.synthetic import (
    autoregression,
    calendar,
    counters,
    counts,
    events,
    gaussian_process,
    jobs,
    noise,
    queues,
    regimes,
    sarima,
    seasonality,
    trend,
    utilisation,
)
from toto.training.synthetic.compose import aperiodic_mix, seasonal_mix, with_noise
from toto.training.synthetic.draws import Generator, Series, fill_by_choice


def constant(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """The same value throughout: an idle machine, a configured limit."""
    return np.repeat(rng.standard_normal((num_series, 1), dtype=np.float32), length, axis=1)


# family -> kind -> generator
FAMILIES: Mapping[str, Mapping[str, Generator]] = {
    "trend": {
        "linear trend": trend.linear,
        "damped trend": trend.damped,
        "exponential trend": trend.exponential,
        "logistic trend": trend.logistic,
        "broken line": trend.broken_line,
    },
    "calendar": {"calendar": calendar.calendar},
    "seasonality": {"cycles": seasonality.cycles},
    "gaussian process": {
        "stationary process": gaussian_process.stationary,
        "locally periodic process": gaussian_process.locally_periodic,
        "process that changes": gaussian_process.changed_by_time,
    },
    "sarima": {
        "arma": sarima.arma,
        "arima": sarima.arima,
        "seasonal arma": sarima.seasonal_arma,
        "seasonal walk": sarima.seasonal_walk,
        "airline": sarima.airline,
    },
    "autoregression": {
        "ar1": autoregression.ar1,
        "ornstein-uhlenbeck": autoregression.ornstein_uhlenbeck,
        "random walk": autoregression.random_walk,
        "smooth walk": autoregression.smooth_walk,
        "stochastic cycle": autoregression.stochastic_cycle,
        "long memory": autoregression.long_memory,
        "price": autoregression.price,
    },
    "regimes": {
        "switching reversion": regimes.switching_reversion,
        "change point": regimes.change_point,
        "intermittent activity": regimes.intermittent_activity,
    },
    "events": {
        "level shifts": events.level_shifts,
        "switching": events.switching,
        "spikes": events.spikes,
        "bursts": events.bursts,
    },
    "jobs": {
        "heartbeat": jobs.heartbeat,
        "scheduled job": jobs.scheduled_job,
        "two jobs": jobs.two_jobs,
    },
    "counters": {
        "counter": counters.counter,
        "sawtooth": counters.sawtooth,
        "irregular sawtooth": counters.irregular_sawtooth,
        "tally": counters.tally,
    },
    "counts": {
        "counts": counts.counts,
        "overdispersed counts": counts.overdispersed,
        "intermittent": counts.intermittent,
        "zero-inflated": counts.zero_inflated,
    },
    "queues": {
        "throughput": queues.throughput,
        "backlog": queues.backlog,
        "in progress": queues.in_progress,
    },
    "utilisation": {"bounded utilisation": utilisation.bounded},
    "noise": {
        "gaussian noise": noise.gaussian,
        "student-t noise": noise.student_t,
        "laplace noise": noise.laplace,
        "skewed noise": noise.skewed,
        "heteroscedastic noise": noise.heteroscedastic,
        "constant": constant,
    },
    "mixes": {"seasonal mix": seasonal_mix, "aperiodic mix": aperiodic_mix},
}

CATALOGUE: Mapping[str, Generator] = {name: g for kinds in FAMILIES.values() for name, g in kinds.items()}


class Share(NamedTuple):
    """What a share of the series of a batch is drawn from, and what for."""

    generate: Generator
    share: float
    why: str


# What pretraining draws from.
TRAINING_MIX: Mapping[str, Share] = {
    "seasonal mix": Share(seasonal_mix, 0.40, "the ordinary metric: most of what is scored has a season"),
    "aperiodic mix": Share(aperiodic_mix, 0.12, "no season: stay at the level, or return to the mean"),
    "sarima": Share(with_noise(sarima.any_sarima), 0.08, "seasons that evolve: recent cycles count more"),
    "gaussian process": Share(
        with_noise(gaussian_process.any_process), 0.08, "smooth shapes of every kind, for breadth"
    ),
    "regimes": Share(regimes.any_regime, 0.05, "the present rule counts, not the average of all"),
    "counts": Share(counts.any_count, 0.05, "small whole numbers, zeros, skewed demand"),
    "queues": Share(queues.any_queue, 0.04, "floors, ceilings, outages and what follows them"),
    "counters": Share(with_noise(counters.any_counter), 0.04, "growth and sudden falls, stairs"),
    "jobs": Share(with_noise(jobs.any_job), 0.04, "exact clocks: the next spike is due at one step"),
    "events": Share(with_noise(events.any_event), 0.03, "shifts hold and bursts decay; none is foreseen"),
    "utilisation": Share(utilisation.bounded, 0.03, "values that stay within bounds"),
    "trend": Share(with_noise(trend.any_trend), 0.02, "growth that bends, seldom a straight line"),
    "noise": Share(noise.any_noise, 0.015, "nothing to find: the mean and the right width"),
    "constant": Share(constant, 0.005, "a line that stays"),
}


def any_series(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One kind of TRAINING_MIX per series, in no particular unit."""
    choices = [(part.generate, part.share) for part in TRAINING_MIX.values()]
    return fill_by_choice(rng, num_series, length, choices)
