"""Which columns of a frame help to forecast the others, and how what is no number becomes one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from toto.data.calendar import calendar_rows
from toto.data.regular_series import RegularSeries
from toto.data.table import Table, categories_of, unknown_words
from toto.errors import InputError

MAX_CATEGORIES = 16


@dataclass(frozen=True)
class Covariates:
    """Covariates by name and kind, in the order in which a model was trained with them.

    known: columns whose values are known in the future too.
    past: columns known up to the last step of a series.
    static: columns with one value for a whole series.
    calendar: features of the time stamps, names in `FEATURES`.
    holidays: a country, or a part of one, whose public holidays count; None: none.
    categories: of every column of text its words in order. Each but the first becomes a column of 0 and 1.
    """

    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    calendar: tuple[str, ...] = ()
    holidays: str | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.columns or self.calendar or self.holidays is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are columns."""
        return self.known + self.past + self.static

    def check(self, table: Table, targets: Sequence[str] = ()) -> None:
        """Check that the columns are there, once each, and are no targets.

        Raises:
            InputError: they are not; the message names the kind.
        """
        kinds = {"known": self.known, "past": self.past, "static": self.static}
        for kind, names in kinds.items():
            for name in names:
                if name not in table.cells.columns:
                    raise InputError(
                        f"{kind}: {table.name} has no column {name!r}; there are {table.columns()}"
                    )
                if name in targets:
                    raise InputError(f"{kind}: {name!r} is a target (columns); a covariate is not forecast")
                if self.columns.count(name) > 1:
                    raise InputError(f"{kind}: {name!r} is a covariate twice; name it once")
        for name in self.calendar:
            if self.calendar.count(name) > 1:
                raise InputError(f"calendar: {name!r} is there twice; name it once")

    def learnt_from(self, table: Table) -> "Covariates":
        """The same with the categories that the columns of a frame have.

        Raises:
            InputError: too many categories, or only one; a column without any value.
        """
        found = {name: words for name in self.columns if (words := categories_of(table, name)) is not None}
        for name, words in found.items():
            if not 2 <= len(words) <= MAX_CATEGORIES:
                raise InputError(
                    f"{table.name}, column {name}: a covariate of words must have from 2 to {MAX_CATEGORIES} "
                    f"different ones, got {len(words)}: leave it out, or write it as numbers"
                )
        return replace(self, categories=found)

    def as_numbers(self, table: Table, kept: Sequence[str] = ()) -> Table:
        """A frame in which columns of 0 and 1 have taken the place of each column of text.

        Args:
            kept: columns that stay too: they tell series apart.

        Raises:
            InputError: a word that the column did not have before.
        """
        table = self.as_numbers_to_use(table, kept)
        for told in table.unread.values():
            raise InputError(told)
        return table

    def as_numbers_to_use(self, table: Table, kept: Sequence[str] = ()) -> Table:
        """The same, in which rows with other words are no error unless they are used."""
        for name, words in self.categories.items():
            if name in table.cells.columns:
                unknown = unknown_words(table, name, words)
                table = table.with_indicators(name, {_indicator(name, word): word for word in words[1:]})
                table = replace(table, unread={**unknown, **table.unread})
                table = table if name in kept else table.without([name])
        return table

    def numbers(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns in `as_numbers` that these columns have become."""
        return tuple(
            number
            for name in names
            for number in (
                [_indicator(name, word) for word in self.categories[name][1:]]
                if name in self.categories
                else [name]
            )
        )

    def with_calendar(self, series: RegularSeries, horizon: int) -> RegularSeries:
        """A series whose known covariates end `horizon` steps after it, the calendar behind the others.

        Raises:
            InputError: its time stamps are no dates.
        """
        num_steps = series.values.shape[1] + horizon
        known = None if series.known is None else series.known[:, :num_steps]
        if self.calendar or self.holidays is not None:
            rows = calendar_rows(series.times(0, num_steps), self.calendar, self.holidays)
            # the history of a series to learn from ends where it ends
            rows = rows if known is None else rows[:, : known.shape[1]]
            known = rows if known is None else np.concatenate([known, rows])
        return replace(series, known=known)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "known": list(self.known),
            "past": list(self.past),
            "static": list(self.static),
            "calendar": list(self.calendar),
            "holidays": self.holidays,
            "categories": {name: list(words) for name, words in self.categories.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Covariates":
        """The inverse of `to_dict`."""
        names = {kind: tuple(values[kind]) for kind in ("known", "past", "static", "calendar")}
        categories = {name: tuple(words) for name, words in values["categories"].items()}
        return cls(**names, holidays=values["holidays"], categories=categories)


def _indicator(name: str, word: str) -> str:
    return f"{name} = {word}"
