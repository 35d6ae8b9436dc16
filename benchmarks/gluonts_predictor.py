"""Seconds and memory of GluonTS predictors, ours and that of toto-ts 0.2.0, on the same items.

    python benchmarks/peer_environment.py    # once: toto-ts in an environment of its own
    python benchmarks/gluonts_predictor.py [--series 8] [--peer out/peer]

Each measurement is one pass over a dataset of univariate items after a small first one, in a fresh process;
the packages take turns. Ours runs with its default settings; toto-ts with its own (an item and 10 paths at a
time), and at its fastest (all items and paths at once). Ratio: how many times ours is faster.
"""

from collections.abc import Sequence
from pathlib import Path

from common import (
    Cost,
    NotMeasuredError,
    Workload,
    arguments,
    describe_run,
    find_checkpoint,
    measure,
    median_cost,
    print_table,
    progress,
)
from peer_environment import FOLDER, is_ready, python_of

COLUMNS = ("predictor", "seconds", "ratio", "asked", "GB")


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__)
    parser.add_argument("--series", type=int, default=8, help="items of the dataset (default: 8)")
    parser.add_argument("--context", type=int, default=512, help="steps of an item (default: 512)")
    parser.add_argument("--horizon", type=int, default=64, help="steps to forecast (default: 64)")
    parser.add_argument("--samples", type=int, default=100, help="paths, a multiple of 10 (default: 100)")
    parser.add_argument(
        "--peer", type=Path, default=FOLDER, help="environment with toto-ts (default: out/peer)"
    )
    args = parser.parse_args(argv)
    workload = Workload(1, args.context, args.horizon, args.samples, num_series=args.series)
    predictors: dict[str, dict] = {"ours": {}}
    if is_ready(args.peer):
        peer = {"python": python_of(args.peer)}
        predictors["toto-ts"] = peer
        predictors["toto-ts, all at once"] = peer | {"samples_per_batch": args.samples}
    else:
        progress(f"no toto-ts in {args.peer} (see peer_environment.py): our numbers alone")
    checkpoint = find_checkpoint(args.model)
    costs: dict[str, list[Cost]] = {name: [] for name in predictors}
    for repeat in range(args.repeats):
        for name, options in predictors.items():
            progress(f"{workload}: {name}, run {repeat + 1} of {args.repeats}")
            try:
                costs[name].append(
                    measure(
                        workload, checkpoint, threads=args.threads, program="one_prediction.py", **options
                    )
                )
            except NotMeasuredError as error:
                progress(f"  not measured: {error}")
    print(f"{describe_run(args)}\n{workload}\n")
    print_table(COLUMNS, rows({name: median_cost(found) for name, found in costs.items() if found}))


def rows(costs: dict[str, Cost]) -> list[list[str]]:
    """A line for each predictor that was measured."""
    found = []
    for name, cost in costs.items():
        compared = name != "ours" and "ours" in costs
        ratio, asked = (f"{cost.seconds / costs['ours'].seconds:.1f}", "20") if compared else ("", "")
        found.append([name, f"{cost.seconds:.3g}", ratio, asked, f"{cost.gigabytes:.2f}"])
    return found


if __name__ == "__main__":
    main()
