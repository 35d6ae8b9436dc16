"""What configurations of both generations have in common: they lie in the `config.json` of a checkpoint."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from toto.errors import ConfigError

Stored = TypeVar("Stored", bound="StoredConfig")


class StoredConfig(ABC):
    """A frozen dataclass; `extra` holds what a file says beyond its fields, and is written again."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    extra: dict[str, Any]

    @classmethod
    @abstractmethod
    def from_dict(cls: type[Stored], values: Mapping[str, Any]) -> Stored:
        """The configuration in the content of a `config.json`.

        Raises:
            ConfigError: a key is missing, or a value has the wrong type or breaks a rule.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The content of a `config.json`, with the unknown keys it came with."""

    def overridden(self: Stored, changes: Mapping[str, Any]) -> Stored:
        """The configuration with other values for some of its fields.

        Raises:
            ConfigError: a change to a field that there is not, or one that breaks a rule.
        """
        unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(self)} - set(self.extra))
        if unknown:
            known = ", ".join(f.name for f in dataclasses.fields(self))
            raise ConfigError(f"the configuration has no {', '.join(unknown)}; its fields are {known}")
        return type(self).from_dict(self.to_dict() | dict(changes))
