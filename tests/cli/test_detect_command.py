import numpy as np
import pytest

pd = pytest.importorskip("pandas")


@pytest.fixture
def spiked_file(tmp_path):
    """Two days of two metrics, five minutes apart, with a spike in one of them on the second day."""
    steps, rng = np.arange(576), np.random.default_rng(0)
    frame = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=576, freq="5min")})
    frame["cpu"] = 50 + 20 * np.sin(steps / 9) + rng.normal(size=576)
    frame["load"] = 2 + np.cos(steps / 5) + 0.1 * rng.normal(size=576)
    frame.loc[400:402, "cpu"] += 40
    frame.to_csv(tmp_path / "spiked.csv", index=False)
    return tmp_path / "spiked.csv"


def test_events_are_printed_written_and_drawn(toto_command, spiked_file):
    pytest.importorskip("matplotlib")
    done = toto_command(
        "detect", spiked_file, "--false-alarms", "2/day", "--out", "events.csv", "--plot", "out.png"
    )
    assert done.exit_code == 0, done.output
    events = pd.read_csv("events.csv", parse_dates=["start", "end", "alarm"])
    spike = pd.Timestamp("2026-01-02 09:20:00")
    (worst,) = (event for _, event in events.iterrows() if event["start"] <= spike <= event["end"])
    assert worst["variates"] == "cpu"
    assert worst["value"] > worst["expected_high"] > worst["expected_low"]
    assert not worst["in_clean_part"]
    assert str(worst["start"]) in done.stdout
    assert "toto-nano, deviation detector, 2/day false alarms, calibrated on the first 50 %" in done.stdout
    assert f"{len(events)} event{'s' * (len(events) > 1)} written to events.csv" in done.stderr
    assert spiked_file.with_name("out.png").stat().st_size > 10_000


def test_events_of_the_clean_part_are_marked_in_the_table(toto_command, spiked_file):
    done = toto_command("detect", spiked_file, "--false-alarms", "4/day", "--out", "events.csv")
    clean = pd.read_csv("events.csv").set_index("start")["in_clean_part"]
    assert clean.any()
    assert not clean.all()
    lines = [text.strip() for text in done.stdout.splitlines()]
    rows = {text[:19]: text.endswith("*") for text in lines if text.startswith("2026-")}
    assert rows == clean.to_dict()
    note = "* in the clean part: calibrated on as if it were usual; --clean sets the share."
    assert note in done.stdout
    rare = toto_command("detect", spiked_file, "--false-alarms", "1/year")
    assert "*" not in rare.stdout


def test_one_column_and_other_detectors_can_be_asked_for(toto_command, spiked_file):
    for detector in ("deviation", "quantile", "z-score"):
        done = toto_command("detect", spiked_file, "--column", "load", "--detector", detector)
        assert done.exit_code == 0, done.output
        assert "cpu" not in done.stdout


def test_of_several_series_the_strangest_is_drawn(toto_command, spiked_file):
    pytest.importorskip("matplotlib")
    done = toto_command("detect", spiked_file, "--independent", "--plot", "out.svg")
    assert "picture of the strangest of 2 series written to out.svg" in done.stderr
    assert "<!-- cpu -->" in spiked_file.with_name("out.svg").read_text()


def test_independent_columns_have_events_of_their_own(toto_command, spiked_file):
    options = ("--independent", "--false-alarms", "1/500 steps", "--out", "events.csv")
    assert toto_command("detect", spiked_file, *options).exit_code == 0
    assert set(pd.read_csv("events.csv")["variates"]) <= {"cpu", "load"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--detector", "oracle"],
            "--detector must be one of likelihood, quantile, z-score, deviation, got 'oracle'",
        ),
        (["--clean", "1.5"], "--clean must be a share of the history, above 0 and up to 1, got 1.5"),
        (["--false-alarms", "rarely"], "false_alarms must be a rate like"),
        (["--direction", "up"], "direction must be one of both, above, below, got 'up'"),
        (["--out", "spiked.csv"], "would replace the data; choose another name"),
        (["--plot", "out.txt"], "the name must end in .png, .svg, .pdf"),
        (["--clean", "0.01"], "at least 20 observed steps behind its first quarter"),
    ],
)
def test_options_that_break_a_rule_are_named(toto_command, spiked_file, options, message):
    done = toto_command("detect", spiked_file, *options)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_column_without_values_and_repeated_times_are_named(toto_command, spiked_file):
    frame = pd.read_csv(spiked_file)
    frame.assign(load="").to_csv("empty.csv", index=False)
    done = toto_command("detect", "empty.csv")
    assert done.exit_code == 2
    assert "got none of load: leave it out" in done.stderr
    frame.iloc[[0, 1, 1, *range(2, 576)]].to_csv("repeated.csv", index=False)
    done = toto_command("detect", "repeated.csv")
    assert done.exit_code == 2
    assert "2026-01-01 00:05:00 is there a second time" in done.stderr
