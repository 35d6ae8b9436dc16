"""Where settings come from, and how a model is loaded with them."""

import sys

import pytest
import torch

from toto import InputError, RuntimeSettings, Toto, TotoPipeline
from toto.inference.compilation import num_compilations

NAMES = ("TOTO_DEVICE", "TOTO_DTYPE", "TOTO_COMPILE", "TOTO_DISABLE_COMPILE", "TOTO_COMPILE_MODE")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def values(settings):
    return settings.device.type, settings.dtype, settings.compile, settings.compile_mode


def test_without_arguments_and_variables_settings_are_the_defaults():
    settings = RuntimeSettings.resolve()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert values(settings) == (device, None, False, "default")
    assert set(settings.origins.values()) == {"default"}


def test_the_environment_wins_over_defaults():
    settings = RuntimeSettings.resolve(
        environment={
            "TOTO_DEVICE": "cpu",
            "TOTO_DTYPE": "bfloat16",
            "TOTO_COMPILE": "1",
            "TOTO_COMPILE_MODE": "max-autotune",
        }
    )
    assert values(settings) == ("cpu", torch.bfloat16, True, "max-autotune")
    assert list(settings.origins.values()) == [
        f"environment, TOTO_{name}" for name in ("DEVICE", "DTYPE", "COMPILE", "COMPILE_MODE")
    ]


def test_arguments_win_over_the_environment():
    settings = RuntimeSettings.resolve(
        device_map={"": "cpu"},
        torch_dtype=torch.float64,
        torch_compile=False,
        compile_mode="reduce-overhead",
        environment={name: "nonsense" for name in NAMES if name != "TOTO_DISABLE_COMPILE"},
    )
    assert values(settings) == ("cpu", torch.float64, False, "reduce-overhead")
    assert set(settings.origins.values()) == {"argument"}


@pytest.mark.parametrize(
    ("variables", "compiled", "origin"),
    [
        ({"TOTO_COMPILE": "on"}, True, "environment, TOTO_COMPILE"),
        ({"TOTO_COMPILE": "No"}, False, "environment, TOTO_COMPILE"),
        ({"TOTO_COMPILE": "1", "TOTO_DISABLE_COMPILE": "true"}, False, "environment, TOTO_DISABLE_COMPILE"),
        ({"TOTO_COMPILE": "1", "TOTO_DISABLE_COMPILE": "0"}, True, "environment, TOTO_COMPILE"),
        ({"TOTO_COMPILE": " ", "TOTO_DISABLE_COMPILE": ""}, False, "default"),
        ({"TOTO_COMPILE_MODE": "max-autotune"}, False, "default"),
    ],
)
def test_compilation_is_switched_on_and_off_by_the_environment(variables, compiled, origin):
    settings = RuntimeSettings.resolve(environment=variables)
    assert (settings.compile, settings.origins["compile"]) == (compiled, origin)


def test_an_argument_that_wins_over_the_emergency_switch_is_logged(caplog):
    assert RuntimeSettings.resolve(torch_compile=True, environment={"TOTO_DISABLE_COMPILE": "1"}).compile
    assert "torch_compile=True wins over TOTO_DISABLE_COMPILE: leave the argument out" in caplog.text


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("TOTO_DEVICE", "toaster", 'TOTO_DEVICE must be a device such as "cpu" or "cuda", got \'toaster\''),
        ("TOTO_DEVICE", "cuda:99", "TOTO_DEVICE: cuda:99 is not available here"),
        ("TOTO_DTYPE", "float16", "TOTO_DTYPE must be one of auto, float32, .*, got 'float16'"),
        ("TOTO_COMPILE", "maybe", "TOTO_COMPILE must be one of 1, true, yes, on, 0, .*, got 'maybe'"),
        ("TOTO_DISABLE_COMPILE", "2", "TOTO_DISABLE_COMPILE must be one of 1, true, .*, got '2'"),
        ("TOTO_COMPILE_MODE", "fast", "TOTO_COMPILE_MODE must be one of default, .*, got 'fast'"),
    ],
)
def test_a_bad_value_in_the_environment_names_its_variable(variable, text, message):
    with pytest.raises(InputError, match=message):
        RuntimeSettings.resolve(environment={variable: text})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device_map": {"a": "cpu", "b": "meta"}}, "device_map must name one device for the whole model"),
        ({"device_map": {}}, "device_map must name one device for the whole model, got {}"),
        ({"torch_dtype": "int8"}, "torch_dtype must be one of auto, float32, .*, got 'int8'"),
        ({"compile_mode": "fast"}, "compile_mode must be one of default, .*, got 'fast'"),
    ],
)
def test_a_bad_argument_is_named(options, message):
    with pytest.raises(InputError, match=message):
        RuntimeSettings.resolve(**options)


def test_settings_are_described_with_their_origins(monkeypatch):
    monkeypatch.setenv("TOTO_DTYPE", "float32")
    assert RuntimeSettings.resolve(device_map="cpu").described() == [
        "device cpu (argument)",
        "dtype float32 (environment, TOTO_DTYPE)",
        "compile off (default)",
        "compile mode default (default)",
    ]


def test_settings_are_equal_wherever_they_come_from():
    assert RuntimeSettings.resolve(device_map="cpu") == RuntimeSettings.resolve(
        environment={"TOTO_DEVICE": "cpu"}
    )


def test_a_pipeline_is_loaded_as_the_environment_says(tiny, tmp_path, monkeypatch):
    tiny.save_pretrained(tmp_path)
    compiled = []
    monkeypatch.setattr(Toto, "compile", lambda self, **options: compiled.append(options))
    monkeypatch.setenv("TOTO_DEVICE", "cpu")
    monkeypatch.setenv("TOTO_DTYPE", "float64")
    monkeypatch.setenv("TOTO_COMPILE", "1")
    pipe = TotoPipeline.from_pretrained(tmp_path)
    assert next(pipe.model.parameters()).dtype is torch.float64
    assert compiled == [{"mode": "default"}]
    TotoPipeline.from_pretrained(tmp_path, torch_compile=False)
    assert len(compiled) == 1


def test_models_of_both_generations_are_compiled(tiny, tiny2, tmp_path, monkeypatch):
    compiled = []
    for name, model in (("one", tiny), ("two", tiny2)):
        model.save_pretrained(tmp_path / name)
        monkeypatch.setattr(type(model), "compile", lambda self, **options: compiled.append(type(self)))
        TotoPipeline.from_pretrained(tmp_path / name, torch_compile=True)
    assert compiled == [type(tiny), type(tiny2)]


def test_where_the_compiler_was_not_loaded_nothing_was_compiled(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch._dynamo.utils", raising=False)
    assert num_compilations() == 0
