"""Errors of forecasts in float32 and bfloat16, against the same weights in float64.

    python benchmarks/precision.py [--models base toto-nano]

Mean path: 96 steps of it, relative to the standard deviation of the context. The rest: parameters of the
mixtures after every patch of the context, in scaled space; weights absolute, the others relative to the value
in float64, or to 1 where that is smaller. Each as root mean square / largest.
"""

import argparse
from collections.abc import Sequence

import torch
from common import available_cores, find_checkpoint, print_table, progress, random_walks
from jaxtyping import Float
from torch import Tensor

from toto import MaskedTimeseries, Toto, TotoForecaster

COLUMNS = ("model", "dtype", "mean path", "loc", "scale", "df", "weights")
PARAMETERS = COLUMNS[3:]
VARIATES, CONTEXT, HORIZON = 7, 1024, 96


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    help_models = '"base", "toto-nano" or folders (default: the first two)'
    parser.add_argument("--models", nargs="+", default=["base", "toto-nano"], help=help_models)
    parser.add_argument("--threads", type=int, default=available_cores(), help="default: all cores")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    print_table(COLUMNS, [row for model in args.models for row in error_rows(model)])


def error_rows(model: str) -> list[list[str]]:
    """The lines of one model."""
    progress(f"{model}: float64")
    exact = outcomes(model, "float64")
    rows = []
    for name in ("float32", "bfloat16"):
        progress(f"{model}: {name}")
        found = outcomes(model, name)
        errors = [in_words(found[c].double() - exact[c], exact[c], c) for c in COLUMNS[2:]]
        rows.append([model, name, *errors])
    return rows


def outcomes(model: str, precision: str) -> dict[str, Float[Tensor, "..."]]:
    """The mean path in standard deviations of the context, and the parameters of one pass."""
    toto = Toto.from_pretrained(find_checkpoint(model), torch_dtype=precision)
    series = random_walks(VARIATES, CONTEXT).double()
    inputs = MaskedTimeseries.from_array(series)
    mean = TotoForecaster(toto).forecast(inputs, HORIZON).mean
    batch = (t[None] for t in (series, inputs.padding_mask, inputs.id_mask))
    with torch.no_grad():
        distribution = toto.model(*batch).distribution
    parameters = {name: getattr(distribution, name) for name in PARAMETERS}
    return {"mean path": mean / series.std(-1, keepdim=True), **parameters}


def in_words(difference: Tensor, exact: Tensor, column: str) -> str:
    absolute = column in ("mean path", "weights")
    error = difference if absolute else difference / exact.abs().clamp(min=1.0)
    return f"{float(error.square().mean().sqrt()):.1e} / {float(error.abs().max()):.1e}"


if __name__ == "__main__":
    main()
