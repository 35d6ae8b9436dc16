"""What the commands of this room share: options, checks before anything runs, errors in one line."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from toto.data.csv import check_output
from toto.errors import TotoError
from toto.evaluation.choose import BASELINES, DEFAULT_CONTEXT
from toto.evaluation.record import Settings
from toto.evaluation.report import RESULT_SUFFIXES
from toto.inference.device import usable_device


def run_command(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], None], arguments: list[str] | None
) -> int:
    """Read the options and run with them; returns the exit status. Errors of the library are one line."""
    options = parser.parse_args(arguments)
    try:
        run(options)
    except TotoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def add_options(parser: argparse.ArgumentParser, context: int | None = None) -> None:
    """Options of a forecaster and of the output; `context` is the default of its option."""
    add = parser.add_argument
    names = f"a baseline ({', '.join(BASELINES)}), or a Toto: a bundled name, a folder, a hub id"
    add("--model", default="toto-nano", help=f"{names} (default: %(default)s)")
    default = context or f"Toto {DEFAULT_CONTEXT}, baselines all"
    add("--context", type=int, default=context, help=f"steps of history that are seen (default: {default})")
    add("--samples", type=int, default=256, help="sample paths of each forecast (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the sample paths (default: %(default)s)")
    add("--variance-reduction", action="store_true", help="draw paths that cover the distribution evenly")
    text = "take quantiles from the distribution the paths are drawn from: 16 samples then do"
    add("--from-distribution", dest="quantiles_from", action="store_const", const="distribution", help=text)
    grouping = parser.add_mutually_exclusive_group()
    for name, text in (("multivariate", "the default"), ("univariate", "every variate by itself")):
        grouping.add_argument(f"--{name}", dest="grouping", action="store_const", const=name, help=text)
    parser.set_defaults(grouping="multivariate", quantiles_from="paths")
    add("--device", help="cpu, cuda, cuda:1, ... (default: cuda if there is one)")
    add("--out", type=Path, help="write the results, as they come, to this .json or .csv file")


def checked_settings(options: argparse.Namespace) -> Settings:
    """What the options say of the forecaster, after a look at device and output.

    Raises:
        InputError: an option that breaks a rule, a device that is not here, an output that cannot be.
    """
    usable_device("--device", options.device)
    if options.out is not None:
        check_output(options.out, RESULT_SUFFIXES)
    return Settings(
        options.model,
        options.context,
        options.samples,
        options.seed,
        options.grouping,
        options.quantiles_from,
        options.variance_reduction,
    )
