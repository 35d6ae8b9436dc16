"""GIFT-Eval tasks from files, the official loader, and the command."""

import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from toto.errors import InputError, TotoError
from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.evaluate import evaluate
from toto.evaluation.gift_eval import main
from toto.evaluation.gift_eval_tasks import LOCAL_TASKS, local_tasks, official_tasks
from toto.evaluation.published import published_scores
from toto.evaluation.record import Settings

NAIVE = SeasonalNaive(Settings("seasonal-naive"))


def test_seasonal_naive_is_the_published_one_on_all_tasks(shared_data):
    """To half of the last published digit."""
    published = {metric: published_scores(metric)["Seasonal_Naive"] for metric in ("mase", "crps")}
    tasks = 0
    for task in local_tasks(shared_data / "data"):
        scores = evaluate(task, NAIVE, ("mase", "crps")).scores
        assert scores["mase"] == pytest.approx(published["mase"][task.name], abs=5.1e-4)
        assert scores["crps"] == pytest.approx(published["crps"][task.name], abs=5.1e-5)
        assert scores == pytest.approx({m: published[m][task.name] for m in scores}, rel=1e-3)
        tasks += 1
    assert tasks == 14


def test_local_tasks_have_the_horizons_and_seasons_of_their_names(gift_eval_folder):
    tasks = {task.name: task for task in local_tasks(gift_eval_folder)}
    assert tuple(tasks) == LOCAL_TASKS
    assert [tasks[f"ett1/15T/{term}"].horizon for term in ("short", "medium", "long")] == [48, 480, 720]
    assert [(task.seasonality, len(task.series[0])) for task in tasks.values()][::3] == [
        (96, 7),
        (24, 7),
        (288, 7),
        (24, 7),
        (24, 1),
    ]
    assert tasks["m4_hourly/H/short"].num_windows == 2
    assert [series.shape for series in tasks["m4_hourly/H/short"].series] == [(1, 348), (1, 353)]
    assert tasks["us_births/D/short"].horizon == 30


def test_hours_are_sums_of_quarters_and_means_of_five_minutes(gift_eval_folder):
    names = ["ett1/15T/short", "ett1/H/short", "bizitobs_l2c/5T/short", "bizitobs_l2c/H/short"]
    quarters, hours, minutes, means = (task.series[0] for task in local_tasks(gift_eval_folder, names))
    np.testing.assert_allclose(hours[:, 3], quarters[:, 12:16].sum(axis=1))
    np.testing.assert_allclose(means[:, 2], minutes[:, 24:36].mean(axis=1))


def test_validation_windows_end_where_those_of_the_test_begin(gift_eval_folder):
    names = ["ett1/15T/short", "bizitobs_l2c/H/short", "m4_hourly/H/short"]
    tasks = (local_tasks(gift_eval_folder, names, split) for split in ("test", "validation"))
    for test, validation in zip(*tasks, strict=True):
        assert validation.name == f"{test.name} (validation)"
        assert (validation.horizon, validation.num_windows) == (test.horizon, test.num_windows)
        for whole, seen, origins in zip(test.series, validation.series, test.origins, strict=True):
            np.testing.assert_array_equal(seen, whole[:, : origins[0]])


def test_an_unknown_split_is_an_error(tmp_path):
    with pytest.raises(InputError, match="split must be one of test, validation, got 'train'"):
        local_tasks(tmp_path, split="train")


def test_m4_files_that_differ_are_an_error(gift_eval_folder):
    (gift_eval_folder / "m4" / "Test" / "Hourly-test.csv").write_text('"V1"\n"H9","1"\n')
    with pytest.raises(InputError, match="the training and the test file name different series"):
        local_tasks(gift_eval_folder, ["m4_hourly/H/short"])


@pytest.mark.parametrize(("names", "got"), [(["ett1/W/short", "ett1/H/long"], "ett1/W/short"), ([], "none")])
def test_an_unknown_task_is_an_error(tmp_path, names, got):
    with pytest.raises(InputError, match=f"tasks must be among ett1/15T/short, .*, got {got}$"):
        local_tasks(tmp_path, names)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*ETTm1\.csv"):
        local_tasks(tmp_path)


def test_data_shorter_than_the_horizon_is_an_error(gift_eval_folder):
    births = gift_eval_folder / "monash_small" / "us_births_dataset" / "us_births_dataset.tsf"
    births.write_text("@data\nT1:x:" + ",".join(["1"] * 20) + "\n")
    with pytest.raises(InputError, match=r"series 0 has 20 steps; .* of horizon 30 need at least 31"):
        local_tasks(gift_eval_folder, ["us_births/D/short"])


class OfficialDataset:
    """What is read of `gift_eval.data.Dataset`, for a dataset with a folder per frequency and one without."""

    freq, windows = "H", 2

    def __init__(self, name, term):
        if name not in ("wide/H", "single"):
            raise FileNotFoundError(name)
        self.prediction_length = {"short": 48, "medium": 240}[term]
        self.gluonts_dataset = [{"target": np.ones((3, 500) if name == "wide/H" else 600, np.float32)}]


@pytest.fixture
def gift_eval_package(monkeypatch):
    seasons = SimpleNamespace(get_seasonality={"H": 24}.get)
    monkeypatch.setitem(sys.modules, "gift_eval.data", SimpleNamespace(Dataset=OfficialDataset))
    monkeypatch.setitem(sys.modules, "gluonts.time_feature.seasonality", seasons)


