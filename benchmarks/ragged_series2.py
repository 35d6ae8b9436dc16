"""Many ragged series with gaps through the pipeline, with a random model of the second generation.

    python benchmarks/ragged_series2.py [--series 500]

The model has the published sizes of 4m. Series have 40 to 1000 steps, a tenth of them missing in gaps of up
to 40. Printed: CPU seconds of the pipeline with all of them together and with one after another, and the
largest difference between the two relative to the largest value.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from common import arguments, print_table
from second_generation import PUBLISHED

from toto import TotoPipeline
from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

COLUMNS = ("series", "horizon", "dtype", "s together", "s one by one", "largest difference")


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="4m")
    parser.set_defaults(threads=1)
    parser.add_argument("--series", type=int, default=500)
    parser.add_argument("--horizon", type=int, default=96)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = Toto2Model(Toto2Config.from_dict(PUBLISHED)).eval()
    pipe, rows = TotoPipeline(model), []
    for dtype in (np.float32, np.float64):
        series = [values.astype(dtype) for values in ragged(args.series)]
        if dtype is np.float64:
            model.double()
        pipe.forecast(series[:2], args.horizon)  # prepares weights
        rows.append((args.series, args.horizon, np.dtype(dtype).name, *measured(pipe, series, args.horizon)))
    print(f"torch {torch.__version__}, threads: {args.threads}, {size(model):.2f} M parameters")
    print_table(COLUMNS, rows)


def ragged(number: int) -> list[np.ndarray]:
    """Random walks with gaps, of 40 to 1000 steps."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(number):
        values = rng.normal(size=rng.integers(40, 1001)).cumsum()
        while np.isnan(values).mean() < 0.1:
            start = rng.integers(0, len(values))
            values[start : start + rng.integers(1, 41)] = np.nan
        values[-1] = rng.normal() if np.isnan(values).all() else values[-1]
        found.append(values)
    return found


def measured(pipe: TotoPipeline, series: Sequence[np.ndarray], horizon: int) -> tuple[str, str, str]:
    """CPU seconds together and one by one, and the difference."""
    start = time.process_time()
    together = pipe.forecast(list(series), horizon).quantile([0.1, 0.5, 0.9])
    middle = time.process_time()
    alone = torch.stack([pipe.forecast(one, horizon).quantile([0.1, 0.5, 0.9]) for one in series], 1)
    end = time.process_time()
    difference = float((together - alone).abs().max() / alone.abs().max())
    return f"{middle - start:.1f}", f"{end - middle:.1f}", f"{difference:.0e}"


def size(model: Toto2Model) -> float:
    return sum(weight.numel() for weight in model.parameters()) / 1e6


if __name__ == "__main__":
    main()
