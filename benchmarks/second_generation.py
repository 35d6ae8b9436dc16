"""What a forecast of the second generation costs, in CPU time of one thread, with random weights.

    python benchmarks/second_generation.py [--repeats 5]

4m has the sizes of the published checkpoint of that name; 22m-like has sizes that give 22 million weights.
Products: plain `F.linear` with the same weights and numbers of tokens, in the same order, for what one pass
needs; the last column is their share (our product by blocked weights is faster). CPU time is that of the
process, the least of the repeats: other work on the machine adds to it.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from common import arguments, print_table, random_walks
from torch import Tensor, nn
from torch.nn import functional as F

from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

PUBLISHED = {
    "patch_size": 32,
    "d_model": 256,
    "num_heads": 4,
    "num_layers": 4,
    "layer_group_size": 4,
    "num_variate_layers_per_group": 1,
    "variate_layer_first": False,
    "residual_attn_ratio": 5.136215466577748,
    "residual_mult": 0.75,
    "norm_eps": 1e-4,
    "attn_bias": True,
    "qk_norm": False,
    "per_dim_scale": True,
    "use_xpos": True,
}
MODELS = {
    "4m": PUBLISHED,
    "22m-like": PUBLISHED | {"d_model": 512, "num_heads": 8, "num_layers": 6, "layer_group_size": 6},
}
COLUMNS = ("model", "case", "ms", "ms in blocks of 96", "with gaps", "products", "share")


class Workload(NamedTuple):
    """The size of a forecast."""

    series: int
    variates: int
    context: int
    horizon: int


CASES = (
    Workload(1, 1, 512, 96),
    Workload(1, 7, 512, 96),
    Workload(1, 1, 4096, 336),
    Workload(1, 7, 4096, 336),
    Workload(32, 1, 512, 96),
)


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="4m and 22m-like")
    parser.set_defaults(threads=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    rows = []
    for name, sizes in MODELS.items():
        torch.manual_seed(0)
        model = Toto2Model(Toto2Config.from_dict(sizes)).eval()
        rows += [(name, *measured(model, case, args.repeats)) for case in CASES]
    print(f"torch {torch.__version__}, threads: {args.threads}, least of {args.repeats}")
    print_table(COLUMNS, rows)


def measured(model: Toto2Model, case: Workload, repeats: int) -> tuple[str, ...]:
    """One row of the table."""
    series, variates, context, horizon = case
    target = random_walks(series, variates, context)
    gaps = target.clone()
    gaps[..., 64:160] = torch.nan  # three patches, at times that are the same for all: masks are still made
    whole = cpu_ms(lambda: model.forecast({"target": target}, horizon), repeats)
    blocks = cpu_ms(lambda: model.forecast({"target": target}, horizon, 96), repeats)
    gappy = cpu_ms(lambda: model.forecast({"target": gaps}, horizon), repeats)
    products = cpu_ms(bare_products(model, case), repeats)
    words = f"{series} x {variates} x {context} -> {horizon}"
    in_blocks = f"{blocks:.1f}" if horizon > 96 else ""
    return words, f"{whole:.1f}", in_blocks, f"{gappy:.1f}", f"{products:.1f}", f"{products / whole:.0%}"


@torch.no_grad()
def bare_products(model: Toto2Model, case: Workload) -> Callable[[], None]:
    """The matrix products of one pass, and nothing else."""
    rows, size = case.series * case.variates, model.config.patch_size
    predicted = -(-case.horizon // size)
    tokens, outputs = rows * (case.context // size + predicted - 1), rows * predicted
    work = [(module.weight, tokens) for module in linear_maps(model.patch_proj)]
    for index, layer in enumerate(model.transformer.layers):
        after = outputs if index >= model.transformer.last_time_layer else tokens
        before = outputs if index > model.transformer.last_time_layer else tokens
        work += [(layer.attn.in_proj.weight, before), (layer.attn.out_proj.weight, after)]
        work += [(module.weight, after) for module in linear_maps(layer.ffn)]
    work += [(module.weight, outputs) for module in linear_maps(model.output_head)]
    inputs = [(torch.randn(number, weight.shape[1]), weight.detach()) for weight, number in work]

    def multiply() -> None:
        for x, weight in inputs:
            F.linear(x, weight)

    return multiply


def linear_maps(module: nn.Module) -> list[nn.Linear]:
    return [m for m in module.modules() if isinstance(m, nn.Linear)]


def cpu_ms(work: Callable[[], Tensor | None], repeats: int) -> float:
    """Milliseconds of CPU time: the least of the repeats, each of runs for at least a tenth of a second."""
    work()
    found = []
    for _ in range(repeats):
        runs, start = 0, time.process_time()
        while time.process_time() - start < 0.1:
            work()
            runs += 1
        found.append((time.process_time() - start) / runs * 1e3)
    return min(found)


if __name__ == "__main__":
    main()
