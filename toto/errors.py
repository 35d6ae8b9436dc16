"""Every exception the library raises on purpose.

::

    TotoError
    ├── ConfigError          a configuration that describes no model
    ├── InputError           data or an argument that breaks a rule; also a ValueError
    ├── CheckpointError      a file that is missing, damaged, or not a checkpoint of this model
    └── MissingExtraError    an optional package is needed; also an ImportError
"""


class TotoError(Exception):
    """Base class: catch it to catch everything the library raises on purpose."""


class ConfigError(TotoError, ValueError):
    """A model configuration that describes no model."""


class InputError(TotoError, ValueError):
    """Data or an argument that breaks a rule; the message names it, its value and the rule."""


class CheckpointError(TotoError):
    """A checkpoint that is missing, damaged, or does not hold the weights of the model."""


class MissingExtraError(TotoError, ImportError):
    """A feature needs an optional package; the message holds the command that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'toto-forecast[{extra}]'")
