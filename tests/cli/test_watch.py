"""Rows in, alarms out."""

import json
import logging
import signal
import subprocess
import sys
from subprocess import PIPE

import numpy as np
import pytest

from toto import InputError, Toto, TotoPipeline
from toto.cli.live_rows import LiveRows, Row
from toto.cli.runtime import runtime_of
from toto.cli.watch import WatchSettings, run_watch
from toto.streaming.stream import Stream

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
    strange = {310: 100, 311: 100, 314: 100, 330: 900}
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


@pytest.mark.parametrize(
    ("lines", "came"),
    [([], "none"), ([HEADER], "none"), ([HEADER, "soon,1,1\n"], "none"), ([HEADER, line(0)], 1)],
)
def test_rows_that_end_before_watching_began_are_an_error(settings, tmp_path, lines, came):
    message = f"nothing was watched: it takes 32 rows to begin with, got {came}: give more, or a --history"
    with pytest.raises(InputError, match=message):
        alarms(lines, settings(history=None, state=tmp_path / "watch.state"))
    assert alarms(lines, settings()) == []  # which has begun with its history


def test_the_command_that_never_watched_ends_with_code_2(model_folder):
    from toto.cli.app import app

    lines = HEADER + "".join(map(line, range(31)))
    result = testing.CliRunner().invoke(app, ["watch", "--model", str(model_folder)], input=lines)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "it takes 32 rows to begin with, got 31" in " ".join(result.stderr.split())


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
    lines += ["2026-01-01 05:01:00,much,1\n", "2026-01-01 05:02:00,more,1\n", "soon,1,1\n", "nan,1,1\n"]
    assert alarms([*lines, "\n", HEADER, line(303)], settings()) == []
    notes = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert notes[:3] == [
        "1 of 1 points are late or given before and are left out, the first: 2026-01-01T04:59:00.000000",
        "line 5 is left out: 2 cells, but the header names 3",
        "line 6: column cpu: 'much' is not a number; such values are missing",
    ]
    assert notes[3].startswith("line 8 is left out: times must be dates or numbers, got")
    assert notes[4].startswith("line 9 is left out: times must be known, got nan")
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
        ({"columns": ["cpuu"]}, "no column 'cpuu'; there are time, cpu, load"),
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


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
def test_numbers_for_time_are_seconds_or_finer_since_1970(unit):
    rows = [json.dumps({"time": (1_760_000_000 + 5 * step) * unit, "cpu": 0}) for step in range(3)]
    assert [row.time - 1_760_000_000 for row in LiveRows(rows, None, None)] == [0, 5, 10]


def test_a_header_that_comes_again_may_have_another_order():
    rows = list(LiveRows([HEADER, "1,2,3\n", "load,time,cpu\n", "5,2,4\n"], None, None))
    assert [row.time for row in rows] == [1, 2]
    assert [row.values for row in rows] == [{"cpu": 2, "load": 3}, {"cpu": 4, "load": 5}]
    assert [row.values for row in LiveRows([",0,1\n", "1,2,3\n"], None, None)] == [{"0": 2, "1": 3}]


def test_rows_without_a_header_are_those_of_the_history_or_the_state(settings, tmp_path):
    lines = [line(step, 900 if step in (310, 350) else None) for step in range(300, 360)]
    found = alarms(lines[:20], settings(state=tmp_path / "watch.state"))
    found += alarms(lines[20:], settings(state=tmp_path / "watch.state", history=None))
    assert [alarm["time"][11:16] for alarm in found] == ["05:10", "05:50"]
    for first in (lines[0], "1760000000,nan,1\n", "1760000000,nan\n"):
        with pytest.raises(InputError, match=r"rows of CSV must begin with a header .*, got '"):
            alarms([first, *lines], settings(history=None))


def test_rows_of_which_no_column_is_watched_are_refused(settings):
    with pytest.raises(InputError, match="rows must hold a column that is watched, cpu, load, got disk"):
        alarms([json.dumps({"time": line(300)[:19], "disk": 50})], settings())


