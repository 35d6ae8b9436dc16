from pathlib import Path

import pytest

pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

GUIDE = Path(__file__).parents[2] / "docs" / "anomaly.md"


def test_the_code_of_the_guide_runs(run_page):
    names = run_page(GUIDE)
    assert names["found"].to_frame().shape == (2 * 1440, 10)
    assert names["scores"]["log_prob"].notna().sum() == 1440 - 64
    assert names["later"].scores.shape == (1, 1200)
    assert names["distribution"].sf(3.0).shape == (1, 24)
