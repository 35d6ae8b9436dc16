from importlib import import_module
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return import_module("anomaly")


def test_average_precision_by_hand(benchmark):
    labels = np.array([0, 1, 0, 1])
    assert benchmark.average_precision(np.array([1.0, 4.0, 3.0, 2.0]), labels) == pytest.approx(
        (1 + 2 / 3) / 2
    )
    assert benchmark.average_precision(np.zeros(4), labels) == 0.5  # all at once: the share of ones


def test_only_rising_scores_are_alarms_for_a_while(benchmark):
    scores = np.array([1, 2, 2, 1, 3, 0, 1.0])
    assert benchmark.only_rising(scores, quiet=2).tolist() == [1, 2, 0, 0, 3, 0, 0]
    assert benchmark.segments(np.array([0, 1, 1, 0, 1])) == [(1, 3), (4, 5)]


def test_baselines_stand_out_at_an_outlier(benchmark):
    values = np.random.default_rng(0).normal(size=(3, 300))
    values[1, 250] += 30
    data = benchmark.Labelled("noise", values, 150, np.zeros(300, int))
    for scorer in benchmark.BASELINES.values():
        assert scorer(data)[150:].argmax() == 100


def test_the_detector_is_measured_on_labelled_files(benchmark, tiny, capsys):
    values = np.random.default_rng(0).normal(size=(2, 300))
    values[:, 250:255] += 30
    labels = np.zeros(300, int)
    labels[250:255] = 1
    series = [benchmark.Labelled("noise", values, 150, labels)]
    benchmark.show_precision("Noise", series, {"ours": benchmark.detector(tiny, "deviation")})
    assert "| ours | 1.000 | 1 of 1 | 0 |" in capsys.readouterr().out
