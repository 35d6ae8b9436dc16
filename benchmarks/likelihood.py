"""How exact densities, probabilities and quantiles are, and what scoring a history costs.

    python benchmarks/likelihood.py --model toto-nano --threads 1 --tables scipy,samples,history

scipy: largest error on random mixtures of Student-Ts. samples: exact quantiles of one patch against those of
100,000 draws. history: scores of a history in one pass, and in all passes one step ahead, against a
forecast for every step.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import scipy.stats
import torch
from common import arguments, describe_run, find_checkpoint, print_table, random_walks

from toto import Toto, TotoForecaster
from toto.anomaly.score import score
from toto.anomaly.scores import Scores
from toto.model.distribution import MixtureOfStudentTs

TABLES = ("scipy", "samples", "history")
LEVELS = (1e-6, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1 - 1e-6)
DRAWS = 100_000

Found = TypeVar("Found")


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.add_argument(
        "--tables", default=",".join(TABLES), help=f"any of {','.join(TABLES)} (default: all)"
    )
    parser.add_argument("--mixtures", type=int, default=300, help="random ones, of 8 components")
    parser.add_argument("--steps", type=int, default=2000, help="of the history")
    parser.add_argument("--origins", type=int, default=100, help="steps of it that are forecast one by one")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    toto = Toto.from_pretrained(find_checkpoint(args.model), torch_dtype="float64")
    print(f"{describe_run(args)}\n")
    if "scipy" in args.tables:
        show_scipy(args.mixtures)
    if "samples" in args.tables:
        show_samples(toto)
    if "history" in args.tables:
        show_history(toto, args.steps, args.origins, args.repeats)


def show_scipy(num_mixtures: int, num_components: int = 8) -> None:
    """The largest errors in float64, at points from the middle to far tails."""
    rng = np.random.default_rng(0)
    df, scale = (rng.lognormal(1, 1, (num_mixtures, num_components)) + 1e-3 for _ in range(2))
    loc = rng.normal(0, 3, df.shape)
    weights = rng.dirichlet(np.ones(num_components), num_mixtures)
    ours = MixtureOfStudentTs(*(torch.from_numpy(t) for t in (df, loc, scale, np.log(weights))))
    x = ours.icdf(torch.tensor(LEVELS, dtype=torch.float64)[:, None])  # [levels, mixtures]
    parts = scipy.stats.t(df, loc, scale)
    density, below, above = (
        (weights * function(x[..., None].numpy())).sum(-1) for function in (parts.pdf, parts.cdf, parts.sf)
    )
    level = np.array(LEVELS)[:, None]
    smaller = np.where(level < 0.5, below / level, above / (1 - level))
    rows = [
        ["log density, absolute", abs(ours.log_prob(x).numpy() - np.log(density)).max()],
        ["P(X <= x), relative", abs(ours.cdf(x).numpy() / below - 1).max()],
        ["P(X > x), relative", abs(ours.sf(x).numpy() / above - 1).max()],
        ["smaller tail of a quantile, relative", abs(smaller - 1).max()],
    ]
    print_table(
        [f"{num_mixtures} mixtures at 9 points against scipy", "largest error"],
        [[name, f"{error:.1e}"] for name, error in rows],
    )
    print()


def show_samples(toto: Toto) -> None:
    """Shares of draws below the exact quantiles of a patch, in standard errors."""
    forecaster, patch = TotoForecaster(toto), toto.config.patch_size
    history = random_walks(1, 512).double()
    exact = forecaster.predict_distribution([history[0]], patch)[0]
    drawn = forecaster.forecast([history[0]], patch, DRAWS, seed=0)[0].samples
    rows = []
    for level in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        share = (drawn <= exact.quantile(level)[..., None]).double().mean(-1)
        z = (share - level) / (level * (1 - level) / DRAWS) ** 0.5
        rows.append([f"{level:g}", f"{float(z.abs().max()):.2f}", f"{float(z.square().mean().sqrt()):.2f}"])
    print_table([f"level, {patch} steps, {DRAWS:,} draws", "largest |z|", "root mean square of z"], rows)
    print()


def show_history(toto: Toto, num_steps: int, num_origins: int, repeats: int) -> None:
    """CPU seconds, and the largest difference from forecasts of single steps, of which a sample is run."""
    forecaster, values = TotoForecaster(toto), random_walks(num_steps).double()
    patch = toto.config.patch_size
    origins = np.linspace(patch, num_steps - 1, num_origins).astype(int).tolist()

    def one_by_one() -> list[torch.Tensor]:
        parts = ((forecaster.predict_distribution([values[:step]], 1)[0], values[step]) for step in origins)
        return [distribution.log_prob(value) for distribution, value in parts]

    one_pass, seconds = cpu_seconds(lambda: score(toto, values), repeats)
    fresh, seconds_fresh = cpu_seconds(lambda: score(toto, values, max_steps_ahead=1), repeats)
    found, seconds_naive = cpu_seconds(one_by_one, repeats)
    each = seconds_naive / num_origins * (num_steps - 1)
    naive = torch.stack(found).flatten()
    same = (fresh.log_prob[0, 0, origins] - naive).abs().max()
    same_by_patch = max(_difference_behind(forecaster, one_pass, values, end) for end in (patch, 8 * patch))
    print_table(
        [f"{num_steps} steps, patches of {patch}, float64", "CPU seconds", "ratio", "largest difference"],
        [
            [f"a forecast for every step ({num_origins} of them run)", f"{each:.2f}", "1", ""],
            [
                "all one step ahead",
                f"{seconds_fresh:.3f}",
                f"{each / seconds_fresh:.0f}",
                f"{float(same):.1e}",
            ],
            [
                "one pass, 1 to a patch ahead",
                f"{seconds:.3f}",
                f"{each / seconds:.0f}",
                f"{same_by_patch:.1e}",
            ],
        ],
    )


def _difference_behind(forecaster: TotoForecaster, scores: Scores, values: torch.Tensor, end: int) -> float:
    """Of the log densities in the patch behind step `end` from those of a forecast made there."""
    part = slice(end, end + forecaster.model.config.patch_size)
    one = forecaster.predict_distribution([values[:end]], part.stop - part.start)[0]
    return float((one.log_prob(values[part])[0, 0] - scores.log_prob[0, 0, part]).abs().max())


def cpu_seconds(call: Callable[[], Found], repeats: int) -> tuple[Found, float]:
    """What a call returns, and the least of its times: others may share the machine."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        found = call()
        taken.append(time.process_time() - start)
    return found, min(taken)


if __name__ == "__main__":
    main()
