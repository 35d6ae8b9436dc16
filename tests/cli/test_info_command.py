import json
import platform
import re
from pathlib import Path

import pytest
import torch

import toto
from toto.cli.runtime import runtime_of
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


def test_every_extra_is_told():
    text = Path(__file__).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8")
    table = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
    assert {*re.findall(r"^([\w-]+) = ", table, re.MULTILINE)} == {*info.EXTRAS, "all"}


def test_an_extra_that_is_not_installed_says_how_to_install_it(toto_command, monkeypatch):
    monkeypatch.setitem(info.EXTRAS, "pandas", ("no-such-package",))
    result = toto_command("info")
    assert "not installed: pip install 'toto-forecast[pandas]'" in result.stdout


def test_bundled_models_are_told_with_their_size(toto_command, model_folder, monkeypatch):
    monkeypatch.setattr(info, "bundled_models", lambda: {"toto-test": model_folder})
    assert "toto-test: 0.0 MB, bundled" in toto_command("info").stdout


def test_info_may_be_json(toto_command):
    facts = json.loads(toto_command("info", "--json").stdout)
    assert facts["torch"] == torch.__version__
    assert facts["devices"][0].startswith("cpu: ")


def test_info_tells_the_settings_in_force_and_where_they_come_from(toto_command, monkeypatch):
    for name in ("TOTO_DEVICE", "TOTO_COMPILE", "TOTO_DISABLE_COMPILE", "TOTO_COMPILE_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOTO_DTYPE", "bfloat16")
    settings = json.loads(toto_command("info", "--json").stdout)["settings"]
    assert settings[1:] == [
        "dtype bfloat16 (environment, TOTO_DTYPE)",
        "compile off (default)",
        "compile mode default (default)",
    ]


def test_a_bad_variable_is_an_error_that_names_it(toto_command, monkeypatch):
    monkeypatch.setenv("TOTO_COMPILE", "maybe")
    result = toto_command("info")
    assert result.exit_code == 2
    assert "TOTO_COMPILE must be one of 1, true, yes, on, 0, false, no, off, got 'maybe'" in result.stderr


def test_commands_run_on_the_device_of_the_environment_unless_the_option_names_one(monkeypatch):
    monkeypatch.setenv("TOTO_DEVICE", "meta")
    assert runtime_of(None).device == torch.device("meta")
    assert runtime_of("cpu").device == torch.device("cpu")
