"""What holds of every forecast, whatever the weights."""

import threading

import pytest
import torch

from toto import InputError
from toto.model2 import attention, decoding

SHAPES = {
    "xpos": {},
    "no xpos, variates first": {"use_xpos": False, "variate_layer_first": True},
    "shared keys, normed, biased": {
        "num_groups": 2,
        "qk_dim": 12,
        "v_dim": 16,
        "qk_norm": True,
        "norm_include_weight": True,
        "mlp_bias": True,
        "per_dim_scale": False,
    },
    "time layers alone": {"num_variate_layers_per_group": 0},
    "variate layers alone": {"num_variate_layers_per_group": 2},
}


@pytest.fixture(params=SHAPES)
def model(request, make_tiny2):
    return make_tiny2(**SHAPES[request.param])


def walks(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).cumsum(-1)


def with_gaps(series: torch.Tensor, seed: int = 2) -> torch.Tensor:
    """Some steps, some inner patches and the start of one series missing."""
    hidden = torch.rand(series.shape, generator=torch.Generator().manual_seed(seed)) < 0.1
    hidden[..., 16:24] |= torch.arange(series.shape[-2])[:, None] == 1
    hidden[..., :9] |= torch.arange(series.shape[-2])[:, None] == 0
    return series.masked_fill(hidden, torch.nan)


def same(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-9) -> bool:
    return a.shape == b.shape and float((a - b).abs().max()) < tolerance * float(b.abs().max())


@pytest.mark.parametrize("gaps", [False, True])
def test_blocks_over_the_cache_are_one_pass_after_another_over_everything(model, gaps):
    target = walks(2, 3, 45)
    target = with_gaps(target) if gaps else target
    ids = torch.tensor([[0, 0, 1], [5, 6, 5]])
    cached = model.forecast({"target": target, "series_ids": ids}, 40, 16)
    for start in range(0, 40, 16):
        block = model.forecast({"target": target, "series_ids": ids}, min(16, 40 - start))
        assert same(cached[..., start : start + 16], block)
        target = torch.cat([target, block[4]], -1)


def test_blocks_over_the_cache_are_passes_over_everything_whatever_the_context_ends_in(model, monkeypatch):
    target = with_gaps(walks(2, 3, 45))
    target[:, 2, -20:] = torch.nan
    target[1, 1] = torch.nan
    cached = model.forecast({"target": target}, 40, 16)

    def anew(model, inputs, plan, state, start, end, plain=decoding._predict):
        return plain(model, inputs, plan, decoding.State(), start, end)

    monkeypatch.setattr(decoding, "_predict", anew)
    assert same(model.forecast({"target": target}, 40, 16), cached)


def test_blocks_read_known_covariates_as_one_pass_after_another_does(model):
    target, known = walks(1, 2, 40), with_gaps(walks(1, 2, 72, seed=3))
    cached = model.forecast({"target": target, "known_dynamic": known}, 32, 8)
    for start in range(0, 32, 8):
        block = model.forecast({"target": target, "known_dynamic": known}, 8)
        assert same(cached[..., start : start + 8], block)
        target = torch.cat([target, block[4]], -1)


def test_a_block_that_holds_the_horizon_is_one_pass(tiny2):
    inputs = {"target": walks(1, 2, 40)}
    whole = tiny2.forecast(inputs, 20)
    assert torch.equal(tiny2.forecast(inputs, 20, 24), whole)
    assert torch.equal(tiny2.forecast(inputs, 20, 800), whole)
    assert torch.equal(tiny2.forecast(inputs, 20, 0), whole)
    assert not same(tiny2.forecast(inputs, 20, 8), whole)


def test_the_start_of_a_long_horizon_is_a_short_one(model):
    inputs = {"target": with_gaps(walks(2, 2, 50))}
    assert same(model.forecast(inputs, 40)[..., :13], model.forecast(inputs, 13))


def test_a_context_that_ends_in_missing_patches_is_a_shorter_one_with_a_longer_horizon(model):
    target = walks(2, 2, 48)
    shorter = model.forecast({"target": target}, 40)
    longer = torch.cat([target, torch.full((2, 2, 16), torch.nan)], -1)
    assert same(model.forecast({"target": longer}, 24), shorter[..., 16:])


