"""Numbers of a run by step, as a CSV file that survives being killed and resumed."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path


class CsvLog:
    """Appends lines to a CSV file whose first column is the step.

    Lines of steps after `first_step`, which a killed run wrote and the resumed one repeats, are dropped.
    """

    def __init__(self, path: Path, columns: Sequence[str], first_step: int) -> None:
        self._path = path
        kept = [row for row in read_csv(path) if int(row["step"]) <= first_step] if path.is_file() else []
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(kept)

    def write(self, step: int, tokens: int, seconds: float, *numbers: float) -> None:
        """Append a line."""
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerow([step, tokens, f"{seconds:.2f}", *(f"{x:.6g}" for x in numbers)])


def read_csv(path: Path) -> list[dict[str, str]]:
    """The lines of a log, oldest first, without a last one that a kill cut short."""
    text = path.read_text()
    return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))
