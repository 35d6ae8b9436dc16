"""Docstrings of this project as the API pages read them (a griffe extension, see mkdocs.yml).

Two habits keep docstrings short: parameters that are explained together (`context, horizon: sizes`), and
fields of a class as a paragraph of `name: text`. Here the former become one entry each, the latter a section.
"""

import re
from typing import Any

import griffe

_TOGETHER = re.compile(r"^( +)(\w+(?:, \w+)+): (.*)$")
_FIELD = re.compile(r"^(\w+(?:, \w+)*): ")


class ProjectDocstrings(griffe.Extension):
    """Brings every docstring into the form of Google."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called with every object once it is loaded."""
        if obj.docstring is None:
            return
        text = obj.docstring.value
        if obj.is_class:
            text = "\n\n".join(_as_section(paragraph) for paragraph in text.split("\n\n"))
        obj.docstring.value = "\n".join(_each_alone(text.split("\n")))


def _as_section(paragraph: str) -> str:
    """A paragraph of fields as a section of attributes; others as they are."""
    lines = paragraph.split("\n")
    fields = [line for line in lines if not line.startswith(" ")]
    if not all(_FIELD.match(line) for line in fields) or not fields:
        return paragraph
    return "Attributes:\n" + "\n".join(f"    {line}" for line in lines)


def _each_alone(lines: list[str]) -> list[str]:
    """Every name of `a, b: text` as an entry of its own, with the same text."""
    result: list[str] = []
    while lines:
        first, *lines = lines
        found = _TOGETHER.match(first)
        if found is None:
            result.append(first)
            continue
        indent, names, text = found.groups()
        more = []
        while lines and lines[0].startswith(indent + " "):
            more.append(lines.pop(0))
        for name in names.split(", "):
            result += [f"{indent}{name}: {text}", *more]
    return result
