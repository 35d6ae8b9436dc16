from dataclasses import replace

import numpy as np
import pytest
import torch

from toto import InputError, TotoForecaster, TotoPipeline
from toto.inference.pipeline.distribution import PipelineDistribution

pd = pytest.importorskip("pandas")


@pytest.fixture
def pipe(tiny):
    return TotoPipeline(tiny)


def walks(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).cumsum(-1)


def test_within_a_patch_it_is_that_of_the_model_for_every_row(pipe):
    values = walks(2, 3, 40)
    found = pipe.predict_distribution(values, 8)
    for batch in range(2):
        for variate in range(3):
            one = TotoForecaster(pipe.model).predict_distribution([values[batch, variate]], 8)[0]
            torch.testing.assert_close(found.mean[batch, variate], one.mean[0, 0])
            torch.testing.assert_close(found.variance[batch, variate], one.variance[0, 0])
            torch.testing.assert_close(found.log_prob(1.5)[batch, variate], one.log_prob(1.5)[0, 0])
    assert found.median.shape == (2, 3, 8)
    assert torch.equal(found.mean, pipe.predict_distribution(values, 8).mean)  # nothing is drawn


@pytest.mark.parametrize("horizon", [5, 20])
def test_densities_probabilities_quantiles_and_draws_belong_together(pipe, horizon):
    lengths = (40, 21, 40, 33)  # batches of several shapes
    frame = pd.concat(
        pd.DataFrame({"unique_id": place, "ds": np.arange(length), "y": walks(length, seed=place)})
        for place, length in enumerate(lengths)
    )
    found = pipe.predict_distribution(frame, horizon, num_paths=4, seed=0)
    assert repr(found) == f"PipelineDistribution(4 rows, horizon {horizon})"
    low, high = found.interval(0.8)
    torch.testing.assert_close(found.cdf(low), torch.full((4, horizon), 0.1).double())
    torch.testing.assert_close(found.sf(high), torch.full((4, horizon), 0.1).double())
    torch.testing.assert_close(found.quantile(0.1), low)
    h = 1e-5 * found.std
    slope = (found.cdf(high + h) - found.cdf(high - h)) / (2 * h)
    torch.testing.assert_close(found.pdf(high), slope, rtol=1e-4, atol=1e-6)
    draws = found.sample(4000, seed=0)
    assert draws.shape == (4, horizon, 4000)
    assert (draws < high[..., None]).double().mean().item() == pytest.approx(0.9, abs=0.01)
    assert list(found.to_frame([0.1]).columns) == ["unique_id", "ds", "mean", "median", "0.1"]
    alone = pipe.predict_distribution(frame[frame["unique_id"] == 1], horizon, num_paths=4, seed=0)
    torch.testing.assert_close(found.cdf(0)[1:2], alone.cdf(0))


def test_arguments_that_break_a_rule_are_named(pipe):
    values = walks(3, 30)
    found = pipe.predict_distribution(values, 4)
    with pytest.raises(InputError, match=r"values must be numbers that broadcast against .* = \[3, 4\]"):
        found.cdf(np.zeros(5))
    with pytest.raises(InputError, match=r"coverage must be a probability from 0 to 1, got 1.5"):
        found.interval(1.5)
    with pytest.raises(InputError, match="horizon must be a whole number of at least 1, got 0"):
        pipe.predict_distribution(values, 0)
    too_large = replace(found.forecast, rows=replace(found.forecast.rows, parts=None))
    with pytest.raises(InputError, match="distributions of 3 rows over 4 steps take more than 256 MiB"):
        PipelineDistribution.of(too_large)