def test_any_length_of_context_is_padded_on_the_left_with_what_is_missing(model):
    target = walks(2, 2, 43)
    padded = torch.cat([torch.full((2, 2, 5), torch.nan), target], -1)
    longer = torch.cat([torch.full((2, 2, 29), torch.nan), target], -1)
    expected = model.forecast({"target": padded}, 24, 8)
    assert torch.equal(model.forecast({"target": target}, 24, 8), expected)
    # other positions: published angles are float32
    assert same(model.forecast({"target": longer}, 24, 8), expected, 1e-5)
    assert model.forecast({"target": target[..., :1]}, 3).isfinite().all()


def test_padding_changes_nothing_for_a_group_with_a_target_that_has_no_value(model):
    target = walks(1, 3, 40)
    target[:, 1] = torch.nan
    padded = torch.cat([torch.full((1, 3, 80), torch.nan), target], -1)
    for block in (None, 16):
        expected = model.forecast({"target": target}, 40, block)
        # other positions: published angles are float32
        assert same(model.forecast({"target": padded}, 40, block), expected, 1e-5)


def test_missing_is_missing_whatever_stands_there(model):
    target = with_gaps(walks(2, 3, 48))
    missing = model.forecast({"target": target}, 24, 8)
    for filler in (0.0, 1e6, torch.inf, torch.nan):
        filled = target.nan_to_num(nan=filler)
        mask = target.isfinite()
        assert torch.equal(model.forecast({"target": filled, "target_mask": mask}, 24, 8), missing)
    assert not same(model.forecast({"target": target.nan_to_num(nan=0.0)}, 24, 8), missing, 1e-3)


def test_no_masks_are_made_unless_a_patch_is_missing(tiny2, monkeypatch):
    masks = []

    def attend(query, key, value, allowed=None, causal=False, plain=attention.kernels.attention):
        masks.append(allowed)
        return plain(query, key, value, allowed, causal)

    monkeypatch.setattr(attention.kernels, "attention", attend)
    target = walks(2, 2, 48)
    target[0, 0, 3] = torch.nan
    for has_missing_values in (True, False):
        tiny2.forecast({"target": target}, 24, 8, has_missing_values=has_missing_values)
    assert masks.count(None) == len(masks) > 0
    tiny2.forecast({"target": with_gaps(target)}, 24)
    assert masks[-1] is not None


def test_a_promise_that_nothing_is_missing_changes_nothing(model):
    inputs = {"target": with_gaps(walks(1, 3, 48))}
    promised = model.forecast(inputs, 24, 8, has_missing_values=False)
    assert torch.equal(promised, model.forecast(inputs, 24, 8))


def test_nothing_of_one_series_reaches_another_group_or_batch_element(model):
    target, ids = walks(2, 3, 48), torch.tensor([[0, 1, 0], [0, 0, 0]])
    before = model.forecast({"target": target, "series_ids": ids}, 24, 8)
    for strange in (torch.nan, torch.inf, 1e30):
        changed = target.clone()
        changed[0, 1, 10:] = strange
        after = model.forecast({"target": changed, "series_ids": ids}, 24, 8)
        others = torch.ones(2, 3, dtype=torch.bool)
        others[0, 1] = False
        assert same(after[:, others], before[:, others])
    if model.config.num_variate_layers_per_group:
        changed = target.clone()
        changed[1, 1] += walks(48, seed=4)
        after = model.forecast({"target": changed, "series_ids": ids}, 24, 8)
        assert not same(after[:, 1, 0], before[:, 1, 0], 1e-4)


def test_a_group_alone_and_a_batch_element_alone_are_as_together(model):
    target, ids = with_gaps(walks(2, 3, 48)), torch.tensor([[0, 1, 0], [0, 0, 0]])
    together = model.forecast({"target": target, "series_ids": ids}, 24, 8)
    assert same(model.forecast({"target": target[:1, [0, 2]]}, 24, 8), together[:, :1, [0, 2]])
    assert same(model.forecast({"target": target[:1, [1]]}, 24, 8), together[:, :1, [1]])
    assert same(model.forecast({"target": target[1:]}, 24, 8), together[:, 1:])