def test_the_command_reads_standard_input(model_folder, settings):
    from toto.cli.app import app

    lines = HEADER + "".join(line(step, 900 if step == 310 else None) for step in range(300, 320))
    arguments = ["watch", "--model", str(model_folder), "--history", str(settings().history)]
    result = testing.CliRunner().invoke(app, arguments, input=lines)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["time"] == "2026-01-01 05:10:00"


def numbers(step: int, **cells) -> str:
    return json.dumps({"time": step, "cpu": CPU[step % 400], "load": LOAD[step % 400]} | cells)


def test_what_is_rare_is_not_learnt_anew_after_a_restart(settings, tmp_path, caplog):
    state = {"state": tmp_path / "watch.state", "cool_down": 0}
    strange = [HEADER, *(line(step, 900 if step % 8 == 0 else None) for step in range(300, 376))]
    assert alarms(strange[:60], settings(**state))
    model, learned = Toto.from_pretrained(settings().model), []
    for changes in ({}, {"detector": "deviation"}):
        learned.append(Stream.load(tmp_path / "watch.state", model).notes["judges"][0]["calibration"])
        assert "it is calibrated anew" not in caplog.text
        alarms([HEADER, *strange[60:]], settings(**state, history=None, **changes))
    assert learned[0] == learned[1]
    assert "it is calibrated anew" in caplog.text


def test_one_huge_value_does_not_blind_the_watcher(settings):
    lines = [HEADER, *(line(step, {303: 1e6, 340: 900}.get(step)) for step in range(300, 341))]
    found = alarms(lines, settings(context=256))
    assert (found[0]["time"][11:16], found[0]["columns"][0]["value"]) == ("05:03", 1e6)
    assert (found[-1]["time"][11:16], found[-1]["columns"][0]["value"]) == ("05:40", 900)


@pytest.mark.parametrize("every", [120, 30])
def test_steps_that_change_make_watching_begin_anew(settings, caplog, every):
    seconds = 300 * 60 + every * np.arange(80)
    lines = [f"2026-01-01 {s // 3600:02}:{s // 60 % 60:02}:{s % 60:02},{CPU[0]},{LOAD[0]}\n" for s in seconds]
    caplog.set_level(logging.INFO)
    alarms([HEADER, *lines], settings())
    assert caplog.text.count("watching begins anew") == 1
    assert f"watching cpu, load every {every} s" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        [numbers(5, time="2026-01-01 00:00:05")],
        [numbers(0, time=4e9)],
        [numbers(0, time=-1e12)],
        [numbers(0, time="nan")],
        [numbers(0, cpu=10**400), numbers(1, cpu=True)],
    ],
)
def test_first_rows_that_are_wrong_do_not_end_watching(settings, caplog, wrong):
    caplog.set_level(logging.INFO)
    rows = wrong + [numbers(step) for step in range(2, 80)]
    for place in (0, 3):
        alarms(rows[-place:] + rows[:-place] if place else rows, settings(history=None))
    assert "watching cpu, load every 1 s" in caplog.text


def test_columns_without_numbers_are_left_out_with_one_note_each(settings, caplog):
    rows = [numbers(step, host="web-1", disk=None) for step in range(80)]
    alarms(rows, settings(history=None))
    notes = [record.getMessage() for record in caplog.records]
    assert notes[1:] == [
        "collecting 32 rows to begin with",
        "column host is left out: it has too few values in 32 rows",
        "column disk is left out: it has too few values in 32 rows",
    ]
    assert notes[0] == "line 1: column host: 'web-1' is not a number; such values are missing"


def test_rows_without_any_number_cannot_be_begun_with(settings, caplog):
    rows = [numbers(step, cpu="a", load="b") for step in range(40)]
    with pytest.raises(InputError, match=r"got 40: rows must hold at least 20 observed steps"):
        alarms(rows, settings(history=None))
    assert "watching cannot begin with these rows: rows must hold at least 20 observed steps" in caplog.text


