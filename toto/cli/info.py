"""`toto info`: what is installed and what would run."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

import toto
from toto.cli.report import print_lines
from toto.kernels import kernel_report
from toto.model.checkpoint import WEIGHTS_FILE, bundled_models

EXTRAS = {
    "pandas": ("pandas", "pyarrow"),
    "plot": ("matplotlib",),
    "cli": ("typer", "rich"),
    "gluonts": ("gluonts",),
    "xformers": ("xformers",),
    "flash-attn": ("flash-attn",),
}


def print_info() -> None:
    """Print versions, devices, kernels, bundled models and extras."""
    system = f"{platform.system()} {platform.machine()}"
    print_lines(
        [
            ("toto", toto.__version__),
            ("python", f"{platform.python_version()} on {system}"),
            ("torch", torch.__version__),
            *_named("devices", _devices()),
            *[(f"kernel {operation}", kernel) for operation, kernel in kernel_report().items()],
            *_named("models", _models()),
            *[(f"extra {extra}", _extra(extra, packages)) for extra, packages in EXTRAS.items()],
        ]
    )


def _named(name: str, values: list[str]) -> list[tuple[str, str]]:
    """The name beside the first of its values."""
    return [(name if i == 0 else "", value) for i, value in enumerate(values)]


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
