"""What live streams of the second generation cost, with random weights of the published sizes of 4m.

    python benchmarks/streaming2.py [--repeats 5] [--tables cost,equality,memory,group]

The tables are those of `streaming.py`; forecasts are of 96 steps in one pass.
"""

from collections.abc import Sequence

import torch
from common import arguments, print_table, random_walks
from second_generation import PUBLISHED
from streaming import CONTEXT, HORIZON, TABLES, cpu_seconds, show_group, show_memory

from toto import MaskedTimeseries, Toto2Config, Toto2Forecaster, Toto2Model
from toto.inference.quantile_distribution import QuantileDistribution
from toto.model2.toto2 import LEVELS
from toto.streaming.group import StreamGroup
from toto.streaming.stream import Stream


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="4m, with random weights")
    parser.set_defaults(threads=1)
    parser.add_argument("--tables", default=",".join(TABLES), help="as in streaming.py (default: all)")
    parser.add_argument("--steps", type=int, default=100_000, help="appended for the table of memory")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = Toto2Model(Toto2Config.from_dict(PUBLISHED)).eval()
    print(
        f"torch {torch.__version__}, threads: {args.threads}, median of {args.repeats}; seconds of the CPU\n"
    )
    if "cost" in args.tables:
        show_cost(model, args.repeats)
    if "equality" in args.tables:
        show_equality(model)
    if "memory" in args.tables:
        show_memory(model, args.steps)
    if "group" in args.tables:
        show_group(model, 1000, args.repeats)


def show_cost(model: Toto2Model, repeats: int) -> None:
    """Append a patch, and forecast."""
    rows, patch, forecaster = [], model.config.patch_size, Toto2Forecaster(model)
    for num_streams, variates in ((1, 1), (1, 7), (64, 1)):
        values = random_walks(num_streams, variates, CONTEXT)
        groups = [
            StreamGroup(model, max_context=2 * CONTEXT, one_step_ahead=ahead) for ahead in (False, True)
        ]
        for group in groups:
            group.add(dict(enumerate(values)))
        new = dict(enumerate(values[:, :, -patch:]))
        series = [MaskedTimeseries.from_array(one) for one in values]
        calls = {
            "patch appended": lambda groups=groups, new=new: groups[0].append(new),
            "the same, one step ahead": lambda groups=groups, new=new: groups[1].append(new),
            f"forecast of {HORIZON} steps": lambda series=series: forecaster.forecast(series, HORIZON),
        }
        taken = {name: cpu_seconds(call, repeats) / num_streams * 1e3 for name, call in calls.items()}
        rows += [
            [num_streams, variates, name, f"{ms:.2f}", f"{ms / taken['patch appended']:.1f}"]
            for name, ms in taken.items()
        ]
    columns = ("streams", "variates", f"context {CONTEXT}", "CPU ms a stream", "appended patches")
    print_table(columns, rows)
    print()


@torch.no_grad()
def show_equality(model: Toto2Model) -> None:
    """Quantiles of all steps after the first patch against one pass of the model over them."""
    patch, rows = model.config.patch_size, []
    values = random_walks(3, CONTEXT).double()
    for dtype in ("float32", "float64"):
        model.set_precision(dtype)
        stream = Stream(model, values[:, :patch])
        parts = [stream.append(part).distribution for part in values[:, patch:].split(50, 1)]
        found = torch.cat([part.quantiles for part in parts if isinstance(part, QuantileDistribution)], 2)
        series, everything = values[None, :, :-patch], torch.ones(1, 3, CONTEXT - patch, dtype=torch.bool)
        out = model(series, everything, everything, torch.zeros(1, 3, dtype=torch.long))
        expected = (out.quantiles.double().flatten(-2).sinh() * out.scale + out.loc).sort(0).values
        error = (found.movedim(-1, 0) - expected).abs().max() / expected.abs().max()
        rows.append([dtype, len(LEVELS), f"{float(error):.1e}"])
    model.set_precision("float32")
    print_table(["weights", "quantiles", "largest difference from one fresh pass, relative"], rows)
    print()


if __name__ == "__main__":
    main()
