import pytest
import torch

from toto import InputError, MaskedTimeseries, Toto, TotoForecaster


def series() -> MaskedTimeseries:
    generator = torch.Generator().manual_seed(1)
    return MaskedTimeseries.from_array(torch.randn(2, 3, 70, generator=generator).cumsum(-1))


@pytest.fixture
def half() -> Toto:
    return Toto.from_pretrained("toto-nano", torch_dtype="bfloat16")


def test_half_precision_is_that_of_the_linear_maps_of_the_layers_alone(half):
    dtypes = {name: p.dtype for name, p in half.model.named_parameters()}
    for name, dtype in dtypes.items():
        in_layer = "layers" in name and "norm" not in name
        assert dtype is (torch.bfloat16 if in_layer else torch.float32), name


def test_the_residual_stream_and_the_forecast_stay_in_float32(half):
    seen = []
    half.model.transformer.layers[1].mlp.register_forward_pre_hook(lambda _, x: seen.append(x[0].dtype))
    forecast = TotoForecaster(half).forecast(series(), 40, 8, seed=0)
    assert forecast.samples.dtype is torch.float32
    assert set(seen) == {torch.float32}


def test_half_precision_forecasts_nearly_the_same_mean(half):
    inputs = series()
    exact = TotoForecaster(Toto.from_pretrained("toto-nano", torch_dtype="float64")).forecast(inputs, 64).mean
    for model, most in ((half, 0.02), (Toto.from_pretrained("toto-nano"), 1e-5)):
        error = (TotoForecaster(model).forecast(inputs, 64).mean - exact).abs().max() / exact.std()
        assert error < most


@pytest.mark.parametrize("dtype", ["float64", torch.float64])
def test_a_precision_has_a_name_and_a_dtype(dtype):
    toto = Toto.from_pretrained("toto-nano", torch_dtype=dtype)
    assert {p.dtype for p in toto.parameters()} == {torch.float64}


def test_auto_is_float32_on_a_processor():
    toto = Toto.from_pretrained("toto-nano", torch_dtype="auto")
    assert {p.dtype for p in toto.parameters()} == {torch.float32}


def test_precision_can_be_taken_back(half):
    half.set_precision("float32")
    assert {p.dtype for p in half.parameters()} == {torch.float32}


@pytest.mark.parametrize("dtype", ["half", torch.int8])
def test_an_unknown_precision_is_an_error(dtype):
    with pytest.raises(InputError, match="torch_dtype must be one of auto, float32, bfloat16, float64, got"):
        Toto.from_pretrained("toto-nano", torch_dtype=dtype)