def test_variates_commute(model):
    target, order = with_gaps(walks(1, 3, 48)), [2, 0, 1]
    straight = model.forecast({"target": target}, 24, 8)
    assert same(model.forecast({"target": target[:, order]}, 24, 8), straight[:, :, order])


def test_scaling_and_moving_the_input_scales_and_moves_the_forecast(model):
    target = with_gaps(walks(1, 2, 48))
    straight = model.forecast({"target": target}, 24, 8, scaler_fallback_min_obs=9)
    mapped = model.forecast({"target": 1000.0 + 32 * target}, 24, 8, scaler_fallback_min_obs=9)
    assert same(mapped, 1000.0 + 32 * straight)


def test_a_constant_series_is_scaled_by_the_smallest_scale(tiny2):
    forecast = tiny2.forecast({"target": torch.full((1, 1, 48), 1e6, dtype=torch.float64)}, 8)
    assert float((forecast - 1e6).abs().max()) < 1.0
    nothing = tiny2.forecast({"target": torch.full((1, 1, 48), torch.nan)}, 24, 8)
    assert nothing.isfinite().all()


def test_unknown_covariate_steps_are_missing_wherever_they_end(model):
    target, known = walks(1, 2, 40), walks(1, 2, 64, seed=3)
    shorter = model.forecast({"target": target, "known_dynamic": known[..., :50]}, 24, 8)
    unknown = known.clone()
    unknown[..., 50:] = torch.nan
    assert torch.equal(model.forecast({"target": target, "known_dynamic": unknown}, 24, 8), shorter)
    mask = unknown.isfinite()
    masked = {"target": target, "known_dynamic": known, "known_dynamic_mask": mask}
    assert torch.equal(model.forecast(masked, 24, 8), shorter)
    beyond = torch.cat([known, walks(1, 2, 9)], -1)
    whole = model.forecast({"target": target, "known_dynamic": known}, 24, 8)
    assert torch.equal(model.forecast({"target": target, "known_dynamic": beyond}, 24, 8), whole)


def test_covariates_of_the_horizon_are_read_and_those_of_another_group_are_not(make_tiny2):
    model = make_tiny2()
    target, known = walks(1, 2, 40), walks(1, 1, 64, seed=3)
    changed = known.clone()
    changed[..., 45:] += 10
    for ids, reads in ((torch.tensor([[0]]), True), (torch.tensor([[7]]), False)):
        inputs = {"target": target, "known_dynamic_series_ids": ids}
        before = model.forecast(inputs | {"known_dynamic": known}, 24)
        after = model.forecast(inputs | {"known_dynamic": changed}, 24)
        # the first patch of the horizon is predicted from the context alone
        assert torch.equal(before[..., :8], after[..., :8])
        assert same(before, after) != reads


def test_covariates_align_with_targets_of_any_length(model):
    target, known = walks(1, 2, 37), walks(1, 1, 61, seed=3)
    padding = torch.full((1, 2, 3), torch.nan)
    padded = model.forecast(
        {
            "target": torch.cat([padding, target], -1),
            "known_dynamic": torch.cat([padding[:, :1], known], -1),
        },
        24,
    )
    assert torch.equal(model.forecast({"target": target, "known_dynamic": known}, 24), padded)


def test_a_plain_pass_sees_no_future_and_shows_what_is_hidden_to_nobody(model):
    target, ids = walks(2, 3, 48), torch.tensor([[0, 0, 1], [0, 0, 0]])
    observed = torch.ones_like(target, dtype=torch.bool)
    shown = observed.clone()
    shown[:, 1, 24:32] = False
    changed = target.clone()
    changed[:, 1, 24:32] = 1e3  # hidden
    changed[..., 40:] += 5
    with torch.no_grad():
        before = model(target, observed, shown, ids)
        after = model(changed, observed, shown, ids)
        last = model(target, observed, shown, ids, num_return_steps=2)
    assert same(after.quantiles[..., :5, :], before.quantiles[..., :5, :])
    assert not same(after.quantiles[..., 5:, :], before.quantiles[..., 5:, :], 1e-3)
    assert same(last.quantiles, before.quantiles[..., 4:, :])
    assert torch.equal(last.loc, before.loc[..., 32:])


