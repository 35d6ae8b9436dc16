"""How near a forecast comes to the speed at which the machine multiplies matrices.

    python benchmarks/limit.py

The forecast is the README example of toto-ts, 7 x 4096 -> 336 with 256 paths. Prefill: the context runs
through the layers, once. Decode: all the rest of the forecast. Layers and heads: decode without its draws.

Counted are the linear maps that the forecast needs, 2 FLOP for each multiply-add: those of the layers, and
unembedding and heads as the one matrix that they make. Attention's own products (1 %), embedding, norms,
scaling and draws count as nothing and take their time. In the prefill, all tokens need the layers before the
last time layer, and its keys and values; only the newest token of each variate needs the rest.

The limit is plain `F.linear` with the same weights and numbers of tokens in the same order, so that no weight
stays in a processor's cache. Percent: the seconds of the limit in those of the phase.
"""

import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from common import (
    README_EXAMPLE,
    Workload,
    arguments,
    describe_run,
    find_checkpoint,
    print_table,
    progress,
    random_walks,
)
from torch import Tensor
from torch.nn import functional as F

from toto import MaskedTimeseries, Toto, TotoForecaster
from toto.inference import decoding
from toto.inference.context import prepare_context
from toto.model.backbone import TotoBackbone
from toto.model.transformer import TransformerLayer

COLUMNS = ("phase", "GFLOP", "seconds", "GFLOP/s", "limit GFLOP/s", "percent", "asked")
SQUARES = (1024, 2048, 4096)


class Product(NamedTuple):
    """A weight [outputs, features], and the number of tokens that are multiplied by it."""

    weight: Tensor
    num_tokens: int

    @property
    def flop(self) -> int:
        """Floating-point operations: two for each multiply-add."""
        return 2 * self.num_tokens * self.weight.numel()


def main(argv: Sequence[str] | None = None) -> None:
    args = arguments(__doc__).parse_args(argv)
    torch.set_num_threads(args.threads)
    backbone = Toto.from_pretrained(find_checkpoint(args.model)).model
    with torch.no_grad():
        rows = phase_rows(backbone, README_EXAMPLE, args)
        best = max(square_gigaflops(size, args) for size in SQUARES)
    print(f"{describe_run(args)}\n")
    print_table(COLUMNS, rows)
    print(f"\nBest square product in float32 (sizes {', '.join(map(str, SQUARES))}): {best:.0f} GFLOP/s.")


def phase_rows(backbone: TotoBackbone, workload: Workload, args: Namespace) -> list[list[str]]:
    """The lines of the table; engine and limit take turns."""
    inputs = MaskedTimeseries.from_array(random_walks(workload.variates, workload.context))
    context = prepare_context(inputs, backbone)
    forecaster = TotoForecaster(backbone)
    prefill, decode = prefill_products(backbone, workload), decode_products(backbone, workload)
    heads_and_layers = DecodeWithoutDraws(backbone, decoding.begin(backbone, context), workload)
    timed: dict[str, Callable[[], object]] = {
        "prefill": lambda: decoding.begin(backbone, context),
        "forecast": lambda: forecaster.forecast(inputs, workload.horizon, workload.samples),
        "layers and heads": heads_and_layers,
        "limit of prefill": Multiply(prefill),
        "limit of decode": Multiply(decode),
    }
    seconds = median_seconds(timed, args.repeats)
    seconds["decode"] = seconds["forecast"] - seconds["prefill"]
    return [
        row("prefill", prefill, seconds["prefill"], seconds["limit of prefill"], "60"),
        row("decode", decode, seconds["decode"], seconds["limit of decode"], "70"),
        row("layers and heads", decode, seconds["layers and heads"], seconds["limit of decode"], ""),
    ]


def row(phase: str, products: Sequence[Product], seconds: float, limit: float, asked: str) -> list[str]:
    gigaflop = sum(product.flop for product in products) / 1e9
    percent = f"{100 * limit / seconds:.0f}"
    speeds = f"{gigaflop / seconds:.1f}", f"{gigaflop / limit:.1f}"
    return [phase, f"{gigaflop:.1f}", f"{seconds:.3g}", *speeds, percent, asked]


