"""Long-horizon benchmarks (LSF: ETT, weather, electricity) as tasks: the test part, z-scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toto.errors import InputError
from toto.evaluation.files import find_file, read_wide
from toto.evaluation.task import Series, Task
from toto.inference.arguments import count

HORIZONS = (96, 192, 336, 720)
_LEAST_STEPS = 10  # of which a fifth and seven tenths are parts


@dataclass(frozen=True)
class _Dataset:
    """How a dataset is split.

    parts: steps of the training, validation and test parts; what follows is not used. None: the last fifth is
        the test part and the first seven tenths are the training part.
    """

    seasonality: int
    parts: tuple[int, int, int] | None = None


_HOURLY, _QUARTER_HOURLY = (8640, 2880, 2880), (34560, 11520, 11520)
DATASETS = {
    "ETTh1": _Dataset(24, _HOURLY),
    "ETTh2": _Dataset(24, _HOURLY),
    "ETTm1": _Dataset(96, _QUARTER_HOURLY),
    "ETTm2": _Dataset(96, _QUARTER_HOURLY),
    "weather": _Dataset(144),
    "electricity": _Dataset(24),
}


def check_datasets(names: Sequence[str]) -> None:
    """`InputError` for a dataset that is not known, or none."""
    unknown = [name for name in names if name not in DATASETS]
    if unknown or not names:
        raise InputError(f"datasets must be among {', '.join(DATASETS)}, got {', '.join(unknown) or 'none'}")


def lsf_tasks(folder: Path, name: str, horizons: Sequence[int] = HORIZONS, stride: int = 1) -> list[Task]:
    """The test part of a dataset, a task for each horizon.

    All variates are z-scored with the mean and standard deviation of the training part. Windows start at
    every `stride`-th step of the test part and end within it; their history reaches back to the first step.

    Args:
        folder: holds NAME.csv or NAME.csv.gz, with the time in the first column.
        name: out of `DATASETS`.
        horizons: steps of a window; each counts once.
        stride: steps from window to window.

    Raises:
        InputError: an unknown dataset, a missing file, a file that is too short, a variate without values to
            scale by, or a horizon longer than the test part.
    """
    check_datasets([name])
    stride = count("stride", stride)
    if not horizons:
        raise InputError("horizons must hold at least one number of steps, got none")
    path = find_file(folder, f"{name}.csv")
    variates, values = read_wide(path)
    num_training, test = _split(DATASETS[name], values.shape[1], path)
    known = np.isfinite(values[:, :num_training]).any(axis=1)
    if not known.all():
        missing = variates[int(known.argmin())]
        raise InputError(f"{path}: {missing!r} has no value in the {num_training} steps of the training part")
    scaled = _z_scored(values, num_training)
    tasks = []
    for horizon in dict.fromkeys(horizons):
        if not 1 <= horizon <= len(test):
            raise InputError(
                f"horizons must be 1 to {len(test)} steps, the test part of {name}, got {horizon}"
            )
        origins = range(test.start, test.stop - horizon + 1, stride)
        windows = f"every {stride}. origin in steps {test.start} to {test.stop}"
        units = f"z-scored by the first {num_training} steps"
        task_name, season = f"{name}/{horizon}", DATASETS[name].seasonality
        tasks.append(Task(task_name, [scaled], [origins], horizon, season, windows, units))
    return tasks


def _split(dataset: _Dataset, num_steps: int, path: Path) -> tuple[int, range]:
    """The length of the training part, and the steps of the test part."""
    if dataset.parts is None:
        if num_steps < _LEAST_STEPS:
            raise InputError(f"{path}: {num_steps} steps, but three parts need at least {_LEAST_STEPS}")
        return int(0.7 * num_steps), range(num_steps - int(0.2 * num_steps), num_steps)
    training, validation, test = dataset.parts
    if num_steps < training + validation + test:
        raise InputError(f"{path}: {num_steps} steps, but the parts have {training} + {validation} + {test}")
    return training, range(training + validation, training + validation + test)


def _z_scored(values: Series, num_training: int) -> Series:
    """Values less the mean, over the standard deviation, of the training part; constant variates over 1."""
    training = values[:, :num_training]
    mean, std = np.nanmean(training, axis=1, keepdims=True), np.nanstd(training, axis=1, keepdims=True)
    return (values - mean) / np.where(std > 0, std, 1.0)
