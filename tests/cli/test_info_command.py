import platform

import pytest
import torch

import toto
from toto.kernels import kernel_report
from toto.model.checkpoint import bundled_models

info = pytest.importorskip("toto.cli.info")


def test_info_tells_versions_devices_kernels_models_and_extras(toto_command):
    result = toto_command("info")
    assert result.exit_code == 0
    lines = {line[:18].strip(): line[18:].strip() for line in result.stdout.splitlines()}
    assert lines["toto"] == toto.__version__
    assert lines["python"].startswith(platform.python_version())
    assert lines["torch"] == torch.__version__
    assert lines["devices"].startswith("cpu: ")
    assert lines["kernel attention"] == kernel_report()["attention"]
    assert lines["extra cli"].startswith("typer ")
    for name in bundled_models():
        assert f"{name}: " in result.stdout


def test_an_extra_that_is_not_installed_says_how_to_install_it(toto_command, monkeypatch):
    monkeypatch.setitem(info.EXTRAS, "pandas", ("no-such-package",))
    result = toto_command("info")
    assert "not installed: pip install 'toto-forecast[pandas]'" in result.stdout


def test_bundled_models_are_told_with_their_size(toto_command, model_folder, monkeypatch):
    monkeypatch.setattr(info, "bundled_models", lambda: {"toto-test": model_folder})
    assert "toto-test: 0.0 MB, bundled" in toto_command("info").stdout
