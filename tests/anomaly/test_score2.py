"""Scores by a model that predicts quantiles: each step against a forecast that could have been made of it."""

import pytest
import torch

from toto import MaskedTimeseries, Toto2Forecaster, TotoPipeline
from toto.anomaly.detectors import DETECTORS
from toto.anomaly.score import score


def history(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).cumsum(-1)


@pytest.mark.parametrize("ahead", [None, 3])
def test_every_step_is_judged_by_the_forecast_from_the_last_patch_before_it(tiny2, ahead):
    values = history(2, 29)
    values[0, 12] = torch.nan
    scores = score(tiny2, values, max_steps_ahead=ahead, coverage=0.9)
    forecaster = Toto2Forecaster(tiny2)
    predicted = scores.steps_ahead.nonzero()[:, 0].tolist()
    assert predicted == list(range(8 if ahead is None else 2, 29))
    for step in predicted:
        behind = step - int(scores.steps_ahead[step]) + 1
        seen = MaskedTimeseries.from_array(values[:, :behind])
        one = forecaster.forecast(seen, step - behind + 1).distribution
        low, median, high = one.quantile([0.05, 0.5, 0.95])[:, 0, :, -1]
        close = {"rtol": 1e-4, "atol": 1e-5, "equal_nan": True}  # other positions: angles are float32
        torch.testing.assert_close(scores.low[0, :, step], low, **close)
        torch.testing.assert_close(scores.median[0, :, step], median, **close)
        torch.testing.assert_close(scores.high[0, :, step], high, **close)
        x = values[None, :, step : step + 1]
        torch.testing.assert_close(scores.lower_tail[0, :, step], one.cdf(x)[0, :, -1], **close)
    assert scores.log_prob[0, 0, 12].isnan()


def test_no_step_sees_its_future(tiny2):
    values, changed = history(1, 45), history(1, 45)
    changed[:, 30:] += 100
    before, after = score(tiny2, values), score(tiny2, changed)
    torch.testing.assert_close(after.median[..., :32], before.median[..., :32], equal_nan=True)
    torch.testing.assert_close(after.log_prob[..., :30], before.log_prob[..., :30], equal_nan=True)


@pytest.mark.parametrize("kind", sorted(set(DETECTORS) - {"likelihood"}))  # of random weights it is teeth
def test_detectors_find_what_does_not_belong(tiny2, kind):
    values = torch.sin(torch.arange(400) / 5) + 0.1 * history(1, 401).diff()
    values[0, 330] += 50
    found = DETECTORS[kind](tiny2, "1/100 steps").fit_detect(values, 200)
    assert any(event.start <= 330 <= event.end for event in found.events)


def test_the_pipeline_scores_and_detects(tiny2):
    pipe, values = TotoPipeline(tiny2), history(1, 120).numpy()
    assert len(pipe.score(values)) == 1
    assert len(pipe.detect(values, "1/50 steps")) == 1
