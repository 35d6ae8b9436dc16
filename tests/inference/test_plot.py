import importlib
import logging
import sys

import numpy as np
import pytest
import torch

from toto import Forecast, InputError, MissingExtraError
from toto.inference.plot import Panel, forecast_panels, plot_forecast, plot_panels

matplotlib = pytest.importorskip("matplotlib")


def some_forecast(batch: int = 1, variates: int = 2, horizon: int = 12) -> Forecast:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(batch, variates, horizon, 200, generator=generator, dtype=torch.float64)
    return Forecast(samples.mean(-1), samples)


def panel(title: str = "a", **changes) -> Panel:
    return Panel(title, np.arange(4), np.zeros(4), **changes)


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def times_labelled(figure) -> list[bool]:
    return [axis.xaxis.get_major_ticks()[0].label1.get_visible() for axis in figure.axes]


def test_bands_are_the_central_quantiles_of_the_paths():
    forecast = some_forecast()
    panels = forecast_panels(forecast, coverages=(0.5, 0.9))
    low, high = panels[1].bands[0.9]
    np.testing.assert_allclose(low, forecast.quantile(0.05)[0, 1])
    np.testing.assert_allclose(high, forecast.quantile(0.95)[0, 1])
    np.testing.assert_allclose(panels[1].line, forecast.median[0, 1])


def test_a_figure_shows_history_median_bands_and_what_came():
    history = np.random.default_rng(0).normal(size=(2, 100))
    figure = plot_forecast(
        some_forecast(), history, names=["cpu", "load"], actual=np.zeros((2, 12)), title="two metrics"
    )
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["cpu", "load"]
    assert figure.get_suptitle() == "two metrics"
    expected = ["history", "median", "central 50 %", "central 80 %", "central 95 %", "actual"]
    assert legend(figure) == expected
    line = figure.axes[0].get_lines()[0]
    np.testing.assert_array_equal(line.get_ydata(), history[0, -36:])
    np.testing.assert_array_equal(line.get_xdata(), np.arange(-36, 0))


def test_dates_are_on_the_time_axis(tmp_path):
    times = np.arange("2024-01-01", "2024-03-01", dtype="M8[h]").astype("M8[us]")
    history = np.zeros((2, len(times) - 12))
    figure = plot_forecast(some_forecast(), history, times=times[:-12], future_times=times[-12:])
    figure.savefig(tmp_path / "forecast.png")
    axis = figure.axes[-1]
    assert axis.xaxis.get_offset_text().get_text() == "2024-Feb-29"
    assert axis.get_xlabel() == ""


def test_numbers_on_the_time_axis_are_steps():
    figure = plot_forecast(some_forecast())
    assert [axis.get_xlabel() for axis in figure.axes] == ["", "step"]


def test_a_gap_in_the_history_stays_a_gap_and_a_lone_value_is_a_dot():
    history = np.array([[1.0, 2.0, np.nan, 3.0, np.nan, 4.0, 5.0]])
    lines = plot_forecast(some_forecast(variates=1), history).axes[0].get_lines()
    assert np.isnan(lines[0].get_ydata()).tolist() == np.isnan(history[0]).tolist()
    assert lines[1].get_xydata().tolist() == [[-4.0, 3.0]]


def test_without_samples_the_mean_is_drawn_alone():
    forecast = Forecast(torch.ones(1, 1, 5))
    figure = plot_forecast(forecast, np.zeros((1, 20)))
    assert legend(figure) == ["history", "mean"]


def test_a_horizon_of_one_step_is_a_dot():
    line = plot_forecast(some_forecast(variates=1, horizon=1)).axes[0].get_lines()[0]
    assert line.get_marker() == "o"


@pytest.mark.parametrize(
    ("count", "grid"), [(1, (1, 1)), (3, (3, 1)), (7, (4, 2)), (12, (4, 3)), (24, (8, 3))]
)
def test_panels_fill_a_grid(count, grid):
    figure = plot_panels([panel(str(i)) for i in range(count)])
    assert len(figure.axes) == count
    assert figure.axes[0].get_gridspec().get_geometry() == grid


def test_only_the_lowest_panel_of_a_column_labels_a_time_axis_that_all_share():
    figure = plot_panels([panel(str(i)) for i in range(7)])
    assert times_labelled(figure) == [False] * 5 + [True, True]


def test_panels_with_times_of_their_own_label_them_all():
    figure = plot_panels([panel("a"), Panel("b", np.arange(10, 14), np.zeros(4))])
    assert times_labelled(figure) == [True, True]


def test_more_panels_than_fit_are_cut_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        figure = plot_panels([panel(str(i)) for i in range(30)])
    assert len(figure.axes) == 24
    assert "30 variates: the picture shows the first 24" in caplog.text


def test_batch_elements_become_panels_with_names_of_their_own():
    titles = [panel.title for panel in forecast_panels(some_forecast(batch=2))]
    assert titles == [f"series {b}, variate {v}" for b in range(2) for v in range(2)]
    assert [panel.title for panel in forecast_panels(some_forecast())] == ["variate 0", "variate 1"]


def test_drawing_leaves_the_global_state_of_matplotlib_alone():
    settings = dict(matplotlib.rcParams)
    plot_forecast(some_forecast(), np.zeros((2, 20)))
    assert dict(matplotlib.rcParams) == settings
    assert importlib.import_module("matplotlib.pyplot").get_fignums() == []


def test_tensors_and_lists_are_taken_as_history():
    panels = forecast_panels(some_forecast(), torch.ones(2, 5), actual=[[1.0] * 12] * 2)
    np.testing.assert_array_equal(panels[0].history, np.ones(5))
    np.testing.assert_array_equal(panels[1].actual, np.ones(12))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"history": np.zeros((3, 20))}, r"history must be .* with batch, variates = \(1, 2\) .* \(3, 20\)"),
        ({"actual": np.zeros((2, 11))}, r"actual must be \[batch, variates, 12\] .* got shape \(2, 11\)"),
        (
            {"history": np.zeros((2, 20)), "times": range(19)},
            r"times must hold one stamp per step, 20 of them",
        ),
        ({"future_times": range(11)}, r"future_times must hold one stamp per step, 12 .* shape \(11,\)"),
        ({"names": ["a"]}, "names must hold one name per panel, 2 of them, got 1"),
        ({"coverages": [0.5, 1.0]}, r"coverages must be shares between 0 and 1, got 1.0"),
    ],
)
def test_what_does_not_fit_the_forecast_is_an_error(changes, message):
    with pytest.raises(InputError, match=message):
        plot_forecast(some_forecast(), **changes)


def test_no_panels_are_an_error():
    with pytest.raises(InputError, match="panels must hold at least one panel, got none"):
        plot_panels([])


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        MissingExtraError, match=r"drawing a forecast needs matplotlib: pip install .*\[plot\]"
    ):
        plot_panels([panel()])
