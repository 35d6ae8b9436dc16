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
    folder: Path,
    names: Sequence[str] = (),
    terms: Sequence[str] = tuple(TERMS),
    properties: Path | None = None,
) -> Iterator[Task]:
    """Every named dataset in every term; what is there is checked at once, and read when it is reached.

    Args:
        folder: where the folders of the datasets are.
        names: of the datasets; none: those of `properties`, else all that are there.
        terms: out of short, medium and long: 1, 10 and 15 horizons of the frequency.
        properties: the list of the benchmark (`boom_properties.json`), which says of each dataset whether it
            has the short term alone; None: terms that are longer than half of a series are left out.

    Raises:
        InputError: a folder, dataset or term that does not exist, or a list that cannot be read; when its
            dataset is reached, a damaged file, an interval without a horizon, or too short a series.
        MissingExtraError: pyarrow is not installed.
    """
    unknown = [term for term in terms if term not in TERMS]
    if unknown or not terms:
        raise InputError(f"terms must be among {', '.join(TERMS)}, got {', '.join(unknown) or 'none'}")
    _import_arrow()
    there = sorted(path.parent.name for path in folder.glob("*/state.json"))
    if not there:
        raise InputError(f"{folder}: there is no dataset of BOOM, a folder with state.json; check --data")
    listed = None if properties is None else _listed_terms(properties)
    chosen = dict.fromkeys(names or listed or there)
    absent = [name for name in chosen if name not in there]
    if absent:
        raise InputError(f"datasets must be folders in {folder} with a state.json, got {_some(absent)}")
    unlisted = [name for name in chosen if listed is not None and name not in listed]
    if unlisted:
        raise InputError(f"datasets must be in {properties}, got {_some(unlisted)}")
    files = {name: _data_files(folder / name) for name in chosen}
    return (
        task
        for name in chosen
        for task in _of_dataset(name, files[name], terms, None if listed is None else listed[name])
    )


def _listed_terms(path: Path) -> dict[str, Sequence[str]]:
    """The terms of each dataset; in the list stands short or, for all of them, a longer one."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        longest = {name: entry["term"] for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not the list of BOOM, a term for each dataset: {error!r}") from error
    return {name: ("short",) if term == "short" else tuple(TERMS) for name, term in longest.items()}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _of_dataset(
    name: str, files: Sequence[Path], terms: Sequence[str], listed: Sequence[str] | None
) -> Iterator[Task]:
    series, frequency = read_dataset(files)
    horizon, seasonality = horizon_and_season(frequency)
    shortest = min(values.shape[1] for values in series)
    for term in dict.fromkeys(terms):
        steps = horizon * TERMS[term]
        fits = term == "short" or shortest >= 2 * steps
        if fits if listed is None else term in listed:
            yield last_windows(f"{name}/{term}", series, steps, seasonality)


def _data_files(folder: Path) -> list[Path]:
    """The Arrow files of a dataset, which are there."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        files = [folder / entry["filename"] for entry in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not a dataset as BOOM has it: {error!r}") from error
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        raise InputError(f"{folder}: not a dataset as BOOM has it: no file {missing[0] if missing else ''}")
    return files


def read_dataset(files: Sequence[Path]) -> tuple[list[AnySeries], str]:
    """The series in the Arrow files of a dataset, [variates, time] each, NaN where missing; their interval.

    Raises:
        InputError: a file that is damaged, or without `target` and `freq`, or no series.
        MissingExtraError: pyarrow is not installed.
    """
    arrow, series, frequency = _import_arrow(), list[AnySeries](), ""
    for path in files:
        try:
            with arrow.memory_map(str(path)) as file:
                table = arrow.ipc.open_stream(file).read_all()
                series += [_target(row.values) for row in table["target"]]
                frequency = frequency or str(table["freq"][0])
        except (OSError, ValueError, KeyError, IndexError, AttributeError, arrow.ArrowException) as error:
            raise InputError(f"{path}: not a file of BOOM: {error}") from error
    return series, frequency


def _target(values: Any) -> AnySeries:
    """An array of Arrow, of numbers or of lists of them, as [variates, time]."""
    variates = [row.values for row in values] if values.type.num_fields else [values]
    return np.stack([row.to_numpy(zero_copy_only=False) for row in variates]).astype(np.float64)


def _import_arrow() -> Any:
    try:
        return import_module("pyarrow")
    except ImportError:
        raise MissingExtraError("pyarrow", "pandas", "reading BOOM") from None


def horizon_and_season(frequency: str) -> tuple[int, int]:
    """Steps of the short term, and of a season: what GIFT-Eval and GluonTS take for an interval such as 5T.

    Raises:
        InputError: an interval of no length, or of another unit than seconds, minutes, hours, days, weeks or
            months.
    """
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-\w+)?", frequency)
    unit = match[2].upper() if match else ""
    unit = _OTHER_NAMES.get(unit, unit)
    if match is None or unit not in _UNITS:
        raise InputError(f"freq must be like 5T, of a unit among {', '.join(_UNITS)}, got {frequency!r}")
    horizon, season = _UNITS[unit]
    multiple = int(match[1] or 1)
    if multiple == 0:
        raise InputError(f"freq must be an interval longer than 0, like 5T, got {frequency!r}")
    return horizon, season // multiple if season % multiple == 0 else 1