def test_one_pass_is_the_plain_pass_with_the_horizon_hidden(model):
    target, ids = walks(1, 2, 40), torch.zeros(1, 2, dtype=torch.long)
    longer = torch.cat([target, torch.zeros(1, 2, 24, dtype=torch.float64)], -1)
    shown = torch.arange(64) < 40
    with torch.no_grad():
        out = model(longer, torch.ones(1, 2, 64, dtype=torch.bool), shown.expand(1, 2, 64), ids)
    loc, scale = (s.unflatten(-1, (-1, 8))[..., 4:7, :] for s in (out.loc, out.scale))
    in_units = out.quantiles[..., 4:7, :].sinh() * scale + loc
    assert same(model.forecast({"target": target}, 24), in_units.flatten(-2).sort(0).values)


def test_a_plain_pass_has_gradients_for_every_weight(model):
    target, ids = walks(1, 2, 40), torch.zeros(1, 2, dtype=torch.long)
    everything = torch.ones(1, 2, 40, dtype=torch.bool)
    model(target, everything, everything, ids).quantiles.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_forecasts_go_on_from_a_past_in_many_threads(tiny2):
    inputs = [{"target": walks(1, 2, 40, seed=seed)} for seed in range(3)]
    expected = [tiny2.forecast(one, 40, 8) for one in inputs]
    state = dict(tiny2.state_dict())
    found = {}

    def run(place):
        found[place] = [tiny2.forecast(inputs[place], 40, 8) for _ in range(3)]

    threads = [threading.Thread(target=run, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, forecasts in found.items():
        assert all(torch.equal(forecast, expected[place]) for forecast in forecasts)
    assert all(torch.equal(tensor, state[name]) for name, tensor in tiny2.state_dict().items())


def test_quantiles_ascend_and_a_cap_keeps_them_near_the_context(tiny2):
    target = walks(1, 2, 48)
    target[0, 1] = torch.nan
    free = tiny2.forecast({"target": target}, 24)
    assert bool((free.diff(dim=0) >= 0).all())
    capped = tiny2.forecast({"target": target}, 24, quantile_real_cap_k=0.01)
    margin = 0.01 * float(target[0, 0].std())
    assert float(capped[:, 0, 0].max()) <= float(target[0, 0].max()) + 1.001 * margin
    assert float(capped[:, 0, 1].abs().max()) <= 1e-8  # no value: at most so many of the smallest scale
    assert same(tiny2.forecast({"target": target}, 24, quantile_real_cap_k=1e9), free)


def test_few_values_are_scaled_by_the_first_so_many_wherever_they_are(tiny2):
    target = torch.full((1, 1, 48), torch.nan, dtype=torch.float64)
    target[..., -4:] = torch.tensor([10.0, 12.0, 11.0, 15.0])
    target[..., 3] = 9.0
    plain, stable = (tiny2.forecast({"target": target}, 8, scaler_fallback_min_obs=n) for n in (0, 5))
    assert not same(plain, stable, 1e-6)  # the patch of the 9 alone is scaled by all five
    assert same(tiny2.forecast({"target": target}, 8, scaler_fallback_min_obs=1), plain)


def test_infinite_forecasts_take_a_finite_value_of_their_patch_or_keep_their_sign(tiny2):
    with torch.no_grad():
        bias = tiny2.output_head.get_submodule("param_projection.proj").linear2.bias
        bias.view(8, 9)[3, 7] = 1e6  # one step of the level 0.8
        bias.view(8, 9)[:, 8] = 1e6  # all steps of the level 0.9
        bias.view(8, 9)[:, 0] = -1e6
    forecast = tiny2.forecast({"target": walks(1, 2, 48)}, 16, 8)
    assert bool((forecast[8] == torch.inf).all())
    assert bool((forecast[0] == -torch.inf).all())
    assert forecast[1:8].isfinite().all()


def test_a_median_that_is_not_finite_is_missing_in_the_next_block(tiny2):
    target, ids = walks(1, 2, 48), torch.tensor([[0, 1]])
    expected = tiny2.forecast({"target": target, "series_ids": ids}, 16, 8)
    target[0, 0] = target[0, 0].sign() * 1e308  # sums and squares overflow: the forecast is not finite
    found = tiny2.forecast({"target": target, "series_ids": ids}, 16, 8)
    assert not found[:, 0, 0].isfinite().any()
    assert same(found[:, 0, 1], expected[:, 0, 1])


def test_forecasts_run_under_any_mode_of_the_caller(tiny2):
    inputs = {"target": with_gaps(walks(1, 2, 48))}
    expected = tiny2.forecast(inputs, 16, 8)
    assert not expected.requires_grad
    with torch.inference_mode():
        assert same(tiny2.forecast(inputs, 16, 8), expected)
    torch.use_deterministic_algorithms(True)
    try:
        assert same(tiny2.forecast(inputs, 16, 8), expected)
    finally:
        torch.use_deterministic_algorithms(False)
    whole = tiny2.forecast(inputs, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert same(tiny2.float().forecast(inputs, 16), whole, 0.1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float64, torch.float64),
        (torch.int64, torch.float64),
    ],
)
def test_forecasts_have_the_precision_of_the_series(tiny2, given, expected):
    target = (10 * walks(1, 1, 48)).to(given)
    assert tiny2.forecast({"target": target}, 8).dtype is expected
    assert tiny2.float().forecast({"target": target}, 8).dtype is expected


def test_a_small_signal_on_a_large_level_survives_in_float32(tiny2):
    target = walks(1, 1, 48)
    expected = tiny2.forecast({"target": target}, 8)
    found = tiny2.float().forecast({"target": 1e9 + target}, 8)
    assert same(found - 1e9, expected, 1e-4)


def test_leading_axes_come_back(tiny2):
    target = walks(2, 3, 2, 40)
    forecast = tiny2.forecast({"target": target}, 11)
    assert forecast.shape == (9, 2, 3, 2, 11)
    assert same(tiny2.forecast({"target": target[1, 2]}, 11), forecast[:, 1, 2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon must be a whole number of at least 1, got 0"),
        ({"horizon": True}, "horizon must be a whole number of at least 1, got True"),
        ({"decode_block_size": 12}, "decode_block_size must be a multiple of the patch size 8, got 12"),
        ({"decode_block_size": -8}, "decode_block_size must be a whole number of at least 0, got -8"),
        ({"scaler_fallback_min_obs": True}, "scaler_fallback_min_obs must be a whole number .* got True"),
        ({"quantile_real_cap_k": -1.0}, "quantile_real_cap_k must be at least 0 and finite, got -1.0"),
    ],
)
def test_arguments_that_break_a_rule_are_errors(tiny2, arguments, message):
    with pytest.raises(InputError, match=message):
        tiny2.forecast({"target": walks(1, 1, 8)}, **({"horizon": 8} | arguments))


def test_models_that_predict_several_patches_forecast_by_plain_passes_alone(make_tiny2):
    with pytest.raises(InputError, match="forecast needs a model with num_output_patches 1, got 2"):
        make_tiny2(num_output_patches=2).forecast({"target": walks(1, 1, 8)}, 8)


def test_a_plain_pass_needs_whole_patches(tiny2):
    everything = torch.ones(1, 1, 12, dtype=torch.bool)
    with pytest.raises(InputError, match="target must hold whole patches of 8 steps, got 12 steps"):
        tiny2(walks(1, 1, 12), everything, everything, torch.zeros(1, 1))


def test_positions_where_xpos_overflows_are_an_error(make_tiny2):
    target = torch.zeros(1, 1, 8 * 16384)
    with pytest.raises(InputError, match="at most 16384 patches with a model that uses xPos, got 16385"):
        make_tiny2().forecast({"target": target}, 16)
