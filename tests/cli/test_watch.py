"""Rows in, alarms out."""

import json
import logging

import numpy as np
import pytest

from toto import InputError
from toto.cli.live_rows import LiveRows, Row
from toto.cli.runtime import runtime_of
from toto.cli.watch import WatchSettings, run_watch

testing = pytest.importorskip("typer.testing")

STEPS = np.arange(400)
CPU = 50 + 10 * np.sin(STEPS / 9) + np.random.default_rng(0).normal(size=400)
LOAD = np.random.default_rng(1).normal(size=400)


def line(step: int, cpu: float | None = None) -> str:
    values = f"{CPU[step] if cpu is None else cpu:.4f},{LOAD[step]:.4f}"
    return f"2026-01-01 {step // 60:02}:{step % 60:02}:00,{values}\n"


HEADER = "time,cpu,load\n"


@pytest.fixture
def settings(model_folder, tmp_path):
    """A function that makes settings, with 300 rows of history."""
    file = tmp_path / "history.csv"
    file.write_text(HEADER + "".join(map(line, range(300))))

    def make(**changes) -> WatchSettings:
        options = {
            "model": str(model_folder),
            "runtime": runtime_of("cpu"),
            "time_column": None,
            "columns": None,
            "context": 64,
            "false_alarms": "1/1000 steps",
            "cool_down": 3,
            "history": file,
            "state": None,
            "detector": "likelihood",
        }
        return WatchSettings(**options | changes)

    return make


def alarms(lines, settings) -> list[dict]:
    shown: list[str] = []
    run_watch(lines, settings, shown.append)
    return [json.loads(text) for text in shown]


def test_a_strange_row_is_an_alarm_that_names_what_was_expected(settings):
    lines = [HEADER, *map(line, range(300, 330)), line(330, cpu=900), *map(line, range(331, 360))]
    found = alarms(lines, settings())
    assert [alarm["time"] for alarm in found] == ["2026-01-01 05:30:00"]
    blamed = found[0]["columns"][0]
    assert (blamed["column"], blamed["value"]) == ("cpu", 900)
    assert blamed["expected"][0] < 50 < blamed["expected"][1] < 900
    assert found[0]["score"] > found[0]["threshold"]


def test_an_alarm_that_goes_on_is_shown_once_and_again_after_a_quiet_while(settings):
    strange = {310: 900, 311: 900, 314: 900, 330: 90_000}
    lines = [HEADER, *(line(s, strange.get(s)) for s in range(300, 340))]
    found = alarms(lines, settings())
    assert [alarm["time"][11:16] for alarm in found] == ["05:10", "05:30"]


@pytest.mark.parametrize("detector", ["likelihood", "deviation"])
def test_an_alarm_of_another_column_is_news_while_one_goes_on(settings, detector):
    lines = [HEADER, *(line(step, 900) for step in range(300, 306))]
    lines[4] = lines[4].replace(f"{LOAD[303]:.4f}", "70")
    found = alarms(lines, settings(detector=detector, cool_down=100))
    assert [alarm["time"][11:16] for alarm in found] == ["05:00", "05:03"]
    assert [[one["column"] for one in alarm["columns"]].count("load") for alarm in found] == [0, 1]


def test_a_column_that_was_0_throughout_is_judged_too(settings, tmp_path):
    rows = [f"{step},{0 if step < 310 else 5},{CPU[step]}\n" for step in range(330)]
    (tmp_path / "zero.csv").write_text("time,errors,cpu\n" + "".join(rows[:300]))
    found = alarms(["time,errors,cpu\n", *rows[300:]], settings(history=tmp_path / "zero.csv"))
    assert [(alarm["time"], alarm["columns"][0]["column"]) for alarm in found] == [("310", "errors")]


def test_json_lines_are_rows_as_well(settings):
    rows = [
        {"time": line(s)[:19], "cpu": 900 if s == 310 else CPU[s], "load": LOAD[s]} for s in range(300, 320)
    ]
    found = alarms(map(json.dumps, rows), settings())
    assert [alarm["time"] for alarm in found] == ["2026-01-01 05:10:00"]


