import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch):
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "host_metrics.csv", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    text = (ROOT / "docs" / "anomaly.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, "anomaly.md", "exec"), names)
    assert names["found"].to_frame().shape == (2 * 1440, 10)
    assert names["scores"]["log_prob"].notna().sum() == 1440 - 64
    assert names["later"].scores.shape == (1, 1200)
    assert names["distribution"].sf(3.0).shape == (1, 24)
