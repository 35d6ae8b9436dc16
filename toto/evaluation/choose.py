"""A forecaster by its name, and the options of the commands that choose it."""

import argparse
from dataclasses import replace
from pathlib import Path

from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.forecaster import Forecaster, TotoUnderTest
from toto.evaluation.record import Settings
from toto.evaluation.statistical import STATISTICAL, Statistical
from toto.model.toto import Toto

BASELINES = ("seasonal-naive", "repeat-last", *STATISTICAL)
DEFAULT_CONTEXT = 4096


def make_forecaster(settings: Settings, device: str = "cpu") -> Forecaster:
    """The baseline of the name `settings.model`, else the Toto that it names.

    Baselines draw no samples and take every variate by itself; samples, seed and grouping are Toto's alone.
    A Toto sees 4096 steps unless `settings.context` says otherwise, a baseline all of the history.

    Raises:
        MissingExtraError: a baseline whose package is not installed.
        CheckpointError: no such model.
    """
    if settings.model in BASELINES:
        return _baseline(Settings(settings.model, settings.context))
    model = Toto.from_pretrained(settings.model, map_location=device)
    return TotoUnderTest(model, replace(settings, context=settings.context or DEFAULT_CONTEXT))


def _baseline(settings: Settings) -> Forecaster:
    if settings.model in STATISTICAL:
        return Statistical(settings)
    return SeasonalNaive(settings, seasonality=1 if settings.model == "repeat-last" else None)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of a forecaster and of the output."""
    add = parser.add_argument
    names = f"a baseline ({', '.join(BASELINES)}), or a Toto: a bundled name, a folder, a hub id"
    add("--model", default="toto-nano", help=names)
    add("--context", type=int, help="steps of history that are seen (default: Toto 4096, baselines all)")
    add("--samples", type=int, default=256, help="sample paths of each forecast")
    add("--seed", type=int, default=0, help="of the sample paths")
    add("--variance-reduction", action="store_true", help="draw paths that cover the distribution evenly")
    text = "take quantiles from the distribution the paths are drawn from: 16 samples then do"
    add("--from-distribution", dest="quantiles_from", action="store_const", const="distribution", help=text)
    grouping = parser.add_mutually_exclusive_group()
    for name in ("multivariate", "univariate"):
        grouping.add_argument(f"--{name}", dest="grouping", action="store_const", const=name)
    parser.set_defaults(grouping="multivariate", quantiles_from="paths")
    add("--device", default="cpu", help="cpu, cuda, ...")
    add("--out", type=Path, help="write the results to this .json or .csv file")


def chosen_settings(options: argparse.Namespace) -> Settings:
    """What the options say of the forecaster."""
    return Settings(
        options.model,
        options.context,
        options.samples,
        options.seed,
        options.grouping,
        options.quantiles_from,
        options.variance_reduction,
    )
