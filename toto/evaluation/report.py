"""Results as tables, files, and one number."""

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

from toto.data.csv import check_output, explained
from toto.errors import InputError
from toto.evaluation.evaluate import Progress, Result

RESULT_SUFFIXES = (".json", ".csv")


def geometric_mean_relative(scores: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """The geometric mean of score / baseline over the tasks of the baseline; below 1 is better than it.

    Raises:
        InputError: the baseline has no task, or a score is missing, or one is not above 0.
    """
    if not baseline:
        raise InputError("baseline must hold the score of at least one task, got none")
    for task, reference in baseline.items():
        if not (scores.get(task, 0) > 0 and reference > 0):
            raise InputError(f"scores must be above 0, got {scores.get(task)} and {reference} on {task}")
    return math.exp(fmean(math.log(scores[task] / reference) for task, reference in baseline.items()))


class TextTable:
    """A table that is printed row by row, as results come.

    columns: names and widths; the first column is flush left, numbers flush right.
    """

    def __init__(self, columns: Mapping[str, int]) -> None:
        self._widths = list(columns.values())
        self.row(*columns)
        print("-" * (sum(self._widths) + 2 * (len(columns) - 1)), flush=True)

    def row(self, *cells: str) -> None:
        """Print one row."""
        padded = [cell.rjust(width) for cell, width in zip(cells, self._widths, strict=True)]
        padded[0] = cells[0].ljust(self._widths[0])
        print("  ".join(padded).rstrip(), flush=True)


class ResultsFile:
    """A file of records, scores and seconds that grows as results come: what was measured is kept.

    A `.json` file holds a list, which is whole after every result; a `.csv` file a line for each.

    Args:
        path: of the file, which is replaced; None writes nothing.

    Raises:
        InputError: a file that cannot be written, at once or when a result comes.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._is_list = path is not None and path.suffix.lower() == ".json"
        self._end = 0  # where the next result goes
        if path is not None:
            check_output(path, RESULT_SUFFIXES)
            with explained(path, "written"):
                path.write_text("", encoding="utf-8")

    def add(self, result: Result) -> None:
        """Write one more result."""
        if self._path is None:
            return
        text = self._as_json(result) if self._is_list else self._as_csv(result)
        with explained(self._path, "written"), self._path.open("r+", newline="", encoding="utf-8") as file:
            file.seek(self._end)
            file.write(text)
            self._end = file.tell()
            file.write("\n]\n" if self._is_list else "")

    def _as_json(self, result: Result) -> str:
        return ("," if self._end else "[") + "\n" + json.dumps(result.to_dict(), indent=1)

    def _as_csv(self, result: Result) -> str:
        text, row = io.StringIO(), _flat(result)
        writer = csv.DictWriter(text, list(row))
        if not self._end:
            writer.writeheader()
        writer.writerow(row)
        return text.getvalue()


def _flat(result: Result) -> dict[str, object]:
    whole = result.to_dict()
    record, scores = whole.pop("measurement"), whole.pop("scores")
    levels, settings = record.pop("quantile_levels"), record.pop("settings")
    return record | settings | {"quantile_levels": " ".join(map(str, levels))} | scores | whole


@contextmanager
def progress_bar(description: str) -> Iterator[Progress | None]:
    """A bar on stderr, on a terminal and with rich (extra `cli`) installed; else nothing."""
    if not sys.stderr.isatty() or find_spec("rich") is None:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
