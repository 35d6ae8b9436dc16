"""What a monitor makes of forecasts and of what then happened."""

import logging
import threading
from inspect import unwrap

import numpy as np
import pytest

from toto import ForecastMonitor, InputError, MonitorThresholds, TotoPipeline
from toto.inference.monitor.actuals import naive_errors
from toto.inference.pipeline import sampled

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

HORIZON = 5


@pytest.fixture
def pipe(make_tiny):
    return TotoPipeline(make_tiny().float())


def waves(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return 5 + np.sin(np.arange(shape[-1]) / 3) + 0.3 * rng.normal(size=shape)


def long_frame(num_steps=40, freq="h", **options):
    times = pd.date_range("2024-01-01", periods=num_steps, freq=freq, **options)
    parts = [pd.DataFrame({"unique_id": name, "ds": times, "y": waves(num_steps)}) for name in ("a", "b")]
    return pd.concat(parts, ignore_index=True)


def forecast(pipe, data, **options):
    return pipe.forecast(data, HORIZON, num_samples=2, seed=0, **options)


def test_a_timed_forecast_is_that_of_the_pipeline(pipe):
    monitor, data = ForecastMonitor(), waves(2, 30)
    found = monitor.forecast(pipe, data, HORIZON, num_samples=2, seed=0)
    assert found.median.equal(forecast(pipe, data).median)
    totals = monitor.report().totals
    assert (totals.num_forecasts, totals.num_rows) == (1, 2)
    assert monitor.report().latency.mean == totals.latency_seconds
    assert totals.latency_seconds > 0


def test_spread_error_and_coverage_are_those_of_a_plain_loop(pipe):
    monitor, data = ForecastMonitor(interval=0.5), waves(2, 30)
    found = forecast(pipe, data)
    ticket = monitor.record(found, 0.2)
    actual = waves(2, HORIZON, seed=1)
    actual[0, 3] = np.nan
    assert monitor.record_actuals(actual, ticket) == 2 * HORIZON - 1
    low, median, high = found.quantile([0.25, 0.5, 0.75]).double().numpy()
    widths, errors, num_inside = [], [], 0
    for row in range(2):
        naive = np.abs(np.diff(data[row])).mean()
        for step in range(HORIZON):
            widths.append((high - low)[row, step] / naive)
            if not np.isnan(actual[row, step]):
                errors.append(abs(actual[row, step] - median[row, step]) / naive)
                num_inside += low[row, step] <= actual[row, step] <= high[row, step]
    report = monitor.report()
    assert report.latency.mean == 0.2
    assert report.spread.mean == pytest.approx(np.mean(widths))
    assert report.error.mean == pytest.approx(np.mean(errors))
    assert monitor._coverage.history()[0, 1] == pytest.approx(num_inside / len(errors))
    assert report.coverage is None  # one arrival says little


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas])
def test_rows_meet_every_forecast_that_waits_for_them_once(pipe, make):
    monitor, frame = ForecastMonitor(), long_frame(42)
    for num_steps in (35, 36):
        times = frame["ds"].unique()[:num_steps]
        monitor.record(forecast(pipe, make(frame[frame["ds"].isin(times)])), 0.1)
    new = frame[frame["ds"] >= frame["ds"][36]].sample(frac=1, random_state=0)
    assert monitor.record_actuals(make(new)) == 2 * (4 + 5)
    report = monitor.report()
    assert (report.totals.num_scored, report.totals.num_unmatched, report.num_waiting) == (18, 2, 1)
    assert monitor.record_actuals(make(new)) == 0
    assert monitor.record_actuals(make(frame)) == 2  # the step that only the first forecast is about
    assert monitor.report().num_waiting == 0


def test_rows_and_arrays_of_the_same_values_give_the_same(pipe):
    frame = long_frame(40)
    past, new = frame[frame["ds"] < frame["ds"][35]], frame[frame["ds"] >= frame["ds"][35]]
    by_rows, by_ticket = ForecastMonitor(), ForecastMonitor()
    by_rows.record(forecast(pipe, past), 0.1)
    by_rows.record_actuals(new)
    ticket = by_ticket.record(forecast(pipe, past), 0.1)
    by_ticket.record_actuals(new["y"].to_numpy().reshape(2, HORIZON), ticket)
    assert by_rows.report() == by_ticket.report()


def test_wide_frames_several_targets_and_time_zones_are_met(pipe):
    wide = long_frame(35).pivot(index="ds", columns="unique_id", values="y")
    later = long_frame(40).pivot(index="ds", columns="unique_id", values="y").iloc[35:]
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, wide), 0.1)
    assert monitor.record_actuals(later[["b"]].assign(note="x")) == HORIZON

    long = long_frame(40, tz="Europe/Berlin").assign(z=1.0)
    past, new = long[long["ds"] < long["ds"][35]], long[long["ds"] >= long["ds"][35]]
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, past, columns=["y", "z"]), 0.1)
    assert monitor.record_actuals(new.assign(ds=new["ds"].dt.tz_convert("UTC"))) == 4 * HORIZON


