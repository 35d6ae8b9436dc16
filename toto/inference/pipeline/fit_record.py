"""What a fine-tuned model remembers of its training, so that forecasts give it the same things again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import Table, is_table
from toto.errors import InputError
from toto.inference.pipeline.inputs import Inputs, read_inputs
from toto.model.config import TotoConfig
from toto.model2.config import Toto2Config

log = logging.getLogger(__name__)

CONFIG_KEY = "fine_tuning"

Config = TypeVar("Config", bound=TotoConfig | Toto2Config)

_REMEMBERED = ("time_column", "columns", "id_column", "group", "together", "aggregate", "day_first")


@dataclass(frozen=True)
class FitRecord:
    """Lies in the configuration of the model, under `CONFIG_KEY`, and so in its `config.json`.

    layout: what the columns of frames are, without covariates.
    covariates: by name and kind.
    horizon: steps that known covariates reach beyond a series.
    context: the last steps of a series that the model sees.
    uses_covariates: False: the model was better without, and does not look at them.
    static_scales: mean and deviation of every static covariate over the series.
    """

    layout: Layout = field(default_factory=Layout)
    covariates: Covariates = field(default_factory=Covariates)
    horizon: int = 1
    context: int = 4096
    uses_covariates: bool = True
    static_scales: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, config: TotoConfig | Toto2Config) -> "FitRecord | None":
        """That of a model, or None for one that was not fine-tuned here."""
        values = config.extra.get(CONFIG_KEY)
        return None if values is None else cls.from_dict(values)

    def into(self, config: Config) -> Config:
        """The configuration with this record."""
        return replace(config, extra=config.extra | {CONFIG_KEY: self.to_dict()})

    def read(self, data: Any, layout: Layout, future: Any, horizon: int, *, to_learn: bool = False) -> Inputs:
        """The series in data of any kind, with their covariates as the model takes them.

        Args:
            data, future: as `TotoPipeline.forecast` takes them. Of `future` the known covariates are read,
                and nothing else that it holds.
            layout: what the columns are; what it does not say is as it was in training.
            horizon: steps to forecast.
            to_learn: the known covariates end with the series, without `future`.

        Raises:
            InputError: covariates that are missing, or a horizon that they were not trained for.
        """
        if layout.past_covariates:
            raise InputError(
                "past_covariates are those that the model was trained with: leave them out, got "
                f"{', '.join(layout.past_covariates)}"
            )
        if not is_table(data):
            self._check_arrays(data)
            return read_inputs(data, layout, future, horizon)
        if not self.uses_covariates:
            return self.read_targets(data, layout)
        table = Table.of(data)
        layout = self._completed(layout)
        self.covariates.check(table, layout.columns or ())
        covariates, kept = self.covariates, _tell_apart(layout)
        known = None if to_learn else self._known_future(future, horizon, kept)
        layout = replace(
            layout,
            past_covariates=covariates.numbers(covariates.past),
            known_covariates=covariates.numbers(covariates.known),
            static_covariates=covariates.numbers(covariates.static),
        )
        inputs = read_inputs(covariates.as_numbers(table, kept), layout, known, horizon)
        beyond = 0 if to_learn else horizon
        return inputs._replace(series=[self._prepared(one, beyond) for one in inputs.series])

    def read_targets(self, data: Any, layout: Layout) -> Inputs:
        """The series alone, for what reads no covariates: these may be there or not."""
        if not is_table(data):
            return read_inputs(data, layout, None, 0)
        table = Table.of(data)
        layout = self._completed(layout)
        unused = [name for name in self.covariates.columns if name not in _tell_apart(layout)]
        return read_inputs(table.without(unused), layout, None, 0)

    def _check_arrays(self, data: Any) -> None:
        """`InputError` for what is no frame, if the model needs columns or time stamps."""
        if not self.uses_covariates:
            return
        if self.covariates.columns:
            raise InputError(
                f"data must be a data frame: the model has covariates by name ({', '.join(self.names)}), got "
                f"{type(data).__name__}"
            )
        if self.covariates:
            raise InputError(
                "data must be a data frame with time stamps, which calendar and holidays need, got "
                f"{type(data).__name__}"
            )

    @classmethod
    def note_unread(cls, config: TotoConfig | Toto2Config, what: str) -> None:
        """Log a warning if a model has covariates and reads them, but not for `what`."""
        record = cls.of(config)
        if record is not None and record.covariates and record.uses_covariates:
            log.warning(
                "the model was trained with the covariates %s; %s reads none of them and may be worse",
                ", ".join(record.names),
                what,
            )

    def check_horizon(self, horizon: int) -> None:
        """`InputError` for a horizon that known covariates were not trained for."""
        ahead = self.covariates.known or self.covariates.calendar or self.covariates.holidays
        if self.uses_covariates and ahead and horizon > self.horizon:
            raise InputError(
                f"horizon must be at most {self.horizon}, for which the model was trained with known "
                f"covariates, got {horizon}: fit it with a longer horizon"
            )

    @property
    def names(self) -> list[str]:
        """What the covariates are called."""
        names = [*self.covariates.columns, *self.covariates.calendar]
        return names if self.covariates.holidays is None else [*names, "holidays"]

    def with_static_scales(self, series: Sequence[RegularSeries]) -> "FitRecord":
        """The record with the means and deviations of the static covariates of some series."""
        rows = [one.static.reshape(-1, self._num_static) for one in series if one.static is not None]
        if not rows:
            return self
        values = np.ma.masked_invalid(np.concatenate(rows))
        means, deviations = (np.ma.filled(some, 0.0) for some in (values.mean(axis=0), values.std(axis=0)))
        deviations = np.where(deviations > 0, deviations, 1.0)
        return replace(self, static_scales=tuple(zip(means.tolist(), deviations.tolist(), strict=True)))

    def standardised(self, one: RegularSeries) -> RegularSeries:
        """A series whose static covariates are in deviations from their mean."""
        if one.static is None or not self.static_scales:
            return one
        means, deviations = np.array(self.static_scales).T
        standardised = (one.static.reshape(-1, self._num_static) - means) / deviations
        return replace(one, static=standardised.reshape(-1))

    @property
    def _num_static(self) -> int:
        """Static numbers of one id."""
        return len(self.covariates.numbers(self.covariates.static))

    def _completed(self, layout: Layout) -> Layout:
        """A layout in which what was not given is as in training."""
        not_given = Layout()
        same = {
            name: getattr(self.layout, name)
            for name in _REMEMBERED
            if getattr(layout, name) == getattr(not_given, name)
        }
        return replace(layout, **same)

    def _known_future(self, future: Any, horizon: int, kept: Sequence[str]) -> Table | None:
        """The frame of known values, with numbers for words.

        Raises:
            InputError: none where one is needed, one where none is, or a horizon that it cannot serve.
        """
        covariates = self.covariates
        self.check_horizon(horizon)
        if not covariates.known:
            if future is not None:
                raise InputError("future: the model was trained without known covariates: leave it out")
            return None
        if future is None:
            raise InputError(
                f"future must be a frame with the known covariates {', '.join(covariates.known)} in the "
                f"{horizon} steps after the series, got None: pass it with future (--future)"
            )
        table = Table.of(future, "future")
        for name in covariates.known:
            if name not in table.cells.columns:
                raise InputError(
                    f"{table.name}: no column {name!r}, a known covariate; there are {table.columns()}"
                )
        return covariates.as_numbers_to_use(table, kept)

    def _prepared(self, one: RegularSeries, horizon: int) -> RegularSeries:
        return self.standardised(self.covariates.with_calendar(one, horizon))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        layout = {name: getattr(self.layout, name) for name in _REMEMBERED}
        if self.layout.columns is not None:
            layout["columns"] = list(self.layout.columns)
        return {
            "layout": layout,
            "covariates": self.covariates.to_dict(),
            "horizon": self.horizon,
            "context": self.context,
            "uses_covariates": self.uses_covariates,
            "static_scales": [list(scale) for scale in self.static_scales],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FitRecord":
        """The inverse of `to_dict`.

        Raises:
            InputError: a record of another shape.
        """
        try:
            rest = {f.name: values[f.name] for f in fields(cls) if f.name not in ("layout", "covariates")}
            rest["static_scales"] = tuple((mean, deviation) for mean, deviation in rest["static_scales"])
            return cls(Layout(**values["layout"]), Covariates.from_dict(values["covariates"]), **rest)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{CONFIG_KEY} in the configuration of the model is damaged: {error!r}"
            ) from error


def _tell_apart(layout: Layout) -> list[str]:
    """The columns that tell series apart, which may be covariates too."""
    return [name for name in (layout.id_column or "unique_id", layout.group) if name is not None]
