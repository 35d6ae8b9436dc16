"""Tasks of BOOM (arXiv 2505.14766), the Benchmark of Observability Metrics, from its folder of datasets.

The folder holds a folder for each query, such as ds-1036-T, as the package `datasets` saves them:
`state.json` names Arrow files with one row per series, whose `target` is [time] or [variates, time] and whose
`freq` is an interval such as 10S, T, 5T, H or D. Horizons, terms and windows are those of GIFT-Eval.
"""

import json
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from toto.errors import InputError, MissingExtraError
from toto.evaluation.gift_eval_tasks import TERMS
from toto.evaluation.task import AnySeries, Task, last_windows

# of every unit of time: the horizon of the short term, and the steps of a season of single units
_UNITS = {"S": (60, 3600), "T": (48, 1440), "H": (48, 24), "D": (30, 1), "W": (8, 1), "M": (12, 12)}
_OTHER_NAMES = {"MIN": "T", "ME": "M", "MS": "M"}


def boom_tasks(
    folder: Path, names: Sequence[str] = (), terms: Sequence[str] = tuple(TERMS)
) -> Iterator[Task]:
    """Every named dataset in every term that leaves at least a horizon of history before its first window.

    Args:
        folder: where the folders of the datasets are.
        names: of the datasets; none: all that are there.
        terms: out of short, medium and long: 1, 10 and 15 horizons of the frequency.

    Raises:
        InputError: a folder, dataset or term that does not exist, at once; a damaged file, or an interval
            without a horizon, when its dataset is reached.
        MissingExtraError: pyarrow is not installed.
    """
    unknown = [term for term in terms if term not in TERMS]
    if unknown or not terms:
        raise InputError(f"terms must be among {', '.join(TERMS)}, got {', '.join(unknown) or 'none'}")
    there = sorted(path.parent.name for path in folder.glob("*/state.json"))
    if not there:
        raise InputError(f"{folder}: there is no dataset of BOOM, a folder with state.json; check --data")
    absent = [name for name in names if name not in there]
    if absent:
        raise InputError(f"datasets must be folders in {folder} with a state.json, got {', '.join(absent)}")
    return (task for name in names or there for task in _of_dataset(folder, name, terms))


def _of_dataset(folder: Path, name: str, terms: Sequence[str]) -> Iterator[Task]:
    series, frequency = read_dataset(folder / name)
    horizon, seasonality = horizon_and_season(frequency)
    shortest = min(values.shape[1] for values in series)
    for term in terms:
        steps = horizon * TERMS[term]
        if term == "short" or shortest >= 2 * steps:
            yield last_windows(f"{name}/{term}", series, steps, seasonality)


def read_dataset(folder: Path) -> tuple[list[AnySeries], str]:
    """The series of a dataset, [variates, time] each and NaN where missing, and their interval.

    Raises:
        InputError: a file that is missing, damaged, or without `target` and `freq`.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        arrow = import_module("pyarrow")
    except ImportError:
        raise MissingExtraError("pyarrow", "pandas", "reading BOOM") from None
    try:
        state = json.loads((folder / "state.json").read_text())
        rows: list[dict[str, Any]] = []
        for entry in state["_data_files"]:
            with arrow.memory_map(str(folder / entry["filename"])) as file:
                rows += arrow.ipc.open_stream(file).read_all().select(["target", "freq"]).to_pylist()
        series = [np.atleast_2d(np.array(row["target"], np.float64)) for row in rows]
        if not series:
            raise InputError(f"{folder}: there is no series in its files")
        return series, str(rows[0]["freq"])
    except (OSError, ValueError, KeyError, TypeError, arrow.ArrowException) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{folder}: not a dataset as BOOM has it: {error}") from error


def horizon_and_season(frequency: str) -> tuple[int, int]:
    """Steps of the short term, and of a season: what GIFT-Eval and GluonTS take for an interval such as 5T.

    Raises:
        InputError: an interval of another unit than seconds, minutes, hours, days, weeks or months.
    """
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-\w+)?", frequency)
    unit = match[2].upper() if match else ""
    unit = _OTHER_NAMES.get(unit, unit)
    if match is None or unit not in _UNITS:
        raise InputError(f"freq must be like 5T, of a unit among {', '.join(_UNITS)}, got {frequency!r}")
    horizon, season = _UNITS[unit]
    multiple = int(match[1] or 1)
    return horizon, season // multiple if season % multiple == 0 else 1
