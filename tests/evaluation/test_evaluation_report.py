"""One number, tables and files of results."""

import csv
import json
import sys

import numpy as np
import pytest

from toto.errors import InputError
from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.evaluate import evaluate
from toto.evaluation.published import published_scores
from toto.evaluation.record import Settings
from toto.evaluation.report import ResultsFile, TextTable, geometric_mean_relative, progress_bar
from toto.evaluation.task import last_windows


@pytest.fixture
def result():
    task = last_windows("t", [np.arange(40.0)[None] ** 1.5], 5, 2, num_windows=2)
    return evaluate(task, SeasonalNaive(Settings("seasonal-naive")))


def test_the_geometric_mean_is_over_the_tasks_of_the_baseline():
    scores = {"a": 1.0, "b": 8.0, "c": 5.0}
    assert geometric_mean_relative(scores, {"a": 2.0, "b": 2.0}) == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("model", "mase", "crps"),
    [
        ("AutoARIMA", 0.996, 0.943),
        ("DLinear", 0.703, 0.747),
        ("Chronos-Bolt-base", 0.588, 0.546),
        ("Toto-1.0", 0.614, 0.537),
        ("Toto-2.0-22m", 0.542, 0.477),
    ],
)
def test_published_scores_have_the_published_means(model, mase, crps):
    for metric, expected in (("mase", mase), ("crps", crps)):
        scores = published_scores(metric)
        found = geometric_mean_relative(scores[model], scores["Seasonal_Naive"])
        assert found == pytest.approx(expected, abs=6e-4)


def test_scores_that_have_no_geometric_mean_are_errors():
    with pytest.raises(InputError, match="baseline must hold the score of at least one task, got none"):
        geometric_mean_relative({"a": 1.0}, {})
    for scores in ({"a": 0.0}, {"a": float("nan")}, {}):
        with pytest.raises(InputError, match=r"scores must be above 0, got .* and 1\.0 on a"):
            geometric_mean_relative(scores, {"a": 1.0})


def test_a_json_file_is_a_whole_list_after_every_result(tmp_path, result):
    out = ResultsFile(tmp_path / "out.json")
    for number in (1, 2, 3):
        out.add(result)
        assert json.loads((tmp_path / "out.json").read_text()) == [result.to_dict()] * number


def test_a_csv_file_has_a_line_for_every_result(tmp_path, result):
    (tmp_path / "out.csv").write_text("what was there before\n" * 99)
    out = ResultsFile(tmp_path / "out.csv")
    for number in (1, 2):
        out.add(result)
        with (tmp_path / "out.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == number
    assert rows[0] == rows[1]
    assert (rows[0]["task"], rows[0]["model"]) == ("t", "seasonal-naive")
    assert float(rows[0]["mase"]) == result.scores["mase"]


def test_a_score_that_is_not_defined_is_null(tmp_path, result):
    flat = evaluate(last_windows("flat", [np.ones((1, 20))], 5, 2), SeasonalNaive(Settings("seasonal-naive")))
    ResultsFile(tmp_path / "out.json").add(flat)
    (found,) = json.loads((tmp_path / "out.json").read_text(), parse_constant=pytest.fail)
    assert found["scores"]["mase"] is None


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch, result):
    monkeypatch.chdir(tmp_path)
    ResultsFile(None).add(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.txt", r"the name must end in \.json, \.csv to tell the format"),
        ("absent/out.json", "there is no folder .*absent; create it first"),
        ("folder.json", "is a folder, not a file; name a file"),
    ],
)
def test_an_output_that_cannot_be_written_is_an_error_at_once(tmp_path, name, message):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match=message):
        ResultsFile(tmp_path / name)


def test_an_output_that_can_no_longer_be_written_is_an_error(tmp_path, result):
    out = ResultsFile(tmp_path / "out.json")
    (tmp_path / "out.json").unlink()
    with pytest.raises(InputError, match=r"out\.json: cannot be written there"):
        out.add(result)


def test_a_table_lines_up(capsys):
    TextTable({"task": 6, "score": 7}).row("a", "1.25")
    assert capsys.readouterr().out.splitlines() == ["task      score", "-" * 15, "a          1.25"]


def test_there_is_no_bar_without_a_terminal():
    with progress_bar("working") as progress:
        assert progress is None


def test_a_bar_shows_on_a_terminal(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar("working") as progress:
        assert progress is not None
        progress(1, 2)
