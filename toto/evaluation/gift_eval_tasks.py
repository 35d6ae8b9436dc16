"""Tasks of GIFT-Eval (arXiv 2410.10393): from local files, and from its own loader.

A task is named dataset/frequency/term, as on the leaderboard. Terms are 1, 10 and 15 base horizons.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from toto.errors import InputError, TotoError
from toto.evaluation.files import find_file, read_rows, read_tsf, read_wide
from toto.evaluation.task import AnySeries, Task, last_windows

SPLITS = ("test", "validation")
VALIDATION = " (validation)"  # behind the name of a task of that split
TERMS = {"short": 1, "medium": 10, "long": 15}

_FLAGS = ("Unable to connect to SAP", "Approval system not available")  # columns of L2C that are no KPIs


@dataclass(frozen=True)
class _Local:
    """How a dataset is read and cut.

    read: its series, from the data folder.
    horizon: of the short term, in steps.
    num_windows: of each series; None: by the rule of GIFT-Eval.
    """

    read: Callable[[Path], list[AnySeries]]
    horizon: int
    seasonality: int
    terms: tuple[str, ...] = ("short",)
    num_windows: int | None = None


def _ett(folder: Path) -> list[AnySeries]:
    return [read_wide(find_file(folder, "lsf/ETTm1.csv"))[1]]


def _l2c(folder: Path) -> list[AnySeries]:
    """The 7 KPIs."""
    names, values = read_wide(find_file(folder, "bizitobs/IAAI24_L2C.csv"))
    return [values[[place for place, name in enumerate(names) if name not in _FLAGS]]]


def _m4_hourly(folder: Path) -> list[AnySeries]:
    before = read_rows(find_file(folder, "m4/Train/Hourly-train.csv"))
    after = read_rows(find_file(folder, "m4/Test/Hourly-test.csv"))
    if before.keys() != after.keys():
        raise InputError(f"{folder / 'm4'}: the training and the test file name different series")
    return [np.concatenate([values, after[name]])[None] for name, values in before.items()]


def _us_births(folder: Path) -> list[AnySeries]:
    series = read_tsf(find_file(folder, "monash_small/us_births_dataset/us_births_dataset.tsf"))
    return [values[None] for values in series]


def _coarser(
    read: Callable[[Path], list[AnySeries]], num_steps: int, reduce: Callable[..., AnySeries], folder: Path
) -> list[AnySeries]:
    """Every `num_steps` steps as one."""
    whole = [values[:, : values.shape[1] // num_steps * num_steps] for values in read(folder)]
    return [reduce(values.reshape(len(values), -1, num_steps), axis=2) for values in whole]


_ALL_TERMS = tuple(TERMS)
_DATASETS = {
    "ett1/15T": _Local(_ett, 48, 96, _ALL_TERMS),
    "ett1/H": _Local(partial(_coarser, _ett, 4, np.sum), 48, 24, _ALL_TERMS),
    "bizitobs_l2c/5T": _Local(_l2c, 48, 288, _ALL_TERMS),
    "bizitobs_l2c/H": _Local(partial(_coarser, _l2c, 12, np.mean), 48, 24, _ALL_TERMS),
    "m4_hourly/H": _Local(_m4_hourly, 48, 24, num_windows=1),
    "us_births/D": _Local(_us_births, 30, 1),
}
LOCAL_TASKS = tuple(f"{name}/{term}" for name, dataset in _DATASETS.items() for term in dataset.terms)


def local_tasks(folder: Path, names: Sequence[str] = LOCAL_TASKS, split: str = "test") -> list[Task]:
    """Tasks from local files, each once.

    Args:
        folder: holds lsf/ETTm1.csv, bizitobs/IAAI24_L2C.csv, m4/Train/Hourly-train.csv and
            m4/Test/Hourly-test.csv, monash_small/us_births_dataset/us_births_dataset.tsf; each may be
            gzip, with `.gz` behind its name. Those of the named tasks suffice.
        names: out of `LOCAL_TASKS`.
        split: "test", or "validation": as many windows that end where those of the test begin, for choices
            that must not see the test.

    Raises:
        InputError: a task or split that is not known, a missing or damaged file.
    """
    unknown = [name for name in names if name not in LOCAL_TASKS]
    if unknown or not names:
        raise InputError(f"tasks must be among {', '.join(LOCAL_TASKS)}, got {', '.join(unknown) or 'none'}")
    if split not in SPLITS:
        raise InputError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    tasks = _read_tasks(folder, dict.fromkeys(names))
    return list(tasks if split == "test" else map(_before, tasks))


def _before(task: Task) -> Task:
    """The task of the windows before those of `task`, with nothing from there on."""
    num_windows = len(task.origins[0])
    series = [values[:, : origins[0]] for values, origins in zip(task.series, task.origins, strict=True)]
    return last_windows(task.name + VALIDATION, series, task.horizon, task.seasonality, num_windows)


def _read_tasks(folder: Path, names: Iterable[str]) -> Iterator[Task]:
    last_read, series = "", list[AnySeries]()
    for name in names:
        dataset_name, term = name.rsplit("/", 1)
        dataset = _DATASETS[dataset_name]
        if dataset_name != last_read:
            last_read, series = dataset_name, dataset.read(folder)
        horizon = dataset.horizon * TERMS[term]
        yield last_windows(name, series, horizon, dataset.seasonality, dataset.num_windows)


def official_tasks(names: Sequence[str]) -> Iterator[Task]:
    """Tasks from the loader of GIFT-Eval, which reads the folder in the environment variable GIFT_EVAL.

    Args:
        names: dataset/frequency/term, the dataset by its folder; each counts once.

    Raises:
        TotoError: the package gift_eval is not installed.
        InputError: a term that is not known, or no such dataset.
    """
    wrong = [name for name in names if "/" not in name or name.rsplit("/", 1)[1] not in TERMS]
    if wrong or not names:
        raise InputError(
            f"tasks must be named dataset/frequency/term with a term of {', '.join(TERMS)}, "
            f"got {', '.join(wrong) or 'none'}"
        )
    try:
        data, seasons = import_module("gift_eval.data"), import_module("gluonts.time_feature.seasonality")
    except ImportError as error:
        raise TotoError(
            "the official tasks need the package gift_eval, which is not on PyPI: "
            "pip install 'gift_eval @ git+https://github.com/SalesforceAIResearch/gift-eval'"
        ) from error
    datasets = {name: _official_dataset(name, data.Dataset) for name in names}  # files are mapped, not read
    return (_official_task(name, dataset, seasons.get_seasonality) for name, dataset in datasets.items())


def _official_dataset(name: str, load: Callable[..., Any]) -> Any:
    folder, term = name.rsplit("/", 1)
    try:
        try:
            return load(name=folder, term=term)
        except FileNotFoundError:  # datasets of a single frequency may have no folder for it
            return load(name=folder.rsplit("/", 1)[0], term=term)
    except (OSError, TypeError, KeyError) as error:
        raise InputError(
            f"{name}: gift_eval cannot read dataset {folder!r} in the folder of the environment variable "
            f"GIFT_EVAL: {error}"
        ) from error


def _official_task(name: str, dataset: Any, seasonality: Callable[[str], int]) -> Task:
    series = [np.atleast_2d(np.asarray(item["target"], np.float64)) for item in dataset.gluonts_dataset]
    return last_windows(
        name, series, dataset.prediction_length, seasonality(dataset.freq), num_windows=dataset.windows
    )
