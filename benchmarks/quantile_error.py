"""How close quantiles are to those of very many paths, by the number of paths and the way they are taken.

    python benchmarks/quantile_error.py [--data ../shared/data] [--reference 4096]

Ways: from the drawn values or from the mixture of the distributions they are drawn from
(`keep_distribution`), of independent paths or of paths with `variance_reduction`. Errors are root mean
squares over variates, steps and repetitions, in spreads: (90 % - 10 % quantile) / 2.563 of the step.
"""

import argparse
import gzip
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from common import BASE, available_cores, print_table, progress
from torch import Tensor

from toto import Forecast, MaskedTimeseries, Toto, TotoForecaster
from toto.inference.forecast_distribution import ForecastDistribution
from toto.model.distribution import MixtureOfStudentTs

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = 1024
NUM_PATHS = (2, 4, 8, 16, 32, 64, 128, 256)
DECILES = torch.arange(1, 10) / 10
LEVELS = {"0.1 ... 0.9": DECILES, "0.01, 0.99": torch.tensor([0.01, 0.99])}
SMALL = {"embed_dim": 192, "num_layers": 4, "num_heads": 4, "mlp_hidden_dim": 512}
WAYS = ("drawn", "drawn, reduced", "mixture", "mixture, reduced")

Quantiles = dict[str, Tensor]  # by name of the levels, [levels, batch, variates, steps]


class Case(NamedTuple):
    """A model and the context it continues."""

    name: str
    forecaster: TotoForecaster
    series: Tensor

    def forecast(self, horizon: int, num_paths: int, seed: int, reduced: bool = False) -> Forecast:
        """With the distribution kept."""
        inputs = MaskedTimeseries.from_array(self.series)
        options = {"variance_reduction": reduced, "keep_distribution": True}
        return self.forecaster.forecast(inputs, horizon, num_paths, seed=seed, **options)


def cases(data: Path) -> Iterator[Case]:
    nano, host = TotoForecaster(Toto.from_pretrained("toto-nano")), ROOT / "examples" / "host_metrics.csv"
    torch.manual_seed(0)
    random = TotoForecaster(Toto(**BASE | SMALL).eval())
    with open(host) as file:
        metrics = columns(file.readlines())
    ett = data / "lsf" / "ETTm1.csv.gz"
    if ett.exists():
        with gzip.open(ett, "rt") as file:
            yield Case("toto-nano, ETTm1", nano, columns(file.readlines())[:, -CONTEXT:])
    else:
        progress(f"without ETTm1: no {ett}")
    yield Case("toto-nano, host metrics", nano, metrics[:, :CONTEXT])
    yield Case("random, 24 components", random, metrics[:3, :CONTEXT])


def columns(lines: list[str]) -> Tensor:
    """The numbers of a table without its time column, [variates, time]."""
    rows = [line.split(",")[1:] for line in lines[1:]]
    return torch.from_numpy(np.array(rows, dtype=np.float32).T.copy())


def quantiles(source: Forecast | ForecastDistribution, steps: slice) -> Quantiles:
    return {name: source.quantile(levels)[..., steps].double() for name, levels in LEVELS.items()}


def errors(case: Case, horizon: int, steps: slice, num_reference: int, repeats: int) -> dict[str, Tensor]:
    """Errors [ways, numbers of paths] by name of the levels."""
    reference = quantiles(case.forecast(horizon, num_reference, seed=repeats), steps)
    deciles = reference["0.1 ... 0.9"]
    spread = (deciles[-1] - deciles[0]) / 2.563
    squares = {name: torch.zeros(len(WAYS), len(NUM_PATHS)) for name in LEVELS}
    for place, num_paths in enumerate(NUM_PATHS):
        for seed in range(repeats):
            for reduced in (0, 1):
                found = case.forecast(horizon, num_paths, seed, bool(reduced))
                drawn = Forecast(found.mean, found.samples)
                for way, source in ((reduced, drawn), (2 + reduced, found)):
                    for name, values in quantiles(source, steps).items():
                        square = ((values - reference[name]) / spread).square().mean()
                        squares[name][way, place] += square / repeats
    return {name: square.sqrt() for name, square in squares.items()}


def paths_for(error: float, by_paths: Tensor) -> str:
    """How many paths have this error, by a power law between the numbers that were tried."""
    logs = [math.log(n) for n in NUM_PATHS]
    if error >= by_paths[0]:
        return f"at most {NUM_PATHS[0]}"
    if error < by_paths.min():
        return f"over {NUM_PATHS[-1]}"
    falling = np.minimum.accumulate(by_paths.clamp(min=1e-12).log().numpy())
    return f"{math.exp(np.interp(-math.log(error), -falling, logs)):.0f}"


def quantile_seconds(horizon: int = 336, num_paths: int = 32, components: int = 24) -> float:
    """The median time of nine quantiles of 7 variates, in the sizes of the base model."""
    torch.manual_seed(0)

    def mixture(steps: int, count: int) -> MixtureOfStudentTs:
        df, loc, scale, logits = torch.randn(4, 1, 7, steps, count)
        return MixtureOfStudentTs(2 + df.exp(), loc, (0.5 * scale - 1).exp(), logits)

    parts = mixture(64, components), mixture(horizon - 64, num_paths * components)
    one = torch.ones(1, 7, 1, dtype=torch.float64)
    distribution = ForecastDistribution(parts, 0 * one, one, torch.empty(1, 0, horizon))
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        distribution.quantile(DECILES)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with lsf/")
    parser.add_argument("--reference", type=int, default=4096, help="paths of the reference (default: 4096)")
    parser.add_argument("--repeats", type=int, default=8, help="forecasts of each kind (default: 8)")
    parser.add_argument("--threads", type=int, default=available_cores(), help="default: all cores")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    rows = []
    for case in cases(args.data):
        patch = case.forecaster.model.config.patch_size
        for horizon, steps, where in (
            (patch, slice(0, patch), "first patch"),
            (6 * patch, slice(patch, None), "patches 2 to 6"),
        ):
            progress(f"{case.name}, {where}")
            for levels, found in errors(case, horizon, steps, args.reference, args.repeats).items():
                for way, by_paths in zip(WAYS, found, strict=True):
                    enough = paths_for(float(found[0, -1]), by_paths)
                    cells = [f"{error:.3f}" for error in by_paths.tolist()]
                    rows.append((case.name, where, levels, way, *cells, enough))
    print_table(("case", "steps", "levels", "way", *map(str, NUM_PATHS), "as 256 drawn"), rows)
    print(f"\nNine quantiles, 7 x 336 steps, 32 paths of 24 components: {quantile_seconds():.3f} s")


if __name__ == "__main__":
    main()
