import numpy as np
import pytest

from toto import TotoPipeline

STEPS = np.arange(260)


def wave(seed: int) -> np.ndarray:
    """A period and noise, 260 steps."""
    return 50 + 10 * np.sin(STEPS / 9) + np.random.default_rng(seed).normal(size=len(STEPS))


@pytest.fixture
def pipe(tiny) -> TotoPipeline:
    return TotoPipeline(tiny)


@pytest.fixture
def waves() -> np.ndarray:
    """Two series, of which the first is strange at steps 230 and 231, the second at 240."""
    values = np.stack([wave(0), wave(1)])
    values[0, 230:232], values[1, 240] = 200, -100
    return values
