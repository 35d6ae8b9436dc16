"""One run of Lightning: what it watches, keeps and resumes from."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from toto.errors import MissingExtraError
from toto.finetuning.settings import Plan
from toto.finetuning.validation import Validation
from toto.finetuning.windows import Windows
from toto.inference.progress import Progress
from toto.model.toto import Toto

try:
    import lightning
    from lightning.pytorch.callbacks import ModelCheckpoint

    from toto.finetuning.callbacks import Curve, Patience, Told
    from toto.finetuning.module import FineTuner
except ImportError:
    raise MissingExtraError("lightning", "finetune", "fine-tuning") from None

CURVE_FILE = "curve.csv"
BEST = "best"
LAST = "last"
_FEWEST_STEPS = 10  # between validations


@dataclass(frozen=True)
class Supervision:
    """What a model is trained on and scored on, and how.

    progress: called as progress(done, total); True: the bar of Lightning.
    options: for `lightning.Trainer`, over those that are chosen here.
    """

    plan: Plan
    windows: Windows
    validation: Validation
    progress: Progress | bool | None
    options: Mapping[str, Any]


class Trained(NamedTuple):
    """What a run left behind.

    weights: those of the best score, as the model of the run has them; None if there was no validation.
    reason: why it ended.
    """

    weights: dict[str, torch.Tensor] | None
    curve: list[dict[str, float | int]]
    num_steps: int
    seconds: float
    reason: str


def train(toto: Toto, run: Supervision, folder: Path, untouched: float) -> Trained:
    """Train until the steps or the time are spent or scores get no better; resume what `folder` holds.

    Args:
        toto: a model, of which the parameters that require gradients are trained.
        untouched: the score of the untouched model, for the curve.
    """
    plan, progress, options = run.plan, run.progress, run.options
    module = FineTuner(toto, plan, run.windows, run.validation)
    curve = Curve(folder / CURVE_FILE, untouched)
    stopping = Patience("score", patience=plan.settings.patience, mode="min")
    best = ModelCheckpoint(folder, BEST, monitor="score", mode="min", enable_version_counter=False)
    # behind the others, whose states it keeps
    newest = ModelCheckpoint(folder, LAST, save_on_train_epoch_end=False, enable_version_counter=False)
    callbacks = [curve, stopping, *options.get("callbacks", []), best, newest]
    if callable(progress):
        callbacks.append(Told(progress, plan.max_steps))
    chosen: dict[str, Any] = {
        "accelerator": toto.device.type,
        "devices": 1,
        "max_steps": plan.max_steps,
        "val_check_interval": _steps_between_validations(plan),
        "check_val_every_n_epoch": None,
        "num_sanity_val_steps": 0,
        "gradient_clip_val": plan.settings.gradient_clip,
        "logger": False,
        "enable_progress_bar": progress is True,
        "enable_model_summary": False,
        "default_root_dir": folder,
    }
    last = folder / f"{LAST}.ckpt"
    with _quiet():
        trainer = lightning.Trainer(**chosen | dict(options) | {"callbacks": callbacks})
        trainer.fit(module, ckpt_path=last if last.is_file() else None, weights_only=True)
    found = folder / f"{BEST}.ckpt"
    weights = _weights(found) if found.is_file() else None
    if trainer.global_step >= plan.max_steps:
        reason = "all steps done"
    else:
        reason = "the time is up" if module.progress() >= 1 else "no better score for some validations"
    return Trained(weights, curve.rows, trainer.global_step, module.elapsed(), reason)


def _weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Those of the model in a checkpoint of the module."""
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    return {name.removeprefix("toto."): weight for name, weight in kept.items()}


def _steps_between_validations(plan: Plan) -> int:
    """So many that there are `num_validations`, or fewer in a short run."""
    steps = max(_FEWEST_STEPS, plan.max_steps // plan.settings.num_validations)
    return min(steps, plan.max_steps)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Lightning says of hardware that is not there and of data loaders without workers."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
