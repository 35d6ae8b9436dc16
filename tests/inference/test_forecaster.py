"""Properties that every forecast has, and the errors of bad input."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries, TotoForecaster, kernels

SCALERS = ["CausalPatchStdMeanScaler", "CausalStdMeanScaler", "StdMeanScaler"]


def series(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).cumsum(-1)


def forecast(toto, values, horizon=20, num_samples=6, observed=None, group_ids=None, **options):
    inputs = MaskedTimeseries.from_array(
        values, observed, group_ids, num_exogenous_variables=options.pop("exogenous", 0)
    )
    options = {"seed": 1} | options if num_samples else options
    return TotoForecaster(toto).forecast(inputs, horizon, num_samples, **options)


def numbers(result) -> torch.Tensor:
    return result.mean if result.samples is None else result.samples


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("stride", [8, 4, 2])
@pytest.mark.parametrize("num_samples", [None, 5])
def test_cached_equals_uncached(make_tiny, scaler, stride, num_samples):
    toto = make_tiny(scaler_cls=scaler, stride=stride, patch_size=8)
    cached = forecast(toto, series(2, 3, 40), 37, num_samples, use_kv_cache=True)
    uncached = forecast(toto, series(2, 3, 40), 37, num_samples, use_kv_cache=False)
    torch.testing.assert_close(numbers(cached), numbers(uncached), rtol=1e-9, atol=1e-9)


def test_cached_equals_uncached_over_many_patches(tiny):
    cached = forecast(tiny, series(1, 1, 64), 8 * 70, None, use_kv_cache=True)
    uncached = forecast(tiny, series(1, 1, 64), 8 * 70, None, use_kv_cache=False)
    torch.testing.assert_close(cached.mean, uncached.mean, rtol=1e-8, atol=1e-8)


def test_chunks_of_samples_change_nothing(tiny):
    whole = forecast(tiny, series(2, 3, 40), num_samples=9, samples_per_batch=100).samples
    for chunk in (1, 2, 4, 9, "auto"):
        chunked = forecast(tiny, series(2, 3, 40), num_samples=9, samples_per_batch=chunk).samples
        torch.testing.assert_close(chunked, whole, rtol=1e-10, atol=1e-10)


def test_the_first_paths_are_the_same_however_many_follow(tiny):
    few, many = (forecast(tiny, series(1, 2, 40), num_samples=n).samples for n in (3, 8))
    torch.testing.assert_close(many[..., :3], few, rtol=1e-10, atol=1e-10)


def test_batch_neighbours_do_not_matter(tiny):
    values = series(3, 2, 40)
    together = forecast(tiny, values)
    values[1:] = series(2, 2, 40, seed=9) * 1e6
    torch.testing.assert_close(forecast(tiny, values).samples[0], together.samples[0], rtol=1e-10, atol=1e-10)
    alone = forecast(tiny, values[:1]).samples
    torch.testing.assert_close(alone[0], together.samples[0], rtol=1e-10, atol=1e-10)


def test_a_series_keeps_its_paths_in_any_batch_if_it_keeps_its_id(tiny):
    values = series(3, 2, 40)
    together = forecast(tiny, values, series_ids=[4, 9, 7]).samples
    alone = forecast(tiny, values[1:2], series_ids=torch.tensor([9])).samples
    torch.testing.assert_close(alone[0], together[1], rtol=1e-10, atol=1e-10)
    with pytest.raises(
        InputError, match=r"series_ids must hold a whole number from 0 .* in all 3, got \[1, 2\]"
    ):
        forecast(tiny, values, series_ids=[1, 2])
    for wrong in ([-1], [2**32], [0.5], [True], ["a"]):
        with pytest.raises(
            InputError,
            match="series_ids must hold a whole number from 0 to 2\\^32 - 1 for each series, in all 1,",
        ):
            forecast(
                tiny,
                values[:1],
                num_samples=None,
                series_ids=torch.tensor(wrong) if wrong != ["a"] else wrong,
            )
    for dtype in (torch.uint8, torch.int32):
        assert forecast(tiny, values[:1], series_ids=torch.tensor([9], dtype=dtype)).samples.isfinite().all()


def test_whole_numbers_keep_all_their_digits(tiny):
    counter = 10**12 + torch.arange(40)[None] * 7
    samples = forecast(tiny.float(), counter).samples
    torch.testing.assert_close(samples, forecast(tiny, counter.double()).samples, rtol=0, atol=0)
    raw = MaskedTimeseries.from_array(counter.double())._replace(series=counter)
    assert torch.equal(TotoForecaster(tiny).forecast(raw, 20, 6, seed=1).samples, samples)


def test_values_that_are_not_finite_become_0_and_are_counted_in_the_log(tiny, caplog):
    with torch.no_grad():
        tiny.model.unembed.weight[:32] = float("nan")  # the first step of every patch
    result = forecast(tiny, series(1, 2, 40), 8, 5)
    assert (result.samples[:, :, 0] == 0).all()
    assert "10 of 80 forecast values were not finite, or too large for their dtype, and are 0" in caplog.text
    caplog.clear()
    forecast(tiny, series(1, 2, 40), 8, None)
    assert "2 of 16 forecast values" in caplog.text


def test_groups_do_not_mix(tiny):
    values = series(1, 5, 40)
    before = forecast(tiny, values, group_ids=[0, 0, 1, 1, 1]).samples
    values[:, 2:] += series(1, 3, 40, seed=5)
    after = forecast(tiny, values, group_ids=[0, 0, 1, 1, 1]).samples
    torch.testing.assert_close(after[:, :2], before[:, :2], rtol=1e-10, atol=1e-10)
    assert not torch.allclose(after[:, 2:], before[:, 2:])


def test_variates_of_one_group_do_see_each_other(tiny):
    values = series(1, 2, 40)
    before = forecast(tiny, values, num_samples=None).mean
    values[:, 1] = series(1, 40, seed=5)
    assert not torch.allclose(forecast(tiny, values, num_samples=None).mean[:, 0], before[:, 0])


def test_group_ids_are_names_and_not_numbers(tiny):
    values = series(1, 4, 40)
    a = forecast(tiny, values, group_ids=[0, 0, 1, 1]).samples
    b = forecast(tiny, values, group_ids=[7, 7, -3, -3]).samples
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_variates_commute(tiny):
    values, order = series(2, 4, 40), torch.tensor([2, 0, 3, 1])
    mean = forecast(tiny, values, num_samples=None).mean
    permuted = forecast(tiny, values[:, order], num_samples=None).mean
    torch.testing.assert_close(permuted, mean[:, order], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("use_kv_cache", [True, False])
def test_a_forecast_that_runs_out_of_memory_goes_on_with_fewer_paths_at_once(tiny, use_kv_cache, caplog):
    expected = forecast(tiny, series(1, 2, 40), num_samples=11, use_kv_cache=use_kv_cache).samples
    axis = 2 if use_kv_cache else 0  # without a cache, paths are batch elements
    remaining = [7]

    def few_paths_fit(_, args):
        """From the last patch of the second part on."""
        remaining[0] -= 1
        if args[0].shape[axis] > 3 and remaining[0] < 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    tiny.model.transformer.register_forward_pre_hook(few_paths_fit)
    caplog.clear()
    calls = []
    found = forecast(
        tiny,
        series(1, 2, 40),
        num_samples=11,
        samples_per_batch=6,
        use_kv_cache=use_kv_cache,
        progress=lambda *n: calls.append(n),
    )
    torch.testing.assert_close(found.samples, expected, rtol=1e-10, atol=1e-10)
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory with 5 sample paths at once: going on with 2"
    ]
    assert calls == [(done, 33) for done in (6, 12, 18, 23, 28, 20, 22, 24, 26, 28, 30, 31, 32, 33)]


def test_an_error_of_memory_that_a_single_path_meets_escapes_as_it_is(tiny):
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    def nothing_fits(_, args):
        if args[0].shape[3] == 1:
            raise error

    tiny.model.transformer.register_forward_pre_hook(nothing_fits)
    with pytest.raises(torch.OutOfMemoryError, match=r"Tried to allocate 20\.00 MiB") as caught:
        forecast(tiny, series(1, 2, 40))
    assert caught.value is error


def test_what_lies_under_the_mask_changes_nothing(tiny):
    values, observed = series(2, 3, 40), torch.ones(2, 3, 40, dtype=torch.bool)
    observed[:, 1, 10:25] = False
    observed[0, 2, -9:] = False
    before = forecast(tiny, values, observed=observed).samples
    for hidden in (0.0, 1e30, float("nan"), float("inf")):
        filled = torch.where(observed, values, hidden)
        torch.testing.assert_close(forecast(tiny, filled, observed=observed).samples, before, rtol=0, atol=0)


def test_nan_and_infinite_values_are_missing_values(tiny):
    values, observed = series(1, 2, 40), torch.ones(1, 2, 40, dtype=torch.bool)
    observed[0, 0, 12:15] = False
    masked = forecast(tiny, values, observed=observed).samples
    for missing in (float("nan"), float("inf"), -float("inf")):
        given = torch.where(observed, values, missing)
        torch.testing.assert_close(forecast(tiny, given).samples, masked, rtol=0, atol=0)


def test_padding_by_hand_is_the_padding_done_inside(tiny):
    values = series(1, 2, 37)
    padded = torch.nn.functional.pad(values, (3, 0), value=123.0)
    observed = torch.arange(40) >= 3
    by_hand = forecast(tiny, padded, observed=observed.expand(1, 2, 40)).samples
    torch.testing.assert_close(forecast(tiny, values).samples, by_hand, rtol=0, atol=0)


def test_scaling_and_shifting_the_input_scales_and_shifts_the_forecast(tiny):
    """Up to the 0.1 that the scaler adds to a variance, which is nothing beside these."""
    values = series(1, 2, 40) * 1e6
    before = forecast(tiny, values).samples
    after = forecast(tiny, values * 1e3 + 5e9).samples
    torch.testing.assert_close(after, before * 1e3 + 5e9, rtol=1e-6, atol=1.0)


def test_a_gap_moves_with_the_level_where_missing_values_read_as_loc(make_tiny):
    """In published models a missing value reads as 0, which a series at level 5e9 takes for an outlier."""
    values = series(1, 2, 40) * 1e6
    values[0, 0, 30:33] = float("nan")
    for reading, equal in (("loc", True), ("zero", False)):
        toto = make_tiny(missing_values=reading)
        before, after = forecast(toto, values).samples, forecast(toto, values + 5e9).samples
        assert torch.allclose(after, before + 5e9, rtol=1e-9, atol=1.0) == equal


@pytest.mark.parametrize("stride", [8, 4])
def test_cached_equals_uncached_where_missing_values_read_as_loc(make_tiny, stride):
    toto, values = make_tiny(missing_values="loc", stride=stride), series(2, 2, 40) + 100
    values[0, 0, 33:] = float("nan")
    cached, uncached = (forecast(toto, values, 37, use_kv_cache=c).samples for c in (True, False))
    torch.testing.assert_close(cached, uncached, rtol=1e-9, atol=1e-9)


def test_the_context_runs_through_the_transformer_once_whatever_the_number_of_samples(make_tiny):
    toto = make_tiny(spacewise_every_n_layers=4)
    tokens = []
    layer = toto.model.transformer.layers[0]
    layer.register_forward_pre_hook(lambda _, args: tokens.append(len(args[0]) // 3))
    forecast(toto, series(1, 3, 64 * 8), 6 * 8, 256, samples_per_batch=256)
    assert sum(tokens) == 64 + 5 * 256  # per variate
    tokens.clear()
    forecast(toto, series(1, 3, 64 * 8), 8, 256, samples_per_batch=256)
    assert sum(tokens) == 64
    tokens.clear()
    forecast(toto, series(1, 3, 64 * 8), 6 * 8, 256, samples_per_batch=100)
    assert sum(tokens) == 64 + 5 * 256


def test_sample_paths_share_the_keys_and_values_of_the_context(tiny):
    from toto.inference import decoding
    from toto.inference.context import prepare_context

    context = prepare_context(MaskedTimeseries.from_array(series(1, 2, 40)), tiny.model)
    with torch.no_grad():
        state = decoding.begin(tiny.model, context)
        branched = state.fan_out(100, capacity=2)
    keys, _ = branched.cache.shared(0)
    assert keys.data_ptr() == state.cache.append(0, *[keys.new_empty(2, 4, 1, 0, 8)] * 2)[0].data_ptr()


def test_a_seed_repeats_the_paths_and_another_seed_changes_them(tiny):
    a, b, c = (forecast(tiny, series(1, 2, 40), seed=s).samples for s in (3, 3, 4))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_the_global_random_state_is_the_default_source(tiny):
    torch.manual_seed(5)
    a, b = (forecast(tiny, series(1, 2, 40), seed=None).samples for _ in range(2))
    torch.manual_seed(5)
    assert torch.equal(forecast(tiny, series(1, 2, 40), seed=None).samples, a)
    assert not torch.equal(a, b)


def test_a_generator_repeats_the_paths_and_leaves_the_global_state_alone(tiny):
    state = torch.get_rng_state()
    a, b = (
        forecast(tiny, series(1, 2, 40), seed=None, generator=torch.Generator().manual_seed(1)).samples
        for _ in range(2)
    )
    assert torch.equal(a, b)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_mean_path_uses_no_randomness(tiny):
    state = torch.get_rng_state()
    forecast(tiny, series(1, 2, 40), num_samples=None)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_is_off_while_forecasting_and_the_mode_comes_back(tiny):
    before = forecast(tiny, series(1, 2, 40)).samples
    tiny.train()
    tiny.model.transformer.layers[1].eval()
    assert torch.equal(forecast(tiny, series(1, 2, 40)).samples, before)
    assert tiny.model.training
    assert tiny.model.transformer.layers[0].training
    assert not tiny.model.transformer.layers[1].training


@pytest.mark.parametrize("length", [1, 3, 8, 9, 41])
@pytest.mark.parametrize("horizon", [1, 8, 9])
@pytest.mark.parametrize("stride", [8, 4])
def test_any_length_and_horizon_give_a_finite_forecast_of_that_shape(make_tiny, length, horizon, stride):
    result = forecast(make_tiny(stride=stride), series(2, length), horizon, 3)
    assert result.samples.shape == (1, 2, horizon, 3)
    assert result.samples.isfinite().all()


@pytest.mark.parametrize(("num_samples", "chunk"), [(1, 1), (7, 3), (3, 256), (4096, 1000)])
def test_any_number_of_samples_goes_with_any_chunk(tiny, num_samples, chunk):
    result = forecast(tiny, series(1, 1, 16), 10, num_samples, samples_per_batch=chunk)
    assert result.samples.shape == (1, 1, 10, num_samples)


def test_sampled_paths_have_the_mean_of_the_predicted_mixture(tiny):
    """20,000 draws of one patch: |z| of each of 16 means beyond 5 has probability 1e-5 in all."""
    values = series(1, 2, 40)
    paths = forecast(tiny, values, 8, 20_000, samples_per_batch=20_000).samples
    exact = forecast(tiny, values, 8, None).mean
    z = (paths.mean(-1) - exact) / (paths.std(-1) / 20_000**0.5)
    assert z.abs().max() < 5


def test_known_future_covariates_come_back_and_steer_the_targets(make_tiny):
    toto = make_tiny()
    toto.model.enable_variate_labels()
    toto.double()
    values, future = series(1, 4, 40), series(1, 2, 20, seed=3)
    with_future = forecast(toto, values, exogenous=2, future_exogenous_variables=future)
    torch.testing.assert_close(with_future.samples[:, 2:], future[..., None].expand(-1, -1, -1, 6))
    changed = future.clone()
    changed[..., 3] += 10
    other = forecast(toto, values, exogenous=2, future_exogenous_variables=changed)
    torch.testing.assert_close(other.samples[:, :2, :8], with_future.samples[:, :2, :8])  # not seen yet
    assert not torch.allclose(other.samples[:, :2, 8:], with_future.samples[:, :2, 8:])


def test_covariates_beyond_the_horizon_change_nothing(make_tiny):
    toto = make_tiny()
    values, future = series(1, 3, 40), series(1, 1, 30, seed=3)
    before = forecast(toto, values, exogenous=1, future_exogenous_variables=future).samples
    future[..., 20:] = 1e6
    torch.testing.assert_close(
        forecast(toto, values, exogenous=1, future_exogenous_variables=future).samples, before
    )


def test_covariates_without_future_values_are_forecast_themselves(tiny):
    assert forecast(tiny, series(1, 3, 40), exogenous=1).samples.shape == (1, 3, 20, 6)


def test_a_variate_without_any_real_value_has_a_forecast_and_one_warning(tiny):
    values = series(1, 2, 40)
    values[0, 1] = float("nan")
    with pytest.warns(UserWarning, match="1 of 2 variates hold no real value .*batch 0, variate 1") as caught:
        result = forecast(tiny, values)
    assert len(caught) == 1
    assert result.samples.isfinite().all()


def test_missing_values_that_were_not_masked_are_logged_with_their_number(tiny, caplog):
    values = series(1, 2, 40)
    values[0, 1, 3:6] = float("nan")
    inputs = MaskedTimeseries.from_array(values)._replace(padding_mask=torch.ones(1, 2, 40, dtype=torch.bool))
    with caplog.at_level("INFO", logger="toto"):
        TotoForecaster(tiny).forecast(inputs, 4)
    assert "3 NaN or infinite values are treated as missing" in caplog.text


def test_progress_counts_the_patches_of_all_paths(tiny):
    calls = []
    forecast(
        tiny,
        series(2, 1, 16),
        20,
        5,
        samples_per_batch=2,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(done, 30) for done in (4, 8, 12, 16, 20, 24, 26, 28, 30)]  # 3 patches, twice each


@pytest.mark.parametrize("mask_dtype", [torch.bool, torch.float32, torch.int64])
@pytest.mark.parametrize("id_dtype", [torch.float32, torch.int32, torch.int64])
@pytest.mark.parametrize("full_length", [True, False])
def test_whatever_dtypes_callers_pass_are_accepted(tiny, mask_dtype, id_dtype, full_length):
    values = series(2, 3, 40).float()
    inputs = MaskedTimeseries(
        values,
        torch.ones(2, 3, 40, dtype=mask_dtype),
        torch.zeros(2, 3, 40 if full_length else 1, dtype=id_dtype),
        torch.zeros(2, 3, 40, dtype=torch.int32),
        torch.ones(3),
    )
    assert TotoForecaster(tiny.float()).forecast(inputs, 5, 2, seed=0).samples.dtype is torch.float32


def test_attention_gets_one_dtype_under_autocast(tiny, monkeypatch):
    seen = set()

    def spy(kernel):
        def attend(*tensors, **options):
            seen.add(tuple(t.dtype for t in tensors if isinstance(t, torch.Tensor)))
            return kernel(*tensors, **options)

        return attend

    for name in ("attention", "branched_attention"):
        monkeypatch.setattr(kernels, name, spy(getattr(kernels, name)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        forecast(tiny.float(), series(2, 3, 40).float())
    assert seen == {(torch.bfloat16,) * 3, (torch.bfloat16,) * 5}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32, torch.float32, torch.float64])
def test_series_of_any_dtype_are_forecast_in_float32_or_better(tiny, dtype):
    values = (series(1, 2, 40) * 10).to(dtype)
    samples = forecast(tiny.float(), values).samples
    assert samples.dtype is (torch.float64 if dtype in (torch.float64, torch.int32) else torch.float32)


def test_forecasts_run_under_autocast_inference_mode_and_deterministic_algorithms(tiny):
    toto, values = tiny.float(), series(2, 3, 40).float()
    plain = forecast(toto, values).samples
    with torch.inference_mode():
        assert torch.equal(forecast(toto, values).samples, plain)
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(forecast(toto, values).samples, plain)
    finally:
        torch.use_deterministic_algorithms(False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = forecast(toto, values, num_samples=None).mean
    exact = forecast(toto, values, num_samples=None).mean
    assert rough.dtype is torch.float32
    assert (rough - exact).abs().max() < 0.1 * values.std()


def test_generate_mean_and_generate_samples_take_separate_tensors(tiny):
    forecaster, values = TotoForecaster(tiny), series(2, 3, 40)
    stamps, intervals = torch.zeros(2, 3, 40), torch.ones(2, 3)
    mean = forecaster.generate_mean(values, 12, timestamp_seconds=stamps, time_interval_seconds=intervals)
    torch.testing.assert_close(mean, forecast(tiny, values, 12, None).mean)
    torch.manual_seed(0)
    samples = forecaster.generate_samples(
        values, 12, 4, stamps, intervals, torch.ones(2, 3, 40), torch.zeros(2, 3, 40), sampling_batch_size=3
    )
    assert samples.shape == (2, 3, 12, 4)


def test_an_assigned_backbone_and_a_context_beyond_the_trained_one_work(tiny):
    values = series(1, 1, 9000)
    before = forecast(tiny, values, 4).samples
    assert torch.equal(forecast(torch.compile(tiny, backend="eager"), values, 4).samples, before)
    tiny.model = torch.compile(tiny.model, backend="eager")  # what it wraps is what runs
    assert torch.equal(forecast(tiny, values, 4).samples, before)


def test_a_forecaster_takes_the_model_or_its_backbone(tiny):
    assert TotoForecaster(tiny).model is TotoForecaster(tiny.model).model


@pytest.mark.parametrize("horizon", [0, -3, True])
def test_a_horizon_below_one_step_is_an_error(tiny, horizon):
    with pytest.raises(
        InputError, match=f"prediction_length must be a whole number of at least 1, got {horizon}"
    ):
        forecast(tiny, series(1, 2, 40), horizon)


def test_sample_counts_below_one_are_errors(tiny):
    with pytest.raises(InputError, match="num_samples must be a whole number of at least 1, got 0"):
        forecast(tiny, series(1, 2, 40), num_samples=0, seed=1)
    with pytest.raises(InputError, match="num_samples must be a whole number of at least 1, got tensor"):
        forecast(tiny, series(1, 2, 40), num_samples=torch.tensor(2.5))
    with pytest.raises(InputError, match=r'samples_per_batch must be "auto" or a whole number .* got -1'):
        forecast(tiny, series(1, 2, 40), samples_per_batch=-1)


def test_counts_and_seeds_may_be_numbers_of_numpy(tiny):
    plain = forecast(tiny, series(1, 2, 40), 12, 5, seed=3).samples
    counted = forecast(tiny, series(1, 2, 40), np.int64(12), np.int32(5), seed=np.int64(3)).samples
    assert torch.equal(counted, plain)


def test_seed_and_generator_exclude_each_other(tiny):
    with pytest.raises(InputError, match="seed or generator, not both"):
        forecast(tiny, series(1, 2, 40), seed=1, generator=torch.Generator())
    with pytest.raises(InputError, match="seed must be a whole number from 0 to 2\\^63 - 1, got -1"):
        forecast(tiny, series(1, 2, 40), seed=-1)


def test_arrays_and_names_in_place_of_series_and_models_are_errors_that_say_what_to_do(tiny):
    for inputs in (
        np.zeros((2, 40)),
        "series.csv",
        None,
        MaskedTimeseries.from_array(series(1, 2, 40))._replace(padding_mask=None),
    ):
        with pytest.raises(
            InputError, match=r"inputs must be a MaskedTimeseries of tensors, got .*from_array"
        ):
            TotoForecaster(tiny).forecast(inputs, 4)
    with pytest.raises(
        InputError, match=r"got ndarray of shape \(40,\): .*from_array\(values\), or pass a list"
    ):
        TotoForecaster(tiny).forecast(np.zeros(40), 4)
    frame = SimpleNamespace(columns=["a"], shape=(40, 1))
    with pytest.raises(InputError, match=r"\(40, 1\): .*from_array\(frame\[columns\].to_numpy\(\).T\)"):
        TotoForecaster(tiny).forecast(frame, 4)
    for model in ("toto-nano", torch.nn.Linear(1, 1)):
        with pytest.raises(InputError, match=r"model must be a Toto or its backbone, got .*: load one with"):
            TotoForecaster(model)


def test_series_masks_and_ids_of_wrong_shape_are_errors(tiny):
    forecaster, good = TotoForecaster(tiny), MaskedTimeseries.from_array(series(2, 3, 40))
    with pytest.raises(
        InputError, match=r"padding_mask must have the shape of series \(2, 3, 40\), got \(2, 3, 39\)"
    ):
        forecaster.forecast(good._replace(padding_mask=torch.ones(2, 3, 39)), 4)
    with pytest.raises(InputError, match=r"id_mask must have the shape of series .* got \(2, 2, 40\)"):
        forecaster.forecast(good._replace(id_mask=torch.zeros(2, 2, 40)), 4)
    with pytest.raises(InputError, match=r"series must be \[variates, time\] .* got shape \(40,\)"):
        forecaster.forecast(good._replace(series=torch.ones(40)), 4)
    with pytest.raises(InputError, match=r"at least one step of one variate, got shape \(2, 3, 0\)"):
        forecaster.forecast(good._replace(series=torch.ones(2, 3, 0)), 4)


def test_groups_that_change_inside_a_patch_are_an_error(tiny):
    good = MaskedTimeseries.from_array(series(1, 2, 40))
    ids = torch.zeros(1, 2, 40)
    ids[0, 1, 20:] = 1
    with pytest.raises(InputError, match="two ids in patch 2 of variate 1, batch 0"):
        TotoForecaster(tiny).forecast(good._replace(id_mask=ids), 4)
    ids[0, 1, 16:] = 1  # at a patch boundary it is fine
    assert TotoForecaster(tiny).forecast(good._replace(id_mask=ids), 4).mean.shape == (1, 2, 4)


def test_covariates_that_do_not_fit_are_errors(tiny):
    values, future = series(1, 3, 40), series(1, 1, 20)
    with pytest.raises(
        InputError, match=r"num_exogenous_variables must leave at least one of 3 variates .* got 3"
    ):
        forecast(tiny, values, exogenous=3)
    with pytest.raises(InputError, match="needs inputs with num_exogenous_variables above 0"):
        forecast(tiny, values, future_exogenous_variables=future)
    with pytest.raises(InputError, match=r"\(1, 1, 20\), or reach beyond the horizon, got \(1, 1, 19\)"):
        forecast(tiny, values, exogenous=1, future_exogenous_variables=future[..., :19])
    with pytest.raises(InputError, match="must be known at every step"):
        forecast(tiny, values, exogenous=1, future_exogenous_variables=future / 0)


def test_a_warmup_makes_what_is_made_once_and_says_how_long_it_took(make_tiny):
    toto = make_tiny(dropout=0.0).float()
    forecaster = TotoForecaster(toto)
    assert forecaster.warmup() > 0
    assert forecaster.warmup(20, 3, 2, None) > 0
    with pytest.raises(InputError, match="num_variates must be a whole number of at least 1, got 0"):
        forecaster.warmup(num_variates=0)
    with pytest.raises(InputError, match="context_length must be a whole number of at least 1, got -1"):
        forecaster.warmup(-1)
