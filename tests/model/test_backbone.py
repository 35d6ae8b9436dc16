"""Teacher-forced passes: causality, masks, groups, the cache, labels."""

import pytest
import torch

from toto import InputError
from toto.model.groups import visible_variates


def inputs(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).cumsum(-1)


def run(toto, series, mask=None, ids=None, **options):
    mask = torch.ones_like(series, dtype=torch.bool) if mask is None else mask
    ids = torch.zeros_like(series) if ids is None else ids
    with torch.no_grad():
        return toto.model(series, mask, ids, **options)


def in_units(out) -> torch.Tensor:
    return out.loc + out.scale * out.distribution.mean


@pytest.mark.parametrize("scaler", ["CausalPatchStdMeanScaler", "CausalStdMeanScaler"])
@pytest.mark.parametrize("stride", [8, 4])
def test_no_step_sees_its_future(make_tiny, scaler, stride):
    toto, series = make_tiny(scaler_cls=scaler, stride=stride), inputs(1, 2, 48)
    before = in_units(run(toto, series, scaling_prefix_length=24)).unflatten(-1, (-1, 8))
    series[..., 24:] = inputs(1, 2, 24, seed=7) * 100
    after = in_units(run(toto, series, scaling_prefix_length=24)).unflatten(-1, (-1, 8))
    known = toto.model.patch_embed.num_patches(24)
    torch.testing.assert_close(after[:, :, :known], before[:, :, :known], rtol=0, atol=0)
    assert not torch.allclose(after[:, :, known:], before[:, :, known:])


def test_values_under_the_mask_change_nothing(tiny):
    series, mask = inputs(2, 3, 40), torch.ones(2, 3, 40, dtype=torch.bool)
    mask[:, 1, 5:20] = False
    before = in_units(run(tiny, series, mask))
    for hidden in (1e9, float("nan"), float("inf")):
        after = in_units(run(tiny, torch.where(mask, series, hidden), mask))
        assert torch.equal(after, before)


def test_masked_steps_have_no_gradient(tiny):
    series, mask = inputs(1, 2, 24).requires_grad_(), torch.ones(1, 2, 24, dtype=torch.bool)
    mask[0, 1, 5:9] = False
    in_units(tiny.model(series, mask, torch.zeros(1, 2, 24))).sum().backward()
    assert (series.grad[0, 1, 5:9] == 0).all()
    assert (series.grad[0, 0] != 0).any()


def test_groups_do_not_mix_and_may_differ_between_patches(tiny):
    series, ids = inputs(1, 3, 32), torch.zeros(1, 3, 32)
    ids[:, 2] = 1
    ids[:, 1, 16:] = 1  # the second variate changes sides
    before = in_units(run(tiny, series, ids=ids)).unflatten(-1, (-1, 8))
    series[:, 2] = inputs(1, 32, seed=3)
    after = in_units(run(tiny, series, ids=ids)).unflatten(-1, (-1, 8))
    assert torch.equal(after[:, 0], before[:, 0])
    assert torch.equal(after[:, 1, :2], before[:, 1, :2])
    assert not torch.allclose(after[:, 1, 2:], before[:, 1, 2:])


def test_ids_and_masks_of_one_row_serve_all_variates(tiny):
    series = inputs(2, 3, 16)
    full = run(tiny, series)
    row = run(tiny, series, torch.ones(2, 1, 16, dtype=torch.bool), torch.zeros(2, 1, 1))
    assert torch.equal(in_units(full), in_units(row))


def test_a_cache_gives_the_rest_of_one_pass(tiny):
    series = inputs(2, 3, 48)
    whole = run(tiny, series, scaling_prefix_length=24)
    cache = tiny.model.allocate_kv_cache(2, 3, 48, torch.device("cpu"), torch.float64)
    first = run(tiny, series[..., :24], kv_cache=cache)
    rest = run(tiny, series, kv_cache=cache, scaling_prefix_length=24)
    pieces = torch.cat([in_units(first), in_units(rest)], dim=-1)
    torch.testing.assert_close(pieces, in_units(whole), rtol=1e-9, atol=1e-9)
    assert cache.length == 6


def test_a_cache_and_labels_work_together(tiny):
    tiny.model.enable_variate_labels()
    series = inputs(1, 3, 24)
    whole = run(tiny, series, num_exogenous_variables=1, scaling_prefix_length=8)
    cache = tiny.model.allocate_kv_cache(1, 3, 24)
    first = run(tiny, series[..., :8], kv_cache=cache, num_exogenous_variables=1)
    rest = run(tiny, series, kv_cache=cache, num_exogenous_variables=1, scaling_prefix_length=8)
    pieces = torch.cat([in_units(first), in_units(rest)], dim=-1)
    torch.testing.assert_close(pieces, in_units(whole), rtol=1e-9, atol=1e-9)


