"""Estimates of memory for the second generation agree with what forecasts take."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toto import Toto2Config

SMALL = Toto2Config(  # the published sizes of 4m
    patch_size=32,
    d_model=256,
    num_heads=4,
    num_layers=4,
    layer_group_size=4,
    num_variate_layers_per_group=1,
    variate_layer_first=False,
    residual_attn_ratio=5.1362,
    attn_bias=True,
    qk_norm=False,
    per_dim_scale=True,
    use_xpos=True,
)
LARGER = Toto2Config.from_dict(
    SMALL.to_dict()
    | {"d_model": 512, "num_heads": 8, "num_groups": 0, "d_ff": 0, "num_layers": 6, "layer_group_size": 6}
)

# Prints what one forecast adds to the resident memory of a process, and what the process has come to take
# from before the model was made, at their peaks, beside the estimates of both; MiB. The code of libraries is
# loaded before: how much of it counts depends on what the system holds of their files. What is freed goes
# back to the system at once, for estimates are of bytes in use.
MEASURE = """
import json, re, sys
from pathlib import Path
import torch
from toto import MaskedTimeseries, Toto2Config, Toto2Forecaster, Toto2Model
from toto.inference.memory.demand import CODE_OF_LIBRARIES

def mebibytes(field):
    return int(re.search(field + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

config, sizes = json.loads(sys.argv[1])
torch.set_num_threads(1)
torch.manual_seed(0)
tiny = {"d_model": 64, "num_groups": 0, "d_ff": 0, "qk_dim": 0, "v_dim": 0}
other = Toto2Forecaster(Toto2Model(Toto2Config.from_dict(config | tiny)))
other.forecast(MaskedTimeseries.from_array(torch.randn(2, 200)), 65, 32)
start = mebibytes("VmRSS")
forecaster = Toto2Forecaster(Toto2Model(Toto2Config.from_dict(config)))
forecaster.forecast(MaskedTimeseries.from_array(torch.randn(64)), 65, 32)
shape = sizes.get("batch_size", 1), sizes["num_variates"], sizes["context_length"]
values = torch.randn(shape).cumsum(-1)
if sizes.pop("gaps", False):
    values[..., 64:160] = torch.nan
inputs = MaskedTimeseries.from_array(values)
warm = mebibytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
forecaster.forecast(inputs, sizes["prediction_length"], sizes.get("decode_block_size"))
peak = mebibytes("VmHWM")
estimate = forecaster.estimate_memory(**sizes)
whole = estimate.total - CODE_OF_LIBRARIES
print(json.dumps([peak - warm, peak - start, estimate.working / 2**20, whole / 2**20]))
"""


def sizes(context, horizon, variates=1, batch=1, **more):
    return {
        "context_length": context,
        "prediction_length": horizon,
        "num_variates": variates,
        "batch_size": batch,
        **more,
    }


def measure(config, of_forecast):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("reads the peak of a process from Linux")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE, json.dumps([config.to_dict(), of_forecast])],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "131072"},
    )
    print(measured := json.loads(done.stdout))
    return measured


def test_the_estimate_agrees_with_what_a_process_takes():
    working, whole, expected_working, expected_whole = measure(SMALL, sizes(4096, 336, variates=30))
    assert expected_working == pytest.approx(working, rel=0.25)
    assert expected_whole == pytest.approx(whole, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("config", [SMALL, LARGER], ids=["4m", "22m-like"])
@pytest.mark.parametrize(
    "of_forecast",
    [
        sizes(512, 96, batch=200),
        sizes(4096, 336, variates=7, batch=8),
        sizes(4096, 336, variates=30, gaps=True),
        sizes(4096, 1920, variates=30, decode_block_size=192),
        sizes(512, 3840, variates=30, decode_block_size=192),
        sizes(16384, 96, variates=16),
    ],
    ids=str,
)
def test_so_does_that_for_other_models_and_forecasts(config, of_forecast):
    working, whole, expected_working, expected_whole = measure(config, of_forecast)
    assert expected_working == pytest.approx(working, rel=0.25)
    assert expected_whole == pytest.approx(whole, rel=0.25)
