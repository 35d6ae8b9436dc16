"""What exactly a score was measured on, and with what."""

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from toto.errors import InputError
from toto.inference.arguments import count, flag, seed_number

_CHOICES = {"grouping": ("multivariate", "univariate"), "quantiles_from": ("paths", "distribution")}


@dataclass(frozen=True)
class Settings:
    """How a forecaster is run.

    model: its name, or where its checkpoint lies.
    context: last steps of the history that it sees; None: all of them.
    num_samples, seed: of its sample paths; None where it draws none.
    grouping: whether the variates of a series are forecast together or each by itself.
    quantiles_from: the paths themselves, or the distribution they are drawn from
        (`TotoForecaster.forecast(..., keep_distribution=True)`). Of a model of quantiles, which draws no
        samples, the distribution has exponential tails (`QuantileDistribution`).
    variance_reduction: as in `TotoForecaster.forecast`.

    Raises:
        InputError: a value that breaks a rule; the message names it.
    """

    model: str
    context: int | None = None
    num_samples: int | None = None
    seed: int | None = None
    grouping: str = "univariate"
    quantiles_from: str = "paths"
    variance_reduction: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.model, str):
            raise InputError(
                f"model must be a name, such as toto-nano or seasonal-naive, got {self.model!r:.60}"
            )
        for name, checked in (
            ("context", partial(count, "context")),
            ("num_samples", partial(count, "num_samples")),
            ("seed", seed_number),
        ):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked(getattr(self, name)))
        flag("variance_reduction", self.variance_reduction)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name} must be {' or '.join(choices)}, got {getattr(self, name)!r}")

    def of_levels(self) -> "Settings":
        """The settings of a model of quantiles: it draws nothing."""
        return replace(
            self, num_samples=None, seed=None, quantiles_from="distribution", variance_reduction=False
        )

    def __str__(self) -> str:
        """A line."""
        context = "all of the history" if self.context is None else f"context {self.context}"
        parts = [f"{self.model}, {self.grouping}, {context}"]
        if self.num_samples is not None:
            parts += [f"{self.num_samples} samples, seed {self.seed}, quantiles from {self.quantiles_from}"]
        elif self.quantiles_from == "distribution":
            parts += ["quantiles predicted, exponential tails"]
        if self.variance_reduction:
            parts += ["variance reduction"]
        return ", ".join(parts)


@dataclass(frozen=True)
class Measurement:
    """One evaluation in full: two scores may be compared where their records differ in `settings` alone.

    task: its name, such as ett1/15T/short.
    units: of the values that are compared: "as recorded", or how they were scaled.
    num_series, num_variates: series, and variates of all of them.
    windows: which steps are forecast, in words; `num_windows` over all series.
    horizon, seasonality: in steps.
    quantile_levels: those that the metrics read.
    settings: the forecaster.
    toto_version: of this package.
    """

    task: str
    units: str
    num_series: int
    num_variates: int
    windows: str
    num_windows: int
    horizon: int
    seasonality: int
    quantile_levels: tuple[float, ...]
    settings: Settings
    toto_version: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self) | {"quantile_levels": list(self.quantile_levels)}

    def __str__(self) -> str:
        """A paragraph."""
        levels = ", ".join(f"{level:g}" for level in self.quantile_levels)
        return (
            f"{self.task}, values {self.units}: {self.num_series} series, {self.num_variates} variates; "
            f"{self.num_windows} windows ({self.windows}), horizon {self.horizon}, "
            f"seasonality {self.seasonality}; levels {levels}; "
            f"{self.settings}; toto {self.toto_version}"
        )
