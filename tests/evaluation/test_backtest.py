"""Backtests: what is scored, beside what, and on which data."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from toto import Toto, TotoForecaster, TotoPipeline
from toto.data.time_grid import fit_grid
from toto.errors import InputError
from toto.evaluation.backtest import backtest
from toto.evaluation.backtest_scores import coverage, probability_integral_transform
from toto.evaluation.backtest_windows import as_regular_series
from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.evaluate import evaluate
from toto.evaluation.forecaster import TotoUnderTest
from toto.evaluation.record import Settings
from toto.evaluation.season import natural_season
from toto.evaluation.task import last_windows
from toto.inference.forecast import Forecast

pd = pytest.importorskip("pandas")


@pytest.fixture
def tiny(make_tiny):
    """A tiny random model in float32, whose quantiles are quick."""
    return make_tiny().float()


def waves(num_variates=2, num_steps=90, seed=0):
    rng = np.random.default_rng(seed)
    return 5 + np.sin(np.arange(num_steps) / 2) + 0.3 * rng.normal(size=(num_variates, num_steps))


def run(model, data, horizon=10, windows=3, **options):
    return backtest(model, data, horizon, windows, **{"num_samples": 4, "season": 4} | options)


def test_scores_are_those_of_the_evaluator(tiny):
    data = waves()
    frame = run(tiny, [data[:1], data[1:, :70]], metrics=["mase", "crps", "mae"]).to_frame()
    for row, values in enumerate((data[:1], data[1:, :70])):
        task = last_windows("t", [values], 10, 4, 3)
        naive = evaluate(task, SeasonalNaive(Settings("seasonal-naive"))).scores
        for metric in ("mase", "crps", "mae"):
            assert frame[f"{metric}_naive"][row] == pytest.approx(naive[metric])
    settings = Settings("t", 4096, 4, 0, "multivariate", "distribution")
    model = evaluate(last_windows("t", [data[:1]], 10, 4, 3), TotoUnderTest(tiny, settings)).scores
    assert frame["mase"][0] == pytest.approx(model["mase"], rel=1e-6)
    assert frame["crps"][0] == pytest.approx(model["crps"], rel=1e-6)


def test_one_window_of_one_step_is_not_said_in_the_plural(tiny):
    assert str(run(tiny, waves(), 1, 1)).splitlines()[0] == "backtest: 2 series, 1 window of 1 step"


def test_the_last_row_is_overall(tiny):
    frame = run(tiny, waves(), metrics=["mase", "mae"]).to_frame()
    assert frame["series"].tolist() == ["variate 0", "variate 1", "overall"]
    assert frame["mase"][2] == pytest.approx(frame["mase"][:2].mean())
    assert frame["mase_relative"][2] == pytest.approx(
        np.sqrt(frame["mase_relative"][0] * frame["mase_relative"][1])
    )
    assert np.isnan(frame["mae"][2])  # of two units
    assert frame["mae_relative"][2] > 0
    assert (frame["mase_relative"][:2] == frame["mase"][:2] / frame["mase_naive"][:2]).all()


def test_missing_values_count_nowhere(tiny):
    data = waves()
    gappy = data.copy()
    gappy[0, -5:] = np.nan  # of the last window
    result = run(tiny, gappy, metrics=["mae"])
    assert np.isnan(result.forecasts[-1].pit[0, 5:]).all()
    assert len(result.pit(0)) == 25
    assert result.to_frame()["mae"][0] == pytest.approx(
        np.nanmean(
            np.abs([f.window.actual[0] - f.quantiles[result.levels.index(0.5), 0] for f in result.forecasts])
        )
    )


def test_a_forecast_does_not_see_its_window(tiny):
    data, changed = waves(), waves()
    changed[:, -10:] += 100
    first, second = (run(tiny, values).forecasts for values in (data, changed))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.quantiles, other.quantiles)
        np.testing.assert_array_equal(one.naive, other.naive)


def test_windows_end_with_the_series_and_lie_a_step_apart(tiny):
    result = run(tiny, waves(), horizon=10, windows=4, step=3)
    assert [f.window.history.shape[1] for f in result.forecasts] == [71, 74, 77, 80]
    assert result.measurement.windows == "the last 4 of each series, 3 steps apart"


def test_independent_variates_do_not_see_each_other(tiny):
    data = waves()
    both = run(tiny, data, independent=True)
    alone = run(tiny, data[1:], seed=0)
    assert both.labels == ["variate 0", "variate 1"]
    record = both.measurement
    assert record.settings.grouping == "univariate"
    assert (record.num_series, record.num_variates, record.num_windows) == (1, 2, 3)
    assert "0 of 6 windows from shared passes" in str(both)
    # the first patch of a distribution holds no draws, whose numbers depend on the place of the window
    np.testing.assert_allclose(both.forecasts[3].quantiles[..., :8], alone.forecasts[0].quantiles[..., :8])


def test_frames_and_arrays_give_the_same_scores(tiny):
    data = waves()
    times = pd.date_range("2024-01-01", periods=90, freq="h")
    wide = pd.DataFrame({"time": times, "a": data[0], "b": data[1]})
    long = pd.concat(
        [pd.DataFrame({"unique_id": name, "ds": times, "y": data[row]}) for row, name in enumerate("ab")]
    )
    expected = run(tiny, data).to_frame().drop(columns="series")
    pd.testing.assert_frame_equal(run(tiny, wide).to_frame().drop(columns="series"), expected)
    together, apart = run(tiny, long), run(tiny, [data[0], data[1]])
    assert together.labels == ["a", "b"]
    pd.testing.assert_frame_equal(
        together.to_frame().drop(columns="series"), apart.to_frame().drop(columns="series")
    )
    assert run(tiny, wide).labels == ["a", "b"]


def test_columns_may_be_named_and_the_model_be_that_of_a_pipeline(tiny):
    values = waves()[0]
    times = pd.date_range("2024-01-01", periods=len(values), freq="h")
    frame = pd.DataFrame({"host": "a", "at": times, "cpu": values, "load": -values})
    named = run(TotoPipeline(tiny), frame, id_column="host", columns="cpu")
    assert named.labels == ["a"]
    pd.testing.assert_frame_equal(
        named.to_frame(), run(tiny, pd.DataFrame({"at": times, "a": values})).to_frame()
    )
    with pytest.raises(TypeError, match=r"backtest\(\) got an unexpected keyword argument 'column'; it"):
        run(tiny, frame, column="cpu")
    with pytest.raises(InputError, match=r"names of columns, .* need a data frame, got ndarray"):
        run(tiny, values, columns="cpu")


def test_lists_and_series_are_data_too():
    assert as_regular_series([1, 2, 3.5])[0].values.tolist() == [[1, 2, 3.5]]
    two = as_regular_series([np.ones(3), torch.ones(2, 4)])
    assert [label for one in two for label in one.labels] == [
        "series 0",
        "series 1, variate 0",
        "series 1, variate 1",
    ]
    assert as_regular_series(two[0]) == [two[0]]
    assert as_regular_series(two) == two


def test_the_pit_of_values_drawn_from_the_forecast_is_uniform(tiny):
    forecast = TotoForecaster(tiny).forecast([waves(1)], 8, 4000, seed=0, keep_distribution=True)[0]
    drawn = forecast.samples[0, 0].numpy()
    pits = np.concatenate(
        [probability_integral_transform(forecast, drawn[None, :, place], 0) for place in range(200)]
    )
    assert np.abs(np.histogram(pits, 5, (0, 1))[0] / pits.size - 0.2).max() < 0.04
    paths = Forecast(forecast.mean, forecast.samples)
    by_rank = probability_integral_transform(paths, drawn[None, :, 0], 0)
    np.testing.assert_allclose(by_rank[0], pits[0], atol=0.03)


def test_equal_values_are_spread_over_their_ranks():
    paths = Forecast(torch.zeros(1, 1, 2000), torch.zeros(1, 1, 2000, 9))
    pit = probability_integral_transform(paths, np.zeros((1, 2000)), 1)
    assert np.abs(np.histogram(pit, 4, (0, 1))[0] / 2000 - 0.25).max() < 0.05
    outside = probability_integral_transform(paths, np.full((1, 2000), 1.0), 1)
    assert (outside >= 0.9).all()


def test_coverage_is_the_share_inside_a_central_interval():
    pit = np.array([0.05, 0.2, 0.5, 0.7, 0.97])
    assert coverage(pit, 0.5) == 2 / 5
    assert coverage(pit, 0.9) == 4 / 5
    assert np.isnan(coverage(np.array([]), 0.5))


def test_the_same_seed_gives_the_same_and_progress_counts_windows(tiny):
    counts = []
    first = run(tiny, waves(), seed=5, quantiles_from="paths", progress=lambda *done: counts.append(done))
    again = run(tiny, waves(), seed=5, quantiles_from="paths")
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    assert counts == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("freq", "num_steps", "season"),
    [
        ("5s", 100, 12),
        ("min", 200, 60),
        ("min", 5000, 1440),
        ("15min", 200, 96),
        ("h", 60, 24),
        ("h", 20, 1),
        ("D", 30, 7),
        ("B", 30, 5),
        ("B", 8, 1),
        ("W", 110, 52),
        ("MS", 30, 12),
        ("QS", 30, 4),
        ("YS", 30, 1),
    ],
)
def test_the_season_is_the_longest_natural_cycle_that_is_there_twice(freq, num_steps, season):
    stamps = pd.date_range("2020-01-01", periods=40, freq=freq).to_numpy()
    assert natural_season(fit_grid(stamps), num_steps) == season


def test_numbered_steps_have_no_season(tiny):
    assert run(tiny, waves(), season=None).measurement.seasonality == 1


def test_constant_series_have_no_mase_and_are_counted(tiny, caplog):
    with caplog.at_level(logging.WARNING):
        frame = run(tiny, np.ones((1, 60))).to_frame()
    assert "MASE leaves out 3 of 3 forecasts" in caplog.text
    assert np.isnan(frame["mase"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "horizon must be a whole number of at least 1, got 0"),
        ({"windows": 0}, "windows must be a whole number of at least 1, got 0"),
        ({"step": 0}, "step must be a whole number of at least 1, got 0"),
        ({"season": 0}, "season must be a whole number of at least 1, got 0"),
        ({"context": 0}, "context must be a whole number of at least 1, got 0"),
        ({"horizon": 24.0}, r"horizon must be a whole number of at least 1, got 24\.0"),
        ({"windows": "3"}, "windows must be a whole number of at least 1, got '3'"),
        ({"step": 2.5}, r"step must be a whole number of at least 1, got 2\.5"),
        ({"season": True}, "season must be a whole number of at least 1, got True"),
        ({"num_samples": 0}, "num_samples must be a whole number of at least 1, got 0"),
        ({"num_samples": None}, "num_samples must be a whole number of at least 1, got None"),
        ({"seed": None}, r"seed must be a whole number from 0 to 2\^63 - 1, got None"),
        ({"independent": "no"}, "independent must be True or False, got 'no'"),
        ({"metrics": ["mape"]}, "metrics must be among mase, crps, .*, got mape"),
        ({"metrics": "mape"}, "metrics must be among mase, crps, .*, got mape"),
        ({"metrics": []}, "metrics must be among mase, crps, .*, got none"),
        ({"metrics": None}, "metrics must be a list of names, got None"),
        ({"quantiles_from": "x"}, "quantiles_from must be paths or distribution, got 'x'"),
        (
            {"horizon": 90},
            "horizon must be shorter than every series, got 90 steps; the series of variate 0 has 90",
        ),
        (
            {"windows": 9},
            "9 windows of horizon 10, 10 steps apart, need 91 steps, the series of variate 0 has 90; "
            "take at most 8 windows, or a smaller step",
        ),
    ],
)
def test_bad_arguments_are_errors_before_a_model_is_loaded(as_users_call, options, message):
    with pytest.raises(InputError, match=message):
        run("no-such-model", waves(), **options)


def test_a_model_that_is_none_is_an_error(as_users_call):
    with pytest.raises(InputError, match="model must be a Toto or its backbone, got 3"):
        run(3, waves())


@pytest.mark.parametrize("data", [None, "data.csv", Path("data.csv"), {"cpu": [1, 2]}])
def test_what_is_no_data_is_an_error_that_says_what_is(as_users_call, data):
    message = "data must be a data frame, an array or a list of series, got .*: read a file with pandas.read"
    with pytest.raises(InputError, match=message):
        run("no-such-model", data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["a", "b"], "data: values must be an array of numbers"),
        ([[1.0, 2.0], ["a"]], "data, series 1: values must be an array of numbers"),
        (np.ones((2, 0)), r"data: values must be \[time\]"),
        (3, "data: values must be "),
    ],
)
def test_data_without_numbers_is_named(as_users_call, data, message):
    with pytest.raises(InputError, match=message):
        run("no-such-model", data)


def test_an_array_that_may_be_turned_is_noted(tiny, caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(InputError, match="horizon must be shorter than"):
        run(tiny, waves().T)
    assert "data: 90 variates of 2 steps; if time comes first, pass data.T" in caplog.text


def test_series_in_units_that_the_model_reads_as_flat_are_noted(tiny, caplog):
    run(tiny, waves() / 1000)
    assert "variate 0, variate 1: varies by less than 0.1" in caplog.text


def test_a_metric_may_be_named_alone_or_twice(tiny):
    alone, twice = (run(tiny, waves(), metrics=metrics) for metrics in ("mase", ["mase", "mase"]))
    assert twice.metrics == ("mase",)
    pd.testing.assert_frame_equal(alone.to_frame(), twice.to_frame())
    assert str(twice).count("MASE: absolute error") == 1


def test_the_series_that_is_too_short_is_named(tiny):
    times = pd.date_range("2024-01-01", periods=40, freq="D")
    long = pd.DataFrame({"unique_id": ["north"] * 30 + ["south"] * 10, "ds": times, "y": range(40)})
    with pytest.raises(InputError, match="the series south has 10"):
        run(tiny, long, horizon=5, windows=2)


def test_the_series_of_a_batch_are_scored_apart(tiny):
    batch = np.stack([waves(), -waves()])
    pd.testing.assert_frame_equal(run(tiny, batch).to_frame(), run(tiny, list(batch)).to_frame())


def test_a_series_that_repeats_itself_has_no_ratio_and_says_so():
    """Differences of 1e-16 between seasons are rounding, no scale."""
    day = np.sin(np.arange(24) * 0.26179938779914943) + 1e-16
    other = np.random.default_rng(0).normal(size=240)
    values = np.stack([np.tile(day, 10) * (1 + 1e-16 * np.arange(240)), other])
    model = Toto.from_pretrained("toto-nano")
    result = backtest(model, values, 12, windows=2, season=24)
    frame = result.to_frame()
    assert np.isnan(frame["mase"][0])
    assert np.isfinite(frame["mase_relative"][2])
    assert "rel. of mase leaves out 1 series: seasonal naive makes no error there" in str(result)
