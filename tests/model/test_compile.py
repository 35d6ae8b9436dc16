"""Each in a process of its own: the compiler does not trace through the type checks of the tests."""

import subprocess
import sys

import pytest
import torch

from toto import InputError, MaskedTimeseries, TotoForecaster

START = """
import copy, logging, pickle
import torch
from toto import MaskedTimeseries, Toto, TotoForecaster

torch.manual_seed(0)
toto = Toto(8, 8, 16, 2, 2, 16, 0.0, 2, "CausalPatchStdMeanScaler", ["StudentTOutput"], spacewise_first=False)
toto = toto.to(getattr(torch, DTYPE)).eval()
forecaster = TotoForecaster(toto)
SHAPES = [
    (2, 3, 40, 20, 4), (2, 3, 64, 20, 4), (1, 1, 24, 8, 7),
    (1, 1, 24, 30, None), (3, 2, 9, 41, 5), (1, 7, 80, 16, 2),
]

def forecasts():
    out = []
    for batch, variates, context, horizon, num_samples in SHAPES:
        series = torch.randn(batch, variates, context, generator=torch.Generator().manual_seed(1)).cumsum(-1)
        inputs = MaskedTimeseries.from_array(series.to(getattr(torch, DTYPE)))
        out.append(forecaster.forecast(inputs, horizon, num_samples, seed=0).mean)
    return out

before = forecasts()
"""

COUNTS = """
compiled = []

def backend(graph, example_inputs):
    compiled.append(graph)
    return graph.forward

toto.compile(backend=backend)
forecaster.warmup(context_length=50, num_variates=2)
assert len(compiled) == 3, len(compiled)  # enter in time, enter in space, leave
torch.testing.assert_close(forecasts(), before)
assert len(compiled) == 3, len(compiled)  # nothing anew for six shapes
"""

FALLS_BACK = """
records = []
handler = logging.Handler()
handler.emit = records.append
logging.getLogger("toto").addHandler(handler)

def backend(graph, example_inputs):
    raise RuntimeError("no compiler here")

toto.compile(backend=backend)
torch.testing.assert_close(forecasts(), before, rtol=0, atol=0)
assert len(records) == 1, records
assert "going on without" in records[0].getMessage()
assert "no compiler here" in records[0].getMessage()
"""

COPIES = """
toto.compile(backend="eager")
for other in (copy.deepcopy(toto), pickle.loads(pickle.dumps(toto))):
    forecaster = TotoForecaster(other)
    torch.testing.assert_close(forecasts(), before, rtol=0, atol=0)
"""

INDUCTOR = """
toto.compile()
torch.testing.assert_close(forecasts(), before)
"""


def run(dtype: str, program: str) -> None:
    program = START.replace("DTYPE", repr(dtype)) + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_six_shapes_are_compiled_once_and_forecast_the_same_numbers(dtype):
    run(dtype, COUNTS)


def test_without_a_compiler_the_model_goes_on_and_says_so():
    run("float32", FALLS_BACK)


def test_a_compiled_model_can_be_copied_and_pickled():
    run("float32", COPIES)


def test_modes_with_cuda_graphs_are_taken_without_them(tiny, monkeypatch):
    modes = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: modes.append(options["mode"]))
    for mode in ("reduce-overhead", "max-autotune", "default"):
        tiny.compile(mode=mode)
    assert modes == ["default"] * 2 + ["max-autotune-no-cudagraphs"] * 2 + ["default"] * 2


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"mode": "fast"}, "mode must be one of default, .*, got 'fast'"),
        ({"backend": "llvm"}, "backend must be a function or one of .*inductor.*, got 'llvm'"),
        ({"backend": 3}, "backend must be a function or one of .*, got 3"),
    ],
)
def test_an_unknown_mode_or_backend_is_an_error(tiny, options, rule):
    with pytest.raises(InputError, match=rule):
        tiny.compile(**options)


def test_where_there_is_no_compiler_at_all_one_line_is_logged(tiny, monkeypatch, caplog):
    monkeypatch.setattr(torch._dynamo, "is_dynamo_supported", lambda: False)
    series = MaskedTimeseries.from_array(torch.randn(2, 40))
    before = TotoForecaster(tiny).forecast(series, 20).mean
    tiny.compile()
    assert [record.getMessage() for record in caplog.records] == [
        "cannot compile, going on without: torch.compile does not support this platform"
    ]
    assert torch.equal(TotoForecaster(tiny).forecast(series, 20).mean, before)


@pytest.mark.slow
def test_the_real_compiler_gives_the_same_numbers():
    run("float32", INDUCTOR)
