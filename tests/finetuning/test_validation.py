import numpy as np
import pytest

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.finetuning import validation
from toto.finetuning.validation import LEVELS, Validation, is_better
from toto.inference.forecaster import TotoForecaster


def series(values):
    return RegularSeries(np.asarray(values, float)[None], ("y",), EvenGrid(0, 1))


def test_targets_lie_behind_the_training_part_and_are_not_in_the_contexts():
    some = [series(np.arange(100)), series(np.arange(30))]
    windows = Validation.of(some, [80, 30], horizon=6)
    assert len(windows.contexts) == 15
    for context, actual in zip(windows.contexts, windows.actual, strict=True):
        assert actual[0, 0] == context.values.shape[1] >= 80
        assert actual.shape == (1, 6)
    assert windows.scales[0] == pytest.approx(np.abs(np.arange(80) - 39.5).mean())


def test_there_is_a_limit_to_the_windows():
    windows = Validation.of([series(np.arange(5000))], [1000], horizon=1)
    assert validation.MAX_WINDOWS / 2 <= len(windows.contexts) <= validation.MAX_WINDOWS
    many = Validation.of([series(np.arange(20.0) + n) for n in range(300)], [15] * 300, horizon=5)
    assert validation.MAX_WINDOWS / 2 <= len(many.contexts) <= validation.MAX_WINDOWS
    assert many.contexts[-1].values[0, 0] > 250


def test_the_loss_is_the_mean_quantile_loss_of_a_forecast(tiny):
    values = np.sin(np.arange(80.0))
    values[70] = np.nan
    windows = Validation.of([series(values)], [66], horizon=8)
    found = windows.losses(tiny, context=24)
    place = 3
    context, actual = windows.contexts[place].values[:, -24:], windows.actual[place][0]
    forecast = TotoForecaster(tiny).forecast([context], 8, 16, seed=0, keep_distribution=True)[0]
    losses = []
    for level in LEVELS:
        for y, q in zip(actual, forecast.quantile(level)[0, 0].tolist(), strict=True):
            if np.isfinite(y):
                losses.append(2 * max(level * (y - q), (level - 1) * (y - q)) / windows.scales[place][0])
    assert found[place] == pytest.approx(np.mean(losses), rel=1e-4)


def test_better_is_better_by_more_than_chance():
    untouched = np.array([1.0, 2.0, 3.0, 4.0])
    assert is_better(untouched - 0.1, untouched, overlap=1.0)
    assert not is_better(untouched, untouched, overlap=1.0)
    assert not is_better(untouched - np.array([1.0, -0.9, 0.1, -0.15]), untouched, overlap=1.0)
    assert is_better(np.array([1.0]), np.array([1.1]), overlap=1.0)


def test_windows_that_overlap_are_fewer_than_they_seem():
    assert Validation.of([series(np.arange(200.0))], [120], horizon=12).overlap == 12 / 4
    assert Validation.of([series(np.arange(900.0))], [120], horizon=12).overlap == 1
    gain, untouched = np.array([0.2, 0.2, 0.1, -0.1]), np.ones(4)
    assert is_better(untouched - gain, untouched, overlap=1.0)
    assert not is_better(untouched - gain, untouched, overlap=3.0)
