"""The configuration of a model, as it lies in `config.json` beside published weights."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toto.errors import ConfigError
from toto.model.stored_config import StoredConfig

SCALERS = ("CausalPatchStdMeanScaler", "CausalStdMeanScaler", "StdMeanScaler")
MISSING_VALUES = ("zero", "loc")
DISTRIBUTIONS = ("MixtureOfStudentTsOutput", "StudentTOutput")

_JSON_TYPES: dict[Any, tuple[type, ...]] = {int: (int,), float | int: (int, float), bool: (bool,)}
_IN_WORDS: dict[tuple[type, ...], str] = {
    (int,): "a whole number",
    (int, float): "a number",
    (bool,): "true or false",
}
LARGEST_SIZE = 65_536  # of any one size: far above real models, and products of three still are sizes
_COUNTS = ("patch_size", "stride", "embed_dim", "num_layers", "num_heads", "mlp_hidden_dim")


@dataclass(frozen=True)
class TotoConfig(StoredConfig):
    """Sizes and choices of one model; immutable and checked when it is made.

    `scaler_cls` and `output_distribution_classes` take the plain class name, the class itself, or
    the representation of a Python class found in published files (`<class 'model.scaler.X'>`);
    they are kept as plain names. `spacewise_every_n_layers = n` makes every block
    of n layers hold one space layer (first or last in it by `spacewise_first`); -1 means time
    layers only. `missing_values` says what a missing step reads as: "zero", the value 0 before
    scaling (published models), or "loc", the value 0 after it, that is the loc of its patch, so
    that a gap in a series far from 0 is no outlier. `use_memory_efficient_attention` is a hint of
    older files and decides nothing. Keys this class does not know are kept in `extra`, and written.

    Raises:
        ConfigError: sizes that fit no model, or unknown names.
    """

    patch_size: int
    stride: int
    embed_dim: int
    num_layers: int
    num_heads: int
    mlp_hidden_dim: int
    dropout: float | int
    spacewise_every_n_layers: int
    scaler_cls: Any
    output_distribution_classes: Any
    spacewise_first: bool = True
    output_distribution_kwargs: Any = None
    use_memory_efficient_attention: bool = True
    stabilize_with_global: bool = True
    scale_factor_exponent: float | int = 10.0
    missing_values: str = "zero"
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Turn names into plain ones, then check everything."""
        classes = self.output_distribution_classes
        names = tuple(classes) if isinstance(classes, (list, tuple)) else (classes,)
        if len(names) != 1:
            raise ConfigError(f"output_distribution_classes must hold one name, got {len(names)}: {names}")
        object.__setattr__(self, "scaler_cls", _plain_name("scaler_cls", self.scaler_cls, SCALERS))
        distribution = _plain_name("output_distribution_classes", names[0], DISTRIBUTIONS)
        object.__setattr__(self, "output_distribution_classes", (distribution,))
        self._check_sizes()
        self._check_choices()

    def _check_sizes(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if not 1 <= value <= LARGEST_SIZE:
                raise ConfigError(f"{name} must be from 1 to {LARGEST_SIZE}, got {value!r}")
        if self.patch_size % self.stride:
            raise ConfigError(f"stride must divide patch_size {self.patch_size}, got {self.stride}")
        if self.embed_dim % self.num_heads:
            raise ConfigError(f"num_heads must divide embed_dim {self.embed_dim}, got {self.num_heads}")
        if self.head_dim % 2:
            raise ConfigError(
                f"embed_dim / num_heads must be even for rotary positions, "
                f"got {self.embed_dim} / {self.num_heads}"
            )

    def _check_choices(self) -> None:
        every = self.spacewise_every_n_layers
        if every < 1 and every != -1:
            raise ConfigError(f"spacewise_every_n_layers must be at least 1, or -1 for none, got {every!r}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be at least 0 and below 1, got {self.dropout!r}")
        if not 0 <= self.scale_factor_exponent <= 300:
            raise ConfigError(
                f"scale_factor_exponent must be from 0 to 300, got {self.scale_factor_exponent!r}"
            )
        if self.missing_values not in MISSING_VALUES:
            raise ConfigError(
                f"missing_values must be one of {', '.join(MISSING_VALUES)}, got {self.missing_values!r}"
            )
        if self.is_mixture:
            given = self.output_distribution_kwargs
            components = given.get("k_components") if isinstance(given, dict) else None
            if type(components) is not int or not 1 <= components <= LARGEST_SIZE:
                raise ConfigError(
                    f'output_distribution_kwargs must hold "k_components" from 1 to {LARGEST_SIZE}, '
                    f"got {components!r}"
                )

    @property
    def head_dim(self) -> int:
        """Size of one attention head."""
        return self.embed_dim // self.num_heads

    @property
    def is_mixture(self) -> bool:
        """Whether the head gives a mixture rather than one Student-T distribution."""
        return self.output_distribution_classes == ("MixtureOfStudentTsOutput",)

    @property
    def k_components(self) -> int:
        """Components of the predictive mixture; 1 for a single Student-T distribution."""
        return self.output_distribution_kwargs["k_components"] if self.is_mixture else 1

    def is_space_layer(self, index: int) -> bool:
        """Whether layer `index` attends across variates (a space layer) rather than along time."""
        every = self.spacewise_every_n_layers
        if every == -1:
            return False
        return index % every == (0 if self.spacewise_first else every - 1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TotoConfig":
        """The configuration in the content of a `config.json`; unknown keys are kept in `extra`.

        Raises:
            ConfigError: a key is missing, or a value has the wrong type or breaks a rule.
        """
        known = {f.name for f in dataclasses.fields(cls)} - {"extra"}
        required = {f.name for f in dataclasses.fields(cls) if f.default is f.default_factory}
        missing = sorted(required - set(values))
        if missing:
            raise ConfigError(f"the configuration lacks {', '.join(missing)}")
        for f in dataclasses.fields(cls):
            if f.name in values and f.type in _JSON_TYPES:
                _check_type(f.name, values[f.name], _JSON_TYPES[f.type])
        extra = {key: value for key, value in values.items() if key not in known}
        return cls(**{key: value for key, value in values.items() if key in known}, extra=extra)

    def to_dict(self) -> dict[str, Any]:
        """The content of a `config.json`, with the unknown keys it came with.

        Classes have the names that published files have, which toto-ts reads and no others.
        `missing_values` is left out where it is that of published models, which do not know it.
        """
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "extra"}
        values["scaler_cls"] = f"<class 'model.scaler.{self.scaler_cls}'>"
        values["output_distribution_classes"] = [
            f"<class 'model.distribution.{name}'>" for name in self.output_distribution_classes
        ]
        if self.missing_values == "zero":
            del values["missing_values"]
        return values | self.extra


def _plain_name(field_name: str, value: Any, known: tuple[str, ...]) -> str:
    """The class name in a name, a class, or the representation of a class."""
    text = value.__name__ if isinstance(value, type) else value
    match = re.fullmatch(r"(?:<class ')?(?:\w+\.)*(\w+)(?:'>)?", text) if isinstance(text, str) else None
    if match is None or match[1] not in known:
        raise ConfigError(f"{field_name} must be one of {', '.join(known)}, got {value!r}")
    return match[1]


def _check_type(name: str, value: Any, accepted: tuple[type, ...]) -> None:
    """Raise unless a value read from JSON has one of the accepted types; True is no number."""
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        raise ConfigError(f"{name} must be {_IN_WORDS[accepted]}, got {value!r}")
