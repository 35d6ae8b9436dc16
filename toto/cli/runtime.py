"""Where and how the model of a command runs."""

from toto.inference.compilation import RuntimeSettings
from toto.inference.device import usable_device


def runtime_of(device: str | None) -> RuntimeSettings:
    """The settings of the environment, on the device of the option `--device` if there is one."""
    return RuntimeSettings.resolve(device_map=None if device is None else usable_device("--device", device))
