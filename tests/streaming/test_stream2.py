"""Streams of the second generation give what the model gives anew, however the steps arrive."""

import numpy as np
import pytest
import torch
from stream_reference import walks

from toto import CheckpointError, InputError, MaskedTimeseries, Toto2Forecaster, TotoPipeline
from toto.inference.quantile_distribution import QuantileDistribution
from toto.model2.cache import Past
from toto.model2.scaler import causal_scale, moments_by_patch
from toto.model2.toto2 import LEVELS
from toto.model2.visibility import Visible, groups_by_patch
from toto.streaming.group import StreamGroup
from toto.streaming.stream import Stream

AHEAD = [False, True]
SHAPES = [
    {},
    {"use_xpos": False, "variate_layer_first": True, "num_groups": 2, "qk_dim": 12, "v_dim": 16},
    {"num_variate_layers_per_group": 0},
    {"num_variate_layers_per_group": 2},
]


@torch.no_grad()
def fresh_pass(model, values: np.ndarray, start: int, group_ids=None) -> np.ndarray:
    """Log densities [variates, steps] of the steps after the first patch, by the newest patch before each."""
    size = model.config.patch_size
    pad = ((0, 0), (max(0, -start), size))
    steps = torch.from_numpy(np.pad(values[:, max(0, start) :], pad, constant_values=np.nan))
    length = (steps.shape[1] - size) // size * size
    target = steps[None, :, :length]
    ids = torch.zeros(len(values)) if group_ids is None else torch.as_tensor(group_ids)
    out = model(target, ~target.isnan(), torch.ones_like(target, dtype=torch.bool), ids[None])
    loc, scale = (t.unflatten(-1, (-1, size)) for t in (out.loc, out.scale))
    in_units = (out.quantiles[..., :size].sinh() * scale + loc).sort(0).values.movedim(0, -1)
    after = steps[None, :, size : size + length]
    found = QuantileDistribution(in_units.flatten(2, 3)[:, :, : after.shape[2]], LEVELS).log_prob(after)
    return found[0, :, : values.shape[1] - start - size].numpy()


def in_pieces(stream: Stream, values: np.ndarray, seed: int = 1, longest: int = 30) -> np.ndarray:
    rng, done, found = np.random.default_rng(seed), 0, []
    while done < values.shape[1]:
        step = int(rng.integers(1, longest))
        found.append(stream.append(values[:, done : done + step]).log_prob[0].numpy())
        done += step
    return np.concatenate(found, axis=1)


