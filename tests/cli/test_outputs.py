"""What commands print for people and for programs, and how they end."""

import json

import numpy as np
import pytest

from toto.cli import outputs

pd = pytest.importorskip("pandas")
testing = pytest.importorskip("typer.testing")


@pytest.fixture
def spiked_file(tmp_path, wide_file):
    """The two hours of two metrics, with a spike in the second hour."""
    frame = pd.read_csv(wide_file)
    frame["cpu"] += np.random.default_rng(0).normal(size=120)
    frame.loc[100, "cpu"] = 900
    frame.to_csv(tmp_path / "spiked.csv", index=False)
    return tmp_path / "spiked.csv"


@pytest.fixture
def run(toto_command, model_folder):
    """Runs a command with the tiny model and few samples."""
    options = {
        "forecast": [],
        "backtest": ["--horizon", 5, "--windows", 2, "--samples", 4, "--model", model_folder],
        "detect": ["--model", model_folder, "--false-alarms", "1/5000 steps"],
    }
    return lambda command, *words: toto_command(command, *options[command], *words)


@pytest.mark.parametrize("command", ["forecast", "backtest", "detect"])
def test_json_is_all_of_stdout_and_has_the_rows_of_the_file(run, spiked_file, command):
    result = run(command, spiked_file, "--json", "--out", "out.csv")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["command"] == command
    assert printed["settings"]["context"] == 4096
    expected = pd.read_csv("out.csv")
    assert list(printed["rows"][0]) == list(expected.columns)
    for column in expected.select_dtypes("number"):
        values = [np.nan if row[column] is None else row[column] for row in printed["rows"]]
        np.testing.assert_allclose(values, expected[column], rtol=1e-9)
    assert "written to out.csv" in result.stderr


@pytest.mark.parametrize("command", ["forecast", "backtest", "detect"])
def test_quiet_leaves_out_notes_but_no_errors(run, spiked_file, command):
    pd.read_csv(spiked_file)[::-1].to_csv("unsorted.csv", index=False)
    words = ["unsorted.csv", "--out", "out.csv"]
    assert "note: unsorted.csv: the rows of 1 series are sorted by time" in run(command, *words).stderr
    quiet = run(command, *words, "--quiet")
    assert quiet.exit_code == 0
    assert quiet.stderr == ""
    assert quiet.stdout
    assert run(command, "absent.csv", "-q").stderr == "error: absent.csv: no such file; check the path\n"
    assert "note: " in run(command, *words).stderr  # of this command alone


def test_times_in_json_have_their_zone_and_what_is_no_number_is_null():
    times = pd.date_range("2026-03-29", periods=1, tz="Europe/Berlin")
    frame = pd.DataFrame({"ds": times, "id": [np.int64(7)], "a": [np.nan], "b": [np.inf], "c": [0.1 + 0.2]})
    rows = json.loads(json.dumps(outputs._rows(frame)))
    assert rows == [{"ds": "2026-03-29T00:00:00+01:00", "id": 7, "a": None, "b": None, "c": 0.3}]


def test_detect_ends_with_3_for_events_if_asked(run, spiked_file, wide_file):
    found = json.loads(run("detect", spiked_file, "--json").stdout)["rows"]
    assert [row["alarm"][11:16] for row in found if not row["in_clean_part"]] == ["01:40"]
    assert run("detect", spiked_file).exit_code == 0
    assert run("detect", spiked_file, "--exit-code").exit_code == 3
    assert run("detect", wide_file, "--exit-code").exit_code == 0


def test_an_interrupted_command_ends_with_130(run, wide_file, monkeypatch):
    from toto.inference.compilation import RuntimeSettings

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(RuntimeSettings, "load", interrupt)
    result = run("forecast", wide_file)
    assert result.exit_code == 130
    assert result.stdout == ""
