"""Results as tables, files, and one number."""

import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

from toto.errors import InputError
from toto.evaluation.evaluate import Progress, Result

SUFFIXES = (".json", ".csv")


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


def check_output(path: Path) -> None:
    """`InputError` unless results can be written to a file of this name."""
    if path.suffix not in SUFFIXES or not path.parent.is_dir():
        raise InputError(f"out must end in {' or '.join(SUFFIXES)} in a folder that exists, got {path}")


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write records, scores and seconds: a list in JSON, or a line each in CSV.

    Raises:
        InputError: a name of another ending, or a folder that does not exist.
    """
    check_output(path)
    try:
        if path.suffix == ".json":
            text = json.dumps([result.to_dict() for result in results], indent=1) + "\n"
            path.write_text(text, encoding="utf-8")
        else:
            _write_csv([_flat(result) for result in results], path)
    except OSError as error:
        raise InputError(f"out {path}: cannot be written ({error.strerror})") from error


def _write_csv(rows: Sequence[dict[str, object]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_results(path: Path) -> list[Result]:
    """The results in a JSON file that `write_results` wrote."""
    return [Result.from_dict(values) for values in json.loads(path.read_text())]


def _flat(result: Result) -> dict[str, object]:
    record = result.measurement.to_dict()
    levels, settings = record.pop("quantile_levels"), record.pop("settings")
    counts = {"num_forecasts": result.num_forecasts, "seconds": round(result.seconds, 3)}
    return record | settings | {"quantile_levels": " ".join(map(str, levels))} | result.scores | counts


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
