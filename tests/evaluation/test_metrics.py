"""Metrics against closed forms, plain loops and GluonTS."""

import math

import numpy as np
import pytest

from toto.errors import InputError
from toto.evaluation.metrics import DECILES, METRICS, Tally
from toto.evaluation.task import Window


def random_windows(num_windows: int = 5, num_variates: int = 3, horizon: int = 7) -> list[tuple]:
    """Windows with missing values, and quantiles for them at all levels."""
    rng = np.random.default_rng(0)
    found = []
    for place in range(num_windows):
        history = rng.normal(5, 2, (num_variates, 40))
        actual = rng.normal(5, 2, (num_variates, horizon))
        history[0, 3], actual[1, 2] = np.nan, np.nan
        quantiles = np.sort(
            rng.normal(5, 2, (len(Tally(list(METRICS)).levels), num_variates, horizon)), axis=0
        )
        found.append((Window(place % 2, history, actual, seasonality=4), quantiles))
    return found


def scores_of(windows: list[tuple]) -> dict[str, float]:
    tally = Tally(list(METRICS))
    for window, quantiles in windows:
        tally.add(window, quantiles)
    return tally.scores()


def test_scores_are_those_of_plain_loops():
    windows = random_windows()
    levels = Tally(list(METRICS)).levels
    errors, scaled, squares, inside, losses, sizes = [], [], [], [], [], []
    for window, quantiles in windows:
        by_level = dict(zip(levels, quantiles, strict=True))
        for v in range(3):
            past = window.history[v]
            differences = [abs(past[t] - past[t - 4]) for t in range(4, 40)]
            scale = np.mean([d for d in differences if not math.isnan(d)])
            for t in range(7):
                y = window.actual[v, t]
                if math.isnan(y):
                    continue
                errors.append(abs(y - by_level[0.5][v, t]))
                scaled.append(errors[-1] / scale)
                squares.append(errors[-1] ** 2)
                inside.append(by_level[0.1][v, t] <= y <= by_level[0.9][v, t])
                sizes.append(abs(y))
                for q in DECILES:
                    x = by_level[q][v, t]
                    losses.append(2 * (q * (y - x) if y >= x else (1 - q) * (x - y)))
    scores = scores_of(windows)
    assert scores["mae"] == pytest.approx(np.mean(errors))
    assert scores["mse"] == pytest.approx(np.mean(squares))
    assert scores["mase"] == pytest.approx(np.mean(scaled))
    assert scores["coverage_80"] == pytest.approx(np.mean(inside))
    assert scores["crps"] == pytest.approx(sum(losses) / 9 / sum(sizes))


def test_scores_are_those_of_gluonts():
    ev = pytest.importorskip("gluonts.ev.metrics")
    windows = random_windows()
    levels = Tally(list(METRICS)).levels
    theirs = {
        "mase": ev.MASE(forecast_type="0.5")(axis=None),
        "crps": ev.MeanWeightedSumQuantileLoss(quantile_levels=DECILES)(axis=None),
        "mae": ev.MAE(forecast_type="0.5")(axis=None),
        "mse": ev.MSE(forecast_type="0.5")(axis=None),
    }
    for window, quantiles in windows:
        data = {str(level): values for level, values in zip(levels, quantiles, strict=True)}
        data["label"] = np.ma.masked_invalid(window.actual)
        data["seasonal_error"] = window.seasonal_error[:, None]
        for metric in theirs.values():
            metric.update(data)
    scores = scores_of(windows)
    for name, metric in theirs.items():
        assert scores[name] == pytest.approx(float(metric.get()))


def test_a_certain_and_right_forecast_scores_zero_and_covers_everything():
    actual = np.array([[1.0, 2.0, 3.0]])
    window = Window(0, np.array([[1.0, 2.0, 4.0]]), actual, seasonality=1)
    scores = scores_of([(window, np.stack([actual] * 11))])
    assert scores == {"mase": 0, "crps": 0, "mae": 0, "mse": 0, "coverage_80": 1, "coverage_95": 1}


def test_the_crps_of_a_certain_forecast_is_its_relative_absolute_error():
    window = Window(0, np.array([[1.0, 2.0]]), np.array([[4.0, -2.0]]), seasonality=1)
    assert scores_of([(window, np.zeros((11, 1, 2)))])["crps"] == pytest.approx(1.0)


def test_variates_that_never_changed_do_not_count_in_mase():
    history = np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]])
    window = Window(0, history, np.array([[3.0], [5.0]]), seasonality=1)
    tally = Tally(["mase"])
    tally.add(window, np.array([[[2.0], [3.0]]]))
    assert tally.scores() == {"mase": 2.0}
    assert tally.num_without_scale == 1


def test_scores_of_one_series_are_those_of_its_windows():
    windows = random_windows()
    tally = Tally(list(METRICS))
    for window, quantiles in windows:
        tally.add(window, quantiles)
    assert tally.scores(1) == scores_of([pair for pair in windows if pair[0].series_index == 1])


def test_nothing_to_score_is_nan_and_a_forecast_of_nan_is_not_hidden():
    window = Window(0, np.array([[1.0, 2.0]]), np.array([[np.nan]]), seasonality=1)
    assert all(math.isnan(score) for score in scores_of([(window, np.zeros((11, 1, 1)))]).values())
    window = Window(0, np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]]), seasonality=1)
    quantiles = np.zeros((11, 1, 2))
    quantiles[..., 0] = np.nan
    assert math.isnan(scores_of([(window, quantiles)])["mase"])


def test_only_the_levels_that_metrics_read_are_asked_for():
    assert Tally(["mse", "mae"]).levels == (0.5,)
    assert Tally(["coverage_95", "mase"]).levels == (0.025, 0.5, 0.975)


@pytest.mark.parametrize(("names", "got"), [(["mase", "smape"], "smape"), ([], "none")])
def test_an_unknown_metric_is_an_error(names, got):
    with pytest.raises(InputError, match=f"metrics must be among mase, crps, .*, got {got}$"):
        Tally(names)
