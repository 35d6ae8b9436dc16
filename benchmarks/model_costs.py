"""What a forecast costs with each model that the pipeline takes, in CPU time of one thread.

    python benchmarks/model_costs.py [--repeats 5]

toto-nano is the bundled model; of the others the sizes are those of published checkpoints (22m-like: sizes
that give 22 million weights), the weights random. Models that draw paths draw 32 and give quantiles of
their distributions. CPU time is that of the process, the least of the repeats.
"""

from collections.abc import Sequence

import torch
from common import BASE, arguments, print_table, random_walks
from second_generation import MODELS, cpu_ms

from toto import Toto, TotoPipeline
from toto.inference.models import Model
from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

CASES = ((1, 512, 96), (7, 512, 96), (1, 4096, 336), (7, 4096, 336))
LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="all of them")
    parser.set_defaults(threads=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    rows = [measured(name, model, args.repeats) for name, model in models().items()]
    names = [f"{variates} x {context} -> {horizon}, ms" for variates, context, horizon in CASES]
    print(f"torch {torch.__version__}, threads: {args.threads}, least of {args.repeats}")
    print_table(("model", "M parameters", *names), rows)


def models() -> dict[str, Model]:
    torch.manual_seed(0)
    first = {"toto-nano": Toto.from_pretrained("toto-nano"), "base size of 1.0": Toto(**BASE).eval()}
    second = {
        f"2.0 {name}": Toto2Model(Toto2Config.from_dict(sizes)).eval() for name, sizes in MODELS.items()
    }
    return first | second


def measured(name: str, model: Model, repeats: int) -> tuple[str, ...]:
    pipe, cells = TotoPipeline(model), []
    for variates, context, horizon in CASES:
        series = random_walks(variates, context)

        def forecast(series=series, horizon=horizon):
            found = pipe.forecast(
                series, horizon, multivariate=True, num_samples=32, seed=0, keep_samples=False
            )
            return found.quantile(LEVELS)

        cells.append(f"{cpu_ms(forecast, repeats):.0f}")
    size = sum(weight.numel() for weight in model.parameters()) / 1e6
    return name, f"{size:.1f}", *cells


if __name__ == "__main__":
    main()
