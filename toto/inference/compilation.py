"""Where and how a model runs: device, precision and compilation, from arguments and the environment."""

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from toto.errors import InputError
from toto.inference.arguments import flag
from toto.inference.device import usable_device
from toto.inference.models import Model, load_model
from toto.model.precision import resolve_precision

log = logging.getLogger(__name__)

COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_ON, _OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class RuntimeSettings:
    """Device, precision and compilation of a model; made by `resolve`.

    dtype: None for the precision in which the weights are stored (half precision as float32).
    origins: where each of the four comes from: "argument", "environment, TOTO_..." or "default".
    """

    device: torch.device
    dtype: torch.dtype | None
    compile: bool
    compile_mode: str
    origins: Mapping[str, str] = field(compare=False)

    @classmethod
    def resolve(
        cls,
        *,
        device_map: Any = None,
        torch_dtype: str | torch.dtype | None = None,
        torch_compile: bool | None = None,
        compile_mode: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> "RuntimeSettings":
        """The settings in force: an argument wins over the environment, and that over the default.

        Args:
            device_map: a device, {"": device}, or "auto", a GPU of CUDA if there is one, else the processor.
                None: `TOTO_DEVICE`, else "auto".
            torch_dtype: "float32", "bfloat16", "float64" or "auto". None: `TOTO_DTYPE`, else as stored.
            torch_compile: None: False if `TOTO_DISABLE_COMPILE` is on, else `TOTO_COMPILE`, else False.
            compile_mode: that of `torch.compile`. None: `TOTO_COMPILE_MODE`, else "default". CUDA graphs,
                which some modes add, are left out.
            environment: variables by name; empty ones count as absent.

        Raises:
            InputError: a value that breaks a rule, or a device that is not here; the message names the
                argument or the variable.
        """
        device = _given("device_map", device_map, "TOTO_DEVICE", "auto", environment)
        dtype = _given("torch_dtype", torch_dtype, "TOTO_DTYPE", None, environment)
        compiled = _given_compile(torch_compile, environment)
        mode = _given("compile_mode", compile_mode, "TOTO_COMPILE_MODE", "default", environment)
        place = usable_device(device.name, _one_device(device))
        if mode.value not in COMPILE_MODES:
            raise InputError(f"{mode.name} must be one of {', '.join(COMPILE_MODES)}, got {mode.value!r}")
        return cls(
            place,
            None if dtype.value is None else resolve_precision(dtype.value, place, dtype.name),
            compiled.value,
            mode.value,
            {
                "device": device.origin,
                "dtype": dtype.origin,
                "compile": compiled.origin,
                "compile_mode": mode.origin,
            },
        )

    def load(self, model: Any, **loading: Any) -> Model:
        """The model under these settings; `loading` are other arguments of `load_model`."""
        log.info("loading %s: %s", model, "; ".join(self.described()))
        loaded = load_model(model, map_location=self.device, torch_dtype=self.dtype, **loading)
        if self.compile:
            loaded.compile(mode=self.compile_mode)
        return loaded

    def described(self) -> list[str]:
        """Each setting in words, such as "device cpu (default)"."""
        values = {
            "device": str(self.device),
            "dtype": "as stored" if self.dtype is None else str(self.dtype).removeprefix("torch."),
            "compile": "on" if self.compile else "off",
            "compile_mode": self.compile_mode,
        }
        return [f"{name.replace('_', ' ')} {value} ({self.origins[name]})" for name, value in values.items()]


def num_compilations() -> int:
    """Graphs that `torch.compile` has compiled in this process, for whatever model.

    If it grows after the warm-up, forecasts meet what nothing has been compiled for.
    """
    dynamo = sys.modules.get("torch._dynamo.utils")  # what has not been loaded has compiled nothing
    return 0 if dynamo is None else int(dynamo.counters["stats"]["unique_graphs"])


class _Given(NamedTuple):
    """A value, the argument or variable that errors name, and where the value comes from."""

    name: str
    value: Any
    origin: str


def _given(argument: str, value: Any, variable: str, default: Any, environment: Mapping[str, str]) -> _Given:
    if value is not None:
        return _Given(argument, value, "argument")
    text = environment.get(variable, "").strip()
    return _from_variable(variable, text) if text else _Given(argument, default, "default")


def _from_variable(variable: str, value: Any) -> _Given:
    return _Given(variable, value, f"environment, {variable}")


def _given_compile(value: bool | None, environment: Mapping[str, str]) -> _Given:
    off = _switch("TOTO_DISABLE_COMPILE", environment)
    if value is not None:
        wanted = flag("torch_compile", value)
        if wanted and off:
            log.warning("torch_compile=True wins over TOTO_DISABLE_COMPILE: leave the argument out")
        return _Given("torch_compile", wanted, "argument")
    if off:
        return _from_variable("TOTO_DISABLE_COMPILE", False)
    on = _switch("TOTO_COMPILE", environment)
    return _Given("torch_compile", False, "default") if on is None else _from_variable("TOTO_COMPILE", on)


def _switch(variable: str, environment: Mapping[str, str]) -> bool | None:
    """True or False as the variable says; None if it is absent.

    Raises:
        InputError: it says something else.
    """
    text = environment.get(variable, "").strip()
    if text and text.lower() not in _ON + _OFF:
        raise InputError(f"{variable} must be one of {', '.join(_ON + _OFF)}, got {text!r}")
    return text.lower() in _ON if text else None


def _one_device(given: _Given) -> Any:
    """The place that a `device_map` names for the whole model.

    Raises:
        InputError: it names several devices.
    """
    if not isinstance(given.value, dict):
        return given.value
    places = set(given.value.values())
    if len(places) != 1:
        raise InputError(f"{given.name} must name one device for the whole model, got {given.value!r}")
    return places.pop()
