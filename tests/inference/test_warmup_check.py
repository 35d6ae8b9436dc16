"""Cold forecasts against warm ones."""

import numpy as np
import pytest
import torch

from toto import ForecastShape, InputError, TotoPipeline, verify_warmup_effectiveness
from toto.inference.warmup import WarmupReport
from toto.inference.warmup_check import WarmupCheck

SHAPES = (ForecastShape(24, num_samples=2),)


@pytest.fixture
def pipe(make_tiny):
    return TotoPipeline(make_tiny().float())


def waves(*shape):
    return np.sin(np.arange(shape[-1]) / 3) + 0.1 * np.random.default_rng(0).normal(size=shape)


def test_warm_forecasts_are_those_of_a_cold_one_and_their_errors_spread_with_the_paths(pipe):
    check = verify_warmup_effectiveness(pipe, waves(2, 60), num_samples=4, num_runs=3, shapes=SHAPES)
    assert check.largest_difference == 0
    assert check.warm_errors[0] == check.cold_error
    assert check.error_cv == pytest.approx(np.std(check.warm_errors) / np.mean(check.warm_errors))
    assert check.error_cv > 0
    assert len(check.warm_seconds) == 3
    assert check.num_recompilations == 0
    assert check.warmup.shapes == SHAPES


def test_the_error_is_that_of_the_median_of_the_steps_that_were_held_back(pipe):
    data = waves(1, 60)
    data[0, -3] = np.nan
    check = verify_warmup_effectiveness(pipe, data[0], 10, num_samples=4, num_runs=1, shapes=SHAPES)
    forecast = pipe.forecast(data[:, :-10], 10, num_samples=4, seed=0)
    expected = (forecast.median - torch.from_numpy(data[:, -10:])).abs().nanmean()
    assert check.cold_error == pytest.approx(expected.item(), rel=1e-5)


def test_the_figures_follow_from_the_runs():
    check = WarmupCheck(9.0, (1.0, 3.0, 2.0), 0.5, (0.5, 0.7), 0.0, WarmupReport(SHAPES, (1.5,), (3,)), 0)
    assert check.speed_up == 4.5
    assert check.latency_cv == pytest.approx(np.std([1, 2, 3]) / 2)
    assert check.effective
    assert str(check).splitlines() == [
        "latency: cold 9 s, warm 2 s, coefficient of variation 0.41",
        "error: cold 0.5, warm 0.6, coefficient of variation 0.167; the same paths differ by 0",
        "warm-up: 1.50 s, 3 compilations, 1 forecasts; 0 recompilations after it",
    ]


@pytest.mark.parametrize(("warm", "recompiled"), [((1.0, 1.0, 5.0), 0), ((1.0, 1.0, 1.0), 1)])
def test_a_warmup_after_which_a_forecast_is_slow_or_compiles_was_not_effective(warm, recompiled):
    check = WarmupCheck(9.0, warm, 0.5, (0.5,), 0.0, WarmupReport(SHAPES, (1.5,), (3,)), recompiled)
    assert not check.effective


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        (waves(16), {}, "series must have more than the 16 steps that are held back, got 16"),
        (waves(2, 3, 60), {}, r"series: must be \[time\] or \[variates, time\], got shape \(2, 3, 60\)"),
        (np.append(waves(30), [np.nan] * 5), {"horizon": 5}, "series must have a value among its last 5"),
        (waves(60), {"num_runs": 0}, "num_runs must be a whole number"),
        (waves(60), {"num_samples": 0}, "num_samples must be a whole number"),
    ],
)
def test_what_breaks_a_rule_is_an_error(pipe, series, options, message):
    with pytest.raises(InputError, match=message):
        verify_warmup_effectiveness(pipe, series, **options)


def test_errors_of_0_do_not_vary(pipe):
    report = WarmupReport((), (), ())
    check = WarmupCheck(1.0, (1.0, 1.0), 0.0, (0.0, 0.0), 0.0, report, 0)
    assert (check.error_cv, check.latency_cv) == (0.0, 0.0)