def test_stamps_may_be_a_quarter_of_a_step_off(pipe):
    frame = long_frame(40)
    past, new = frame[frame["ds"] < frame["ds"][35]], frame[frame["ds"] >= frame["ds"][35]]
    for minutes, met in ((14, 2 * HORIZON), (-14, 2 * HORIZON), (20, 0)):
        monitor = ForecastMonitor()
        monitor.record(forecast(pipe, past), 0.1)
        assert monitor.record_actuals(new.assign(ds=new["ds"] + pd.Timedelta(minutes=minutes))) == met
    assert monitor.record_actuals(new.assign(ds=range(10))) == 0
    assert monitor.report().totals.num_unmatched == 4 * HORIZON


def test_series_without_a_naive_error_count_for_coverage_alone(pipe):
    monitor = ForecastMonitor()
    ticket = monitor.record(forecast(pipe, np.full(30, 2.0)), 0.1)
    monitor.record_actuals(np.full(HORIZON, 2.0), ticket)
    report = monitor.report()
    assert (report.spread, report.error, report.totals.num_scored) == (None, None, HORIZON)
    np.testing.assert_array_equal(naive_errors(np.array([[1.0, np.nan, 3.0, 5.0, 4.0]])), [1.5])


def test_a_threshold_that_is_crossed_is_logged_once_and_once_more_when_it_is_not(pipe, caplog):
    caplog.set_level(logging.INFO, "toto")
    thresholds = MonitorThresholds(latency_seconds=1.0, drift=0.4)
    monitor = ForecastMonitor(window=1, thresholds=thresholds, baseline={"latency": 1.0})
    found = forecast(pipe, waves(30))
    for seconds in (0.9, 1.2, 1.3, 0.9, 0.2, 0.2):
        monitor.record(found, seconds)
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "latency above 1 s",
        "no longer: latency above 1 s",
        "drift of latency beyond 40%",
    ]
    assert not monitor.report().healthy


def test_memory_is_bounded_and_what_is_given_up_is_counted(pipe, caplog):
    monitor = ForecastMonitor(window=3, history=4, max_waiting=2 * HORIZON)
    found = forecast(pipe, waves(30))
    tickets = [monitor.record(found, 0.1) for _ in range(6)]
    report = monitor.report()
    assert (report.num_waiting, report.totals.num_dropped, report.totals.num_forecasts) == (2, 4, 6)
    assert len(monitor._quantities["latency"].history()) == 4
    assert caplog.text.count("forecasts of more than 10 steps wait, and of the oldest no actual value") == 1
    with pytest.raises(
        InputError, match="ticket must be that of a forecast that still waits for values, got 0"
    ):
        monitor.record_actuals(np.zeros(HORIZON), tickets[0])


def test_threads_lose_no_record(pipe):
    monitor, found = ForecastMonitor(), forecast(pipe, waves(30))

    def work():
        for _ in range(25):
            monitor.record_actuals(np.full(HORIZON, 5.0), monitor.record(found, 0.5))
            monitor.report()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = monitor.report().totals
    assert (totals.num_forecasts, totals.latency_seconds, totals.num_scored) == (100, 50, 100 * HORIZON)
    assert monitor.report().num_waiting == 0


def test_actuals_before_any_forecast_and_of_other_series_meet_none(pipe):
    monitor, frame = ForecastMonitor(), long_frame(35)
    assert monitor.record_actuals(frame) == 0
    monitor.record(forecast(pipe, frame[frame["ds"] < frame["ds"][30]]), 0.1)
    assert monitor.record_actuals(frame.assign(unique_id="c")) == 0
    assert monitor.record_actuals(frame.iloc[:0]) == 0
    assert monitor.report().totals.num_unmatched == 140


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 1.0}, "interval must be a share between 0 and 1, got 1.0"),
        ({"window": 0}, "window must be a whole number of at least 1, got 0"),
        ({"history": 0}, "history must be a whole number"),
        ({"max_waiting": 0}, "max_waiting must be a whole number"),
        ({"interval": "a"}, "interval must be a share between 0 and 1, got 'a'"),
        ({"baseline": {"latency": "a"}}, "baseline must map any of latency, spread, error to means above 0"),
        ({"baseline": 3}, "baseline must map any of latency, spread, error to means above 0, got 3"),
        ({"baseline": {"speed": 1.0}}, "baseline must map any of latency, spread, error to means above 0"),
        ({"baseline": {"error": 0.0}}, "baseline must map any of latency, spread, error to means above 0"),
    ],
)
def test_a_monitor_that_cannot_be_is_an_error(options, message):
    monitor = object.__new__(ForecastMonitor)
    with pytest.raises(InputError, match=message):
        unwrap(ForecastMonitor.__init__)(monitor, **options)  # without the type checks of tests


