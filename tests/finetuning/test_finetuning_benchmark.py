from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch):
    """The script that measures fine-tuning."""
    pytest.importorskip("pandas")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module("finetuning")


def test_errors_are_those_of_forecasts_from_every_midnight(benchmark, fitted, hourly):
    frame = hourly[:360].ffill()
    task = benchmark.Task("tiny", frame, "load", ["heat", "sky"], 2 * 24, 6)
    mae, mase = benchmark.error_on_test(fitted, task, context=64, at_once=1)
    errors = []
    for origin in (312, 336):
        known = frame[origin : origin + 6].drop(columns="load")
        forecast = fitted.forecast(frame[origin - 64 : origin], 6, future=known, seed=0)
        errors.append(np.abs(forecast.median.numpy()[0] - known_load(frame, origin)).mean())
    assert mae == pytest.approx(np.mean(errors), rel=1e-4)
    before = frame["load"].to_numpy()[:312]
    assert mase == pytest.approx(mae / np.abs(before[24:] - before[:-24]).mean())


def test_the_untouched_model_is_measured_and_written_as_a_row(benchmark, tmp_path, shared_data, monkeypatch):
    small = benchmark.tasks
    monkeypatch.setattr(
        benchmark,
        "tasks",
        lambda data, names: (task._replace(test_hours=192) for task in small(data, names)),
    )
    options = ["--data", str(shared_data / "data"), "--out", str(tmp_path), "--variants", "zero-shot/"]
    for _ in range(2):  # the second time there is nothing to do
        benchmark.main([*options, "--tasks", "NP,bike-week"])
    first, second = (tmp_path / "finetuning.csv").read_text().splitlines()[1:]
    assert first.startswith("NP,24,zero-shot,,0,")
    assert second.startswith("bike-week,168,zero-shot,,0,")


def known_load(frame, origin):
    return frame["load"].to_numpy()[origin : origin + 6]
