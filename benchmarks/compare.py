"""Seconds and memory of forecasts, ours and those of toto-ts 0.2.0, in one run on one machine.

    python benchmarks/peer_environment.py    # once: toto-ts in an environment of its own
    python benchmarks/compare.py [--cases 1x512-8-256 ...] [--full]

Both packages read the same random weights. Each measurement is one forecast after a small first one in a
fresh process; the packages take turns. Ours runs with its default settings, toto-ts with all paths at once,
its fastest. Ratio: how many times ours is faster, and beside it what we ask for.
"""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import (
    README_EXAMPLE,
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

COLUMNS = ("case", "seconds", "toto-ts", "ratio", "asked", "GB", "toto-ts GB", "series/s")


@dataclass(frozen=True)
class Case:
    """A forecast to compare.

    asked: the ratio, or the seconds and memory, that ours should reach. peer_paths: paths that toto-ts
    decodes together (None: all). slow_peer: toto-ts takes part only with --full.
    """

    workload: Workload
    asked: str = ""
    has_peer: bool = True
    peer_paths: int | None = None
    slow_peer: bool = False


CASES = {
    "1x512-8-256": Case(Workload(1, 512, 8, 256), "90"),
    "1x512-8-1024": Case(Workload(1, 512, 8, 1024), "300"),
    "1x512-128-64": Case(Workload(1, 512, 128, 64), "10"),
    "1x4096-336-32": Case(Workload(1, 4096, 336, 32), "20"),
    "7x1024-96-32": Case(Workload(7, 1024, 96, 32), "18"),
    "7x4096-96-mean": Case(Workload(7, 4096, 96), "2"),
    # with all paths at once toto-ts needs over 22 GB; the number of paths must be a multiple of its batches
    "readme": Case(README_EXAMPLE, "15 s, 2.0 GB", peer_paths=8, slow_peer=True),
    "mixture": Case(Workload(7, 4096, 336, 32, keep_distribution=True), has_peer=False),
    "list": Case(Workload(1, 512, 64, 256, num_series=100), has_peer=False),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES)
    )
    parser.add_argument(
        "--peer", type=Path, default=FOLDER, help="environment with toto-ts (default: out/peer)"
    )
    parser.add_argument("--full", action="store_true", help="toto-ts runs its README example too (minutes)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    args = parser.parse_args(argv)
    peer = python_of(args.peer) if is_ready(args.peer) else None
    if peer is None:
        progress(f"no toto-ts in {args.peer} (see peer_environment.py): our numbers alone")
    checkpoint = find_checkpoint(args.model)
    rows = [row(CASES[name], checkpoint, peer, args) for name in args.cases]
    print(f"{describe_run(args)}\n")
    print_table(COLUMNS, rows)
    if args.full and peer is not None:
        print("\nREADME example: toto-ts decodes 8 paths at a time.")


def row(case: Case, checkpoint: Path, peer: Path | None, args: Namespace) -> list[str]:
    """One line of the table."""
    takes_part = peer is not None and case.has_peer and (args.full or not case.slow_peer)
    ours, theirs = costs(case, checkpoint, peer if takes_part else None, args)
    ratio = f"{theirs.seconds / ours.seconds:.1f}" if ours and theirs else ""
    rate = f"{case.workload.num_series / ours.seconds:.1f}" if ours and case.workload.num_series > 1 else ""
    return [
        str(case.workload),
        f"{ours.seconds:.3g}" if ours else "failed",
        f"{theirs.seconds:.3g}" if theirs else "failed" * takes_part,
        ratio,
        case.asked,
        f"{ours.gigabytes:.2f}" if ours else "",
        f"{theirs.gigabytes:.2f}" if theirs else "",
        rate,
    ]


def costs(
    case: Case, checkpoint: Path, peer: Path | None, args: Namespace
) -> tuple[Cost | None, Cost | None]:
    """Medians of ours and theirs, measured in turns; None where there is none."""
    settings = {"ours": {}}
    if peer is not None:
        settings["toto-ts"] = {
            "python": peer,
            "samples_per_batch": case.peer_paths or case.workload.samples or 1,
        }
    found: dict[str, list[Cost]] = {"ours": [], "toto-ts": []}
    for repeat in range(args.repeats):
        for package, options in settings.items():
            progress(f"{case.workload}: {package}, run {repeat + 1} of {args.repeats}")
            try:
                cost = measure(case.workload, checkpoint, threads=args.threads, device=args.device, **options)
                found[package].append(cost)
            except NotMeasuredError as error:
                progress(f"  not measured: {error}")
    ours, theirs = (median_cost(c) if c else None for c in (found["ours"], found["toto-ts"]))
    return ours, theirs


if __name__ == "__main__":
    main()