def test_without_a_history_the_first_rows_are_collected(settings, caplog):
    caplog.set_level(logging.INFO)
    lines = [HEADER, *(line(step, 900 if step in (10, 90) else None) for step in range(100))]
    found = alarms(lines, settings(history=None, columns=["cpu"]))
    assert "collecting 32 rows to begin with" in caplog.text
    assert "watching cpu every 60 s" in caplog.text
    assert [alarm["time"] for alarm in found] in ([], ["2026-01-01 01:30:00"])  # 10 is part of the past


def test_watching_goes_on_from_its_state(settings, tmp_path):
    whole = [HEADER, *(line(step, 900 if step == 350 else None) for step in range(300, 360))]
    state = settings(state=tmp_path / "watch.state")
    assert alarms(whole[:40], state) == []
    found = alarms([HEADER, *whole[40:]], settings(state=tmp_path / "watch.state", history=None))
    assert [alarm["time"] for alarm in found] == ["2026-01-01 05:50:00"]
    with pytest.raises(InputError, match=r"watch.state watches cpu,load: give these as --columns"):
        alarms([], settings(state=tmp_path / "watch.state", columns=["cpu"]))


def test_late_repeated_and_unreadable_rows_are_left_out_with_a_note(settings, caplog):
    lines = [HEADER, line(300), line(299, 900), line(300, 900), "2026-01-01 05:01:00,1\n"]
    lines += ["2026-01-01 05:01:00,much,1\n", "soon,1,1\n", "\n", HEADER, line(301)]
    assert alarms(lines, settings()) == []
    notes = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert notes[:2] == [
        f"1 of 1 points are late or given before and are left out, the first: 2026-01-01T0{time}:00.000000"
        for time in ("4:59", "5:00")
    ]
    assert notes[2] == "line 5 is left out: 2 cells, but the header names 3"
    assert notes[3] == "line 6 is left out: column cpu: 'much' is not a number"
    assert notes[4].startswith("line 7 is left out: times must be dates or numbers, got")
    assert len(notes) == 5


def test_gaps_are_missing_values_and_many_rows_that_do_not_fit_begin_anew(settings, caplog):
    lines = [HEADER, line(300), line(310), *(line(step).replace(":00,", ":30,") for step in range(311, 325))]
    assert alarms(lines, settings()) == []
    notes = [record.getMessage() for record in caplog.records]
    assert sum("must lie on the grid" in note for note in notes) == 10
    assert "10 rows in a row did not fit: watching begins anew" in notes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"false_alarms": "often"}, "false_alarms must be a rate like .*, got 'often'"),
        ({"detector": "oracle"}, "--detector must be one of likelihood, .*, got 'oracle'"),
        ({"columns": ["disk"]}, "series must hold observed values of every variate"),
    ],
)
def test_settings_that_break_a_rule_are_named(settings, changes, message):
    with pytest.raises(InputError, match=message):
        alarms([], settings(**changes))


def test_histories_that_cannot_be_read_say_why(settings, tmp_path):
    with pytest.raises(InputError, match=r"absent.csv: no such file; check the path"):
        alarms([], settings(history=tmp_path / "absent.csv"))
    (tmp_path / "empty.csv").write_text(HEADER)
    with pytest.raises(InputError, match=r"empty.csv: no row of values"):
        alarms([], settings(history=tmp_path / "empty.csv"))
    (tmp_path / "short.csv").write_text(HEADER + "".join(map(line, range(12))))
    with pytest.raises(InputError, match="at least 20 observed steps"):
        alarms([], settings(history=tmp_path / "short.csv"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match=r"binary.csv: cannot be read as text"):
        alarms([], settings(history=tmp_path / "binary.csv"))


def test_the_time_column_is_found_or_named():
    rows = list(LiveRows(["when,x,ds\n", "1,2,3\n"], None, None))
    assert rows == [Row(3.0, "3", {"when": 1.0, "x": 2.0})]
    assert next(iter(LiveRows(["when,x\n", "1,\n"], "when", ["x"]))).text == "1"
    assert list(LiveRows(['{"a": 1}'], "t", None)) == ["line 1 is left out: no column 't'; there are a"]


def test_the_command_reads_standard_input(model_folder, settings):
    from toto.cli.app import app

    lines = HEADER + "".join(line(step, 900 if step == 310 else None) for step in range(300, 320))
    arguments = ["watch", "--model", str(model_folder), "--history", str(settings().history)]
    result = testing.CliRunner().invoke(app, arguments, input=lines)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["time"] == "2026-01-01 05:10:00"