@pytest.mark.usefixtures("gift_eval_package")
def test_official_tasks_come_from_the_loader():
    wide, single = official_tasks(["wide/H/short", "single/H/medium"])
    assert (wide.name, wide.series[0].shape, wide.horizon) == ("wide/H/short", (3, 500), 48)
    assert (single.name, single.series[0].shape, single.horizon) == ("single/H/medium", (1, 600), 240)
    assert (wide.seasonality, wide.num_windows) == (24, 2)


@pytest.mark.usefixtures("gift_eval_package")
def test_an_official_dataset_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match="other/H/short: gift_eval cannot read dataset 'other/H'"):
        official_tasks(["wide/H/short", "other/H/short"])


@pytest.mark.parametrize(("names", "got"), [(["ett1/H/x"], "ett1/H/x"), (["m4"], "m4"), ([], "none")])
def test_an_official_task_needs_a_term(names, got):
    message = "tasks must be named dataset/frequency/term with a term of short, medium, long, got " + got
    with pytest.raises(InputError, match=re.escape(message)):
        official_tasks(names)


def test_without_gift_eval_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gift_eval.data", None)
    with pytest.raises(TotoError, match=r"need the package gift_eval, .*: pip install 'gift_eval @ git"):
        official_tasks(["ett1/H/short"])


def test_the_command_prints_scores_beside_published_ones_and_writes_them(
    gift_eval_folder, make_tiny, tmp_path, capsys
):
    make_tiny().float().save_pretrained(tmp_path / "model")
    tasks = ["ett1/H/short", "us_births/D/short"]
    options = ["--data", str(gift_eval_folder), "--tasks", *tasks, "--model", str(tmp_path / "model")]
    more = ["--context", "64", "--samples", "4", "--univariate", "--out", str(tmp_path / "out.json")]
    assert main([*options, *more]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "0.977/0.2404" in shown[2]  # published
    assert shown[4].startswith("mean of 2, relative")
    assert "1.000/1.0000" in shown[4]  # the baseline relative to itself
    assert "context 64, 4 samples, seed 0" in shown[-1]
    results = json.loads((tmp_path / "out.json").read_text())
    records = [result["measurement"] for result in results]
    assert [record["task"] for record in records] == [tasks[0], tasks[0], tasks[1], tasks[1]]
    assert {record["settings"]["grouping"] for record in records} == {"univariate"}
    assert records[1]["settings"]["model"] == "seasonal-naive"
    assert all(result["scores"]["mase"] > 0 for result in results)


def test_results_are_kept_when_a_later_task_fails(gift_eval_folder, tmp_path, monkeypatch):
    done = []

    def evaluate_twice(task, *options, **more):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(task.name)
        return evaluate(task, *options, **more)

    monkeypatch.setattr("toto.evaluation.gift_eval.evaluate", evaluate_twice)
    options = ["--data", str(gift_eval_folder), "--model", "repeat-last", "--out", str(tmp_path / "out.json")]
    with pytest.raises(KeyboardInterrupt):
        main(options)
    assert len(json.loads((tmp_path / "out.json").read_text())) == 2


def test_the_columns_line_up_behind_the_long_names_of_the_validation(gift_eval_folder, capsys):
    options = ["--data", str(gift_eval_folder), "--split", "validation", "--model", "repeat-last"]
    assert main([*options, "--tasks", "bizitobs_l2c/5T/short", "ett1/H/short", "ett1/H/short"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:4]] == [
        "bizitobs_l2c/5T/short (validation)",
        "ett1/H/short (validation)",
    ]
    end = lines[0].index("s/100") + len("s/100")
    assert all(line[end - 1].isdigit() and line[end] == " " for line in lines[2:4])


def test_a_baseline_is_a_model_too(gift_eval_folder, capsys):
    options = ["--data", str(gift_eval_folder), "--tasks", "m4_hourly/H/short", "--model", "repeat-last"]
    assert main([*options, "--baseline", "repeat-last"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[3] == lines[2].split()[4]
    assert "1.000/1.0000" in lines[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "ett1"], "error: tasks must be among"),
        (["--model", "no-such-model"], "error: no checkpoint at 'no-such-model'"),
        (["--baseline", "no-such-model"], "error: no checkpoint at 'no-such-model'"),
        (["--data", "nowhere"], r"error: there is no file nowhere.lsf.ETTm1\.csv"),
        (["--samples", "0"], "error: num_samples must be a whole number of at least 1, got 0"),
        (["--seed", "-1"], r"error: seed must be a whole number from 0 to 2\^63 - 1, got -1"),
        (["--device", "toaster"], "error: --device must be a device such as"),
        (["--device", "cuda:99"], "error: --device: cuda:99 is not available here"),
        (["--out", "out.txt"], r"error: out\.txt: the name must end in \.json, \.csv"),
        (["--out", "absent/out.csv"], "error: absent.out.csv: there is no folder absent"),
        (["--split", "validation", "--official"], "error: split must be test with official, got validation"),
    ],
)
def test_bad_options_are_one_line_and_exit_status_2(gift_eval_folder, options, message, capsys):
    source = [] if "--official" in options else ["--data", str(gift_eval_folder)]
    assert main([*source, *options]) == 2
    assert re.match(message, capsys.readouterr().err)
