"""Estimates of memory agree with what forecasts take, and decide how much is done at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from toto import InputError, MaskedTimeseries, Toto, TotoConfig, TotoForecaster
from toto.inference.memory import budget
from toto.inference.memory.demand import Demand
from toto.inference.memory.plan import estimate_memory, paths_at_once, series_at_once

BASE = TotoConfig(
    patch_size=64,
    stride=64,
    embed_dim=768,
    num_layers=12,
    num_heads=12,
    mlp_hidden_dim=3072,
    dropout=0.1,
    spacewise_every_n_layers=12,
    scaler_cls="CausalPatchStdMeanScaler",
    output_distribution_classes=("MixtureOfStudentTsOutput",),
    spacewise_first=False,
    output_distribution_kwargs={"k_components": 24},
)

# Prints what one forecast adds to the resident memory of a process, and what the process has come to
# take from before the model was made, at their peaks, beside the estimates of both; MiB. The code of
# libraries is loaded before: how much of it counts depends on what the system holds of their files.
MEASURE = """
import json, re, sys
from pathlib import Path
import torch
from toto import MaskedTimeseries, Toto, TotoConfig, TotoForecaster
from toto.inference.memory import estimate_memory
from toto.inference.memory.demand import CODE_OF_LIBRARIES

def mebibytes(field):
    return int(re.search(field + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

config, sizes = json.loads(sys.argv[1])
torch.set_num_threads(1)
torch.manual_seed(0)
TotoForecaster(Toto.from_pretrained("toto-nano")).forecast(
    MaskedTimeseries.from_array(torch.randn(2, 200)), 65, 20, seed=0
)
start = mebibytes("VmRSS")
toto = Toto.from_config(TotoConfig.from_dict(config))
forecaster = TotoForecaster(toto)
forecaster.forecast(MaskedTimeseries.from_array(torch.randn(64)), 65, 2, seed=0)
shape = sizes.get("batch_size", 1), sizes["num_variates"], sizes["context_length"]
inputs = MaskedTimeseries.from_array(torch.randn(shape).cumsum(-1))
warm = mebibytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
forecaster.forecast(inputs, sizes["prediction_length"], sizes["num_samples"], seed=0)
peak = mebibytes("VmHWM")
estimate = estimate_memory(toto, **sizes)
whole = estimate.total - CODE_OF_LIBRARIES
print(json.dumps([peak - warm, peak - start, estimate.working / 2**20, whole / 2**20]))
"""


def sizes(context, horizon, samples, variates=1, batch=1):
    return {
        "context_length": context,
        "prediction_length": horizon,
        "num_samples": samples,
        "num_variates": variates,
        "batch_size": batch,
    }


def measure(config, **of_forecast):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("reads the peak of a process from Linux")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE, json.dumps([config.to_dict(), of_forecast])],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    print(measured := json.loads(done.stdout))
    return measured


def test_the_estimate_for_a_small_model_agrees_with_what_a_process_takes():
    toto = Toto.from_pretrained("toto-nano")
    working, whole, expected_working, expected_whole = measure(
        toto.config, **sizes(4096, 336, 256, variates=7)
    )
    assert expected_working == pytest.approx(working, rel=0.25)
    assert expected_whole == pytest.approx(whole, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize(
    "of_forecast",
    [
        sizes(512, 64, 16),
        sizes(512, 64, 256),
        sizes(512, 64, 1024),
        sizes(512, 64, 256, batch=50),
        sizes(512, 336, 256),
        sizes(4096, 336, 256, variates=7),
        sizes(4096, 336, None, batch=8),
    ],
    ids=str,
)
def test_so_does_that_for_a_model_of_base_size(of_forecast):
    working, whole, expected_working, expected_whole = measure(BASE, **of_forecast)
    # some MiB that were freed after the model was made may still be held, and are used again
    assert expected_working == pytest.approx(working, rel=0.25, abs=8)
    assert expected_whole == pytest.approx(whole, rel=0.25)


def test_within_one_patch_the_peak_hardly_depends_on_the_number_of_samples():
    few, many = (estimate_memory(BASE, **sizes(512, 64, samples)).total for samples in (16, 1024))
    assert many < 1.02 * few


def test_a_configuration_needs_what_its_model_needs(tiny):
    of_forecast = sizes(40, 20, 6, variates=2)
    assert estimate_memory(tiny, **of_forecast) == estimate_memory(
        tiny.config, dtype=torch.float64, **of_forecast
    )
    assert estimate_memory(tiny.model, dtype=torch.float32, **of_forecast) == estimate_memory(
        tiny.float(), **of_forecast
    )
    weights = sum(p.numel() * 4 for p in tiny.parameters())
    assert estimate_memory(tiny, **of_forecast).weights == weights
    half = estimate_memory(tiny.config, dtype=torch.bfloat16, **of_forecast)
    assert weights / 2 < half.weights < weights


def test_parts_grow_as_the_formula_says(tiny):
    start = sizes(40, 24, 12, variates=2) | {"samples_per_batch": 4}
    one = estimate_memory(tiny, **start)
    assert one.own_cache == 2 * 4 * 2 * (2 * 32 * 2) * 8  # rows, paths, tokens, keys and values, float64
    assert one.results == 2 * 24 * 12 * 4
    assert estimate_memory(tiny, **start | {"samples_per_batch": 2}).own_cache == one.own_cache / 2
    assert estimate_memory(tiny, **start | {"prediction_length": 32}).own_cache == one.own_cache * 3 / 2
    assert estimate_memory(tiny, **start | {"num_samples": 24}).results == one.results * 2
    assert estimate_memory(tiny, **start, series_dtype=torch.float64).results == one.results * 2
    three = estimate_memory(tiny, **start | {"batch_size": 3})
    assert three.series_per_batch == 3
    for part in ("prefill", "shared_cache", "own_cache", "step", "results"):
        assert getattr(three, part) == 3 * getattr(one, part)
    assert estimate_memory(tiny, **start, use_kv_cache=False).own_cache > one.own_cache
    assert estimate_memory(tiny, **start | {"context_length": 33}) == one  # whole patches
    assert estimate_memory(tiny, **start | {"num_samples": None}).samples_per_batch == 1


def test_only_processors_keep_weights_twice():
    host, gpu = (
        estimate_memory(BASE, **sizes(512, 64, 16), samples_per_batch=16, device=d) for d in ("cpu", "cuda")
    )
    assert host.weights == gpu.weights
    assert gpu.prepared < gpu.weights / 10
    assert host.prepared >= gpu.prepared
    assert gpu.prefill >= host.prefill


def test_the_estimate_prints_every_part_in_mebibytes():
    said = str(estimate_memory(BASE, **sizes(512, 64, 16)))
    lines = said.splitlines()
    assert [line.rpartition("  ")[0].strip() for line in lines[:3]] == ["weights", "prepared", "prefill"]
    assert lines[0].endswith(" 577.2 MiB")
    assert lines[-1].startswith("total ")
    assert said.endswith("MiB, with 16 paths of 1 series at once")


def demand(toto, horizon=20, samples=256, series=1, variates=1, **changes) -> Demand:
    return Demand(toto.model, torch.device("cpu"), series, variates, 40, horizon, samples, 8, **changes)


PLENTY = 2**40


def test_paths_are_decoded_in_equal_parts_of_what_is_fast(tiny):
    assert paths_at_once(demand(tiny), None, PLENTY) == 256
    assert paths_at_once(demand(tiny, series=7), None, PLENTY) == 64  # at most 512 / 7
    assert paths_at_once(demand(tiny, variates=7), None, PLENTY) == 64
    assert paths_at_once(demand(tiny, series=1000), None, PLENTY) == 1
    assert paths_at_once(demand(tiny, series=7), 100, PLENTY) == 86  # a number is a limit of its own
    assert paths_at_once(demand(tiny, samples=None), None, PLENTY) == 1
    assert paths_at_once(demand(tiny, use_kv_cache=False), None, PLENTY) == 64  # 5 + 2 tokens of each path


def test_paths_within_one_patch_are_drawn_at_once_unless_memory_forbids(tiny):
    one = demand(tiny, horizon=8, samples=100_000)
    assert paths_at_once(one, None, PLENTY) == 100_000
    assert paths_at_once(one, None, one.estimate(1, 10).working + 8) == 10
    assert paths_at_once(one, None, 0) == 1


def test_a_small_budget_makes_small_parts(tiny):
    assert paths_at_once(demand(tiny), None, demand(tiny).estimate(1, 2).working + 1024) == 2
    assert paths_at_once(demand(tiny), None, demand(tiny).estimate(1, 2).working - 1024) == 1
    many = demand(tiny, samples=4, series=100)
    three_at_once = many.estimate(3, 4).working
    assert series_at_once(many, None, three_at_once + 1024) == 3
    assert series_at_once(many, None, three_at_once - 1024) == 2
    assert series_at_once(many, None, 0) == 1


def test_series_are_forecast_in_equal_parts_of_what_is_fast(tiny):
    def at_once(num_series, at_most=None, **sizes):
        return series_at_once(demand(tiny, series=num_series, **sizes), at_most, PLENTY)

    assert at_once(100, horizon=8) == 100
    assert at_once(1000, horizon=8) == 100  # 5 tokens each, and no path runs through the layers
    assert at_once(1000, horizon=8, samples=None, variates=3) == 34
    assert at_once(1000, samples=4) == 112  # 5 + 4 + 4 tokens in three passes
    assert at_once(100) == 2  # 5 + 256 + 256
    assert at_once(100, at_most=8) == 50  # 5 + 8 + 8


def test_where_not_all_series_are_forecast_at_once_the_results_of_some_are_held_twice(tiny):
    many = demand(tiny, samples=4, series=10)
    assert many.estimate(2, 4).results == many.estimate(10, 4).results * 1.2


def test_the_forecaster_decodes_as_many_paths_as_the_plan_says(tiny, monkeypatch):
    branches = []
    tiny.model.transformer.register_forward_pre_hook(lambda _, args: branches.append(args[0].shape[2]))
    forecaster, series = TotoForecaster(tiny), MaskedTimeseries.from_array(torch.randn(2, 40))
    monkeypatch.setattr(budget, "TOKENS_AT_ONCE", 50)
    forecaster.forecast(series, 12, 60, seed=0)
    assert branches == [1, 20, 20, 20]
    branches.clear()
    forecaster.forecast(series, 12, 60, 45, seed=0)
    assert branches == [1, 30, 30]


def test_precisions_may_be_given_by_name(tiny):
    of_forecast = sizes(40, 20, 6)
    for name in ("float32", "bfloat16", "float64"):
        by_name = estimate_memory(BASE, dtype=name, **of_forecast)
        assert by_name == estimate_memory(BASE, dtype=getattr(torch, name), **of_forecast)
    wide = estimate_memory(tiny, series_dtype="float64", **of_forecast)
    assert wide == estimate_memory(tiny, series_dtype=torch.float64, **of_forecast)


@pytest.mark.parametrize(
    ("argument", "rule"),
    [
        ({"dtype": "half"}, "dtype must be one of auto, float32, bfloat16, float64, got 'half'"),
        ({"series_dtype": torch.bfloat16}, "series_dtype must be float32 or float64, .* got torch.bfloat16"),
        ({"device": "gpu"}, 'device must be a device such as "cpu" or "cuda", got \'gpu\''),
    ],
)
def test_an_option_that_does_not_exist_is_an_error(tiny, argument, rule):
    with pytest.raises(InputError, match=rule):
        estimate_memory(tiny, **sizes(40, 20, 6), **argument)


def test_what_is_no_model_or_no_size_is_an_error(tiny):
    with pytest.raises(
        InputError, match="model must be a Toto, its backbone or a TotoConfig, got 'toto-nano'"
    ):
        estimate_memory("toto-nano", **sizes(512, 64, 16))
    for name in ("context_length", "prediction_length", "num_variates", "batch_size", "num_samples"):
        with pytest.raises(InputError, match=f"{name} must be a whole number of at least 1, got 0"):
            estimate_memory(tiny, **sizes(512, 64, 16) | {name: 0})
    with pytest.raises(InputError, match=r'samples_per_batch must be "auto" or a whole number .* got 0'):
        estimate_memory(tiny, **sizes(512, 64, 16), samples_per_batch=0)


def test_memory_for_joint_draws_is_counted(make_tiny):
    model = make_tiny(patch_size=64, stride=64)
    sizes = {"context_length": 4096, "prediction_length": 8, "num_samples": 4}
    plain, joint = (estimate_memory(model, **sizes, joint_draws=joint) for joint in (False, True))
    assert joint.prefill > 1.5 * plain.prefill
    assert joint.weights == plain.weights
