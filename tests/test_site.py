"""The documentation site: all pages are reached, all public names described, and what pages show runs."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import toto

pytestmark = pytest.mark.usefixtures("as_users_call")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NOT_FOR_RUNNING = {"toto2.md"}  # pages whose examples need a checkpoint that is not in the package
SLOW = {"finetuning.md"}  # it trains; a notebook does, shortly, in the other tests
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    entries = re.findall(r"- [^:]+: (\S+\.md)$", navigation, flags=re.MULTILINE)
    assert len(entries) == len(set(entries))
    from_outside = {"CHANGELOG.md", "CONTRIBUTING.md"}  # see scripts/site_hooks.py
    assert set(entries) - from_outside == set(PAGES)


def test_every_notebook_is_in_the_list_of_notebooks():
    listed = re.findall(r"\.\./notebooks/(\S+\.ipynb)\)", (DOCS / "notebooks.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_every_public_name_is_described_in_the_api():
    pages = [path.read_text(encoding="utf-8") for path in sorted((DOCS / "api").glob("*.md"))]
    described = re.findall(r"^::: (\S+)$", "\n".join(pages), flags=re.MULTILINE)
    assert len(described) == len(set(described))
    assert {f"toto.{name}" for name in toto.__all__ if name != "__version__"} <= set(described)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page in SLOW else [])
        for page in PAGES
        if page not in NOT_FOR_RUNNING
    ],
)
def test_the_python_code_of_a_page_runs(page, python_blocks, run_page):
    blocks = python_blocks(DOCS / page)
    if not blocks:
        pytest.skip("no Python code on this page")
    if any("finetune" in block for block in blocks):
        pytest.importorskip("lightning")
    pytest.importorskip("matplotlib").use("Agg")
    run_page(DOCS / page)


def test_links_out_of_the_pages_lead_to_files_beside_them_in_the_site(script):
    pytest.importorskip("mkdocs")
    hooks = script("site_hooks")
    for page, link, in_site in (
        ("notebooks.md", "[x](../notebooks/x.ipynb)", "[x](notebooks/x.ipynb)"),
        ("api/rooms.md", "[x](../../notebooks/x.ipynb)", "[x](../notebooks/x.ipynb)"),
        ("api/rooms.md", "[x](../anomaly.md)", "[x](../anomaly.md)"),
        ("CONTRIBUTING.md", "[x](docs/decisions.md)", "[x](decisions.md)"),
    ):
        assert hooks.on_page_markdown(link, page=page_at(page)) == in_site


def test_a_page_that_loads_from_another_host_is_a_warning(script, caplog):
    pytest.importorskip("mkdocs")
    hooks = script("site_hooks")
    page = page_at("index.md")
    hooks.on_post_page('<script src="assets/a.js"></script><a href="https://arxiv.org">x</a>', page=page)
    assert not caplog.records
    hooks.on_post_page('<link rel="stylesheet" href="https://fonts.example/a.css">', page=page)
    assert "index.md loads https://fonts.example/a.css" in caplog.text


def test_docstrings_with_parameters_explained_together_become_entries_of_their_own(script):
    griffe = pytest.importorskip("griffe")
    scripts = script("site_docstrings")
    code = '''
class Sizes:
    """Two sizes.

    width, height: in steps,
        at least 1.
    """

    def grow(self, a: int, b: int) -> None:
        """Grow.

        Args:
            a, b: by how much.
        """
'''
    extensions = griffe.load_extensions(scripts.ProjectDocstrings())
    with griffe.temporary_visited_module(code, extensions=extensions) as module:
        for found in (module["Sizes"], module["Sizes.grow"]):
            scripts.ProjectDocstrings().on_object(obj=found)
        fields = module["Sizes"].docstring.parse("google")[1]
        parameters = module["Sizes.grow"].docstring.parse("google")[1]
    assert [(field.name, field.description) for field in fields.value] == [
        ("width", "in steps,\nat least 1."),
        ("height", "in steps,\nat least 1."),
    ]
    assert [(one.name, one.annotation.name) for one in parameters.value] == [("a", "int"), ("b", "int")]


def page_at(place: str) -> SimpleNamespace:
    """What hooks read of a page."""
    return SimpleNamespace(file=SimpleNamespace(src_uri=place))
