"""What `Toto.compile` gains, and what it costs: first and later calls over forecasts of different sizes.

    python benchmarks/compile.py [--model base]

The sizes follow each other in one process, as a service would meet them. A later call is the median of the
repeats. Compilations: graphs that were compiled for the first call of a size. PyTorch gives up after some of
them, and runs everything new without compilation.
"""

import statistics
import time
from collections.abc import Sequence

import torch
from common import (
    Workload,
    arguments,
    describe_run,
    find_checkpoint,
    print_table,
    progress,
    random_walks,
)
from torch._dynamo.utils import counters

from toto import MaskedTimeseries, Toto, TotoForecaster

COLUMNS = ("forecast", "eager, first", "later", "compiled, first", "later", "compilations")
WORKLOADS = (
    Workload(7, 512, 96, 32),
    Workload(7, 1024, 96, 32),
    Workload(7, 1000, 192, 32),
    Workload(7, 1024, 96, 64),
    Workload(3, 1024, 96, 64),
    Workload(1, 4096, 336, 256),
)


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.add_argument("--backend", default="inductor", help="of torch.compile (default: inductor)")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    eager, compiled = (Toto.from_pretrained(find_checkpoint(args.model)) for _ in range(2))
    compiled.compile(backend=args.backend)
    rows = []
    for workload in WORKLOADS:
        progress(f"{workload}")
        before = counters["stats"]["unique_graphs"]
        times = [t for model in (eager, compiled) for t in first_and_later(model, workload, args.repeats)]
        made = counters["stats"]["unique_graphs"] - before
        rows.append([str(workload), *(f"{t:.3g}" for t in times), str(made)])
    print(f"{describe_run(args)}\n")
    print_table(COLUMNS, rows)
    made, given_up = (
        counters["stats"]["unique_graphs"],
        counters["frames"]["total"] - counters["frames"]["ok"],
    )
    print(f"\n{made} compilations for {len(WORKLOADS)} sizes, {given_up} given up.")


def first_and_later(toto: Toto, workload: Workload, repeats: int) -> tuple[float, float]:
    """Seconds of the first call, and the median of those that follow."""
    forecaster = TotoForecaster(toto)
    inputs = MaskedTimeseries.from_array(random_walks(workload.variates, workload.context))
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        forecaster.forecast(inputs, workload.horizon, workload.samples)
        seconds.append(time.perf_counter() - start)
    return seconds[0], statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
