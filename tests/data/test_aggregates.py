import numpy as np
import pytest

from toto.data.aggregates import AGGREGATES, aggregated

PLAIN = {
    "mean": np.mean,
    "sum": np.sum,
    "min": np.min,
    "max": np.max,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}


@pytest.mark.parametrize("how", AGGREGATES)
def test_each_step_is_that_of_its_known_rows(how):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 40))
    values[rng.random(values.shape) < 0.4] = np.nan
    values[:, 5:9] = np.nan
    starts = np.array([0, 1, 5, 9, 12, 20, 39])
    found = aggregated(values, starts, how)
    for column, row in enumerate(values):
        for step, some in enumerate(np.split(row, starts[1:])):
            known = some[~np.isnan(some)]
            expected = PLAIN[how](known) if len(known) else np.nan
            np.testing.assert_allclose(found[column, step], expected)
