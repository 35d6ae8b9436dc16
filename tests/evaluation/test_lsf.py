"""Long-horizon benchmarks: parts, scaling, horizons in one pass, and the command."""

import re
from pathlib import Path

import numpy as np
import pytest
from benchmark_files import seasonal, write_wide

from toto.errors import InputError
from toto.evaluation import lsf_tasks as tasks_module
from toto.evaluation.choose import make_forecaster
from toto.evaluation.evaluate import evaluate
from toto.evaluation.forecaster import TotoUnderTest
from toto.evaluation.lsf import METRICS, evaluate_horizons, main
from toto.evaluation.lsf_tasks import lsf_tasks
from toto.evaluation.record import Settings

PUBLISHED = {  # MSE and MAE at 96, 192, 336, 720 steps
    ("ETTh1", "repeat-last"): [(1.294, 0.713), (1.325, 0.733), (1.330, 0.746), (1.335, 0.755)],
    ("ETTh1", "seasonal-naive"): [(0.512, 0.433), (0.581, 0.469), (0.650, 0.501), (0.655, 0.514)],
    ("ETTm1", "repeat-last"): [(1.214, 0.665), (1.261, 0.690), (1.287, 0.707), (1.322, 0.729)],
    ("ETTm1", "seasonal-naive"): [(0.423, 0.387), (0.463, 0.406), (0.496, 0.426), (0.574, 0.464)],
}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two short datasets."""
    write_wide(tmp_path / "weather.csv.gz", ("a", "b"), seasonal(2, 400, 20))
    write_wide(tmp_path / "ETTh1.csv", ("a",), seasonal(1, 100, 24))
    return tmp_path


@pytest.mark.parametrize("model", ["repeat-last", "seasonal-naive"])
def test_baselines_score_as_known_on_etth1(shared_data, model):
    results = evaluate_horizons(
        lsf_tasks(shared_data / "data" / "lsf", "ETTh1"), make_forecaster(Settings(model, 2048))
    )
    found = [tuple(result.scores[metric] for metric in METRICS) for result in results]
    np.testing.assert_allclose(found, PUBLISHED["ETTh1", model], atol=5.1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["repeat-last", "seasonal-naive"])
def test_baselines_score_as_known_on_ettm1(shared_data, model):
    results = evaluate_horizons(
        lsf_tasks(shared_data / "data" / "lsf", "ETTm1"), make_forecaster(Settings(model, 2048))
    )
    found = [tuple(result.scores[metric] for metric in METRICS) for result in results]
    np.testing.assert_allclose(found, PUBLISHED["ETTm1", model], atol=5.1e-4)


def test_the_test_part_is_scaled_by_the_training_part_and_windows_end_within_it(folder):
    short, long = lsf_tasks(folder, "weather", [10, 30], stride=3)
    training = short.series[0][:, :280]
    np.testing.assert_allclose(training.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(training.std(axis=1), 1)
    assert short.origins == [range(320, 391, 3)]
    assert long.origins == [range(320, 371, 3)]
    assert short.units == "z-scored by the first 280 steps"


def test_the_parts_of_ett_do_not_depend_on_what_follows(tmp_path):
    write_wide(tmp_path / "ETTh2.csv", ("a",), seasonal(1, 14500, 24))
    (task,) = lsf_tasks(tmp_path, "ETTh2", [96])
    assert task.origins == [range(11520, 14400 - 96 + 1)]


def test_a_constant_variate_stays_finite(tmp_path):
    write_wide(tmp_path / "weather.csv", ("a",), np.full((1, 50), 3.0))
    (task,) = lsf_tasks(tmp_path, "weather", [5])
    np.testing.assert_array_equal(task.series[0], 0)


def test_one_pass_scores_every_horizon_as_a_pass_of_its_own(folder, tiny):
    """With baselines; and the shorter forecasts of a model are the first steps of the longer ones."""
    tasks = lsf_tasks(folder, "weather", [10, 30, 20], stride=4)
    naive = make_forecaster(Settings("seasonal-naive"))
    for result, task in zip(evaluate_horizons(tasks, naive), tasks, strict=True):
        alone = evaluate(task, naive, METRICS)
        assert result.measurement == alone.measurement
        assert result.scores == pytest.approx(alone.scores)
    model = TotoUnderTest(tiny, Settings("tiny", 64, 4, 0, "multivariate"))
    for result, task in zip(evaluate_horizons(tasks, model), tasks, strict=True):
        assert result.scores == pytest.approx(evaluate(task, model, METRICS).scores)


def test_progress_counts_the_windows_of_the_shortest_horizon(folder):
    calls: list[tuple[int, int]] = []
    tasks = lsf_tasks(folder, "weather", [10, 30], stride=10)
    evaluate_horizons(tasks, make_forecaster(Settings("repeat-last")), lambda *call: calls.append(call))
    assert calls == [(i, 8) for i in range(1, 9)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "traffic"}, "datasets must be among ETTh1, .*, got traffic"),
        ({"name": "electricity"}, r"there is no file .*electricity\.csv"),
        ({"name": "ETTh1"}, r"ETTh1\.csv: 100 steps, but the parts have 8640 \+ 2880 \+ 2880"),
        ({"horizons": [81]}, "horizons must be 1 to 80 steps, the test part of weather, got 81"),
        ({"horizons": [0]}, "horizons must be 1 to 80 steps, the test part of weather, got 0"),
        ({"horizons": []}, "horizons must hold at least one number of steps, got none"),
        ({"stride": 0}, "stride must be at least 1 step, got 0"),
    ],
)
def test_bad_input_is_an_error(folder, arguments, message):
    with pytest.raises(InputError, match=message):
        lsf_tasks(folder, **{"name": "weather"} | arguments)


def test_the_command_prints_a_row_for_each_horizon_and_the_mean(folder, tmp_path, capsys):
    options = ["--data", str(folder), "--datasets", "weather", "--horizons", "10", "30", "--stride", "5"]
    assert main([*options, "--model", "seasonal-naive", "--out", str(tmp_path / "out.csv")]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows[2:5]] == [["weather", "10"], ["weather", "30"], ["weather", "mean"]]
    scores = np.array([row[-2:] for row in rows[2:5]], float)
    np.testing.assert_allclose(scores[2], scores[:2].mean(axis=0), atol=1e-4)
    assert (tmp_path / "out.csv").read_text().count("\n") == 3


def test_a_bad_dataset_is_one_line_and_exit_status_2(folder, capsys):
    assert main(["--data", str(folder), "--datasets", "traffic"]) == 2
    assert re.match("error: datasets must be among ETTh1, .*, got traffic", capsys.readouterr().err)


def test_every_dataset_has_a_season():
    assert all(dataset.seasonality > 1 for dataset in tasks_module.DATASETS.values())
