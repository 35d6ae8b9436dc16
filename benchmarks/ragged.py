"""Many ragged series with gaps in data frames: seconds, memory, and whether series keep apart.

    python benchmarks/ragged.py [--sizes 500 2000 10000]

Series of 50 to 2,000 hours, 2 % of the rows missing, are forecast 64 steps ahead, from a frame of values to a
frame of quantiles: all in one frame, and in frames of 500 series one after the other. Each case is a process
of its own.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, NamedTuple

from common import arguments, describe_run, find_checkpoint, peak_gigabytes, print_table, progress

if TYPE_CHECKING:
    import pandas as pd

    from toto import TotoPipeline

HORIZON, SHORTEST, LONGEST, MISSING = 64, 50, 2000, 0.02
COLUMNS = (
    "series",
    "in frames of",
    "rows",
    "seconds",
    "CPU seconds",
    "MB of a frame",
    "MB before",
    "MB peak",
)


class Case(NamedTuple):
    """So many series, so many of them in a frame."""

    num_series: int
    in_frame: int


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.set_defaults(repeats=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 10_000], help="numbers of series")
    parser.add_argument("--in-frame", type=int, default=500, help="series of a frame where there are several")
    args = parser.parse_args(argv)
    print(f"{describe_run(args)}\n")
    fewest = Case(min(args.sizes), min(args.sizes))
    difference = in_fresh_process(difference_to_one_by_one, fewest, args)
    print(f"Largest relative difference to one by one, {fewest.num_series} series: {difference:.2g}\n")
    cases = [Case(size, size) for size in args.sizes]
    cases += [Case(size, args.in_frame) for size in args.sizes if size > args.in_frame]
    print_table(COLUMNS, [in_fresh_process(cost, case, args) for case in cases])


def in_fresh_process(
    measure: "Callable[[Case, TotoPipeline], Any]", case: Case, args: argparse.Namespace
) -> Any:
    """What `measure` finds with a pipeline that has forecast once before."""
    progress(f"{measure.__name__}: {case.num_series} series in frames of {case.in_frame}")
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(with_pipeline, measure, case, args.model, args.threads).result()


def with_pipeline(
    measure: "Callable[[Case, TotoPipeline], Any]", case: Case, model: str, threads: int
) -> Any:
    import torch

    from toto import TotoPipeline

    torch.set_num_threads(threads)
    pipe = TotoPipeline.from_pretrained(find_checkpoint(model), device_map="cpu")
    pipe.forecast(frame_of(0, 2), HORIZON, seed=0).to_frame()
    return measure(case, pipe)


def cost(case: Case, pipe: "TotoPipeline") -> tuple[str, ...]:
    """A row of the table."""
    before, rows, largest, seconds, cpu_seconds = peak_gigabytes(), 0, 0, 0.0, 0.0
    for first in range(0, case.num_series, case.in_frame):
        frame = frame_of(first, min(case.num_series, first + case.in_frame))
        rows, largest = rows + len(frame), max(largest, frame.memory_usage(deep=True).sum())
        start, cpu_start = time.perf_counter(), time.process_time()
        pipe.forecast(frame, HORIZON, seed=0, keep_samples=False).to_frame()
        seconds += time.perf_counter() - start
        cpu_seconds += time.process_time() - cpu_start
    numbers = (seconds, cpu_seconds, largest / 1e6, 1000 * before, 1000 * peak_gigabytes())
    return (*(f"{count:,}" for count in (*case, rows)), *(f"{number:,.4g}" for number in numbers))


def difference_to_one_by_one(case: Case, pipe: "TotoPipeline") -> float:
    """The largest relative difference of a quantile in a forecast of all to that of its series alone."""
    frame = frame_of(0, case.num_series)
    together = pipe.forecast(frame, HORIZON, seed=0).to_frame().set_index("unique_id")
    differences = []
    for name, rows in frame.groupby("unique_id", sort=False):
        alone = pipe.forecast(rows, HORIZON, seed=0).to_frame().set_index("unique_id")
        numbers = [each.loc[name].drop(columns="ds").to_numpy() for each in (together, alone)]
        differences.append(abs(numbers[0] / numbers[1] - 1).max())
    return max(differences)


def frame_of(first: int, end: int) -> "pd.DataFrame":
    """The series from `first` to `end`; the same every time."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(first)
    lengths = rng.integers(SHORTEST, LONGEST + 1, end - first)
    hours = np.concatenate([np.arange(length) for length in lengths])
    level = np.repeat(rng.lognormal(3, 1, len(lengths)), lengths)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat([f"series {place}" for place in range(first, end)], lengths),
            "ds": np.datetime64("2026-01-01", "us") + hours * np.timedelta64(1, "h"),
            "y": level * (1 + 0.3 * np.sin(hours / 24 * 2 * np.pi) + 0.1 * rng.normal(size=len(hours))),
        }
    )
    return frame[rng.random(len(frame)) >= MISSING]


if __name__ == "__main__":
    main()
