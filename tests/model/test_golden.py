"""The model against outputs of the published package, computed in float64."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from toto import MaskedTimeseries, Toto, TotoForecaster

CASES = [
    "base_like",
    "exogenous",
    "padded_grouped",
    "plain_scaler",
    "space_first_student",
    "spiky",
    "step_scaler",
    "time_only",
]


class Golden:
    """One golden case: its model, inputs and expected tensors."""

    def __init__(self, folder: Path, dtype: torch.dtype = torch.float64) -> None:
        self.case = json.loads((folder / "case.json").read_text())
        tensors = load_file(folder / "case.safetensors")
        self.tensors = {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
        self.toto = Toto.from_pretrained(folder).to(dtype)
        self.num_exogenous = self.case["num_exogenous_variables"]

    @property
    def inputs(self) -> MaskedTimeseries:
        names = ("series", "padding_mask", "id_mask", "timestamp_seconds", "time_interval_seconds")
        return MaskedTimeseries(*(self.tensors[n] for n in names), self.num_exogenous)

    def forecast(self, **options):
        return TotoForecaster(self.toto).forecast(
            self.inputs,
            self.case["horizon"],
            future_exogenous_variables=self.tensors.get("future_exogenous_variables"),
            **options,
        )

    def forward(self):
        with torch.no_grad():
            return self.toto.model(
                self.tensors["forward.input"],
                self.tensors["forward.padding_mask"].bool(),
                self.tensors["forward.id_mask"],
                num_exogenous_variables=self.num_exogenous,
            )


@pytest.fixture(params=CASES)
def folder(request, shared_data) -> Path:
    return shared_data / "golden" / request.param


def relative_error(ours: torch.Tensor, golden: torch.Tensor) -> float:
    """Largest error relative to the size of the golden value, or to 1 where it is smaller."""
    assert ours.shape == golden.shape
    return float(((ours - golden).abs() / golden.abs().clamp(min=1.0)).max())


@pytest.mark.parametrize("use_kv_cache", [True, False])
def test_the_mean_forecast_is_that_of_the_published_model(folder, use_kv_cache):
    golden = Golden(folder)
    mean = golden.forecast(use_kv_cache=use_kv_cache).mean
    assert relative_error(mean, golden.tensors["mean"]) < 1e-9


def test_one_pass_gives_the_published_distribution(folder):
    golden = Golden(folder)
    out = golden.forward()
    expected = golden.tensors
    assert relative_error(out.loc, expected["forward.shift"]) < 1e-9
    assert relative_error(out.scale, expected["forward.spread"]) < 1e-9
    for name in ("df", "loc", "scale"):
        assert relative_error(getattr(out.distribution, name), expected[f"forward.{name}"]) < 1e-9
    if "forward.probs" in expected:
        assert relative_error(out.distribution.weights, expected["forward.probs"]) < 1e-9
    in_units = TotoForecaster.create_affine_transformed(out.distribution, out.loc, out.scale)
    assert relative_error(in_units.mean, expected["forward.mean"]) < 1e-9
    assert relative_error(in_units.log_prob(expected["forward.target"]), expected["forward.log_prob"]) < 1e-9


def test_the_scaler_alone_is_the_published_one(folder):
    golden = Golden(folder)
    series = golden.tensors["forward.input"]
    mask = golden.tensors["forward.padding_mask"]
    scaled, loc, scale = golden.toto.model.scaler(series, mask, torch.ones_like(series))
    assert relative_error(scaled, golden.tensors["scaler.scaled"]) < 1e-9
    assert relative_error(loc, golden.tensors["scaler.loc"]) < 1e-9
    assert relative_error(scale, golden.tensors["scaler.scale"]) < 1e-9


def test_float32_forecasts_agree_to_its_precision(folder):
    golden = Golden(folder, torch.float32)
    mean, expected = golden.forecast().mean, golden.tensors["mean"]
    largest = expected.abs().amax(-1, keepdim=True).clamp(min=1.0)
    assert float(((mean - expected).abs() / largest).max()) < 2e-4


def test_sample_quantiles_are_those_of_the_published_sampler(folder):
    """1024 paths each: z-scores of quantile differences, with the golden standard errors.

    The golden errors come from 16 blocks, so z is Student-T-like: root mean square near 1.1. The
    steps of a path are correlated, which widens the spread of the summary itself; with the fixed
    seed the bounds below leave no false alarm, and an error of 0.15 standard deviations fails.
    """
    golden = Golden(folder)
    levels, error = golden.case["quantile_levels"], golden.tensors["samples.quantile_se"]
    quantiles = golden.forecast(num_samples=1024, samples_per_batch=256, seed=0).quantile(levels)
    known = error > 1e-9 * golden.tensors["samples.quantiles"].abs()  # covariates do not vary
    z = ((quantiles - golden.tensors["samples.quantiles"]) / (error * 2**0.5))[known]
    assert 0.45 < float(z.abs().median()) < 0.95
    assert float(z.square().mean().sqrt()) < 1.5
