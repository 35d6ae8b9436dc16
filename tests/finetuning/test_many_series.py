"""A fit on what data are like: ragged series of two targets, gaps, clocks, covariates of all kinds."""

import numpy as np
import pytest

from toto import TotoPipeline
from toto.evaluation.backtest import backtest

pd = pytest.importorskip("pandas")
pytest.importorskip("lightning")
pytestmark = pytest.mark.usefixtures("as_users_call")

HORIZON = 6
STORES = {"a": (150, 1.0, "small"), "b": (120, 5.0, "big"), "c": (90, 9.0, "small")}
FIT = {
    "id_column": "store",
    "time_column": "when",
    "columns": ["load", "gas"],
    "known": ["heat", "sky"],
    "past": "wind",
    "static": ["size", "kind", "store"],
    "calendar": ["hour", "dayofweek"],
    "holidays": "DE-BY",
    "max_steps": 20,
    "batch_size": 4,
    "context": 16,
    "learning_rate": 1e-2,
}


@pytest.fixture(scope="module")
def frame():
    """Hours of three stores over the change to summer time, which end together; some rows are missing."""
    rng = np.random.default_rng(0)
    end, parts = pd.Timestamp("2024-04-04 12:00", tz="Europe/Berlin"), []
    for name, (count, size, kind) in STORES.items():
        heat, warm = rng.normal(size=count).cumsum() / 3, rng.random(count) > 0.5
        part = pd.DataFrame({"store": name, "when": pd.date_range(end=end, periods=count, freq="h")})
        part["load"] = 50 + 10 * warm - 3 * heat
        part["gas"] = 20 + heat + rng.normal(size=count)
        beside = {"heat": heat, "sky": np.where(warm, "clear", "rain"), "wind": rng.normal(size=count)}
        parts.append(part.assign(**beside, size=size, kind=kind).drop(index=[20, 21, 50]))
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[[5, 90, 200], "load"] = np.nan
    return frame


@pytest.mark.parametrize("group", [None, "kind"])
def test_what_was_fitted_is_saved_loaded_forecast_and_backtested(pipe, frame, tmp_path, group):
    until = frame["when"].max() - pd.Timedelta(hours=HORIZON)
    history, future = frame[frame["when"] <= until], frame[frame["when"] > until]
    fitted = pipe.fit(history, HORIZON, **FIT, group=group, out=tmp_path)
    assert fitted.fit_result.improved
    found = fitted.forecast(history, HORIZON, future=future.drop(columns=["load", "gas", "wind"]), seed=0)
    assert found.median.shape == (6, HORIZON)
    shown = found.to_frame()
    assert shown["when"].min() == until + pd.Timedelta(hours=1)
    assert shown.groupby(["store", "target"]).size().tolist() == [HORIZON] * 6
    again = TotoPipeline.from_pretrained(tmp_path)
    reloaded = again.forecast(history, HORIZON, future=future, seed=0)
    np.testing.assert_allclose(reloaded.median.numpy(), found.median.numpy(), rtol=1e-6)
    result = backtest(again.model, frame, HORIZON, 1, season=24)
    medians = [one.quantiles[result.levels.index(0.5)] for one in result.forecasts]
    np.testing.assert_allclose(np.concatenate(medians), found.median.numpy(), rtol=1e-5)
    assert result.to_frame()["crps"].notna().all()
