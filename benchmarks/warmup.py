"""What the first forecast of a process costs, cold and after a warm-up, and what is compiled when.

    python benchmarks/warmup.py [--model base] [--modes default,max-autotune]

Each figure is the median of fresh processes. In half of them the first forecast comes cold, in the others
after `standard_warmup`; then both forecast the same series ten more times, and series of eight other sizes,
for which nothing should be compiled any more. The compiler keeps what it made in a folder: there is a row for
an empty one, and one for processes that find it there. Seconds are those of the processor.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import arguments, describe_run, find_checkpoint, print_table, progress

COLUMNS = (
    "settings",
    "first, cold",
    "standard_warmup",
    "first after it",
    "later",
    "variation",
    "error, cold",
    "warm",
    "variation",
    "compilations",
    "recompilations",
)
CONTEXT, HORIZON = 1024, 128
Figures = dict[str, float]


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.add_argument("--modes", default="default", help="of torch.compile, as a,b,c (default: default)")
    parser.add_argument("--horizon", type=int, default=HORIZON, help=f"default: {HORIZON}")
    args = parser.parse_args(argv)
    rows = [row("eager", *both_orders(args, {"TOTO_DISABLE_COMPILE": "1"}))]
    for mode in filter(None, args.modes.split(",")):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
            compiling = {"TOTO_COMPILE": "1", "TOTO_COMPILE_MODE": mode}
            rows.append(row(f"{mode}, no cache", *both_orders(args, compiling, keep_cache=False)))
            measured(args, compiling | {"TORCHINDUCTOR_CACHE_DIR": cache}, warm=False)
            rows.append(
                row(f"{mode}, cache", *both_orders(args, compiling | {"TORCHINDUCTOR_CACHE_DIR": cache}))
            )
    print(f"{describe_run(args)} Seconds of the processor.")
    print(f"Host metrics, 1 x {CONTEXT} -> {args.horizon}, 32 paths.\n")
    print_table(COLUMNS, rows)


def both_orders(
    args: argparse.Namespace, settings: dict[str, str], keep_cache: bool = True
) -> tuple[Figures, Figures]:
    """Medians over processes whose first forecast is cold, and over those that warmed up before."""
    runs: dict[bool, list[Figures]] = {False: [], True: []}
    for _ in range(args.repeats):
        for warm, found in runs.items():
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty:
                cache = {} if keep_cache else {"TORCHINDUCTOR_CACHE_DIR": empty}
                found.append(measured(args, settings | cache, warm))
    return median(runs[False]), median(runs[True])


def measured(args: argparse.Namespace, settings: dict[str, str], warm: bool) -> Figures:
    """The figures of one fresh process."""
    progress(f"{settings}, {'warm' if warm else 'cold'}")
    request = {
        "checkpoint": str(find_checkpoint(args.model)),
        "threads": args.threads,
        "context": CONTEXT,
        "horizon": args.horizon,
        "warm": warm,
    }
    program = str(Path(__file__).with_name("one_warmup.py"))
    command = [sys.executable, "-W", "ignore", program, json.dumps(request)]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TOTO_")}
    environment |= settings | {"TORCHINDUCTOR_COMPILE_THREADS": "1"}  # compilers that this process waits for
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def median(runs: Sequence[Figures]) -> Figures:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def row(name: str, cold: Figures, warm: Figures) -> list[str]:
    return [
        name,
        f"{cold['first']:.3g}",
        f"{warm['warmed_before']:.3g}",
        f"{warm['first']:.3g}",
        f"{cold['later']:.3g}",
        f"{cold['latency_cv']:.2f}",
        f"{cold['error']:.4g}",
        f"{cold['warm_error']:.4g}",
        f"{cold['error_cv']:.4f}",
        f"{cold['compilations']:.0f}",
        f"{max(cold['recompilations'], warm['recompilations']):.0f}",
    ]


if __name__ == "__main__":
    main()