def test_a_column_that_rows_lack_is_noted_once(settings, caplog):
    rows = [json.dumps({"time": line(step)[:19], "cpu": 50}) for step in range(300, 310)]
    alarms(rows, settings())
    assert [r.getMessage() for r in caplog.records] == [
        "the row of 2026-01-01 05:00:00 has no column 'load': it is missing in such rows"
    ]


def test_states_that_cannot_be_are_named_before_the_model_is_loaded(settings, tmp_path, tiny):
    for state in (tmp_path, tmp_path / "absent" / "st"):
        with pytest.raises(InputError, match="--state must be a file in a folder that is there, got"):
            alarms([], settings(state=state, model="no such model"))
    Stream(tiny, CPU).save(tmp_path / "other.stream")
    with pytest.raises(InputError, match="holds streams that nobody watched: begin with their values"):
        alarms([], settings(state=tmp_path / "other.stream"))
    watch = TotoPipeline(Toto.from_pretrained(settings().model)).watch(CPU[:100])
    watch.save(tmp_path / "other.watch")
    with pytest.raises(InputError, match="holds a stream that toto watch did not save: give another"):
        alarms([], settings(state=tmp_path / "other.watch"))


def test_the_state_is_saved_every_100_rows_and_when_interrupted(settings, tmp_path):
    state = tmp_path / "watch.state"

    def lines():
        yield HEADER
        for step in range(300, 399):
            yield line(step)
            yield line(300)  # late
        assert not state.exists()
        yield "2026-01-01 06:50:00,50,0\n"  # 12 steps later
        yield "2026-01-01 06:51:00,50,0\n"  # row 101: that of 100 waited for it
        assert state.exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alarms(lines(), settings(state=state))
    watched = Stream.load(state, Toto.from_pretrained(settings().model))
    assert watched.num_steps == 412


def test_the_cool_down_counts_steps_not_rows(settings):
    """A step after a gap is not judged, and a gap is quiet."""
    lines = [HEADER, line(300), line(301, 900), line(310), line(311, 900)]
    found = alarms(lines, settings(cool_down=5, detector="deviation"))
    assert [alarm["time"][11:16] for alarm in found] == ["05:01", "05:11"]


def test_a_row_from_the_future_is_left_out_and_those_behind_it_are_not_late(settings, caplog):
    rows = [line(s, {310: 900}.get(s)) for s in range(300, 320)]
    found = alarms([HEADER, *rows[:5], line(390), *rows[5:]], settings(detector="deviation"))
    assert [alarm["time"][11:16] for alarm in found] == ["05:10"]
    assert [record.getMessage() for record in caplog.records] == [
        "the row of 2026-01-01 06:30:00 is left out: its time is ahead, the row after it is of "
        "2026-01-01 05:05:00"
    ]


def test_rows_behind_a_gap_are_taken_when_the_next_one_comes(settings, tmp_path, caplog):
    state = tmp_path / "watch.state"
    lines = [HEADER, line(300), line(310), line(310), line(299), line(311), line(330)]
    assert alarms(lines, settings(state=state)) == []
    assert [record.getMessage()[:25] for record in caplog.records] == ["1 of 1 points are late or"]
    watched = Stream.load(state, Toto.from_pretrained(settings().model))
    assert watched.num_steps == 312  # the last row waits for the next one


@pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl-C for a single process")
def test_ctrl_c_ends_the_command_with_code_130_and_saves_the_state(settings, tmp_path):
    state = tmp_path / "watch.state"
    command = [sys.executable, "-m", "toto", "watch", "--model", str(settings().model), "--state", str(state)]
    command += ["--history", str(settings().history), "--false-alarms", "1/1000 steps"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
    try:
        process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        process.stdin.write(HEADER + line(300) + line(301, 900))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["time"] == "2026-01-01 05:01:00"
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in notes
    assert Stream.load(state, Toto.from_pretrained(settings().model)).num_steps == 302
