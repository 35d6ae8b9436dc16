"""The adapter against fev itself, on small files."""

import sys

import numpy as np
import pytest

from toto import Toto, TotoForecaster
from toto.errors import MissingExtraError

pytestmark = pytest.mark.filterwarnings("ignore")  # fev and datasets warn of what is theirs


def test_without_fev_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fev", None)
    monkeypatch.delitem(sys.modules, "toto.evaluation.fev_model", raising=False)
    with pytest.raises(MissingExtraError, match=r"the model of fev needs fev: pip install .*\[fev\]"):
        import toto.evaluation.fev_model  # noqa: F401


@pytest.fixture
def model(make_tiny, tmp_path):
    """The adapter with a tiny model, and the folder of that model."""
    pytest.importorskip("fev")
    from toto.evaluation.fev_model import TotoModel

    make_tiny().float().save_pretrained(tmp_path / "model")
    return TotoModel(str(tmp_path / "model"), context=40, num_samples=8), tmp_path / "model"


@pytest.fixture
def data_file(tmp_path):
    """Two items of different lengths with two columns of numbers, one value of them missing."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rng = np.random.default_rng(0)
    items = []
    for name, length in (("a", 70), ("b", 55)):
        stamps = np.datetime64("2024-01-01", "ms") + np.arange(length) * np.timedelta64(3_600_000, "ms")
        columns = {column: 10 + rng.normal(size=length).round(3) for column in ("x", "y")}
        columns["y"][20] = np.nan
        items.append({"id": name, "timestamp": stamps.tolist()} | {k: v.tolist() for k, v in columns.items()})
    parquet.write_table(arrow.Table.from_pylist(items), tmp_path / "data.parquet")
    return tmp_path / "data.parquet"


def make_task(data_file, **options):
    import fev

    sizes = {"horizon": 6, "num_windows": 2, "seasonality": 4}
    return fev.Task(dataset_path=str(data_file), **sizes, **options)


@pytest.mark.parametrize("metric", ["MASE", {"name": "RMSE"}])
def test_a_multivariate_task_is_scored(model, data_file, metric):
    task = make_task(data_file, target=["x", "y"], eval_metric=metric, quantile_levels=[0.1, 0.9])
    predictions = model[0].fit_predict(task)
    summary = task.evaluation_summary(predictions, model_name="toto")
    assert np.isfinite(summary["test_error"])
    assert model[0].inference_time > 0


def test_a_univariate_task_is_what_the_forecaster_gives(model, data_file):
    task = make_task(data_file, target="x", eval_metric="SQL", quantile_levels=[0.2, 0.5])
    predictions = model[0].fit_predict(task)
    assert np.isfinite(task.evaluation_summary(predictions, model_name="toto")["test_error"])
    past, _ = task.get_window(1).get_input_data()
    histories = [np.array(item["x"], float)[None, -40:] for item in past]
    forecasts = TotoForecaster(Toto.from_pretrained(model[1])).forecast(histories, 6, 8, seed=0)
    for row, forecast in zip(predictions[1]["x"], forecasts, strict=True):
        assert row["predictions"] == forecast.median[0, 0].tolist()
        assert row["0.2"] == forecast.quantile(0.2)[0, 0].tolist()


def test_fev_knows_the_model_by_its_name(model):
    import fev

    assert fev.ForecastingModel.get_model_cls("toto") is type(model[0])
