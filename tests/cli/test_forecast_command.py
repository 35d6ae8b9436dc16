import re
import sys
import time

import numpy as np
import pytest
import torch

from toto import TotoForecaster, TotoPipeline
from toto.cli import report
from toto.cli.notes import leave_out_notes, notes_on_stderr

pd = pytest.importorskip("pandas")


def written(result, path) -> "pd.DataFrame":
    assert result.exit_code == 0, result.output
    return pd.read_csv(path)


def failed(result, message: str) -> None:
    """The command ended with code 2 and one line that holds the message."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_variates_of_a_wide_file_are_forecast(toto_command, wide_file):
    result = toto_command("forecast", wide_file, "--out", "out.csv")
    frame = written(result, "out.csv")
    assert list(frame.columns) == ["time", "variate", "mean", "median", "0.1", "0.5", "0.9"]
    assert frame["variate"].tolist() == ["cpu"] * 5 + ["load"] * 5
    assert frame["time"].tolist()[:2] == ["2024-01-01 02:00:00", "2024-01-01 02:01:00"]
    assert (frame["0.1"] <= frame["0.5"]).all()
    assert (frame["0.5"] <= frame["0.9"]).all()


def test_the_command_gives_what_the_pipeline_gives(toto_command, wide_file, model_folder):
    options = ["--seed", 3, "--device", "cpu", "--horizon", 12, "--out", "out.csv"]
    frame = written(toto_command("forecast", wide_file, *options), "out.csv")
    pipeline = TotoPipeline.from_pretrained(model_folder)
    data = pd.read_csv(wide_file, parse_dates=["time"])
    expected = pipeline.forecast(data, 12, multivariate=True, num_samples=16, seed=3)
    np.testing.assert_allclose(frame["0.5"], expected.median.flatten(), rtol=1e-5)
    np.testing.assert_allclose(frame["mean"], expected.mean.flatten(), rtol=1e-5)


def test_the_output_says_what_ran(toto_command, wide_file, model_folder):
    result = toto_command("forecast", wide_file, "--context", 64)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert result.stdout.splitlines()[0] == "wide.csv: 2 variates, next 5 steps of 1 min"
    summary = result.stdout.splitlines()[-1]
    assert summary.startswith(f"{model_folder} (0.0")
    assert f"M parameters, {device}), context 64 steps (the last of 120), 16 samples, seed 0, " in summary
    assert summary.endswith(" s")


def test_a_fine_tuned_model_sees_as_many_steps_as_in_training_unless_told_otherwise(
    toto_command, fitted_folder
):
    times = pd.date_range("2024-01-01", periods=4505, freq="min")
    frame = pd.DataFrame({"time": times, "cpu": np.sin(np.arange(4505)), "load": 1.0})
    frame[:4500].to_csv("long.csv", index=False)
    frame[4500:].drop(columns="cpu").to_csv("future.csv", index=False)
    options = ["--model", fitted_folder, "--future", "future.csv", "--horizon", 5]
    assert "context 4,500 steps, " in toto_command("forecast", "long.csv", *options).stdout
    chosen = toto_command("forecast", "long.csv", *options, "--context", 4096)
    assert "context 4,096 steps (the last of 4,500)" in chosen.stdout


def test_a_short_forecast_is_printed_in_full_and_a_long_one_in_part(toto_command, wide_file):
    short = toto_command("forecast", wide_file)
    assert short.stdout.count("2024-01-01 02:0") == 10
    long = toto_command("forecast", wide_file, "--horizon", 30)
    assert long.stdout.count("2024-01-01 02:") == 6
    assert "First and last steps; --out forecast.csv writes all 60 rows." in long.stdout


def test_the_same_seed_gives_the_same_table_and_another_seed_another(toto_command, wide_file):
    tables = [
        toto_command("forecast", wide_file, "--horizon", 12, "--seed", seed).stdout.rsplit("\n", 2)[0]
        for seed in (7, 7, 8)
    ]
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]


def test_quantiles_name_their_columns_in_order(toto_command, wide_file):
    result = toto_command("forecast", wide_file, "--quantiles", "0.975, 0.5,.025", "--out", "out.csv")
    assert list(written(result, "out.csv").columns)[4:] == ["0.025", "0.5", "0.975"]


def test_columns_choose_the_variates(toto_command, wide_file):
    result = toto_command("forecast", wide_file, "--columns", "load, cpu", "--out", "out.csv")
    assert written(result, "out.csv")["variate"].unique().tolist() == ["load", "cpu"]


def test_independent_columns_do_not_see_each_other(toto_command, wide_file):
    both = written(toto_command("forecast", wide_file, "--independent", "--out", "a.csv"), "a.csv")
    one = written(
        toto_command("forecast", wide_file, "--independent", "--columns", "load", "--out", "b.csv"), "b.csv"
    )
    together = written(toto_command("forecast", wide_file, "--out", "c.csv"), "c.csv")
    load = both[both["variate"] == "load"].reset_index(drop=True)
    pd.testing.assert_frame_equal(load, one)
    assert not np.allclose(together.loc[together["variate"] == "load", "mean"], one["mean"])


def test_the_series_of_a_long_file_are_forecast_on_their_own_grids(toto_command, long_file):
    result = toto_command("forecast", long_file, "--out", "out.csv")
    frame = written(result, "out.csv")
    assert list(frame.columns) == ["unique_id", "ds", "mean", "median", "0.1", "0.5", "0.9"]
    first = frame.groupby("unique_id")["ds"].first().to_dict()
    assert first == {
        "north": "2024-02-10 00:00:00",
        "south": "2024-01-24 00:00:00",
        "west": "2024-01-02 06:00:00",
    }
    assert result.stdout.splitlines()[0] == "long.csv: 3 series, next 5 steps"
    assert "context 23 to 40 steps" in result.stdout


def test_a_long_series_does_not_depend_on_which_others_there_are(toto_command, long_file):
    everything = written(toto_command("forecast", long_file, "--out", "a.csv"), "a.csv")
    frame = pd.read_csv(long_file)
    frame[frame["unique_id"] == "south"].to_csv("south.csv", index=False)
    alone = written(toto_command("forecast", "south.csv", "--out", "b.csv"), "b.csv")
    south = everything[everything["unique_id"] == "south"].reset_index(drop=True)
    pd.testing.assert_frame_equal(south.drop(columns="ds"), alone.drop(columns="ds"))
    assert pd.to_datetime(south["ds"]).tolist() == pd.to_datetime(alone["ds"]).tolist()


def test_equal_series_of_a_long_file_draw_different_paths(toto_command, long_file):
    frame = pd.read_csv(long_file).query("unique_id == 'north'")
    pd.concat([frame, frame.assign(unique_id="copy")]).to_csv("twice.csv", index=False)
    options = ["--horizon", 16, "--out", "out.csv"]
    result = written(toto_command("forecast", "twice.csv", *options), "out.csv")
    first, copy = result["0.5"][:16].to_numpy(), result["0.5"][16:].to_numpy()
    np.testing.assert_allclose(first[:8], copy[:8], rtol=1e-5)  # of the first patch nothing is drawn
    assert not np.allclose(first[8:], copy[8:])


def test_a_long_file_may_name_its_columns(toto_command, long_file):
    frame = pd.read_csv(long_file).rename(columns={"unique_id": "store", "ds": "day", "y": "sales"})
    frame.assign(visits=frame["sales"] * 2).to_csv("stores.csv", index=False)
    options = ["--id-column", "store", "--time-column", "day", "--columns", "sales,visits"]
    result = toto_command("forecast", "stores.csv", *options, "--out", "out.csv")
    assert list(written(result, "out.csv").columns)[:3] == ["store", "day", "target"]
    assert "stores.csv: 3 series of 2 targets" in result.stdout
    assert "north, visits" in result.stdout


def test_many_series_are_printed_in_part(toto_command):
    frame = pd.DataFrame({"unique_id": np.repeat(np.arange(25), 3), "ds": np.tile([1, 2, 3], 25), "y": 1.0})
    frame.to_csv("many.csv", index=False)
    result = toto_command("forecast", "many.csv", "--samples", 2)
    assert result.exit_code == 0, result.output
    assert (
        "First and last steps of the first 20 of 25; --out forecast.csv writes all 125 rows." in result.stdout
    )


def test_a_parquet_file_is_read_and_written(toto_command, wide_file, tmp_path):
    pd.read_csv(wide_file, parse_dates=["time"]).to_parquet(tmp_path / "wide.parquet")
    result = toto_command("forecast", "wide.parquet", "--out", "out.parquet")
    assert result.exit_code == 0, result.output
    assert "10 rows written to out.parquet" in result.stderr
    frame = pd.read_parquet("out.parquet")
    csv = written(toto_command("forecast", wide_file, "--out", "out.csv"), "out.csv")
    np.testing.assert_allclose(frame["mean"], csv["mean"])
    assert frame["time"].dtype.kind == "M"


@pytest.mark.parametrize("name", ["out.png", "out.svg", "out.pdf"])
def test_a_picture_is_drawn(toto_command, long_file, tmp_path, name):
    pytest.importorskip("matplotlib")
    result = toto_command("forecast", long_file, "--plot", name)
    assert result.exit_code == 0, result.output
    assert f"picture written to {name}" in result.stderr
    assert (tmp_path / name).stat().st_size > 5000


def test_missing_cells_gaps_and_numbered_steps_are_told(toto_command, tmp_path):
    (tmp_path / "gaps.csv").write_text("time,y\n" + "".join(f"{t},{t % 3}\n" for t in [1, 2, 3, 7, 8, 9, 10]))
    result = toto_command("forecast", "gaps.csv", "--out", "out.csv")
    assert written(result, "out.csv")["time"].tolist() == [11, 12, 13, 14, 15]
    assert "note: 3 of 10 values of the context are missing" in result.stderr
    (tmp_path / "plain.csv").write_text("y\n1\n2\n3\n")
    result = toto_command("forecast", "plain.csv", "--out", "out.csv")
    assert written(result, "out.csv")["time"].tolist() == [4, 5, 6, 7, 8]
    assert "note: plain.csv has no time column: its steps are numbered from 1" in result.stderr
    assert result.stdout.splitlines()[0] == "plain.csv: 1 variate, next 5 steps"


def test_a_variate_without_any_value_is_told(toto_command, tmp_path):
    (tmp_path / "empty.csv").write_text("time,a,b\n1,5,\n2,6,\n3,7,\n")
    result = toto_command("forecast", "empty.csv")
    assert result.exit_code == 0
    assert "note: b: no value in the context; what has none is forecast as if it were 0" in result.stderr


def test_rows_may_be_in_any_order(toto_command, wide_file, tmp_path):
    lines = wide_file.read_text().splitlines()
    (tmp_path / "mixed.csv").write_text("\n".join([lines[0], *lines[:0:-1]]))
    tables = []
    for name in ("wide.csv", "mixed.csv"):
        result = toto_command("forecast", name, "--out", "out.csv")
        tables.append(written(result, "out.csv"))
    assert "note: mixed.csv: the rows of 1 series are sorted by time" in result.stderr
    pd.testing.assert_frame_equal(*tables)


def test_the_data_are_never_overwritten(toto_command, wide_file):
    before = wide_file.read_bytes()
    result = toto_command("forecast", wide_file, "--out", wide_file)
    assert result.exit_code == 2
    assert "would replace the data; choose another name" in result.stderr
    assert wide_file.read_bytes() == before


def test_a_picture_that_cannot_be_written_is_an_error_of_one_line(toto_command, wide_file, monkeypatch):
    from matplotlib.figure import Figure

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Figure, "savefig", refuse)
    result = toto_command("forecast", wide_file, "--plot", "out.png")
    assert result.exit_code == 2
    assert "error: out.png: cannot be written: Permission denied" in result.stderr


def test_a_long_table_may_have_any_column_names(toto_command, tmp_path):
    rows = "\n".join(f"a,{i},{i % 7}" for i in range(40))
    (tmp_path / "long.csv").write_text("target,step,y\n" + rows)
    result = toto_command("forecast", "long.csv", "--id-column", "target", "--time-column", "step")
    assert result.exit_code == 0, result.stderr
    assert all(level in result.stdout for level in ("0.1", "0.5", "0.9"))


def test_a_series_of_one_row_does_not_stop_a_long_file(toto_command, long_file):
    with long_file.open("a") as file:
        file.write("young,2024-03-01 00:00:00,7\n")
    result = toto_command("forecast", long_file, "--out", "out.csv")
    young = written(result, "out.csv").query("unique_id == 'young'")
    assert young["ds"].tolist()[:2] == ["2024-03-02 00:00:00", "2024-03-03 00:00:00"]
    assert "long.csv: 1 series with a single time stamp have the steps of most others" in result.stderr


def test_series_of_a_group_are_forecast_together(toto_command, long_file, tmp_path):
    frame = pd.read_csv(long_file)
    frame.assign(site=np.where(frame["unique_id"] == "west", "b", "a")).to_csv("sites.csv", index=False)
    alone, together = (
        written(toto_command("forecast", "sites.csv", *options, "--out", "out.csv"), "out.csv")
        for options in ([], ["--group", "site"])
    )
    same = [
        np.allclose(*(f[f["unique_id"] == name]["mean"] for f in (alone, together)))
        for name in ("north", "west")
    ]
    assert same == [False, True]
    failed(
        toto_command("forecast", "sites.csv", "--group", "site", "--independent"),
        "--independent and --group exclude",
    )


def test_series_of_one_group_are_counted_one_by_one(toto_command, long_file):
    frame = pd.read_csv(long_file)
    frame[frame["unique_id"] != "west"].assign(site="a").to_csv("sites.csv", index=False)
    result = toto_command("forecast", "sites.csv", "--group", "site")
    assert result.stdout.startswith("sites.csv: 2 series, next 5 steps of 1 day")


def test_words_of_options_are_checked_before_the_model_is_loaded(toto_command, wide_file):
    found = toto_command("forecast", wide_file, "--tails", "foo", "--model", "no-such-model")
    failed(found, "--tails must be one of error, exponential, got 'foo'")
    failed(toto_command("forecast", wide_file, "--columns", ","), "columns must be like a,b,c, got ','")


def test_a_comma_behind_the_last_column_means_nothing(toto_command, wide_file):
    result = toto_command("forecast", wide_file, "--columns", "load, ", "--out", "out.csv")
    assert written(result, "out.csv")["variate"].unique().tolist() == ["load"]


@pytest.fixture
def weather_files(tmp_path):
    """A price and the wind, and the wind of the five hours after them."""
    times = pd.date_range("2024-01-01", periods=65, freq="h")
    frame = pd.DataFrame({"time": times, "price": 50 + np.sin(np.arange(65)), "wind": np.arange(65.0) % 7})
    frame[:60].to_csv(tmp_path / "prices.csv", index=False)
    frame[60:].drop(columns="price").to_csv(tmp_path / "future.csv", index=False)


def test_covariates_of_the_past_and_the_future_help_and_are_not_forecast(toto_command, weather_files):
    means = []
    for options in (["--columns", "price"], ["--past-covariates", "wind"], ["--future", "future.csv"]):
        frame = written(toto_command("forecast", "prices.csv", *options, "--out", "out.csv"), "out.csv")
        assert frame["variate"].unique().tolist() == ["price"]
        means.append(frame["mean"].tolist())
    assert len({tuple(mean) for mean in means}) == 3
    overwriting = ["--future", "future.csv", "--out", "future.csv"]
    failed(
        toto_command("forecast", "prices.csv", *overwriting), "would replace the data; choose another name"
    )
    failed(
        toto_command("forecast", "prices.csv", "--future", "future.csv", "--horizon", 6),
        "future.csv: the covariates must be known at every one of the 6 steps after the series",
    )


def test_rows_of_one_step_are_made_one(toto_command, tmp_path):
    (tmp_path / "twice.csv").write_text("time,y\n" + "".join(f"{t // 2},{t}\n" for t in range(40)))
    result = toto_command("forecast", "twice.csv", "--aggregate", "mean", "--out", "out.csv")
    assert written(result, "out.csv")["time"].tolist() == [20, 21, 22, 23, 24]
    assert "note: twice.csv: mean of rows on one step: 20 rows less" in result.stderr


@pytest.mark.parametrize(
    ("option", "first"), [("--day-first", "2024-07-01"), ("--month-first", "2024-01-07")]
)
def test_the_order_of_day_and_month_may_be_told(toto_command, tmp_path, option, first):
    rows = "".join(f"01/0{number}/2024,1\n" for number in (4, 5, 6))
    (tmp_path / "days.csv").write_text("time,y\n" + rows)
    result = toto_command("forecast", "days.csv", option, "--out", "out.csv")
    assert written(result, "out.csv")["time"][0].startswith(first)


def test_values_that_hardly_vary_are_noted(toto_command, tmp_path):
    rows = "\n".join(f"{i},{0.001 * (i % 7)},{i % 7},2.3" for i in range(40))
    (tmp_path / "small.csv").write_text("time,errors,load,limit\n" + rows)
    result = toto_command("forecast", "small.csv")
    assert result.stderr.count("note: errors: varies by less than 0.1, its standard deviation") == 1
    assert "load: varies" not in result.stderr
    assert "limit: varies" not in result.stderr


BAD_FILES = {
    "text": ("time,y\n1,1\n2,broken\n3,3\n", "bad.csv, line 3, column y: 'broken' is not a number"),
    "repeated": (
        "time,y\n1,1\n2,2\n2,3\n",
        "bad.csv, line 4, column time: 2 is there a second time; keep one row",
    ),
    "irregular": (
        "time,y\n1,1\n2,2\n3,2\n3.4,3\n",
        "bad.csv, line 5, column time: 3.4 falls on the same step of 1 as 3",
    ),
    "day or month": (
        "time,y\n01/02/2024,1\n02/02/2024,1\n",
        "column time: '01/02/2024' and all others can be read with the day first or with the month first",
    ),
    "one row": (
        "unique_id,ds,y\na,2024-01-01,1\nb,2024-01-01,1\n",
        "bad.csv, line 2, column ds: 2024-01-01 is the only time stamp of series a, and no other",
    ),
    "no rows": ("time,y\n", "bad.csv: no rows; at least one row of values is needed"),
    "empty": ("", "bad.csv: the file is empty; the first line must name the columns"),
    "binary": ("\udcff\udcfe\x00", "bad.csv: not a text file in UTF-8"),
    "long without y": ("unique_id,ds,v,w\na,1,1,1\n", "needs a target column y: name another one with"),
    "no stamp": ("time,y\nnoon,1\n", "bad.csv, line 2, column time: 'noon' is not a time stamp"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_an_error_that_names_the_place(toto_command, tmp_path, case):
    content, message = BAD_FILES[case]
    (tmp_path / "bad.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    failed(toto_command("forecast", "bad.csv"), message)


def test_a_missing_file_is_an_error(toto_command):
    failed(toto_command("forecast", "absent.csv"), "absent.csv: no such file")


def test_an_unknown_column_is_an_error_that_lists_the_others(toto_command, wide_file):
    for option in ("--columns", "--time-column", "--id-column"):
        failed(toto_command("forecast", wide_file, option, "x"), "no column 'x'; there are time, cpu, load")


@pytest.mark.parametrize("quantiles", ["high", "0", "1", "0.5,1.5", "0.5,0.5", "", "nan"])
def test_quantiles_must_be_different_and_between_0_and_1(toto_command, wide_file, quantiles):
    failed(
        toto_command("forecast", wide_file, "--quantiles", quantiles),
        f"--quantiles must be different numbers between 0 and 1, like 0.1,0.5,0.9; got {quantiles!r}",
    )


def test_outputs_are_checked_before_anything_runs(toto_command, wide_file):
    failed(toto_command("forecast", "absent.csv", "--out", "out.xlsx"), "out.xlsx: the name must end in .csv")
    failed(toto_command("forecast", "absent.csv", "--plot", "out.doc"), "out.doc: the name must end in .png")
    failed(toto_command("forecast", "absent.csv", "--out", "no/out.csv"), "there is no folder no; create it")


@pytest.mark.parametrize(("module", "package"), [("pandas", "pandas"), ("matplotlib.figure", "matplotlib")])
def test_a_package_that_is_missing_is_told(toto_command, wide_file, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    failed(
        toto_command("forecast", wide_file, "--plot", "out.png"), f"needs {package}: pip install 'toto-fore"
    )


def test_an_unknown_model_is_an_error_that_lists_the_bundled_ones(toto_command, wide_file):
    failed(
        toto_command("forecast", wide_file, "--model", "absent"), "no checkpoint at 'absent': give a folder"
    )


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("toaster", '--device must be a device such as "cpu" or "cuda", got \'toaster\''),
        ("cuda:99", "--device: cuda:99 is not available here ("),
    ],
)
def test_an_unknown_device_is_an_error(toto_command, wide_file, device, message):
    failed(toto_command("forecast", wide_file, "--device", device), message)


@pytest.mark.parametrize("option", ["--horizon", "--samples", "--context"])
@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_counts_must_be_at_least_one(toto_command, wide_file, option, value):
    result = toto_command("forecast", wide_file, option, value)
    assert result.exit_code == 2
    assert option in re.sub(r"\x1b\[[0-9;]*m", "", result.stderr)
    assert result.stdout == ""


def test_a_bug_keeps_its_traceback(toto_command, wide_file, monkeypatch):
    monkeypatch.setattr(TotoForecaster, "forecast", lambda *_, **__: {}["bug"])
    result = toto_command("forecast", wide_file)
    assert isinstance(result.exception, KeyError)
    assert result.exit_code == 1


def test_large_and_small_numbers_are_readable():
    numbers = {1e-9: "1e-09", 0.00123456: "0.0012346", 12.3456: "12.346", 123456.7: "123,457", 4e15: "4e+15"}
    assert {number: report._number_format(number)(number) for number in numbers} == numbers
    assert report._number_format(float("inf"))(float("inf")) == "inf"


@pytest.mark.parametrize(
    ("seconds", "terminal", "quiet", "shown"),
    [(2, True, False, True), (0, True, False, False), (2, False, False, False), (2, True, True, False)],
)
def test_a_progress_bar_shows_only_on_a_terminal_and_only_in_long_work(
    monkeypatch, capsys, seconds, terminal, quiet, shown
):
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1" if terminal else "")
    monkeypatch.setenv("TERM", "xterm")
    start = time.monotonic()
    with notes_on_stderr(), report.PatientProgress(num_series=2) as progress:
        leave_out_notes(quiet)
        monkeypatch.setattr(report.time, "monotonic", lambda: start + seconds)
        progress.within_series(1, 2)
        progress.series_done()
    output = capsys.readouterr()
    assert output.out == ""
    assert ("forecasting" in output.err) == shown
    assert shown or output.err == ""