def test_labels_tell_covariates_from_targets(tiny):
    series = inputs(1, 3, 24)
    without = in_units(run(tiny, series, num_exogenous_variables=1))
    assert torch.equal(without, in_units(run(tiny, series)))
    tiny.model.enable_variate_labels()
    with_labels = in_units(run(tiny, series, num_exogenous_variables=1))
    assert with_labels.shape == without.shape
    assert not torch.allclose(with_labels, in_units(run(tiny, series)))
    assert tiny.model.num_prepended_tokens == 1


def test_only_the_length_of_a_label_is_ignored(tiny):
    tiny.model.enable_variate_labels()
    before = in_units(run(tiny, inputs(1, 2, 16)))
    with torch.no_grad():
        tiny.model.target_variate_label.mul_(17.0)
    torch.testing.assert_close(in_units(run(tiny, inputs(1, 2, 16))), before)


def test_the_model_is_differentiable(tiny):
    out = tiny.model(inputs(1, 2, 16), torch.ones(1, 2, 16, dtype=torch.bool), torch.zeros(1, 2, 16))
    out.distribution.log_prob(torch.zeros(1, 2, 16, dtype=torch.float64)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in tiny.parameters())


def test_fewer_steps_of_a_patch_are_the_first_steps_of_all(tiny):
    hidden = torch.randn(2, 32, dtype=torch.float64)
    some, all_steps = tiny.model.predict(hidden, 3), tiny.model.predict(hidden)
    assert some.batch_shape == (2, 3)
    torch.testing.assert_close(some.mean, all_steps.mean[:, :3])


@pytest.mark.parametrize("kind", ["MixtureOfStudentTsOutput", "StudentTOutput"])
def test_heads_folded_for_many_tokens_are_those_of_a_few(make_tiny, kind):
    model = make_tiny(output_distribution_classes=[kind]).model
    hidden = torch.randn(40, 32, dtype=torch.float64)  # more tokens than outputs of the heads: folded
    together = model.predict(hidden, 5)
    for i in range(40):
        alone = model.predict(hidden[i : i + 1], 5)
        for name in ("df", "loc", "scale"):
            torch.testing.assert_close(getattr(together, name)[i], getattr(alone, name)[0])


def test_gradients_flow_through_folded_heads(tiny):
    hidden, weight = torch.randn(40, 32, dtype=torch.float64), tiny.model.unembed.weight
    together = torch.autograd.grad(tiny.model.predict(hidden).mean.sum(), weight)[0]
    one_by_one = sum(torch.autograd.grad(tiny.model.predict(h[None]).mean.sum(), weight)[0] for h in hidden)
    torch.testing.assert_close(together, one_by_one)


def test_attributes_that_published_code_reads_are_there(tiny):
    model = tiny.model
    assert (model.patch_embed.patch_size, model.patch_embed.stride) == (8, 8)
    assert (model.embed_dim, model.num_layers, model.num_prepended_tokens) == (32, 4, 0)
    assert model.transformer.layers[0].attention.wQKV.weight.shape == (96, 32)
    assert model.unembed.weight.shape == (256, 32)
    assert model.scaler.patch_size == 8
    assert tiny.device == model.device == torch.device("cpu")
    assert [name for name, _ in tiny.named_children()] == ["model"]


def test_visible_variates_is_none_where_all_see_each_other():
    assert visible_variates(torch.zeros(2, 1, 4)) is None
    assert visible_variates(torch.tensor([[[1, 2], [1, 2]]])) is None
    allowed = visible_variates(torch.tensor([[[1, 2], [1, 3]]]))
    assert allowed.tolist() == [[[[True, True], [True, True]], [[True, False], [False, True]]]]


def test_lengths_that_are_not_whole_patches_are_errors(tiny):
    for length in (0, 7, 20):
        with pytest.raises(InputError, match=f"at least 8 steps and a multiple of 8, got {length}"):
            run(tiny, inputs(1, 2, length))


def test_more_covariates_than_variates_are_an_error(tiny):
    with pytest.raises(
        InputError, match=r"num_exogenous_variables must be from 0 to the 2 variates .* got 3"
    ):
        run(tiny, inputs(1, 2, 16), num_exogenous_variables=3)


def test_a_cache_that_already_holds_the_series_is_an_error(tiny):
    cache = tiny.model.allocate_kv_cache(1, 2, 32)
    run(tiny, inputs(1, 2, 16), kv_cache=cache)
    with pytest.raises(InputError, match="inputs must go on after the 2 patches in the cache, got 2"):
        run(tiny, inputs(1, 2, 16), kv_cache=cache)


def test_group_ids_that_change_inside_a_patch_are_an_error(tiny):
    ids = torch.zeros(1, 2, 16)
    ids[0, 1, 3:] = 5
    with pytest.raises(
        InputError, match="constant within a patch of 8 steps, got two ids in patch 0 of variate 1"
    ):
        run(tiny, inputs(1, 2, 16), ids=ids)