@pytest.mark.parametrize(
    ("actuals", "message"),
    [
        (
            np.zeros(HORIZON),
            "actuals must be a data frame, or come with the ticket .*; got ndarray without one",
        ),
        (
            pd.DataFrame({"ds": ["2024-01-01"], "x": [1]}),
            "actuals need columns of the forecast, y; there are",
        ),
        (pd.DataFrame({"ds": ["2024-01-01"], "y": [1]}), "actuals: no column 'unique_id'"),
        (pd.DataFrame({"unique_id": ["a"], "y": [1]}), "actuals need a time column, or the ticket"),
    ],
)
def test_actuals_that_cannot_be_placed_are_an_error(pipe, actuals, message):
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, long_frame(30)), 0.1)
    with pytest.raises(InputError, match=message):
        monitor.record_actuals(actuals)


def test_actuals_and_latencies_that_do_not_fit_are_errors(pipe):
    monitor, found = ForecastMonitor(), forecast(pipe, waves(2, 30))
    with pytest.raises(InputError, match="latency_seconds must be a number of at least 0, got -1"):
        monitor.record(found, -1.0)
    ticket = monitor.record(found, 0.1)
    with pytest.raises(InputError, match=r"actuals must have the shape of the forecast \(2, 5\), got \(5,\)"):
        monitor.record_actuals(np.zeros(HORIZON), ticket)
    record, record_actuals = map(unwrap, (ForecastMonitor.record, ForecastMonitor.record_actuals))
    for latency in ("x", np.inf, np.nan, True):
        with pytest.raises(InputError, match="latency_seconds must be a number of at least 0, got"):
            record(monitor, found, latency)
    with pytest.raises(InputError, match="forecast must be that of a pipeline, got int"):
        record(monitor, 3, 1.0)
    with pytest.raises(InputError, match=r"ticket must be that of a forecast .* got \[0\]"):
        record_actuals(monitor, np.zeros((2, HORIZON)), [0])
    with pytest.raises(InputError, match=r"actuals must be numbers in the shape \(2, 5\), got"):
        monitor.record_actuals([["a"] * HORIZON] * 2, ticket)


def split_frame(frame, num_steps=35):
    new = frame["ds"] >= frame["ds"][num_steps]
    return frame[~new], frame[new]


@pytest.mark.parametrize("zone_of_forecast", [None, "America/New_York"])
def test_a_time_zone_on_one_side_alone_is_an_error(pipe, zone_of_forecast):
    frames = [long_frame(40, tz=zone) for zone in (None, "America/New_York")]
    past, _ = split_frame(frames[zone_of_forecast is not None])
    _, new = split_frame(frames[zone_of_forecast is None])
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, past), 0.1)
    with pytest.raises(InputError, match=r"actuals, column ds: the times of .* are in a time zone and those"):
        monitor.record_actuals(new)
    assert monitor.report().totals.num_unmatched == 0


def test_forecasts_of_frames_with_other_columns_get_their_values(pipe):
    past, new = split_frame(long_frame(40))
    wide = past.pivot(index="ds", columns="unique_id", values="y").reset_index()
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, past), 0.1)
    monitor.record(forecast(pipe, past.rename(columns={"y": "z"}), columns="z"), 0.1)
    monitor.record(forecast(pipe, wide), 0.1)
    assert monitor.record_actuals(new) == 2 * HORIZON
    assert monitor.record_actuals(new.rename(columns={"y": "z"})) == 2 * HORIZON
    assert monitor.record_actuals(wide.assign(ds=wide["ds"] + pd.Timedelta(hours=35))) == 2 * HORIZON
    assert monitor.report().num_waiting == 0
    assert monitor.report().totals.num_unmatched == 2 * 30
    with pytest.raises(InputError, match="actuals need columns of the forecast, a, b; there are ds, x"):
        monitor.record_actuals(pd.DataFrame({"ds": ["2024-01-01"], "x": [1.0]}))


def test_a_value_of_two_targets_is_unmatched_once(pipe):
    past, new = split_frame(long_frame(40).assign(z=1.0))
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, past, columns=["y"]), 0.1)
    monitor.record(forecast(pipe, past, columns=["y", "z"]), 0.1)
    assert monitor.record_actuals(new.assign(unique_id="c")) == 0
    assert monitor.report().totals.num_unmatched == 4 * HORIZON
    assert monitor.record_actuals(new) == 6 * HORIZON
    assert monitor.report().totals.num_unmatched == 4 * HORIZON


