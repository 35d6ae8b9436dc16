"""What the documentation site takes from outside docs/: called by mkdocs while it builds (see mkdocs.yml).

Pages link to such files by their place in the project, as `../notebooks/quick_start.ipynb`, so that links
work wherever the sources are read. In the site the files lie beside the pages.
"""

import logging
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

log = logging.getLogger("mkdocs.hooks")  # its warnings fail a strict build

ROOT = Path(__file__).parents[1]
_LOADED = re.compile(r'<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)')
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "notebooks/*.ipynb", "examples/*")


def on_files(files: Files, config: Any) -> Files:
    """Add files of the project to those of the site."""
    for pattern in OUTSIDE:
        for path in filter(Path.is_file, sorted(ROOT.glob(pattern))):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links out of docs/ lead to where the files lie in the site, and links into it to its pages."""
    if page.file.src_uri in OUTSIDE:
        return re.sub(r"\]\(docs/", "](", markdown)
    out_of_docs = "../" * (page.file.src_uri.count("/") + 1)
    return markdown.replace(f"]({out_of_docs}", f"]({out_of_docs[3:]}")


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Warn of what a page would fetch from another host: the site works offline."""
    for place in _LOADED.findall(output):
        log.warning("%s loads %s", page.file.src_uri, place)
    return output
