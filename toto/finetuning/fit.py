"""Fine-tuning in one call: read, split, score the untouched model, train, return the better of the two."""

import logging
import math
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.errors import InputError, MissingExtraError
from toto.finetuning.generations import generation_of
from toto.finetuning.learning import Learning
from toto.finetuning.result import FitResult
from toto.finetuning.run_folder import claim
from toto.finetuning.settings import FitSettings
from toto.finetuning.trained_model import Candidate, recorded
from toto.finetuning.trainer import Supervision, Trained, train
from toto.finetuning.validation import Validation, is_better
from toto.inference.models import Model
from toto.inference.pipeline.arguments import DEFAULT_CONTEXT
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.progress import Progress
from toto.kernels import accumulation_dtype
from toto.model.adapter import Adapter, check_place

log = logging.getLogger(__name__)

TRAINING = "training"  # in the folder of the model: what the run wrote
CURVE_PICTURE = "curve.png"

Losses = Float[np.ndarray, " windows"]


def fit(
    model: Model,
    data: Any,
    layout: Layout,
    covariates: Covariates,
    settings: FitSettings,
    *,
    out: Path | None = None,
    progress: Progress | bool | None = None,
    trainer: Mapping[str, Any] | None = None,
) -> tuple[Model, FitResult]:
    """Fine-tune a copy of a model; see `TotoPipeline.fit`.

    Returns:
        The better of the trained and the untouched model, with a `FitRecord` in its configuration; and what
        the run found.

    Raises:
        InputError: data, covariates or settings that break a rule; `out` holds another run.
        MissingExtraError: peft is not installed, and the mode needs it.
    """
    if settings.mode == "lora":
        _check_base(model.source, out)
    generation = generation_of(model)
    learning = Learning.of(data, layout, covariates, settings, generation)
    windows = learning.windows(settings, generation, accumulation_dtype(model.device))
    validation = learning.validation()
    lacking = learning.lacking(windows.num_windows, len(validation.contexts))
    if lacking is None:
        plan = settings.plan(generation, learning.num_rows, windows.num_windows, bool(covariates))
        run = Supervision(plan, windows, validation, progress, trainer or {})
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(settings.seed)
            fitted, result = _trained(model, learning, run, out)
    else:
        fitted, result = _not_trained(model, learning, lacking)
    if settings.mode == "lora" and fitted.adapter is None:  # it stayed the base
        assert model.source is not None
        fitted.adapter = Adapter.pointer(model.source, model.state_dict())
    if out is not None:
        fitted.save_pretrained(out)
    return fitted, result


def _trained(model: Model, learning: Learning, run: Supervision, out: Path | None) -> tuple[Model, FitResult]:
    """The better of the untouched and the trained model."""
    candidate = Candidate(model, run.plan.settings, bool(learning.record.covariates))
    untouched = recorded(model, _untouched_record(model, learning))
    before = _losses(untouched, run.validation)
    with tempfile.TemporaryDirectory() if out is None else nullcontext(out) as place:
        folder = Path(place) / TRAINING
        claim(folder, run.plan, learning, model)
        trained = train(candidate.training, run, folder, float(before.mean()))
        if trained.weights is None:
            return untouched, _tested(_without_score(float(before.mean()), trained), learning.test, untouched)
        fitted = recorded(candidate.with_weights(trained.weights), learning.record)
        after = _losses(fitted, run.validation)
        result = _result(trained, before, after, is_better(after, before, run.validation.overlap))
        if out is not None:
            _draw(result, folder / CURVE_PICTURE)
    log.info(
        "score %.4g after %d steps, untouched %.4g: %s",
        result.score,
        result.step,
        result.zero_shot,
        result.reason,
    )
    return (fitted if result.improved else untouched), _tested(result, learning.test, untouched, fitted)


def _losses(model: Model, windows: Validation) -> Losses:
    """The losses of a model with a record, which says what it sees."""
    record = FitRecord.of(model.config)
    assert record is not None
    seen = windows if record.uses_covariates else windows.without_covariates()
    return seen.losses(model, record.context)


def _result(trained: Trained, before: Losses, losses: Losses, improved: bool) -> FitResult:
    return FitResult(
        zero_shot=float(before.mean()),
        score=float(losses.mean()),
        improved=improved,
        reason=trained.reason + ("" if improved else "; no better than the untouched model, which is kept"),
        step=int(min(trained.curve[1:], key=lambda row: row["score"])["step"]),
        num_steps=trained.num_steps,
        seconds=trained.seconds,
        num_validation_windows=len(losses),
        curve=trained.curve,
    )


def _tested(
    result: FitResult, test: Validation | None, untouched: Model, fitted: Model | None = None
) -> FitResult:
    """The result with scores in the test part, if there is one; nothing is decided by them."""
    if test is None or not test.contexts:
        return result
    return replace(
        result,
        test_zero_shot=float(_losses(untouched, test).mean()),
        test_score=math.nan if fitted is None else float(_losses(fitted, test).mean()),
        num_test_windows=len(test.contexts),
    )


def _untouched_record(model: Model, learning: Learning) -> FitRecord:
    """What the untouched model reads: the covariates if it learnt them before, and its usual context."""
    before, covariates = FitRecord.of(model.config), learning.record.covariates
    if before is None:
        reads, context = generation_of(model).is_labelled, DEFAULT_CONTEXT
    else:
        reads = before.uses_covariates and before.covariates == covariates
        context = before.context
    return replace(learning.record, uses_covariates=reads and bool(covariates), context=context)


def _without_score(zero_shot: float, trained: Trained) -> FitResult:
    """Of a run that ended before its first validation."""
    return FitResult(
        zero_shot=zero_shot,
        score=math.nan,
        improved=False,
        reason=f"{trained.reason}, before the first validation; the untouched model is kept",
        step=0,
        num_steps=trained.num_steps,
        seconds=trained.seconds,
        num_validation_windows=0,
        curve=trained.curve,
    )


def _check_base(source: str | None, out: Path | None) -> None:
    """Raise unless an adapter can point to its base, which it would not replace.

    Raises:
        InputError: the model was loaded from nowhere, or `out` is the folder of the base.
    """
    if source is None:
        raise InputError(
            'mode "lora" needs a model that was loaded by from_pretrained, to which the adapter can point: '
            "save this one and load it, or use another mode"
        )
    if out is not None:
        check_place(source, out)


def _not_trained(model: Model, learning: Learning, lacking: str) -> tuple[Model, FitResult]:
    """The untouched model, of a run that something was lacking for."""
    reason = f"{lacking}. The untouched model is kept"
    log.warning(reason)
    result = FitResult(
        zero_shot=math.nan,
        score=math.nan,
        improved=False,
        reason=reason,
        step=0,
        num_steps=0,
        seconds=0.0,
        num_validation_windows=0,
        curve=[],
    )
    untouched = recorded(model, _untouched_record(model, learning))
    return untouched, _tested(result, learning.test, untouched)


def _draw(result: FitResult, path: Path) -> None:
    try:
        result.plot(path)
    except MissingExtraError as error:
        log.info("no picture of the curve: %s", error)
