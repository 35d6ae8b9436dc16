"""What one pretraining run is: the model, the series it sees, the optimiser, the budget."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toto.errors import ConfigError
from toto.model.config import TotoConfig

PRECISIONS = ("float32", "bfloat16")
OPTIMISERS = ("adamw", "muon")

_CHANGEABLE = {"num_steps", "minutes", "checkpoint_minutes", "log_every", "validate_every", "snapshot_every"}

NANO = TotoConfig(
    patch_size=64,
    stride=64,
    embed_dim=192,
    num_layers=4,
    num_heads=4,
    mlp_hidden_dim=512,
    dropout=0.0,
    spacewise_every_n_layers=4,
    spacewise_first=False,
    scaler_cls="CausalPatchStdMeanScaler",
    output_distribution_classes=("MixtureOfStudentTsOutput",),
    output_distribution_kwargs={"k_components": 5},
    missing_values="loc",
)


@dataclass(frozen=True)
class PretrainConfig:
    """One run, immutable and checked when it is made; written beside its checkpoints.

    The run ends at `num_steps` or after `minutes` of training, whichever comes first; None means no
    such limit. Limited by steps alone, a run that was stopped and resumed equals an uninterrupted one.
    Every step trains on `tokens_per_step` patches of one context length, drawn by `context_shares`; they
    are split among `num_workers` threads, whose number therefore belongs to the run.
    Every `validate_every` steps the averaged weights are held against series that no step trains on; every
    `snapshot_every` steps they are kept for good.

    Raises:
        ConfigError: a value that describes no run.
    """

    model: TotoConfig = NANO
    num_steps: int | None = None
    minutes: float | int | None = None
    seed: int = 0
    # series
    tokens_per_step: int = 2048
    context_shares: Mapping[int, float | int] = field(
        default_factory=lambda: {512: 0.3, 1024: 0.3, 2048: 0.3, 4096: 0.1}
    )
    num_variates: int = 8
    grouped_share: float | int = 0.35
    missing_share: float | int = 0.08
    # optimiser
    optimiser: str = "muon"
    learning_rate: float | int = 2e-3
    warmup_steps: int = 300
    decay_share: float | int = 0.3
    weight_decay: float | int = 0.05
    beta2: float | int = 0.98
    gradient_clip: float | int = 1.0
    ema_decay: float | int = 0.998
    precision: str = "float32"
    num_workers: int = 2
    # checkpoints
    checkpoint_minutes: float | int = 2.0
    log_every: int = 20
    validate_every: int = 200
    snapshot_every: int | None = None

    def __post_init__(self) -> None:
        """Check everything."""
        self._check_budget()
        self._check_series()
        self._check_optimiser()

    def _check_budget(self) -> None:
        if self.num_steps is None and self.minutes is None:
            raise ConfigError("num_steps or minutes must be given: a run needs an end")
        if self.num_steps is not None:
            _whole("num_steps", self.num_steps, 1)
        if self.minutes is not None:
            _above("minutes", self.minutes, 0)
        _above("checkpoint_minutes", self.checkpoint_minutes, 0)
        _whole("log_every", self.log_every, 1)
        _whole("validate_every", self.validate_every, 1)
        if self.snapshot_every is not None:
            _whole("snapshot_every", self.snapshot_every, 1)
        _whole("seed", self.seed, 0)

    def _check_series(self) -> None:
        _whole("num_workers", self.num_workers, 1)
        _whole("tokens_per_step", self.tokens_per_step, 1)
        _whole("num_variates", self.num_variates, 1)
        _share("grouped_share", self.grouped_share)
        _share("missing_share", self.missing_share)
        shares = self.context_shares
        if not shares or min(shares.values()) < 0 or sum(shares.values()) <= 0:
            raise ConfigError(f"context_shares must hold positive shares by length, got {shares}")
        for length in shares:
            self._check_length(length)

    def _check_length(self, length: int) -> None:
        patch_size = self.model.patch_size
        if length % patch_size or length < 2 * patch_size:
            raise ConfigError(
                f"context lengths must be multiples of patch_size {patch_size}, at least two, got {length}"
            )
        if self.num_rows(length) < 1:
            raise ConfigError(
                f"tokens_per_step must hold a row of {self.num_variates} variates of {length} steps for each "
                f"of {self.num_workers} workers, got {self.tokens_per_step}"
            )

    def _check_optimiser(self) -> None:
        _above("learning_rate", self.learning_rate, 0)
        _above("gradient_clip", self.gradient_clip, 0)
        _whole("warmup_steps", self.warmup_steps, 0)
        _at_least("weight_decay", self.weight_decay, 0)
        for name in ("decay_share", "beta2", "ema_decay"):
            _share(name, getattr(self, name))
        if self.ema_decay == 1.0 or self.beta2 == 1.0:
            raise ConfigError(f"ema_decay and beta2 must be below 1, got {self.ema_decay} and {self.beta2}")
        if self.num_workers > 1 and self.model.dropout > 0:
            raise ConfigError("dropout needs num_workers = 1: threads would share one random state")
        if self.optimiser not in OPTIMISERS:
            raise ConfigError(f"optimiser must be one of {', '.join(OPTIMISERS)}, got {self.optimiser!r}")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")

    def num_rows(self, length: int) -> int:
        """Rows of variates in a step whose series have `length` steps, as many for every worker."""
        rows = self.tokens_per_step * self.model.stride // (length * self.num_variates)
        return rows - rows % self.num_workers

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PretrainConfig":
        """The inverse of `to_dict`; unknown keys raise ConfigError."""
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"the run configuration has unknown keys: {', '.join(unknown)}")
        model = values.get("model", NANO)
        if not isinstance(model, TotoConfig):
            model = TotoConfig.from_dict(model)
        settings = {**values, "model": model}
        if "context_shares" in values:
            settings["context_shares"] = _by_length(values["context_shares"])
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are written to JSON."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return values | {"model": self.model.to_dict(), "context_shares": dict(self.context_shares)}

    @classmethod
    def from_file(cls, path: Path) -> "PretrainConfig":
        """Read what `to_dict` gave, or a part of it, from JSON; the rest keeps its default."""
        return cls.from_dict(read_json(path))

    def differences(self, other: "PretrainConfig") -> list[str]:
        """Names of the fields, other than the budget and what is recorded, in which two runs differ."""
        mine, theirs = (json.loads(json.dumps(config.to_dict())) for config in (self, other))
        return sorted(name for name in mine if name not in _CHANGEABLE and mine[name] != theirs[name])


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ConfigError: no file, or not an object in JSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no such configuration file: {path}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold an object of settings, got {type(content).__name__}")
    return content


def _by_length(shares: Mapping[Any, Any]) -> dict[int, float | int]:
    """Shares by context length; JSON writes the lengths as text."""
    if not all(_is_number(share) for share in shares.values()):
        raise ConfigError(f"context_shares must hold numbers, got {dict(shares)}")
    try:
        return {int(length): share for length, share in shares.items()}
    except ValueError as error:
        raise ConfigError(f"context_shares must have whole numbers as keys: {error}") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _at_least(name: str, value: Any, low: float | int) -> None:
    if not _is_number(value) or value < low:
        raise ConfigError(f"{name} must be at least {low}, got {value!r}")


def _whole(name: str, value: Any, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(f"{name} must be a whole number of at least {low}, got {value!r}")


def _above(name: str, value: Any, low: float | int) -> None:
    if not _is_number(value) or value <= low:
        raise ConfigError(f"{name} must be above {low}, got {value!r}")


def _share(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must lie between 0 and 1, got {value!r}")
