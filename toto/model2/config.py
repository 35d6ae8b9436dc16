"""The configuration of a model of the second generation, as it lies in `config.json` beside its weights."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toto.errors import ConfigError
from toto.model.config import LARGEST_SIZE
from toto.model.stored_config import StoredConfig

_COUNTS = ("patch_size", "d_model", "num_heads", "num_layers", "layer_group_size", "num_output_patches")
_DERIVED = ("d_ff", "num_groups", "qk_dim", "v_dim")
_NULL_IS_ABSENT = (*_DERIVED, "qk_norm_include_weight")
_JSON_TYPES: dict[Any, tuple[type, ...]] = {int: (int,), float | int: (int, float), bool: (bool,)}
_IN_WORDS = {int: "a whole number", float | int: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Toto2Config(StoredConfig):
    """Sizes and choices of one model; immutable and checked when it is made.

    Layers come in groups of `layer_group_size`; in each, `num_variate_layers_per_group` attend across
    variates and the others along time. Sizes that are 0 (absent or null in a file) follow from the others:
    `d_ff` of the feed-forward blocks, `num_groups` of heads that share keys and values, and `qk_dim` and
    `v_dim` of a head. `residual_attn_ratio` and `residual_mult` only say what the residual weights of a new
    model are; those of a checkpoint are stored. Unknown keys are kept in `extra`, and written.

    Raises:
        ConfigError: sizes that fit no model.
    """

    patch_size: int
    d_model: int
    num_heads: int
    num_layers: int
    layer_group_size: int
    num_variate_layers_per_group: int
    variate_layer_first: bool
    residual_attn_ratio: float | int
    residual_mult: float | int = 1.0
    norm_eps: float | int = 5e-5
    norm_include_weight: bool = False
    attn_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = True
    qk_norm_include_weight: bool | None = None
    per_dim_scale: bool = False
    use_xpos: bool = False
    num_output_patches: int = 1
    d_ff: int = 0
    num_groups: int = 0
    qk_dim: int = 0
    v_dim: int = 0
    dropout_p: float | int = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in what follows from other sizes, then check everything."""
        self._check_counts(_COUNTS)
        if self.d_model % self.num_heads:
            raise ConfigError(f"num_heads must divide d_model {self.d_model}, got {self.num_heads}")
        self._default("d_ff", (int(8 * self.d_model / 3) + 7) // 8 * 8)
        self._default("num_groups", self.num_heads)
        self._default("qk_dim", self.d_model // self.num_heads)
        self._default("v_dim", self.qk_dim)
        if self.qk_norm_include_weight is None:
            object.__setattr__(self, "qk_norm_include_weight", self.norm_include_weight)
        self._check_counts(_DERIVED)
        self._check_rules()

    def _default(self, name: str, value: int) -> None:
        object.__setattr__(self, name, getattr(self, name) or value)

    def _check_counts(self, names: tuple[str, ...]) -> None:
        for name in names:
            if not 1 <= getattr(self, name) <= LARGEST_SIZE:
                raise ConfigError(f"{name} must be from 1 to {LARGEST_SIZE}, got {getattr(self, name)!r}")

    def _check_rules(self) -> None:
        if self.num_layers % self.layer_group_size:
            raise ConfigError(
                f"layer_group_size must divide num_layers {self.num_layers}, got {self.layer_group_size}"
            )
        if not 0 <= self.num_variate_layers_per_group <= self.layer_group_size:
            raise ConfigError(
                f"num_variate_layers_per_group must be from 0 to layer_group_size {self.layer_group_size}, "
                f"got {self.num_variate_layers_per_group}"
            )
        if self.num_heads % self.num_groups:
            raise ConfigError(f"num_groups must divide num_heads {self.num_heads}, got {self.num_groups}")
        if self.qk_dim % 4:
            raise ConfigError(f"qk_dim must be a multiple of 4 for rotary positions, got {self.qk_dim}")
        if self.dropout_p != 0:
            raise ConfigError(f"dropout_p must be 0, as in all models of this kind, got {self.dropout_p!r}")
        for name in ("residual_attn_ratio", "residual_mult", "norm_eps"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} must be above 0 and finite, got {getattr(self, name)!r}")

    @property
    def heads_per_group(self) -> int:
        """Query heads that read the same keys and values."""
        return self.num_heads // self.num_groups

    def is_variate_layer(self, index: int) -> bool:
        """Whether layer `index` attends across variates rather than along time."""
        place, first = index % self.layer_group_size, self.num_variate_layers_per_group
        return place < first if self.variate_layer_first else place >= self.layer_group_size - first

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Toto2Config":
        """The configuration in the content of a `config.json`; unknown keys are kept in `extra`.

        Raises:
            ConfigError: a key is missing, or a value has the wrong type or breaks a rule.
        """
        given = {key: v for key, v in values.items() if not (key in _NULL_IS_ABSENT and v is None)}
        given.pop("heads_per_group", None)  # follows from the numbers of heads and groups
        fields = [f for f in dataclasses.fields(cls) if f.name != "extra"]
        missing = sorted(f.name for f in fields if f.default is dataclasses.MISSING and f.name not in given)
        if missing:
            raise ConfigError(f"the configuration lacks {', '.join(missing)}")
        for f in fields:
            if f.name in given:
                _check_type(f.name, given[f.name], bool if f.type == bool | None else f.type)
        known = {f.name for f in fields}
        extra = {key: value for key, value in given.items() if key not in known}
        return cls(**{key: value for key, value in given.items() if key in known}, extra=extra)

    def to_dict(self) -> dict[str, Any]:
        """The content of a `config.json`, with the unknown keys it came with."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "extra"}
        return values | {"heads_per_group": self.heads_per_group} | self.extra


def _check_type(name: str, value: Any, kind: Any) -> None:
    """Raise unless a value read from JSON has the type of its field; True is no number."""
    accepted = _JSON_TYPES[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        raise ConfigError(f"{name} must be {_IN_WORDS[kind]}, got {value!r}")
