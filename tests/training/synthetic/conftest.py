import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator of random numbers in the same state for every test."""
    return np.random.default_rng(0)


@pytest.fixture
def autocorrelation():
    """The correlation of every series with itself some steps later."""

    def at(series: np.ndarray, lag: int) -> np.ndarray:
        centred = series - series.mean(axis=1, keepdims=True)
        return (centred[:, lag:] * centred[:, :-lag]).mean(axis=1) / (centred**2).mean(axis=1)

    return at
