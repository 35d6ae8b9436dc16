import re
from pathlib import Path

import pytest

pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

GUIDE = Path(__file__).parents[3] / "docs" / "frames.md"


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL):
        exec(compile(block, "frames.md", "exec"), names)
    assert set(names["forecast"].labels) == {"a", "b"}
    assert names["forecast"].samples.shape == (2, 48, 256)
