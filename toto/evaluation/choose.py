"""A forecaster by its name."""

from dataclasses import replace
from typing import Any

from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.forecaster import Forecaster, under_test
from toto.evaluation.record import Settings
from toto.evaluation.statistical import STATISTICAL, Statistical
from toto.inference.device import usable_device
from toto.inference.models import load_model

BASELINES = ("seasonal-naive", "repeat-last", *STATISTICAL)
DEFAULT_CONTEXT = 4096


def make_forecaster(settings: Settings, device: Any = None) -> Forecaster:
    """The baseline of the name `settings.model`, else the Toto that it names.

    Baselines draw no samples and take every variate by itself; samples, seed and grouping are Toto's alone.
    A Toto sees 4096 steps unless `settings.context` says otherwise, a baseline all of the history.

    Args:
        settings: the name, and how it is run.
        device: of a Toto (None: a GPU of CUDA if there is one, else the host).

    Raises:
        InputError: no such device.
        MissingExtraError: a baseline whose package is not installed.
        CheckpointError: no such model.
    """
    if settings.model in BASELINES:
        return _baseline(Settings(settings.model, settings.context))
    model = load_model(settings.model, map_location=usable_device("device", device))
    return under_test(model, replace(settings, context=settings.context or DEFAULT_CONTEXT))


def _baseline(settings: Settings) -> Forecaster:
    if settings.model in STATISTICAL:
        return Statistical(settings)
    return SeasonalNaive(settings, seasonality=1 if settings.model == "repeat-last" else None)
