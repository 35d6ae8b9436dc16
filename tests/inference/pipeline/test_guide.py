from pathlib import Path

import pytest

pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

GUIDE = Path(__file__).parents[3] / "docs" / "frames.md"


def test_the_code_of_the_guide_runs(run_page):
    names = run_page(GUIDE)
    assert set(names["forecast"].labels) == {"a", "b"}
    assert names["forecast"].samples.shape == (2, 48, 256)