def prefill_products(backbone: TotoBackbone, workload: Workload) -> list[Product]:
    """What every variate's newest token needs of a context."""
    newest = workload.variates
    everywhere = newest * backbone.patch_embed.num_patches(workload.context)
    products: list[Product] = []
    last_time_layer = max(i for i, layer in enumerate(backbone.transformer.layers) if not layer.is_space)
    for index, layer in enumerate(backbone.transformer.layers):
        if index == last_time_layer:
            queries, keys_and_values = layer.attention.wQKV.weight.tensor_split([backbone.embed_dim])
            products += [Product(keys_and_values, everywhere), Product(queries, newest)]
            products += layer_products(layer, newest)[1:]
        else:
            products += layer_products(layer, everywhere if index < last_time_layer else newest)
    return products


def decode_products(backbone: TotoBackbone, workload: Workload) -> list[Product]:
    """What the paths need: their first patch is predicted for all at once, then each needs all layers."""
    paths = workload.variates * workload.samples
    steps_by_patch = split_horizon(workload.horizon, backbone.config.patch_size)
    outputs_per_step = backbone.output_distribution.num_outputs
    heads = torch.randn(steps_by_patch[0] * outputs_per_step, backbone.embed_dim)  # as fast as the real ones
    products = [Product(heads, workload.variates)]
    for steps in steps_by_patch[1:]:
        products += [p for layer in backbone.transformer.layers for p in layer_products(layer, paths)]
        products.append(Product(heads[: steps * outputs_per_step], paths))
    return products


def layer_products(layer: TransformerLayer, num_tokens: int) -> list[Product]:
    maps = (layer.attention.wQKV, layer.attention.wO, layer.mlp[0], layer.mlp[2])
    return [Product(linear.weight, num_tokens) for linear in maps]


def split_horizon(horizon: int, patch_size: int) -> list[int]:
    """Steps of each patch."""
    return [min(patch_size, horizon - start) for start in range(0, horizon, patch_size)]


class Multiply:
    """The plain products, one after the other."""

    def __init__(self, products: Sequence[Product]) -> None:
        self.products = products
        shapes = {(p.num_tokens, p.weight.shape[1]) for p in products}
        self.tokens = {shape: torch.randn(shape) for shape in shapes}

    def __call__(self) -> None:
        """Multiply; the results are dropped."""
        for weight, num_tokens in self.products:
            F.linear(self.tokens[num_tokens, weight.shape[1]], weight)


class DecodeWithoutDraws:
    """Decodes all paths at once from an encoded context, and appends the same values to each."""

    def __init__(self, backbone: TotoBackbone, state: decoding.DecodingState, workload: Workload) -> None:
        self.backbone = backbone
        self.state = state
        self.steps_by_patch = split_horizon(workload.horizon, backbone.config.patch_size)
        self.values = random_walks(1, workload.variates, workload.samples, backbone.config.patch_size)

    def __call__(self) -> None:
        """Decode; the predictions are dropped."""
        first, *further = self.steps_by_patch
        decoding.predict(self.backbone, self.state, first)
        state = self.state.fan_out(self.values.shape[2], len(further))
        for steps in further:
            state = decoding.advance(self.backbone, state, self.values)
            decoding.predict(self.backbone, state, steps)


def square_gigaflops(size: int, args: Namespace) -> float:
    square = torch.randn(size, size)
    seconds = median_seconds({f"square of {size}": lambda: square @ square}, args.repeats)
    return 2 * size**3 / 1e9 / seconds[f"square of {size}"]


def median_seconds(timed: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Of each, after a first run that is not counted; they take turns."""
    runs: dict[str, list[float]] = {name: [] for name in timed}
    for repeat in range(repeats + 1):
        for name, run in timed.items():
            progress(f"{name}, run {repeat} of {repeats}" if repeat else f"{name}, first run")
            start = time.perf_counter()
            run()
            runs[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds[1:]) for name, seconds in runs.items()}


if __name__ == "__main__":
    main()
