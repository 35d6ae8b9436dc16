"""Long-horizon benchmarks (LSF: ETT, weather, electricity) as tasks: the test part, z-scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toto.errors import InputError
from toto.evaluation.files import find_file, read_wide
from toto.evaluation.task import Series, Task

HORIZONS = (96, 192, 336, 720)


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
        horizons: steps of a window.
        stride: steps from window to window.

    Raises:
        InputError: an unknown dataset, a missing file, a file that is too short, or a horizon longer than the
            test part.
    """
    check_datasets([name])
    if stride < 1:
        raise InputError(f"stride must be at least 1 step, got {stride}")
    if not horizons:
        raise InputError("horizons must hold at least one number of steps, got none")
    path = find_file(folder, f"{name}.csv")
    _, values = read_wide(path)
    num_training, test = _split(DATASETS[name], values.shape[1], path)
    scaled = _z_scored(values, num_training)
    tasks = []
    for horizon in horizons:
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