def test_several_rows_on_one_step_are_an_error_or_made_one(pipe):
    past, new = split_frame(long_frame(40))
    twice = pd.concat([new, new.assign(y=new["y"] + 2)], ignore_index=True)
    made, given = ForecastMonitor(), ForecastMonitor()
    for monitor in (made, given):
        monitor.record(forecast(pipe, past), 0.1)
    with pytest.raises(InputError, match=r"row 10, column ds: .* of a is there a second time; keep one row"):
        made.record_actuals(twice)
    near = twice.assign(ds=twice["ds"] + pd.to_timedelta(np.repeat([0, 5], 10), unit="min"))
    with pytest.raises(InputError, match=r"of a falls on the same step as .*aggregate='mean'"):
        made.record_actuals(near)
    with pytest.raises(InputError, match="aggregate must be one of mean, sum, min"):
        made.record_actuals(twice, aggregate="middle")
    assert made.report().totals.num_scored == 0
    assert made.record_actuals(near, aggregate="mean") == 2 * HORIZON
    assert given.record_actuals(new.assign(y=new["y"] + 1)) == 2 * HORIZON
    assert made.report().error.mean == pytest.approx(given.report().error.mean)
    assert made.report().totals == given.report().totals


def test_dates_are_read_as_they_are_meant(pipe):
    times = pd.date_range("2024-01-01", periods=12, freq="MS")
    frame = pd.DataFrame({"ds": times, "y": waves(12)})
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, frame[:7]), 0.1)
    texts = frame[7:].assign(ds=frame["ds"][7:].dt.strftime("%d/%m/%Y"))
    assert monitor.record_actuals(texts[:2], day_first=True) == 2
    assert monitor.record_actuals(texts, day_first=False) == 0
    with pytest.raises(InputError, match="day_first must be True or False, got 'yes'"):
        unwrap(ForecastMonitor.record_actuals)(monitor, texts, day_first="yes")


def test_single_stamps_are_read_as_those_of_the_history_were(pipe):
    days = pd.date_range("2024-01-20", periods=20, freq="D")
    months = pd.date_range("2023-06-01", periods=20, freq="MS")
    for stamps in (days.strftime("%d/%m/%Y"), days.strftime("%m/%d/%Y"), months.strftime("%Y%m").astype(int)):
        frame = pd.DataFrame({"when": stamps, "y": waves(20)})
        monitor = ForecastMonitor()
        monitor.record(forecast(pipe, frame[:14], time_column="when"), 0.1)
        assert [monitor.record_actuals(frame[i : i + 1]) for i in (14, 15)] == [1, 1]
        assert monitor.report().totals.num_unmatched == 0


def test_rows_of_one_step_become_one_as_in_the_data(pipe):
    past, new = split_frame(long_frame(40))
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, past, aggregate="mean"), 0.1)
    twice = pd.concat([new, new.assign(y=new["y"] + 2)], ignore_index=True)
    assert monitor.record_actuals(twice) == 2 * HORIZON


def test_a_forecast_too_large_to_keep_its_distributions_is_recorded(pipe, monkeypatch):
    monkeypatch.setattr(sampled, "_BYTES_KEPT", 0)
    monitor, data = ForecastMonitor(interval=0.9, max_waiting=1), waves(2, 30)
    found = monitor.forecast(pipe, data, HORIZON, num_samples=2, seed=0, quantile_levels=[0.2, 0.8])
    assert found.levels == (0.2, 0.8)
    assert found.rows.distribution is None
    assert monitor.report().spread.mean > 0
    assert monitor.record_actuals(waves(2, HORIZON), 0) == 2 * HORIZON  # the newest forecast always waits
    with pytest.raises(
        InputError, match=r"the quantile 0.05 was not asked for, .*; pass .* \(monitor.forecast does so"
    ):
        monitor.record(forecast(pipe, data), 0.1)
    assert monitor.report().totals.num_forecasts == 1


def test_values_are_unmatched_when_all_forecasts_have_theirs(pipe):
    past, new = split_frame(long_frame(40))
    monitor = ForecastMonitor()
    monitor.record(forecast(pipe, past), 0.1)
    monitor.record_actuals(new)
    assert monitor.report().num_waiting == 0
    assert monitor.record_actuals(new.assign(note=1.0)) == 0
    assert monitor.report().totals.num_unmatched == 2 * HORIZON


def test_an_interval_that_a_model_does_not_predict_is_an_error_before_it_forecasts(tiny2):
    pipe, monitor = TotoPipeline(tiny2), ForecastMonitor(interval=0.95)
    with pytest.raises(InputError, match=r"the ends of the interval 0.95 must be from 0.1 to 0.9, .* tails"):
        monitor.forecast(pipe, "no data", HORIZON)
    assert monitor.forecast(pipe, waves(2, 40), HORIZON, tails="exponential").horizon == HORIZON
    assert ForecastMonitor().forecast(pipe, waves(2, 40), HORIZON).horizon == HORIZON
