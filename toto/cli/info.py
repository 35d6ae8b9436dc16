"""`toto info`: what is installed and what would run."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

import toto
from toto.cli.report import print_lines
from toto.inference.compilation import RuntimeSettings
from toto.kernels import kernel_report
from toto.model.checkpoint import WEIGHTS_FILE, bundled_models

EXTRAS = {
    "pandas": ("pandas", "pyarrow"),
    "plot": ("matplotlib",),
    "cli": ("typer", "rich"),
    "gluonts": ("gluonts",),
    "baselines": ("statsforecast",),
    "fev": ("fev",),
    "monitor": ("prometheus_client",),
    "finetune": ("lightning", "peft", "holidays", "pyyaml"),
    "xformers": ("xformers",),
    "flash-attn": ("flash-attn",),
}


def print_info(*, as_json: bool = False) -> None:
    """Print versions, devices, kernels, bundled models, settings and extras."""
    facts = _facts()
    if as_json:
        print(json.dumps(facts))
    else:
        print_lines([line for name, value in facts.items() for line in _lines(name, value)])


def _facts() -> dict[str, str | list[str]]:
    """What there is of each, in the order in which it is printed."""
    system = f"{platform.system()} {platform.machine()}"
    return {
        "toto": toto.__version__,
        "python": f"{platform.python_version()} on {system}",
        "torch": torch.__version__,
        "devices": _devices(),
        **{f"kernel {operation}": kernel for operation, kernel in kernel_report().items()},
        "models": _models(),
        "settings": RuntimeSettings.resolve().described(),
        **{f"extra {extra}": _extra(extra, packages) for extra, packages in EXTRAS.items()},
    }


def _lines(name: str, value: str | list[str]) -> list[tuple[str, str]]:
    """The name beside the first of its values."""
    values = [value] if isinstance(value, str) else value
    return [(name if i == 0 else "", each) for i, each in enumerate(values)]


def _devices() -> list[str]:
    devices = [f"cpu: {os.cpu_count()} cores, {torch.get_num_threads()} threads"]
    for i in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(i)
        devices.append(f"cuda:{i}: {properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        devices.append("mps: Apple GPU")
    return devices


def _models() -> list[str]:
    sizes = {name: (folder / WEIGHTS_FILE).stat().st_size for name, folder in bundled_models().items()}
    return [f"{name}: {size / 1e6:.1f} MB, bundled" for name, size in sizes.items()] or ["none bundled"]


def _extra(extra: str, packages: tuple[str, ...]) -> str:
    try:
        return ", ".join(f"{package} {version(package)}" for package in packages)
    except PackageNotFoundError:
        return f"not installed: pip install 'toto-forecast[{extra}]'"
