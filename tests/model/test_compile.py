import subprocess
import sys

PROGRAM = """
import torch
from toto import MaskedTimeseries, Toto, TotoForecaster

torch.manual_seed(0)
toto = Toto(8, 8, 16, 2, 2, 16, 0.0, 2, "CausalPatchStdMeanScaler", ["StudentTOutput"], spacewise_first=False)
forecaster = TotoForecaster(toto.double().eval())
inputs = MaskedTimeseries.from_array(torch.randn(2, 3, 40, dtype=torch.float64).cumsum(-1))
before = forecaster.forecast(inputs, 20, 4, seed=0).samples
compiled = []

def backend(graph, example_inputs):
    compiled.append(graph)
    return graph.forward

toto.compile(backend=backend)
torch.testing.assert_close(forecaster.forecast(inputs, 20, 4, seed=0).samples, before)
assert compiled, "the forecast never reached the compiler"
"""


def test_a_compiled_model_forecasts_through_the_compiler_and_the_same_numbers():
    """In a process of its own: the compiler does not trace through the type checks of the tests."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
