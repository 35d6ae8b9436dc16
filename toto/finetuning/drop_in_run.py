"""The script of toto-ts: a run of fine-tuning as a dictionary with the keys of its YAML file."""

import logging
import math
import warnings
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from toto.errors import InputError, MissingExtraError
from toto.finetuning.drop_in_data import FinetuneDataModule
from toto.finetuning.drop_in_module import TotoForFinetuning
from toto.model import checkpoint
from toto.model.toto import DEFAULT_MODEL, Toto

try:
    import yaml
    from lightning.pytorch import Trainer, seed_everything
    from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
    from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
except ImportError:
    raise MissingExtraError("lightning and pyyaml", "finetune", "fine-tuning") from None

log = logging.getLogger(__name__)

Config = dict[str, Any]

PARTS = ("seed", "pretrained_model", "model", "data", "trainer", "checkpoint", "logging")
KEYS: dict[str, tuple[str, ...]] = {
    "model": (
        "val_prediction_len",
        "lr",
        "min_lr",
        "warmup_steps",
        "stable_steps",
        "decay_steps",
        "betas",
        "weight_decay",
        "legacy_masks",
    ),
    "data": (
        "context_factor",
        "train_batch_size",
        "val_batch_size",
        "num_workers",
        "num_train_samples",
        "add_exogenous_features",
        "prediction_horizon",
        "max_rows",
    ),
}
DEFAULT_CONTEXT_FACTOR, DEFAULT_MAX_STEPS, DEFAULT_SEED = 8, 1000, 42


