"""One run of Lightning: what it watches, keeps and resumes from."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from toto.errors import InputError, MissingExtraError
from toto.finetuning.settings import Plan
from toto.finetuning.validation import Validation
from toto.finetuning.windows import Windows
from toto.inference.models import Model
from toto.inference.progress import Progress

try:
    import lightning

    from toto.finetuning.callbacks import Curve, DivergenceError, Finite, Kept, LastStep, Patience, Told
    from toto.finetuning.module import FineTuner
    from toto.finetuning.trainer_options import checked_options
except ImportError:
    raise MissingExtraError("lightning", "finetune", "fine-tuning") from None

CURVE_FILE = "curve.csv"
BEST = "best"
LAST = "last"
_FEWEST_STEPS = 10  # between validations
_MOST_STEPS_IN_TIME = 30  # likewise, if time may end a run long before its steps do


@dataclass(frozen=True)
class Supervision:
    """What a model is trained on and scored on, and how.

    progress: called as progress(done, total); True: the bar of Lightning.
    options: for `lightning.Trainer`, over those that are chosen here.

    Raises:
        InputError: options that are not for callers.
    """

    plan: Plan
    windows: Windows
    validation: Validation
    progress: Progress | bool | None
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Check the options before anything takes time."""
        object.__setattr__(self, "options", checked_options(self.options))


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


def train(toto: Model, run: Supervision, folder: Path, untouched: float) -> Trained:
    """Train until the steps or the time are spent or scores get no better; resume what `folder` holds.

    Args:
        toto: a model, of which the parameters that require gradients are trained.
        untouched: the score of the untouched model, for the curve.
    """
    plan, progress, options = run.plan, run.progress, run.options
    module = FineTuner(toto, plan, run.windows, run.validation)
    curve = Curve(folder / CURVE_FILE, untouched)
    stopping = Patience("score", patience=plan.settings.patience, mode="min")
    best = Kept(folder, BEST, monitor="score", mode="min", enable_version_counter=False)
    # behind the others, whose states it keeps
    newest = Kept(folder, LAST, save_on_train_epoch_end=False, enable_version_counter=False)
    watching = [Finite(), curve, stopping, LastStep(plan.max_steps)]
    if callable(progress):
        watching.append(Told(progress, plan.max_steps))
    callbacks = [*watching, *options["callbacks"], best, newest]
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
    diverged = None
    with _quiet():
        trainer = lightning.Trainer(**chosen | dict(options) | {"callbacks": callbacks})
        try:
            trainer.fit(module, ckpt_path=_newest(folder), weights_only=True)
        except DivergenceError as error:
            diverged = f"it diverged, {error}: a lower learning_rate may help"
    found = folder / f"{BEST}.ckpt"
    weights = _weights(found) if found.is_file() else None
    reason = diverged or _reason(trainer.global_step >= plan.max_steps, module.progress() >= 1, stopping)
    return Trained(weights, curve.rows, trainer.global_step, module.elapsed(), reason)


def _newest(folder: Path) -> Path | None:
    """The checkpoint to go on from.

    Raises:
        InputError: the best weights, which belong to it, are gone.
    """
    newest, best = folder / f"{LAST}.ckpt", folder / f"{BEST}.ckpt"
    if newest.is_file() and not best.is_file():
        raise InputError(
            f"out: {folder} holds {newest.name} without {best.name}, so that the run cannot go on: put it "
            "back, or remove the folder to begin anew"
        )
    return newest if newest.is_file() else None


def _reason(steps_done: bool, time_is_up: bool, stopping: Patience) -> str:
    if steps_done:
        return "all steps done"
    if time_is_up:
        return "the time is up"
    if stopping.wait_count >= stopping.patience:
        return "no better score for some validations"
    return "it was stopped by a callback"


def _weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Those of the model in a checkpoint of the module."""
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    return {name.removeprefix("toto."): weight for name, weight in kept.items()}


def _steps_between_validations(plan: Plan) -> int:
    """So many that there are `num_validations`, or fewer in a short run."""
    steps = max(_FEWEST_STEPS, plan.max_steps // plan.settings.num_validations)
    if plan.settings.time_limit is not None:
        steps = min(steps, _MOST_STEPS_IN_TIME)
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
