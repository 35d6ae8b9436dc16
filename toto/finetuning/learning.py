"""What there is to learn from: series with their covariates, divided in time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import Table, is_table
from toto.errors import InputError
from toto.finetuning.generations import Generation
from toto.finetuning.settings import FitSettings
from toto.finetuning.split import ends_before_test, train_ends
from toto.finetuning.validation import Validation
from toto.finetuning.windows import Windows
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.pipeline.reading import Reading


@dataclass(frozen=True)
class Learning:
    """Series up to their test parts, how the model reads them, and the step of each where training ends.

    test: what is measured when all is decided; None: there is no test part.
    """

    series: Sequence[RegularSeries]
    record: FitRecord
    reading: Reading
    ends: Sequence[int]
    test: Validation | None

    @classmethod
    def of(
        cls, data: Any, layout: Layout, covariates: Covariates, settings: FitSettings, generation: Generation
    ) -> "Learning":
        """The series in data of any kind, as a model reads them.

        Raises:
            InputError: data or covariates that break a rule.
        """
        if is_table(data):
            data = Table.of(data)
            covariates.check(data, layout.columns or ())
            covariates = covariates.learnt_from(data)
        context, horizon = settings.default_context(generation), settings.horizon
        record = FitRecord(layout, covariates, horizon, context)
        series = record.read(data, layout, None, horizon, to_learn=True).series
        test_ends = ends_before_test(series, settings.test_fraction, horizon)
        learnt = [one for one, end in zip(series, test_ends, strict=True) if end > 0]
        record = _with_scales(record, FitRecord.of(generation.model.config), learnt or series)
        series = [record.standardised(one) for one in series]
        labelled = generation.can_be_labelled and bool(covariates)
        reading = Reading(generation.patch_size, context, horizon, generation.interpolates, labelled)
        test = Validation.of(series, test_ends, horizon) if settings.test_fraction else None
        series = [one.until(end, 0) for one, end in zip(series, test_ends, strict=True)]
        ends = train_ends(series, settings.val_fraction / (1 - settings.test_fraction), horizon)
        trained = [one.until(end, 0) for one, end in zip(series, ends, strict=True) if end > 0]
        _check_values(covariates, trained or series)
        return cls(series, record, reading, ends, test)

    @property
    def num_rows(self) -> int:
        """Targets and covariates of the largest series."""
        return max(self.reading.num_rows(one) for one in self.series)

    def lacking(self, num_windows: int, num_validation_windows: int) -> str | None:
        """Why there is nothing to learn from so many windows, in words; None: there is something."""
        if num_windows and num_validation_windows:
            return None
        values = [one.values for one in self.series]
        before = [some[:, :end] for some, end in zip(values, self.ends, strict=True)]
        behind = [some[:, end:] for some, end in zip(values, self.ends, strict=True)]
        for where, part in (("before", before), ("in", behind)):
            if any(some.size for some in part) and not any(np.isfinite(some).any() for some in part):
                return f"the targets have no value {where} the validation part, the last steps of the series"
        longest = max(one.values.shape[1] for one in self.series)
        return (
            f"not enough history: the longest series has {longest} steps, of which the last are for "
            f"validation; with horizon {self.reading.horizon} there is nothing to train on"
        )

    def windows(self, settings: FitSettings, generation: Generation, dtype: torch.dtype) -> Windows:
        """What is trained on."""
        return Windows(
            self.series,
            self.ends,
            self.reading,
            min_history=min(settings.horizon, generation.patch_size // 2),
            batch_size=settings.default_batch_size(generation, self.num_rows),
            horizon_share=settings.horizon_share,
            seed=settings.seed,
            dtype=dtype,
        )

    def validation(self) -> Validation:
        """What scores are measured on."""
        return Validation.of(self.series, self.ends, self.reading.horizon)

    def fingerprint(self) -> str:
        """Tells these series from others."""
        digest = hashlib.blake2b(digest_size=8)
        for one, end in zip(self.series, self.ends, strict=True):
            for values in (one.values, one.past, one.known, one.static, np.array(end)):
                digest.update(b"" if values is None else np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def _with_scales(record: FitRecord, before: FitRecord | None, series: Sequence[RegularSeries]) -> FitRecord:
    """A record with scales of static covariates: those that the model learnt before, or of the series."""
    if before is not None and before.covariates == record.covariates:
        return replace(record, static_scales=before.static_scales)
    return record.with_static_scales(series)


def _check_values(covariates: Covariates, series: Sequence[RegularSeries]) -> None:
    """`InputError` for a covariate without any value in what is trained on."""
    for kind in ("known", "past", "static"):
        names = covariates.numbers(getattr(covariates, kind))
        # behind the known columns lie the features of the calendar, which always have values
        num_made = len(covariates.calendar) + (covariates.holidays is not None) if kind == "known" else 0
        for place, name in enumerate(names):
            held = (getattr(one, kind) for one in series)
            rows = [np.atleast_1d(x[place : len(x) - num_made : len(names)]) for x in held]
            if not any(np.isfinite(row).any() for row in rows):
                raise InputError(f"{kind}: column {name!r} holds no value to train on: leave it out")
