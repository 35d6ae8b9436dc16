"""Fine-tuning in one call: read, split, score the untouched model, train, return the better of the two."""

import json
import logging
import math
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.errors import InputError, MissingExtraError
from toto.finetuning.generations import generation_of
from toto.finetuning.learning import Learning
from toto.finetuning.result import FitResult
from toto.finetuning.settings import FitSettings, Plan
from toto.finetuning.trained_model import Candidate, recorded
from toto.finetuning.trainer import Supervision, Trained, train
from toto.finetuning.validation import is_better
from toto.inference.fit_record import FitRecord
from toto.inference.models import Model
from toto.inference.pipeline_arguments import DEFAULT_CONTEXT
from toto.inference.progress import Progress
from toto.kernels import accumulation_dtype

log = logging.getLogger(__name__)

TRAINING = "training"  # in the folder of the model: what the run wrote
SETTINGS_FILE = "fit.json"
CURVE_PICTURE = "curve.png"


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
    if settings.mode == "lora" and out is not None and model.source is not None:
        _check_apart(out, model.source)
    generation = generation_of(model)
    learning = Learning.of(data, layout, covariates, settings, generation)
    windows = learning.windows(settings, generation, accumulation_dtype(model.device))
    validation = learning.validation()
    if windows.num_windows and validation.contexts:
        plan = settings.plan(generation, learning.num_rows, windows.num_windows, bool(covariates))
        run = Supervision(plan, windows, validation, progress, trainer or {})
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(settings.seed)
            fitted, result = _trained(model, learning, run, out)
    else:
        fitted, result = _too_short(model, learning)
    if out is not None:
        fitted.save_pretrained(out)
    return fitted, result


def _trained(model: Model, learning: Learning, run: Supervision, out: Path | None) -> tuple[Model, FitResult]:
    """The better of the untouched and the trained model."""
    candidate = Candidate(model, run.plan.settings, bool(learning.record.covariates))
    record = _untouched_record(model, learning)
    windows = run.validation if record.uses_covariates else run.validation.without_covariates()
    untouched = windows.losses(model, record.context)
    with tempfile.TemporaryDirectory() if out is None else nullcontext(out) as place:
        folder = Path(place) / TRAINING
        _claim(folder, run.plan, learning, model)
        trained = train(candidate.training, run, folder, float(untouched.mean()))
        if trained.weights is None:
            return recorded(model, record), _without_score(float(untouched.mean()), trained)
        fitted = candidate.with_weights(trained.weights)
        losses = run.validation.losses(fitted, learning.record.context)
        improved = is_better(losses, untouched)
        result = FitResult(
            zero_shot=float(untouched.mean()),
            score=float(losses.mean()),
            improved=improved,
            reason=trained.reason
            + ("" if improved else "; no better than the untouched model, which is kept"),
            step=int(min(trained.curve[1:], key=lambda row: row["score"])["step"]),
            num_steps=trained.num_steps,
            seconds=trained.seconds,
            num_validation_windows=len(losses),
            curve=trained.curve,
        )
        if out is not None:
            _draw(result, folder / CURVE_PICTURE)
    log.info(
        "score %.4g after %d steps, untouched %.4g: %s",
        result.score,
        result.step,
        result.zero_shot,
        result.reason,
    )
    return (recorded(fitted, learning.record) if improved else recorded(model, record)), result


def _untouched_record(model: Model, learning: Learning) -> FitRecord:
    """What the untouched model reads: the covariates if it learnt them before, and else its usual context."""
    before = FitRecord.of(model.config)
    if before is None:
        reads, context = generation_of(model).is_labelled, DEFAULT_CONTEXT
    else:
        reads = before.uses_covariates and before.covariates == learning.record.covariates
        context = before.context
    if reads and learning.record.covariates:
        return learning.record
    return replace(learning.record, uses_covariates=False, context=context)


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


def _check_apart(out: Path, source: str) -> None:
    """Raise where an adapter would replace the weights that it points to.

    Raises:
        InputError: `out` is the folder of the base.
    """
    if Path(source).exists() and Path(source).resolve() == out.resolve():
        raise InputError(f"out: {out} is the folder of the base, to which the adapter points: choose another")


def _too_short(model: Model, learning: Learning) -> tuple[Model, FitResult]:
    reason = (
        f"not enough history: the longest series has {learning.longest} steps, of which the last are for "
        f"validation; with horizon {learning.record.horizon} there is nothing to train on. The untouched "
        "model is kept"
    )
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
    return recorded(model, _untouched_record(model, learning)), result


def _claim(folder: Path, plan: Plan, learning: Learning, model: Model) -> None:
    """Write what the run is into its folder, or check it against that of the run found there."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / SETTINGS_FILE
    run = plan.to_dict() | {
        "record": learning.record.to_dict(),
        "data": learning.fingerprint(),
        "model": model.fingerprint(),
    }
    mine = json.loads(json.dumps(run))
    if file.is_file():
        theirs = json.loads(file.read_text(encoding="utf-8"))
        differing = [name for name in mine if name != "time_limit" and mine[name] != theirs.get(name)]
        if differing:
            raise InputError(
                f"out: {folder.parent} holds a run that differs in {', '.join(differing)}: go on with the "
                "same data and settings, or choose another folder"
            )
    file.write_text(json.dumps(mine, indent=2) + "\n", encoding="utf-8")


def _draw(result: FitResult, path: Path) -> None:
    try:
        result.plot(path)
    except MissingExtraError as error:
        log.info("no picture of the curve: %s", error)
