"""In a process of its own: the compiler does not trace through the type checks of the tests."""

import subprocess
import sys

PROGRAM = """
import copy
import torch
from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

torch.manual_seed(0)
sizes = {"patch_size": 8, "d_model": 16, "num_heads": 2, "num_layers": 2, "layer_group_size": 2}
more = {"num_variate_layers_per_group": 1, "variate_layer_first": False, "residual_attn_ratio": 5.0}
model = Toto2Model(Toto2Config.from_dict(sizes | more)).double().eval()
SHAPES = [(2, 3, 40, 20, None), (1, 2, 24, 30, 8)]

def forecasts(model):
    out = []
    for batch, variates, context, horizon, block in SHAPES:
        target = torch.randn(batch, variates, context, generator=torch.Generator().manual_seed(1)).cumsum(-1)
        out.append(model.forecast({"target": target}, horizon, block))
    return out

before, compiled = forecasts(model), []

def backend(graph, example_inputs):
    compiled.append(graph)
    return graph.forward

model.compile(backend=backend)
torch.testing.assert_close(forecasts(model), before)
# enter in time, enter across variates, leave; and leave again, for numbers that are no constants
assert len(compiled) <= 4, len(compiled)
torch.testing.assert_close(forecasts(copy.deepcopy(model)), before, rtol=0, atol=0)
"""


def test_four_graphs_are_compiled_for_all_layers_and_shapes():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
