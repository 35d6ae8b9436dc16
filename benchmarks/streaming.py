"""What live streams cost: against full forecasts, over many steps, and many at once.

    python benchmarks/streaming.py --model base --threads 1 --tables cost
    python benchmarks/streaming.py --model toto-nano --tables cost,equality,memory,group

cost: CPU seconds of appending a patch to a stream that remembers so many steps, against forecasts that encode
them. equality: largest difference of log densities from one fresh pass. memory: of the process after 100,000
appended steps. group: seconds of a call that appends to 1,000 streams.
"""

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from common import arguments, describe_run, find_checkpoint, print_table, progress, random_walks

from toto import MaskedTimeseries, Toto, TotoForecaster
from toto.inference.models import Model
from toto.streaming.group import StreamGroup
from toto.streaming.stream import Stream

CONTEXT = 4096
HORIZON = 96
TABLES = ("cost", "equality", "memory", "group")


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.add_argument(
        "--tables", default=",".join(TABLES), help=f"any of {','.join(TABLES)} (default: all)"
    )
    parser.add_argument("--steps", type=int, default=100_000, help="appended for the table of memory")
    parser.add_argument("--streams", type=int, default=1000, help="of the group")
    parser.add_argument(
        "--together", type=int, default=64, help="streams in the last rows of the table of cost"
    )
    parser.add_argument("--context", type=int, default=CONTEXT, help=f"steps (default: {CONTEXT})")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    toto = Toto.from_pretrained(find_checkpoint(args.model))
    print(f"{describe_run(args)} Seconds are of the CPU, of all threads.\n")
    if "cost" in args.tables:
        show_cost(toto, args.context, args.together, args.repeats)
    if "equality" in args.tables:
        show_equality(toto, args.context)
    if "memory" in args.tables:
        show_memory(toto, args.steps)
    if "group" in args.tables:
        show_group(toto, args.streams, args.repeats)


def show_cost(toto: Toto, context: int, num_together: int, repeats: int) -> None:
    """Append a patch, and forecast: the mean path of a patch, and 256 paths of 96 steps."""
    rows = []
    for num_streams, variates in ((1, 1), (1, 7), (num_together, 1)):
        seconds = costs(toto, context, num_streams, variates, repeats)
        for name, taken in seconds.items():
            ratio = taken / seconds["patch appended"]
            rows.append([num_streams, variates, name, f"{taken / num_streams:.4f}", f"{ratio:.1f}"])
    columns = ("streams", "variates", f"context {context}", "CPU seconds a stream", "appended patches")
    print_table(columns, rows)
    print()


def costs(toto: Toto, context: int, num_streams: int, variates: int, repeats: int) -> dict[str, float]:
    """CPU seconds of all streams, by what is done."""
    patch, forecaster = toto.config.patch_size, TotoForecaster(toto)
    values = random_walks(num_streams, variates, context)
    groups = {}
    for ahead in (False, True):
        groups[ahead] = StreamGroup(toto, max_context=2 * context, one_step_ahead=ahead)
        groups[ahead].add(dict(enumerate(values)))
    new = dict(enumerate(values[:, :, -patch:]))
    series = [MaskedTimeseries.from_array(one) for one in values]
    done = {
        "patch appended": lambda: groups[False].append(new),
        "the same, one step ahead": lambda: groups[True].append(new),
        "forecast, mean path of a patch": lambda: forecaster.forecast(series, patch),
        "forecast, 256 paths of 96 steps": lambda: forecaster.forecast(series, HORIZON, 256, seed=0),
    }
    return {name: cpu_seconds(call, repeats) for name, call in done.items()}


def show_equality(toto: Toto, context: int) -> None:
    """Scores of all steps after the first patch against one pass of the model over them."""
    patch = toto.config.patch_size
    values = random_walks(3, context // patch * patch).double()
    rows = []
    for dtype in (torch.float32, torch.float64):
        model = toto.set_precision("float64" if dtype is torch.float64 else "float32")
        stream = Stream(model, values[:, :patch])
        found = torch.cat([stream.append(part).log_prob for part in values[:, patch:].split(50, 1)], -1)
        with torch.no_grad():
            series = values[None, :, :-patch]
            output = model.model(
                series, torch.ones_like(series), torch.zeros_like(series), scaling_prefix_length=patch
            )
        expected = output.distribution.affine(output.loc, output.scale).log_prob(values[None, :, patch:])
        rows.append([str(dtype).removeprefix("torch."), f"{float((found - expected).abs().max()):.1e}"])
    toto.set_precision("float32")
    print_table(["weights", "largest difference of log densities from a fresh pass"], rows)
    print()


def show_memory(toto: Model, num_steps: int) -> None:
    """Resident memory while a stream of 4 variates goes on, past its context again and again."""
    stream, rows = Stream(toto, random_walks(4, 512), max_context=1024), []
    part = random_walks(4, 500)
    for done in range(500, num_steps + 1, 500):
        stream.append(part)
        if done % (num_steps // 5) == 0:
            rows.append([f"{done:,}", f"{resident_megabytes():.1f}"])
    print_table(["appended steps", "resident MB"], rows)
    print()


def show_group(toto: Model, num_streams: int, repeats: int) -> None:
    """One step, and one patch, appended to all streams at once; to streams of one length and of many."""
    rows, patch = [], toto.config.patch_size
    for kind, lengths in (
        ("one", [512] * num_streams),
        ("many", [512 - i % 320 for i in range(num_streams)]),
    ):
        group = StreamGroup(toto)
        values = random_walks(num_streams, 512)
        group.add({i: values[i, :length] for i, length in enumerate(lengths)})
        for steps in (1, patch):
            new = dict(enumerate(random_walks(num_streams, steps)))
            seconds = cpu_seconds(lambda group=group, new=new: group.append(new), repeats)
            rows.append(
                [f"{num_streams:,}", kind, steps, f"{seconds:.3f}", f"{seconds / num_streams * 1e6:.0f}"]
            )
    print_table(["streams", "lengths", "steps of each", "CPU seconds", "microseconds a stream"], rows)


def cpu_seconds(call: Callable[[], object], repeats: int) -> float:
    """The median of some calls, after one that is not counted: others may share the machine."""
    taken = []
    for number in range(repeats + 1):
        start = time.process_time()
        call()
        if number:
            taken.append(time.process_time() - start)
    progress(f"{statistics.median(taken):.4f} s")
    return statistics.median(taken)


def resident_megabytes() -> float:
    """Memory of this process now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