def assert_scores(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal where a value is there; `expected` ends with the same step."""
    expected = np.where(np.isnan(found), np.nan, expected[:, -found.shape[1] :])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("changes", SHAPES, ids=str)
def test_scores_are_those_of_one_pass_however_the_steps_arrive(make_tiny2, changes):
    model, values = make_tiny2(**changes), walks(3, 150)
    found = in_pieces(Stream(model, values[:, :37]), values[:, 37:])
    assert_scores(found, fresh_pass(model, values, start=37 - 40))
    assert np.array_equal(np.isnan(found), np.isnan(values[:, 37:]))


def test_patches_without_any_value_are_unseen_as_in_one_pass(tiny2):
    values = walks(2, 120)
    values[:, 16:24] = values[0, 50:90] = np.nan
    found = in_pieces(Stream(tiny2, values[:, :40]), values[:, 40:])
    assert_scores(found, fresh_pass(tiny2, values, start=0))


def test_scores_are_those_of_a_history_that_is_scored(tiny2):
    values = walks(1, 120, missing=0)
    scores = TotoPipeline(tiny2).score(values[0])[0]
    found = Stream(tiny2, values[:, :8]).append(values[:, 8:])
    np.testing.assert_allclose(found.log_prob[0], scores.log_prob[0, :, 8:], rtol=1e-6)


def test_variates_of_a_group_see_each_other_and_no_others(tiny2):
    values, ids = walks(3, 100), np.array([4, 7, 4])
    stream = Stream(tiny2, MaskedTimeseries.from_array(values[:, :40], group_ids=ids))
    assert_scores(in_pieces(stream, values[:, 40:]), fresh_pass(tiny2, values, start=0, group_ids=ids))


@pytest.mark.parametrize("longest", [6, 100])
def test_beyond_max_context_the_older_half_is_dropped(tiny2, longest):
    values = walks(2, 200)
    found = in_pieces(Stream(tiny2, values[:, :16], max_context=50), values[:, 16:], longest=longest)
    start, scored = 0, 16
    while scored < 200:
        end = min(start + 48 + 8, 200)  # the patch without room is still predicted by those before it
        assert_scores(found[:, scored - 16 : end - 16], fresh_pass(tiny2, values[:, :end], start))
        start, scored = end - 24, end


@pytest.mark.parametrize("gap", [False, True])
def test_one_step_ahead_predicts_from_a_patch_that_ends_right_before(make_tiny2, gap):
    """With a lone variate in time layers alone, against a pass over the patches and the overlapping one."""
    model, values = make_tiny2(num_variate_layers_per_group=0), walks(1, 60)
    if gap:
        values[:, 24:32] = np.nan
    stream = Stream(model, values[:, :40], one_step_ahead=True)
    scores = [stream.append(values[:, first : first + 5]) for first in range(40, 60, 5)]
    found = torch.cat([s.log_prob for s in scores], -1)[0].numpy()
    for step in range(40, 60):
        end = step // 8 * 8
        assert_scores(found[:, step - 40 : step - 39], peeked(model, values, end, step))
    assert all(bool((s.steps_ahead == 1).all()) for s in scores)


@torch.no_grad()
def peeked(model, values: np.ndarray, end: int, step: int) -> np.ndarray:
    """By the patches up to `end` and, if they end before the step, one more up to it."""
    series = torch.from_numpy(values[None, :, :step])
    parts = [series[..., :end].unflatten(-1, (-1, 8))] + ([series[..., None, -8:]] if step > end else [])
    patches = torch.cat(parts, 2)
    known = ~patches.isnan()
    until = [*range(8, end + 1, 8)] + ([step] if step > end else [])
    one_by_one = series[..., None]
    moments = moments_by_patch(one_by_one.nan_to_num(0.0), ~one_by_one.isnan())
    scale = causal_scale(type(moments)(*(m[..., torch.tensor(until) - 1] for m in moments)))
    tokens = model.embed(patches.nan_to_num(0.0), known, scale)
    groups = groups_by_patch(torch.zeros(1, len(values), dtype=torch.long), ~known.any(-1))
    hidden, _ = model.transformer(tokens, Visible.of(groups, tokens.shape[2]), Past(), 0, 1)
    in_units = scale.of(slice(-1, None)).in_units(model.knots(hidden)[..., :1])[..., 0, :]
    distribution = QuantileDistribution(in_units.sort(0).values.movedim(0, -1), LEVELS)
    return distribution.log_prob(torch.from_numpy(values[None, :, step : step + 1]))[0].numpy()


@pytest.mark.parametrize(("one_step_ahead", "max_context"), [(True, 40), (False, 4096)])
def test_each_stream_is_as_if_it_were_alone(tiny2, one_step_ahead, max_context):
    """Histories of other lengths, appends of other lengths and to other streams at every call."""
    options = {"one_step_ahead": one_step_ahead, "max_context": max_context}
    values = {key: walks(2, 140, seed) for seed, key in enumerate("abcd")}
    values["a"][:, 20:36] = np.nan
    lengths = dict(zip("abcd", (16, 16, 3, 60), strict=True))
    group = StreamGroup(tiny2, **options)
    group.add({key: values[key][:, :length] for key, length in lengths.items()})
    alone = {key: Stream(tiny2, values[key][:, :length], **options) for key, length in lengths.items()}
    rng = np.random.default_rng(0)
    for _ in range(6):
        keys = rng.permutation(list("abcd"))[: rng.integers(1, 5)]
        steps = {}
        for key in keys:
            more = int(rng.integers(1, 12))
            steps[key] = values[key][:, lengths[key] : lengths[key] + more]
            lengths[key] += more
        scores = group.append(steps)
        for row, key in enumerate(keys):
            expected = alone[key].append(steps[key])
            num_steps = expected.log_prob.shape[-1]
            found = scores.log_prob[row, :, :num_steps]
            np.testing.assert_allclose(found, expected.log_prob[0], rtol=1e-8, atol=1e-8)
            assert scores.steps_ahead[row, :num_steps].tolist() == expected.steps_ahead[0].tolist()


@pytest.mark.parametrize("one_step_ahead", AHEAD)
def test_what_is_predicted_does_not_depend_on_the_step_or_later_ones(tiny2, one_step_ahead):
    values = walks(2, 70, missing=0)
    changed = values.copy()
    changed[:, 55:] += 1e3
    first, second = (
        Stream(tiny2, v[:, :40], one_step_ahead=one_step_ahead).append(v[:, 40:]) for v in (values, changed)
    )
    for one, other in zip(first.interval(0.8), second.interval(0.8), strict=True):
        torch.testing.assert_close(one[..., :16], other[..., :16])
    torch.testing.assert_close(first.log_prob[..., :15], second.log_prob[..., :15])


def test_scores_agree_with_the_quantiles_that_were_predicted(tiny2):
    scores = Stream(tiny2, walks(2, 40)).append([[50.0, np.nan, 60.0], [1.0, 2.0, 3.0]])
    lower, upper = scores.lower_tail, scores.upper_tail
    torch.testing.assert_close((lower + upper).nan_to_num(1.0), torch.ones_like(lower))
    low, high = scores.interval(0.8)
    torch.testing.assert_close(scores.distribution.quantile([0.1, 0.9]), torch.stack([low, high]))
    assert scores.log_prob.isnan().tolist() == [[[False, True, False], [False] * 3]]
    with pytest.raises(InputError, match=r"coverage must be a probability from 0 to 1, got 1\.1"):
        scores.interval(1.1)


def test_a_forecast_is_that_of_the_newest_steps(tiny2):
    values = walks(2, 90)
    stream = Stream(tiny2, values[:, :40], max_context=64)
    in_pieces(stream, values[:, 40:])
    plain = Toto2Forecaster(tiny2).forecast(MaskedTimeseries.from_array(values[:, -64:]), 20)
    assert torch.equal(stream.forecast(20).quantiles, plain.quantiles)
    with pytest.raises(InputError, match="num_samples must be None for a model of quantiles, got 4"):
        stream.forecast(20, 4)


@pytest.mark.parametrize("max_context", [48, 4096])
def test_a_saved_stream_goes_on_where_it_was(tiny2, tiny, tmp_path, max_context):
    values = walks(2, 150)
    values[0, 60:80] = np.nan
    stream = Stream(tiny2, values[:, :40], np.arange(40) * 5.0, max_context=max_context)
    in_pieces(stream, values[:, 40:100])
    stream.save(tmp_path / "state")
    again = Stream.load(tmp_path / "state", tiny2)
    first, second = (s.append(values[:, 100:], np.arange(100, 150) * 5.0) for s in (stream, again))
    torch.testing.assert_close(first.log_prob, second.log_prob, equal_nan=True)
    other = Stream.load(tmp_path / "state", tiny)  # of the other generation, whose patches are as long
    assert other.append(values[:, 100:], np.arange(100, 150) * 5.0).log_prob.shape == (1, 2, 50)


def test_rows_of_the_cache_do_not_grow_beyond_the_context(tiny2):
    group = StreamGroup(tiny2, max_context=32)
    group.add({number: [float(number)] for number in range(50)})
    for step in range(3):
        group.append({number: [step] * 20 for number in range(50)})
    cache = group._engine.encoder._cache
    assert {keys.shape[0] for keys, _ in cache.layers.values()} == {50}
    assert {keys.shape[2] for keys, _ in cache.layers.values()} == {4}


def test_the_pipeline_streams_models_of_quantiles(tiny2, tmp_path):
    pd = pytest.importorskip("pandas")
    values = walks(2, 120)
    times = pd.date_range("2026-01-01", periods=120, freq="min")
    frame = pd.DataFrame({"time": times, "a": values[0], "b": values[1]})
    pipe = TotoPipeline(tiny2)
    stream = pipe.stream(frame[:80], context=64)
    shown = stream.append(frame[80:]).to_frame()
    assert list(shown.columns[:4]) == ["time", "variate", "value", "steps_ahead"]
    assert len(shown) == 80
    expected = pipe.forecast(frame, 20, context=64)
    found = stream.forecast(20)
    np.testing.assert_array_equal(found.quantile(LEVELS), expected.quantile(LEVELS))
    stream.save(tmp_path / "host.stream")
    loaded = pipe.load_stream(tmp_path / "host.stream").forecast(20)
    np.testing.assert_array_equal(loaded.quantile(LEVELS), expected.quantile(LEVELS))
    with pytest.raises(CheckpointError, match="no such file of streams"):
        pipe.load_stream(tmp_path / "absent")


def test_covariates_are_seen_and_have_no_scores(tiny2):
    values = walks(3, 60)
    history = MaskedTimeseries.from_array(values[:, :40], num_exogenous_variables=1)
    stream = Stream(tiny2, history)
    found = stream.append(values[:, 40:]).log_prob[0].numpy()
    assert_scores(found, fresh_pass(tiny2, values, start=0)[:2])
    forecast = stream.forecast(8, future_exogenous_variables=[np.arange(8.0)[None]])
    np.testing.assert_array_equal(forecast.quantile(0.5)[0, 2], np.arange(8.0))


def test_layers_in_half_precision_score_alike(tiny2):
    values = walks(2, 60, missing=0)
    expected = Stream(tiny2, values[:, :40]).append(values[:, 40:]).interval(0.8)
    half = Stream(tiny2.set_precision("bfloat16"), values[:, :40], one_step_ahead=True)
    exact = Stream(tiny2, values[:, :40]).append(values[:, 40:]).interval(0.8)
    assert half.append(values[:, 40:]).log_prob.dtype is torch.float64
    for low_or_high, other in zip(exact, expected, strict=True):
        assert float((low_or_high - other).abs().max() / other.abs().max()) < 0.1
