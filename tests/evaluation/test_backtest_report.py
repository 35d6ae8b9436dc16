"""The report of a backtest: text, page and pictures."""

import numpy as np
import pytest

from toto.errors import InputError
from toto.evaluation.backtest import backtest
from toto.evaluation.backtest_plot import chosen_forecasts, error_by_step, plot_backtest
from toto.evaluation.backtest_report import notes, page, table_cells
from toto.evaluation.backtest_scores import Scores

pd = pytest.importorskip("pandas")
pytest.importorskip("matplotlib")


@pytest.fixture
def make_result(make_tiny):
    """A function that backtests some series, [series][steps]."""

    def make(data, horizon=6, **options):
        return backtest(make_tiny().float(), data, horizon, 3, num_samples=4, season=4, **options)

    return make


def waves(num_series, num_steps=60):
    noise = np.random.default_rng(0).normal(size=(num_series, num_steps))
    return list(5 + np.sin(np.arange(num_steps) / 2) + 0.3 * noise)


def texts(axis):
    return [text.get_text() for text in axis.texts]


def test_the_figure_has_table_calibration_and_three_forecasts(make_result):
    figure = plot_backtest(make_result(waves(2)))
    assert len(figure.axes) == 7
    assert "overall" in texts(figure.axes[0])
    titles = [axis.get_title(loc="left") for axis in figure.axes[1:]]
    assert [title.split(":")[0] for title in titles] == [
        "Reliability",
        "PIT",
        "Error by step ahead",
        "best",
        "median",
        "worst",
    ]


def test_best_median_and_worst_are_by_score(make_result):
    result = make_result(waves(3))
    scores = Scores(result.forecasts, result.levels, ("mase",)).of_each("mase")
    best, median, worst = chosen_forecasts(result)
    assert (scores[best.place], scores[worst.place]) == (scores.min(), scores.max())
    assert scores[median.place] == np.sort(scores)[4]
    assert best.title == f"best: {result.labels[best.place // 3]}, MASE {scores.min():.3g}"


def test_series_of_one_variate_are_reported_as_univariate(make_result):
    both = np.stack(waves(2))
    for data, options, grouping in (
        (waves(1)[0], {}, "univariate"),
        (waves(2), {}, "univariate"),
        (both, {}, "multivariate"),
        (both, {"independent": True}, "univariate"),
    ):
        (settings,) = (note for note in notes(make_result(data, **options)) if "variate, context" in note)
        assert settings.startswith(f"Toto, {grouping}, context 4096")


def test_a_figure_of_many_series_shows_the_first_and_says_so(make_result):
    header, rows = table_cells(make_result(waves(20)).to_frame(), 16)
    assert len(rows) == 17
    assert rows[15] == ["... and 5 more", *[""] * (len(header) - 1)]
    assert rows[16][0] == "overall"


def test_the_error_by_step_is_that_of_a_plain_loop(make_result):
    result = make_result(waves(2))
    expected = np.zeros(6)
    for forecast in result.forecasts:
        error = np.abs(forecast.window.actual - forecast.quantiles[result.levels.index(0.5)])
        expected += (error / forecast.window.seasonal_error[:, None]).sum(axis=0) / 6
    np.testing.assert_allclose(error_by_step(result)[0], expected)


@pytest.mark.parametrize("kind", ["constant", "one step", "missing", "time zone"])
def test_odd_data_are_drawn_too(make_result, kind):
    data, horizon = waves(1), 6
    if kind == "constant":
        data = [np.ones(60)]
    elif kind == "one step":
        horizon = 1
    elif kind == "missing":
        data[0][-18:] = np.nan
    else:
        times = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
        data = pd.DataFrame({"time": times, "load": data[0]})
    result = make_result(data, horizon)
    plot_backtest(result).canvas.draw()
    assert "overall" in str(result)


def test_names_are_escaped_in_a_page(make_result):
    times = pd.date_range("2024-01-01", periods=60, freq="h")
    assert "<td>a&lt;b&gt;</td>" in page(make_result(pd.DataFrame({"time": times, "a<b>": waves(1)[0]})))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("r.jpeg", r"the report must end in \.html, \.png, \.svg, \.pdf to tell the format, got .*r\.jpeg"),
        ("no/r.html", "there is no folder .*no; create it first"),
        ("folder.html", "folder.html: cannot be written: "),
    ],
)
def test_a_report_that_cannot_be_written_is_an_error(make_result, tmp_path, name, message):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InputError, match=message):
        make_result(waves(1)).write_report(tmp_path / name)
