"""What callers may say to Lightning's `Trainer`, and what `fit` decides."""

import inspect
from collections.abc import Mapping
from typing import Any

import lightning

from toto.errors import InputError

_DECIDED = {
    "max_steps": "give max_steps to fit",
    "min_steps": "give max_steps to fit, and patience",
    "max_epochs": "windows are drawn anew for every step, there are no epochs: give max_steps to fit",
    "min_epochs": "windows are drawn anew for every step, there are no epochs: give max_steps to fit",
    "max_time": "give time_limit to fit, in seconds",
    "val_check_interval": "there are 20 validations in max_steps; patience of fit says how many count",
    "check_val_every_n_epoch": "there are 20 validations in max_steps; patience of fit says how many count",
    "limit_val_batches": "give val_fraction to fit",
    "limit_train_batches": "give max_steps to fit",
    "overfit_batches": "give max_steps to fit",
    "fast_dev_run": "give max_steps=1 to fit",
    "accumulate_grad_batches": "give batch_size to fit",
    "num_sanity_val_steps": "the untouched model is validated first",
    "enable_checkpointing": "the best weights come from checkpoints; without out they are temporary",
    "barebones": "the best weights come from checkpoints",
    "reload_dataloaders_every_n_epochs": "windows are drawn anew for every step",
}


def checked_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Arguments of `lightning.Trainer`, with a list of callbacks.

    Raises:
        InputError: one that `fit` decides, or that `Trainer` does not have; the message says what to do.
    """
    known = inspect.signature(lightning.Trainer).parameters
    for name in options or {}:
        if name in _DECIDED:
            raise InputError(f"trainer: {name} is decided by fit: {_DECIDED[name]}")
        if name not in known:
            raise InputError(
                f"trainer: {name!r} is no argument of lightning.Trainer; it has {', '.join(known)}"
            )
    callbacks = (options or {}).get("callbacks") or []
    listed = [callbacks] if isinstance(callbacks, lightning.Callback) else list(callbacks)
    return {**(options or {}), "callbacks": listed}