def load_config(config_path: str | Path) -> Config:
    """The settings in a YAML file: any of seed, pretrained_model, model, data, trainer, checkpoint, logging.

    Raises:
        InputError: no such file, not YAML, or no mapping.
    """
    try:
        config = yaml.safe_load(Path(config_path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"config_path {config_path}: cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"config_path {config_path}: must hold settings by name, got {config!r}")
    unread = [str(name) for name in config if name not in PARTS]
    if unread:
        log.warning("%s: %s not read; there are %s", config_path, ", ".join(unread), ", ".join(PARTS))
    return config


def init_lightning(config: Config) -> tuple[TotoForFinetuning, int]:
    """The pretrained model as a module for training, and its patch size; all random states are seeded.

    Raises:
        InputError: a key that is not known.
        CheckpointError: no such model.
    """
    settings, data = _settings(config, "model"), _settings(config, "data")
    seed_everything(int(config.get("seed", DEFAULT_SEED)), workers=True)
    toto = Toto.from_pretrained(config.get("pretrained_model", DEFAULT_MODEL))
    covariates = bool(data.get("add_exogenous_features", False))
    module = TotoForFinetuning(pretrained_backbone=toto.model, add_exogenous_features=covariates, **settings)
    return module, toto.config.patch_size


def get_datamodule(
    config: Config, patch_size: int, custom_dataset: Mapping[str, Any], setup: bool = False
) -> FinetuneDataModule:
    """The windows of a dataset.

    Args:
        config: see `load_config`; of `data` all keys but `max_rows` go to `FinetuneDataModule`.
        patch_size: of the model.
        custom_dataset: `dataset` (rows), `target_fields`, and if there are any `target_transform_fns`,
            `ev_fields`, `ev_transform_fns`.
        setup: read the dataset now.

    Raises:
        InputError: see `FinetuneDataModule`; a key that is not known.
    """
    settings = _settings(config, "data")
    max_rows, factor = settings.pop("max_rows", None), settings.pop("context_factor", DEFAULT_CONTEXT_FACTOR)
    horizon = settings.pop("prediction_horizon", None) or _settings(config, "model").get("val_prediction_len")
    rows: Iterable[Mapping[str, Any]] = custom_dataset["dataset"]
    fields = ("target_fields", "target_transform_fns", "ev_fields", "ev_transform_fns")
    module = FinetuneDataModule(
        list(islice(rows, max_rows)),
        max_context_length=patch_size * int(factor),
        prediction_horizon=horizon,
        patch_size=patch_size,
        **settings,
        **{name: custom_dataset[name] for name in fields if name in custom_dataset},
    )
    if setup:
        module.setup("fit")
    return module


def train(
    lightning_module: TotoForFinetuning, datamodule: Any, config: Config
) -> tuple[TotoForFinetuning, str, float]:
    """Train, and keep the weights of the lowest validation loss.

    Args:
        lightning_module: changed in place; it ends with the weights of the last step.
        datamodule: a `FinetuneDataModule`, or any data module whose batches are `CausalMaskedTimeseries`.
        config: of `trainer`, `refresh_rate` goes to the progress bar and the rest to Lightning's `Trainer`;
            `checkpoint` goes to `ModelCheckpoint`, `logging` to `TensorBoardLogger`, or `CSVLogger` where
            tensorboard is not installed.

    Returns:
        The module, the file with the best weights, and their validation loss.
    """
    settings = dict(config.get("trainer") or {})
    best = ModelCheckpoint(**{"monitor": "val_loss", "mode": "min", **(config.get("checkpoint") or {})})
    callbacks: list[Any] = [best]
    refresh_rate = settings.pop("refresh_rate", 1)
    if settings.get("enable_progress_bar", True):
        callbacks.append(TQDMProgressBar(refresh_rate=refresh_rate))
    settings.setdefault("max_steps", DEFAULT_MAX_STEPS)
    if isinstance(settings.get("val_check_interval"), int):  # a number of steps, whatever the epochs
        settings["val_check_interval"] = min(settings["val_check_interval"], settings["max_steps"])
        settings.setdefault("check_val_every_n_epoch", None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated", FutureWarning)  # Lightning's own call
        trainer = Trainer(callbacks=callbacks, logger=_logger(config.get("logging") or {}), **settings)
        trainer.fit(lightning_module, datamodule=datamodule)
    score = best.best_model_score
    return lightning_module, best.best_model_path, math.nan if score is None else float(score)


def load_finetuned_toto(
    pretrained_model: str | Path, checkpoint_path: str | Path, device: str | torch.device = "cpu"
) -> Toto:
    """The model of a .ckpt file, written here or by toto-ts, ready to forecast and to `save_pretrained`.

    Args:
        pretrained_model: what it was fine-tuned from, whose sizes it has.
        checkpoint_path: the file; of what is in it only tensors and plain values are read.
        device: where the model is to be.

    Raises:
        CheckpointError: no such file or model, other objects in it, or weights of other sizes.
    """
    path = Path(checkpoint_path)
    toto = Toto.from_pretrained(pretrained_model, map_location=device)
    weights = checkpoint.read_weights(path, device)
    if "model.target_variate_label" in weights:
        toto.model.enable_variate_labels()
    checkpoint.check_weights(path, toto.state_dict(), weights)
    toto.load_state_dict(weights)
    return toto


def _settings(config: Config, part: str) -> Config:
    """One part of a configuration.

    Raises:
        InputError: a key that is not known; one of the causal robustness penalty other than 0.
    """
    settings = dict(config.get(part) or {})
    penalty = [name for name in settings if name.startswith("causal_robust_")]
    if settings.get("causal_robust_lambda"):
        raise InputError(
            "model.causal_robust_lambda must be 0, got "
            f"{settings['causal_robust_lambda']}: the penalty of toto-ts is not there"
        )
    for name in penalty:
        del settings[name]
    unknown = sorted(set(settings) - set(KEYS[part]))
    if unknown:
        raise InputError(f"{part}: unknown {', '.join(unknown)}; there are {', '.join(KEYS[part])}")
    return settings


def _logger(settings: Mapping[str, Any]) -> Logger:
    options = {"save_dir": "lightning_logs", **settings}
    try:
        return TensorBoardLogger(**options)
    except ModuleNotFoundError:
        return CSVLogger(**options)
