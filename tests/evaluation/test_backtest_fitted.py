"""Backtests of fine-tuned models: at every origin the forecast is that of the pipeline."""

from dataclasses import replace

import numpy as np
import pytest

from toto import InputError, Toto, TotoPipeline
from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.evaluation.backtest import backtest
from toto.evaluation.backtest_windows import as_regular_series
from toto.inference.pipeline.fit_record import FitRecord

pd = pytest.importorskip("pandas")

HORIZON, ENDS = 11, (60, 44)  # beyond a patch; the second series is shorter
COVARIATES = Covariates(
    ("heat", "sky"), ("wind",), ("size",), ("hour", "weekend"), "DE", categories={"sky": ("clear", "rain")}
)
RECORD = FitRecord(Layout(columns=["load"]), COVARIATES, HORIZON, 24, static_scales=((3.0, 2.0),))


@pytest.fixture
def frame():
    """Two series in one zone of time, ragged, with covariates of all kinds and a gap in the first."""
    rng = np.random.default_rng(0)
    parts = []
    for name, size, end in zip("ab", (1.0, 5.0), ENDS, strict=True):
        sky = np.where(rng.random(end) > 0.5, "clear", "rain")
        times = pd.date_range("2024-12-24", periods=end, freq="h", tz="Europe/Berlin")
        numbers = {column: rng.normal(size=end) for column in ("load", "heat", "wind")}
        parts.append(
            pd.DataFrame({"unique_id": name, "time": times, "sky": sky, "size": size, "site": 1, **numbers})
        )
    return pd.concat(parts, ignore_index=True).drop(index=[12, 13])


def fitted(model, record=RECORD):
    """A model with a record; one of the first generation with labels."""
    model.config = record.into(model.config)
    if isinstance(model, Toto):
        model.model.config = model.config
        model.model.enable_variate_labels()
    return model


def rolled(model, frame, **options):
    return backtest(model, frame, **{"horizon": HORIZON, "windows": 2, "step": 5, "season": 4} | options)


def assert_as_forecast(model, frame, result):
    """Quantiles of every window are those of `forecast` of the rows before it, with what then was known."""
    assert len(result.forecasts) == 2 * len(result.series)
    for window in result.forecasts:
        one = result.series[window.window.series_index]
        origin = window.window.history.shape[1]
        cut = pd.Timestamp(one.times_utc(origin, 1)[0], tz="UTC")
        rows = frame[frame["unique_id"].isin(one.ids)]
        history, future = rows[rows["time"] < cut], rows[rows["time"] >= cut]
        beside = future.drop(columns=["load", "wind"])
        expected = TotoPipeline(model).forecast(history, HORIZON, future=beside, seed=0)
        found = window.quantiles[result.levels.index(0.9)]
        np.testing.assert_allclose(found, expected.quantile(0.9).numpy(), rtol=1e-9)
        np.testing.assert_array_equal(window.window.actual, one.values[:, origin : origin + HORIZON])


@pytest.mark.parametrize("group", [None, "site"])
def test_the_forecast_at_an_origin_is_that_of_the_pipeline_for_the_frame_cut_there(make_tiny, frame, group):
    if group:  # the values of a group end together
        frame = frame[frame["time"] < frame["time"].iloc[0] + pd.Timedelta(hours=ENDS[1])]
    model = fitted(make_tiny(), replace(RECORD, layout=replace(RECORD.layout, group=group)))
    result = rolled(model, frame)
    assert_as_forecast(model, frame, result)
    settings = result.measurement.settings
    assert settings.context == 24
    assert settings.grouping == ("multivariate" if group else "univariate")
    assert "0 of" in str(result)


def test_a_model_of_quantiles_reads_the_covariates_too(make_tiny2, frame):
    model = fitted(make_tiny2())
    assert_as_forecast(model, frame, rolled(model, frame))


def test_a_model_that_stayed_untouched_takes_the_columns_and_reads_targets_alone(make_tiny, frame, caplog):
    model = fitted(make_tiny(), replace(RECORD, uses_covariates=False))
    result = rolled(model, frame)
    assert_as_forecast(model, frame, result)
    changed = rolled(model, frame.assign(heat=0.0, wind=1.0))
    for one, other in zip(result.forecasts, changed.forecasts, strict=True):
        np.testing.assert_array_equal(one.quantiles, other.quantiles)
    assert not caplog.text


def test_what_is_known_counts_up_to_the_end_of_a_window_and_the_past_up_to_its_start(make_tiny, frame):
    model, of_last = fitted(make_tiny()), frame["unique_id"] == "b"
    before = rolled(model, frame).forecasts
    last = frame[of_last].index[-1]
    for column, differs in (("heat", True), ("wind", False), ("load", False)):
        changed = frame.copy()
        changed.loc[last, column] += 9.0
        after = rolled(model, changed).forecasts
        equal = [np.array_equal(x.quantiles, y.quantiles) for x, y in zip(before, after, strict=True)]
        assert equal == [True, True, True, not differs]


def test_gaps_of_known_covariates_in_a_window_are_bridged_and_counted(make_tiny, frame, caplog):
    frame.loc[frame.index[-3], "heat"] = np.nan
    model = fitted(make_tiny())
    result = rolled(model, frame, windows=1)
    assert np.isfinite(result.forecasts[-1].quantiles).all()
    assert "1 values of known covariates are missing in the windows and interpolated" in caplog.text


def test_paths_can_be_scored_and_the_context_be_chosen(make_tiny, frame):
    result = rolled(fitted(make_tiny()), frame, quantiles_from="paths", num_samples=4, context=16)
    assert result.measurement.settings.context == 16
    assert np.isfinite(result.pit()).all()


def test_series_without_the_covariates_of_the_model_are_said_to_be_so(make_tiny, frame, caplog):
    series = as_regular_series(np.random.default_rng(0).normal(size=60))
    rolled(fitted(make_tiny()), series)
    assert (
        "trained with the covariates heat, sky, wind, size, hour, weekend, holidays; backtest" in caplog.text
    )


def test_what_a_fine_tuned_model_does_not_serve_is_an_error(make_tiny, frame):
    model = fitted(make_tiny())
    with pytest.raises(InputError, match="independent: a fine-tuned model takes columns together as in its"):
        rolled(model, frame, independent=True)
    with pytest.raises(InputError, match="horizon must be at most 11, for which the model was trained"):
        rolled(model, frame, horizon=12)
    with pytest.raises(InputError, match="known: data frame has no column 'heat'"):
        rolled(model, frame.drop(columns="heat"))
