import re

import numpy as np
import pytest

from toto.evaluation.backtest import backtest as score

pd = pytest.importorskip("pandas")
pytest.importorskip("matplotlib")


@pytest.fixture
def backtest(toto_command, model_folder):
    """Runs `toto backtest` with the tiny model, 4 samples and 2 windows of 5 steps, unless told otherwise."""

    def run(data, *arguments):
        words = [str(word) for word in arguments]
        defaults = {"--model": model_folder, "--samples": 4, "--horizon": 5, "--windows": 2}
        for option, value in defaults.items():
            words += [] if option in words else [option, str(value)]
        return toto_command("backtest", data, *words)

    return run


def test_the_table_has_a_row_for_each_variate_and_one_overall(backtest, wide_file, model_folder):
    result = backtest(wide_file, "--metrics", "mase,crps,mae", "--season", 9, "--out", "scores.csv")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "wide.csv: 2 series, 2 windows of 5 steps of 1 min"
    assert [line.split()[0] for line in (lines[4], lines[5], lines[7])] == ["cpu", "load", "overall"]
    assert "values 9 steps apart in the history (no unit)" in result.stdout
    assert "MAE: mean absolute error of the median, in the units of the series" in result.stdout
    assert f"{model_folder}, multivariate, context 4096, 4 samples, seed 0" in lines[-1]
    frame = pd.read_csv("scores.csv")
    assert list(frame.columns)[:4] == ["series", "mase", "mase_naive", "mase_relative"]
    assert frame["series"].tolist() == ["cpu", "load", "overall"]
    assert np.isnan(frame["mae"][2])


def test_series_of_other_steps_need_a_season(backtest, long_file):
    result = backtest(long_file, "--horizon", 4, "--step", 3)
    assert result.exit_code == 2
    assert "where series differ in theirs: that of the series south is 7" in result.output


def test_the_series_of_a_long_file_are_rows(backtest, long_file):
    result = backtest(long_file, "--horizon", 4, "--step", 3, "--season", 7)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "long.csv: 3 series, 2 windows of 4 steps"
    assert [line.split()[0] for line in result.stdout.splitlines()[4:7]] == ["north", "south", "west"]


def test_columns_and_grouping_are_those_of_forecast(backtest, wide_file):
    result = backtest(wide_file, "--columns", "load", "--independent", "--context", 64)
    assert "wide.csv: 1 series" in result.stdout
    assert "univariate, context 64" in result.stdout


def test_a_fine_tuned_model_reads_its_columns_and_covariates(backtest, wide_file, fitted_folder):
    result = backtest(wide_file, "--model", fitted_folder, "--out", "scores.csv")
    assert result.exit_code == 0, result.output
    assert "wide.csv: 1 series" in result.stdout
    assert "context 5000" in result.stdout
    expected = score(str(fitted_folder), pd.read_csv(wide_file), 5, 2, num_samples=4).to_frame()
    pd.testing.assert_frame_equal(pd.read_csv("scores.csv"), expected, check_dtype=False)
    alone = backtest(wide_file, "--model", fitted_folder, "--independent")
    assert alone.stderr.startswith("error: --independent: a fine-tuned model takes columns together")


def test_a_page_works_offline(backtest, wide_file, tmp_path):
    result = backtest(wide_file, "--plot", "report.html")
    assert result.exit_code == 0, result.output
    assert "report written to report.html" in result.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert not re.search(r"""(src|href)=["']https?:""", page.replace("xlink:href", ""))
    assert "<script" not in page
    assert "<td>overall</td>" in page


@pytest.mark.parametrize("name", ["report.png", "report.svg"])
def test_a_picture_is_one_figure(backtest, wide_file, tmp_path, name):
    assert backtest(wide_file, "--plot", name).exit_code == 0
    assert (tmp_path / name).stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--metrics", "mase,mape"],
            "metrics must be among mase, crps, mae, mse, coverage_80, coverage_95, got mape",
        ),
        (
            ["--windows", "40"],
            "windows must fit into every series: 40 windows of horizon 5, 5 steps apart, need 201",
        ),
        (
            ["--horizon", "120"],
            "horizon must be shorter than every series, got 120 steps; the series of cpu has 120",
        ),
        (["--columns", "disk"], "wide.csv: no column 'disk'; there are time, cpu, load"),
        (["--plot", "report.txt"], "the report must end in .html, .png, .svg, .pdf to tell the format"),
        (["--plot", "no/report.html"], "there is no folder no; create it first"),
        (["--out", "scores.txt"], "scores.txt: the name must end in .csv, .csv.gz, .parquet"),
        (["--out", "wide.csv"], "--out wide.csv: would replace the data; choose another name"),
        (["--model", "no-such-model"], "no checkpoint at 'no-such-model'"),
    ],
)
def test_what_is_wrong_is_one_line(backtest, wide_file, options, message):
    result = backtest("wide.csv", *options)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert message in result.stderr


def test_a_missing_file_is_one_line(backtest):
    assert backtest("absent.csv").stderr == "error: absent.csv: no such file; check the path\n"
