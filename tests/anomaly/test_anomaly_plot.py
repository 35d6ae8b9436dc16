import numpy as np
import pytest

from toto import InputError
from toto.anomaly.detection import Detection, Event
from toto.anomaly.plot import MAX_VARIATES, plot_detection

pytest.importorskip("matplotlib")


def detection(num_variates: int = 2, num_groups: int = 1, times: bool = False) -> Detection:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(num_variates, 60))
    values[0, 20:25] = np.nan
    blamed = num_variates - 1
    event = Event(30, 34, 31, 32, 4.0, num_groups - 1, (blamed,), float(values[blamed, 32]), -2.0, 2.0)
    groups = np.minimum(np.arange(num_variates), num_groups - 1)
    stamps = np.datetime64("2026-01-01") + np.arange(60) * np.timedelta64(1, "h") if times else None
    scores = rng.exponential(size=(num_groups, 60))
    return Detection(
        values,
        values - 2,
        values * 0,
        values + 2,
        -scores[groups],
        scores,
        np.full(num_groups, 3.0),
        groups,
        (event,),
        0.99,
        stamps,
    )


@pytest.mark.parametrize("times", [False, True])
def test_there_is_a_panel_for_each_variate_and_each_score(tmp_path, times):
    figure = plot_detection(detection(3, 2, times), ["a", "b", "c"], title="anomalies")
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["a", "b", "c", "score of group 0", "score of group 1"]
    figure.savefig(tmp_path / "anomalies.png")
    assert (tmp_path / "anomalies.png").stat().st_size > 5000


def test_events_are_shaded_in_the_panels_of_their_group_and_blamed_values_have_a_dot():
    figure = plot_detection(detection(2, 2))
    shades = [len(axis.patches) for axis in figure.axes]
    dots = [sum(line.get_marker() == "o" for line in axis.lines) for axis in figure.axes]
    assert shades == [0, 1, 0, 1]
    assert dots == [0, 1, 0, 1]


def test_of_many_variates_those_to_blame_are_drawn(caplog):
    figure = plot_detection(detection(30))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert len(titles) == MAX_VARIATES + 1
    assert titles[-2:] == ["variate 29", "score"]
    assert "30 variates: the picture shows 12, those to blame most" in caplog.text


def test_a_wrong_number_of_names_is_named():
    with pytest.raises(InputError, match="names must hold one for each of 2 variates, got 1"):
        plot_detection(detection(), ["only"])
