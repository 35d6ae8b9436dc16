"""Long-horizon benchmarks: parts, scaling, horizons in one pass, and the command."""

import re
from functools import cache
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


known_tasks = cache(lsf_tasks)


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED)
def test_baselines_score_as_known_on_every_window(as_users_call, shared_data, dataset, model):
    tasks = known_tasks(shared_data / "data" / "lsf", dataset)
    results = evaluate_horizons(tasks, make_forecaster(Settings(model, 2048)))
    found = [tuple(result.scores[metric] for metric in METRICS) for result in results]
    np.testing.assert_allclose(found, PUBLISHED[dataset, model], atol=5.1e-4)


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


def test_datasets_without_parts_or_values_to_scale_by_are_errors(tmp_path):
    write_wide(tmp_path / "weather.csv", ("a", "b"), seasonal(2, 9, 4))
    with pytest.raises(InputError, match=r"weather\.csv: 9 steps, but three parts need at least 10"):
        lsf_tasks(tmp_path, "weather", [1])
    values = seasonal(2, 40, 4)
    values[1, :28] = np.nan
    write_wide(tmp_path / "weather.csv", ("a", "b"), values)
    with pytest.raises(InputError, match=r"'b' has no value in the 28 steps of the training part"):
        lsf_tasks(tmp_path, "weather", [1])


def test_a_window_without_values_has_no_scores(tmp_path):
    values = seasonal(1, 40, 4)
    values[0, 32:] = np.nan
    write_wide(tmp_path / "weather.csv", ("a",), values)
    (result,) = evaluate_horizons(
        lsf_tasks(tmp_path, "weather", [4]), make_forecaster(Settings("repeat-last"))
    )
    assert np.isnan([result.scores["mse"], result.scores["mae"]]).all()


def test_one_pass_scores_every_horizon_as_a_pass_of_its_own(folder, tiny):
    """With baselines; and the shorter forecasts of a model are the first steps of the longer ones."""
    tasks = lsf_tasks(folder, "weather", [10, 30, 20, 10], stride=4)
    assert [task.horizon for task in tasks] == [10, 30, 20]
    tasks[0].series[0][1, 345:350] = np.nan  # of all tasks
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
        ({"stride": 0}, "stride must be a whole number of at least 1, got 0"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--datasets", "weather", "traffic"], "error: datasets must be among ETTh1, .*, got traffic"),
        (["--datasets", "weather", "electricity"], r"error: there is no file .*electricity\.csv"),
        (["--horizons", "96"], "error: horizons must be 1 to 80 steps"),
        (["--device", "cuda:99"], "error: --device: cuda:99 is not available here"),
        (["--out", "absent/out.json"], "error: absent.out.json: there is no folder absent"),
        (["--context", "0"], "error: context must be a whole number of at least 1, got 0"),
    ],
)
def test_what_is_wrong_is_one_line_before_a_model_is_loaded(folder, options, message, capsys, monkeypatch):
    monkeypatch.setattr("toto.evaluation.lsf.make_forecaster", pytest.fail)
    usual = ["--data", str(folder), "--datasets", "weather", "--horizons", "10"]
    assert main([*usual, *options]) == 2
    assert re.match(message, capsys.readouterr().err)


def test_the_help_tells_the_context_of_the_protocol(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "(default: 2048)" in " ".join(capsys.readouterr().out.split())


def test_every_dataset_has_a_season():
    assert all(dataset.seasonality > 1 for dataset in tasks_module.DATASETS.values())
