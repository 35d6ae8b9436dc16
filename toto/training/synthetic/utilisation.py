"""Values with a floor and a ceiling: processor and memory use, success rates, queue fill."""

import numpy as np

from toto.training.synthetic.autoregression import any_autoregression
from toto.training.synthetic.draws import Series, standardise, uniform
from toto.training.synthetic.seasonality import any_season


def saturate(rng: np.random.Generator, series: Series) -> Series:
    """Squash into 0 to 1, softly or by clipping; some series spend most of their time at a bound."""
    gain = uniform(rng, len(series), 0.3, 2.0)
    level = uniform(rng, len(series), -2.0, 2.0)
    drive = gain * (standardise(series) + level)
    soft = 0.5 + 0.5 * np.tanh(drive)
    hard = np.clip(0.5 + 0.5 * drive, 0.0, 1.0)
    return np.where(uniform(rng, len(series), 0.0, 1.0) < 0.5, soft, hard).astype(np.float32)


def bounded(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Utilisation between 0 and 1 driven by a daily pattern and a wandering load."""
    season = uniform(rng, num_series, 0.0, 1.0) * standardise(any_season(rng, num_series, length))
    return saturate(rng, season + standardise(any_autoregression(rng, num_series, length)))
