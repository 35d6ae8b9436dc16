"""Sums, maxima and single steps of sample paths beside what happened: how many lie where they should.

    python benchmarks/path_totals.py DATA [--horizons 64 256]

DATA is a folder with ETTh1, ETTm1 and prices of Nord Pool (lsf/ETTh1.csv.gz, lsf/ETTm1.csv.gz,
epf/NP.csv.gz). The last windows of every column are forecast, each alone, from the 1024 steps before it.
`in 80 %` is the share of what happened inside the central 80 % interval of the paths, `below` and `above` the
shares outside, 10 % each if the paths are right; `spread` is the root mean square of error over standard
deviation of the paths: 1. Steps of a patch are joined as errors of the context were (`joint_draws`), or
drawn each by itself as the model does. The last rows are of columns that see each other and are joined too:
their sum at a step and over all steps, each in standard deviations of its context.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from common import arguments, describe_run, find_checkpoint, print_table, progress

if TYPE_CHECKING:
    import numpy as np
    import torch

FILES = {
    "lsf/ETTh1.csv.gz": 1,
    "lsf/ETTm1.csv.gz": 1,
    "epf/NP.csv.gz": 1,
}  # columns of time before the values
CONTEXT, WINDOWS = 1024, 30
QUANTITIES: "dict[str, Callable[[torch.Tensor], torch.Tensor]]" = {
    "single steps": lambda steps: steps,
    "sum": lambda steps: steps.sum(-1, keepdim=True),
    "maximum": lambda steps: steps.amax(-1, keepdim=True),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.set_defaults(repeats=1)
    parser.add_argument("data", type=Path, help="folder with the files")
    parser.add_argument("--horizons", type=int, nargs="+", default=[64, 256], help="steps (default: 64 256)")
    parser.add_argument("--samples", type=int, default=256, help="paths (default: 256)")
    args = parser.parse_args(argv)
    print(f"{describe_run(args)}\n")
    places = product(FILES, args.horizons, (False, True))
    rows = [row for place in places for row in (*of_each(*place, args), *of_all(*place, args))]
    print_table(("data", "horizon", "steps", "of", "in 80 %", "below", "above", "spread"), rows)


def of_each(name: str, horizon: int, joint: bool, args: argparse.Namespace) -> list[tuple[str, ...]]:
    """A row for each quantity of the columns of one file, each forecast alone."""
    import torch

    windows = windows_of(args.data / name, FILES[name], horizon).swapaxes(0, 1).reshape(-1, CONTEXT + horizon)
    paths = paths_of(list(windows[:, :CONTEXT]), horizon, joint, args)
    actual = torch.from_numpy(windows[:, CONTEXT:])
    return [
        (*labels(name, horizon, joint), quantity, *calibration(of(paths), of(actual)))
        for quantity, of in QUANTITIES.items()
    ]


def of_all(name: str, horizon: int, joint: bool, args: argparse.Namespace) -> list[tuple[str, ...]]:
    """A row for each sum over the columns of one file, which see each other."""
    import torch

    windows = windows_of(args.data / name, FILES[name], horizon)
    units = torch.from_numpy(windows[..., :CONTEXT].std(-1, keepdims=True))
    paths = paths_of(windows[..., :CONTEXT], horizon, joint, args, multivariate=True) / units
    sums = paths.sum(-2), (torch.from_numpy(windows[..., CONTEXT:]) / units).sum(-2)
    return [
        (*labels(name, horizon, joint), "sum of columns", *calibration(*sums)),
        (*labels(name, horizon, joint), "sum of both", *calibration(*(of.sum(-1) for of in sums))),
    ]


def labels(name: str, horizon: int, joint: bool) -> tuple[str, str, str]:
    """The first cells of a row."""
    return Path(name).name.split(".")[0], str(horizon), "joined" if joint else "each by itself"


def paths_of(
    contexts: "Sequence[np.ndarray] | np.ndarray",
    horizon: int,
    joint: bool,
    args: argparse.Namespace,
    multivariate: bool = False,
) -> "torch.Tensor":
    """Sample paths, with the paths as the first axis."""
    import torch

    from toto import TotoPipeline

    torch.set_num_threads(args.threads)
    progress(f"{len(contexts)} contexts, horizon {horizon}, {'joined' if joint else 'each by itself'}")
    pipe = TotoPipeline.from_pretrained(find_checkpoint(args.model), device_map="cpu")
    options = {"num_samples": args.samples, "seed": 0, "joint_draws": joint, "multivariate": multivariate}
    return pipe.forecast(contexts, horizon, **options).samples.movedim(-1, 0)


def windows_of(path: Path, num_times: int, horizon: int) -> "np.ndarray":
    """The last windows of a file with their contexts, [windows, columns, time]."""
    import numpy as np
    import pandas as pd

    values = pd.read_csv(path).iloc[:, num_times:].to_numpy(float).T
    starts = [values.shape[1] - (i + 1) * horizon - CONTEXT for i in range(WINDOWS)]
    return np.stack([values[:, first : first + CONTEXT + horizon] for first in starts])


def calibration(paths: "torch.Tensor", actual: "torch.Tensor") -> tuple[str, ...]:
    """Shares inside, below and above the central 80 %, and error in deviations; [paths, ...] and [...]."""
    low, high = paths.quantile(0.1, dim=0), paths.quantile(0.9, dim=0)
    below, above = (actual < low).double().mean(), (actual > high).double().mean()
    deviations = (actual - paths.mean(0)) / paths.std(0)
    shares = (1 - below - above, below, above)
    spread = deviations.square().mean().sqrt()
    return (*(f"{100 * float(share):.0f} %" for share in shares), f"{float(spread):.2f}")


if __name__ == "__main__":
    main()
