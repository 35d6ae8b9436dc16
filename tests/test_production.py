"""The benchmark of warm-ups, and the picture of a monitor."""

import json
import sys
from pathlib import Path

import pytest

from toto import TotoPipeline

pytestmark = pytest.mark.usefixtures("as_users_call")

ROOT = Path(__file__).parents[1]


def test_one_process_measures_its_first_and_its_later_forecasts(script, checkpoint, monkeypatch, capsys):
    one_warmup = script("one_warmup")
    monkeypatch.setattr(one_warmup, "OTHER_SIZES", one_warmup.OTHER_SIZES[3:4])
    request = {"checkpoint": checkpoint, "threads": 1, "context": 40, "horizon": 20, "warm": True}
    monkeypatch.setattr(sys, "argv", ["one_warmup.py", json.dumps(request)])
    one_warmup.main()
    figures = json.loads(capsys.readouterr().out)
    assert figures["warmed_before"] > 0
    assert figures["first"] > 0
    assert figures["error"] == pytest.approx(figures["warm_error"], rel=0.5)
    assert figures["compilations"] == figures["recompilations"] == 0


@pytest.mark.slow
def test_the_warmup_benchmark_is_a_table_of_settings(script, checkpoint, capsys):
    options = ["--model", checkpoint, "--repeats", "1", "--threads", "1", "--horizon", "20"]
    script("warmup").main([*options, "--modes", "default"])
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row[0].strip() for row in rows[2:]] == ["eager", "default, no cache", "default, cache"]
    assert [row[-2].strip() for row in rows[2:]] == ["0", "3", "3"]
    assert [row[-1].strip() for row in rows[2:]] == ["0", "0", "0"]


def test_the_picture_of_a_monitor_is_drawn_from_a_replay(script, tiny, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    draw_monitor = script("draw_monitor")
    monkeypatch.setattr(draw_monitor, "FIRST", 1340)
    monkeypatch.setattr(draw_monitor.TotoPipeline, "from_pretrained", lambda: TotoPipeline(tiny.float()))
    draw_monitor.main(["--out", str(tmp_path / "monitor.png")])
    assert "8 forecasts of 16 series" in capsys.readouterr().out
    assert (tmp_path / "monitor.png").stat().st_size > 1000
