import re
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
    for name, scorer in benchmark.BASELINES.items():
        seen = 10 if "PCA" in name else 1  # steps at once
        assert 100 <= scorer(data)[150:].argmax() < 100 + seen


def test_the_detector_is_measured_on_labelled_files(benchmark, tiny, capsys):
    values = np.random.default_rng(0).normal(size=(2, 300))
    values[:, 250:255] += 30
    labels = np.zeros(300, int)
    labels[250:255] = 1
    series = [benchmark.Labelled("noise", values, 150, labels)]
    benchmark.show_precision("Noise", series, {"ours": benchmark.detector(tiny, "deviation")})
    assert "| ours | 1.000 | 1 of 1 | 0 |" in capsys.readouterr().out


def test_watching_is_measured_on_a_replay(benchmark, tiny):
    values = np.random.default_rng(0).normal(size=80)
    values[75] += 1e4
    lines = [f"{step},{value:.4f}\n" for step, value in enumerate(values)]
    watch = import_module("watch")
    replay = watch.Replay("noise", "time,x\n", lines[:70], lines[70:77])
    assert watch.num_alarms(tiny.float(), replay, "deviation", 1) == 1


def test_the_table_of_likelihoods_has_small_errors_and_the_same_scores(benchmark, tiny, tmp_path, capsys):
    pytest.importorskip("scipy")
    tiny.save_pretrained(tmp_path)
    likelihood = import_module("likelihood")
    options = ["--model", str(tmp_path), "--tables", "scipy,history", "--mixtures", "2", "--repeats", "1"]
    likelihood.main([*options, "--steps", "73", "--origins", "2", "--threads", "1"])
    shown = capsys.readouterr().out
    errors = [float(number) for number in re.findall(r"\d\.\de[+-]\d\d", shown)]
    assert len(errors) == 4 + 2
    assert max(errors) < 1e-10
