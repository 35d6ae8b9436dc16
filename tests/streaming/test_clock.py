import json

import numpy as np
import pytest

from toto.streaming.clock import Clock


@pytest.mark.parametrize(
    "times",
    [
        np.array(["2026-01-01T00:00", "2026-01-01T00:05", "2026-01-01T00:15"], "M8[ns]"),
        [0.5, 5.5, 15.5],
        [10**9, 10**9 + 5, 10**9 + 15],
    ],
)
def test_a_clock_survives_json(times):
    clock = Clock.of(times)
    again = Clock.from_json(json.loads(json.dumps(clock.to_json())))
    assert again.steps(times).tolist() == clock.steps(times).tolist() == [0, 1, 3]
    assert again.time(3) == clock.time(3)
