from pathlib import Path

import pytest

pytest.importorskip("pandas")

GUIDE = Path(__file__).parents[2] / "docs" / "streaming.md"


def test_the_code_of_the_guide_runs(run_page):
    names = run_page(GUIDE)
    assert len(names["stream"]) == 2
    assert names["stream"].group.num_steps("load") == 600
    assert names["one"].num_steps == 515
    assert (names["scores"].ids, names["scores"].values.shape) == (("host-0", "host-7"), (2, 1, 1))
    assert len(names["group"]) == 99
    assert [one.value for alarm in names["alarms"] for one in alarm.variates] == [200]
    assert repr(names["watch"]) == "SeriesWatch(1 series, 600 steps)"
    assert names["forecast"].samples.shape == (1, 1, 96, 256)
