"""How seconds and memory of a forecast grow with paths, variates, context and horizon.

    python benchmarks/growth.py [--model base] [--plot out/growth.png]

Each measurement is one forecast in a fresh process after a small first one. One size varies at a time.
"""

import dataclasses
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common import (
    Cost,
    Workload,
    arguments,
    describe_run,
    find_checkpoint,
    measure,
    median_cost,
    print_table,
    progress,
)

COLUMNS = ("forecast", "seconds", "GB")


class Sweep(NamedTuple):
    """Forecasts that differ in one field of their size."""

    start: Workload
    varied: str
    values: tuple[int, ...]

    def workloads(self) -> list[Workload]:
        """One for each value."""
        return [dataclasses.replace(self.start, **{self.varied: value}) for value in self.values]


START = Workload(1, 512, 336, 256)
SWEEPS = {
    "samples": Sweep(START, "samples", (16, 256, 1024)),
    "samples-64": Sweep(Workload(1, 512, 64, 256), "samples", (16, 256, 1024)),
    "variates": Sweep(START, "variates", (1, 7, 32)),
    "context": Sweep(START, "context", (512, 4096)),
    "horizon": Sweep(START, "horizon", (64, 336, 720)),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.add_argument("--sweeps", nargs="+", choices=SWEEPS, default=list(SWEEPS), metavar="SWEEP")
    parser.add_argument("--plot", type=Path, help="file for a picture; needs matplotlib")
    args = parser.parse_args(argv)
    workloads = {w: None for name in args.sweeps for w in SWEEPS[name].workloads()}  # each once
    costs = {workload: measured(workload, args) for workload in workloads}
    print(f"{describe_run(args)}\n")
    for name in args.sweeps:
        print(f"\n{name}\n")
        rows = [(w, f"{costs[w].seconds:.3g}", f"{costs[w].gigabytes:.2f}") for w in SWEEPS[name].workloads()]
        print_table(COLUMNS, rows)
    if args.plot:
        plot({name: SWEEPS[name] for name in args.sweeps}, costs, args.plot)


def measured(workload: Workload, args: Namespace) -> Cost:
    progress(f"{workload}: {args.repeats} runs")
    checkpoint = find_checkpoint(args.model)
    return median_cost([measure(workload, checkpoint, threads=args.threads) for _ in range(args.repeats)])


def plot(sweeps: dict[str, Sweep], costs: dict[Workload, Cost], file: Path) -> None:
    """A column for each sweep: seconds above, memory below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(sweeps) + 1, 5), layout="constrained")
    axes = figure.subplots(2, len(sweeps), squeeze=False, sharex="col", sharey="row")
    for column, sweep in enumerate(sweeps.values()):
        found = [costs[w] for w in sweep.workloads()]
        axes[0, column].plot(sweep.values, [c.seconds for c in found], "o-")
        axes[1, column].plot(sweep.values, [c.gigabytes for c in found], "o-")
        axes[0, column].set_title(f"{sweep.varied}, from {sweep.start}", fontsize=8)
        axes[1, column].set_xlabel(sweep.varied)
    for row, label in enumerate(("seconds", "GB")):
        axes[row, 0].set_ylabel(label)
        axes[row, 0].set_ylim(bottom=0)
    figure.savefig(file)


if __name__ == "__main__":
    main()
