"""What the documents show runs: README, examples, notebooks."""

import json
import re
import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("as_users_call")

ROOT = Path(__file__).parents[1]
# packages, by words in the name of a notebook
NEEDED = {"gluonts": "gluonts", "finetuning": "lightning", "production": "prometheus_client"}
NEEDS_DATA = {"inference_tutorial.ipynb"}
SMALLER = {  # sizes that notebooks set, and what tests run them with
    "inference_tutorial.ipynb": {"context": 512, "horizon": 96, "num_samples": 16},
    "finetuning_tutorial.ipynb": {"num_days": 40, "max_steps": 4, "num_test_days": 2},
}


def test_the_code_of_the_readme_runs_and_gives_the_shapes_it_names(run_page, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    names = run_page(ROOT / "README.md")
    assert list(names["forecast"].to_frame().columns)[:5] == ["time", "variate", "mean", "median", "0.1"]
    assert names["forecast"].quantile([0.05, 0.95]).shape == (2, 2, 96)
    assert names["paths"].samples.shape == (1, 2, 24, 256)
    assert (tmp_path / "forecast.png").stat().st_size > 1000


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") < 150
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^    make (\w+)", text, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_the_examples_run(path, capsys):
    runpy.run_path(str(path))
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_the_notebooks_run(path, monkeypatch, request):
    matplotlib = pytest.importorskip("matplotlib")
    for words, package in NEEDED.items():
        if words in path.name:
            pytest.importorskip(package)
    if path.name in NEEDS_DATA:
        monkeypatch.setenv("TOTO_SHARED", str(request.getfixturevalue("shared_data")))
    monkeypatch.chdir(path.parent)
    matplotlib.use("Agg")
    names: dict = {}
    for code in code_cells(path):
        exec(compile(code, path.name, "exec"), names)
    from matplotlib import pyplot

    pyplot.close("all")


def test_a_notebook_without_its_data_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TOTO_SHARED", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings, data, *_ = code_cells(ROOT / "notebooks" / "inference_tutorial.ipynb")
    with pytest.raises(FileNotFoundError, match=r"ETT-small of github.com/zhouhaoyi/ETDataset"):
        exec(settings + "\n" + data, {})


def code_cells(path: Path) -> list[str]:
    """The code of a notebook, with smaller sizes where it sets large ones."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for name, size in SMALLER.get(path.name, {}).items():
        assignment = re.compile(rf"^{name} = \d+", flags=re.MULTILINE)
        assert any(assignment.search(cell) for cell in code), f"{path.name} does not set {name}"
        code = [assignment.sub(f"{name} = {size}", cell) for cell in code]
    return code
