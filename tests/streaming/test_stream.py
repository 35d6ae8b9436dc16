"""A stream gives what the model gives anew, whatever the pieces that its steps arrive in."""

import numpy as np
import pytest
import torch
from stream_reference import log_prob, walks

from toto import CheckpointError, InputError, MaskedTimeseries, Toto, TotoForecaster
from toto.streaming.stream import Stream

SCALERS = ["CausalPatchStdMeanScaler", "CausalStdMeanScaler", "StdMeanScaler"]


def append_in_pieces(stream: Stream, values: np.ndarray, seed: int = 1, longest: int = 30) -> np.ndarray:
    """The log densities of all steps."""
    rng, done, found = np.random.default_rng(seed), 0, []
    while done < values.shape[1]:
        step = int(rng.integers(1, longest))
        found.append(stream.append(values[:, done : done + step]).log_prob[0].numpy())
        done += step
    return np.concatenate(found, axis=1)


def assert_scores(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-8) -> None:
    """Equal where a value is there; `expected` ends with the same step."""
    expected = np.where(np.isnan(found), np.nan, expected[:, -found.shape[1] :])
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("stride", [8, 4])
def test_scores_are_those_of_one_pass_however_the_steps_arrive(make_tiny, scaler, stride):
    toto, values = make_tiny(scaler_cls=scaler, stride=stride), walks(3, 150)
    found = append_in_pieces(Stream(toto, values[:, :37]), values[:, 37:])
    assert_scores(found, log_prob(toto, values, start=37 - 40, anchored=37))
    assert np.array_equal(np.isnan(found), np.isnan(values[:, 37:]))


@pytest.mark.parametrize("missing_values", ["zero", "loc"])
def test_long_gaps_are_missing_steps(make_tiny, missing_values):
    toto, values = make_tiny(missing_values=missing_values), walks(2, 120)
    values[:, 50:90] = np.nan
    found = append_in_pieces(Stream(toto, values[:, :40]), values[:, 40:])
    assert_scores(found, log_prob(toto, values, start=0, anchored=40))


def test_variates_of_a_group_see_each_other_and_no_others(tiny):
    values, ids = walks(3, 100), np.array([4, 7, 4])
    stream = Stream(tiny, MaskedTimeseries.from_array(values[:, :40], group_ids=ids))
    found = append_in_pieces(stream, values[:, 40:])
    assert_scores(found, log_prob(tiny, values, start=0, anchored=40, group_ids=ids))


def test_covariates_are_seen_and_have_no_scores(make_tiny):
    toto, values = make_tiny(), walks(3, 100)
    toto.model.enable_variate_labels()
    toto = toto.double()
    history = MaskedTimeseries.from_array(values[:, :40], num_exogenous_variables=1)
    found = append_in_pieces(Stream(toto, history), values[:, 40:])
    assert_scores(found, log_prob(toto, values, start=0, anchored=40, num_exogenous=1)[:2])


def test_a_history_shorter_than_a_patch_is_padded_on_the_left(tiny):
    values = walks(1, 60, missing=0)
    found = append_in_pieces(Stream(tiny, values[:, :1]), values[:, 1:])
    assert_scores(found, log_prob(tiny, values, start=-7, anchored=1))


@pytest.mark.parametrize("longest", [6, 100])
def test_beyond_max_context_the_older_half_is_dropped(tiny, longest):
    """Patches of 8 steps in a context of 48: after 6 of them, 3 remain, with the one that did not fit."""
    values = walks(2, 200)
    found = append_in_pieces(Stream(tiny, values[:, :16], max_context=50), values[:, 16:], longest=longest)
    start, anchored, scored = 0, 16, 16
    while scored < 200:
        end = min(start + 48 + 8, 200)  # the patch without room is still predicted by those before it
        part = log_prob(tiny, values[:, :end], start, anchored)
        assert_scores(found[:, scored - 16 : end - 16], part)
        start, anchored, scored = end - 24, end, end


def test_of_a_long_history_the_newest_steps_are_taken(tiny):
    values = walks(1, 90)
    found = Stream(tiny, values[:, :80], max_context=48).append(values[:, 80:84])
    assert_scores(found.log_prob[0].numpy(), log_prob(tiny, values[:, :84], start=32, anchored=80))


def test_in_float32_the_bundled_model_gives_the_same_to_rounding():
    toto, values = Toto.from_pretrained("toto-nano"), walks(3, 500)
    found = append_in_pieces(Stream(toto, values[:, :300]), values[:, 300:], longest=90)
    assert_scores(found, log_prob(toto.double(), values, start=300 - 320, anchored=300), tolerance=2e-3)


def test_what_is_predicted_does_not_depend_on_the_step_or_later_ones(tiny):
    values = walks(2, 70, missing=0)
    changed = values.copy()
    changed[:, 55:] += 1e3
    for ahead in (False, True):
        first, second = (
            Stream(tiny, v[:, :40], one_step_ahead=ahead).append(v[:, 40:]) for v in (values, changed)
        )
        for one, other in zip(first.interval(0.9), second.interval(0.9), strict=True):
            torch.testing.assert_close(one[..., :16], other[..., :16])
        torch.testing.assert_close(first.log_prob[..., :15], second.log_prob[..., :15])


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("stride", [8, 4])
def test_one_step_ahead_predicts_from_a_patch_that_ends_right_before(make_tiny, scaler, stride):
    """Against a plain loop: for each step the patches before, then one that overlaps the last of them."""
    toto, values = make_tiny(scaler_cls=scaler, stride=stride), walks(2, 75)
    stream = Stream(toto, values[:, :40], one_step_ahead=True)
    scores = [stream.append(values[:, first : first + 5]) for first in range(40, 75, 5)]
    found = torch.cat([s.log_prob for s in scores], -1)[0].numpy()
    for step in range(40, 75):
        end = 40 + (step - 40) // stride * stride
        expected = peeked_log_prob(toto, values, end, step)
        assert_scores(found[:, step - 40 : step - 39], expected)
    assert all(bool((s.steps_ahead == 1).all()) for s in scores)


@torch.no_grad()
def peeked_log_prob(toto, values, end, step):
    """The log density of a step by the patches up to `end` and, if they end before it, one more up to it."""
    backbone, patch_size = toto.model, toto.config.patch_size
    series = torch.from_numpy(values[None, :, :step])
    statistics, _ = backbone.scaler.begin(series.nan_to_num(0.0), ~series.isnan(), 40)
    parts = [slice(0, end)] + ([slice(step - patch_size, step)] if step > end else [])
    tokens = [
        backbone.embed(
            *(t[:, :, None, part] for t in (series.nan_to_num(0.0), ~series.isnan())),
            type(statistics)(*(t[:, :, None, part] for t in statistics)),
        )
        for part in parts
    ]
    hidden = backbone.transformer(torch.cat(tokens, 3))[:, :, 0, -1]
    loc, scale = (backbone.per_patch(t[..., parts[-1]])[..., -1, :1] for t in statistics)
    predicted = backbone.predict(hidden, 1).affine(loc, scale)
    return predicted.log_prob(torch.from_numpy(values[None, :, step : step + 1]))[0].numpy()


def test_steps_ahead_count_from_the_newest_patch(tiny):
    stream = Stream(tiny, walks(1, 16))
    assert stream.append(np.zeros(3)).steps_ahead.tolist() == [[1, 2, 3]]
    assert stream.append(np.zeros(7)).steps_ahead.tolist() == [[4, 5, 6, 7, 8, 1, 2]]


def test_scores_agree_with_the_distribution_that_was_predicted(tiny):
    scores = Stream(tiny, walks(2, 40)).append([[50.0, np.nan, 60.0], [1.0, 2.0, 3.0]])
    lower, upper = scores.lower_tail, scores.upper_tail
    torch.testing.assert_close((lower + upper).nan_to_num(1.0), torch.ones_like(lower))
    torch.testing.assert_close(
        scores.two_sided_tail, 2 * torch.minimum(lower, upper).clamp(max=0.5), equal_nan=True
    )
    low, high = scores.interval(0.8)
    torch.testing.assert_close(scores.distribution.cdf(low), torch.full_like(low, 0.1))
    torch.testing.assert_close(scores.distribution.cdf(high), torch.full_like(low, 0.9))
    assert scores.log_prob.isnan().tolist() == [[[False, True, False], [False] * 3]]
    assert repr(scores) == "StreamScores([streams, variates, steps] = [1, 2, 3])"


def test_a_forecast_is_that_of_the_newest_steps(tiny):
    values = walks(2, 90)
    stream = Stream(tiny, values[:, :40], max_context=64)
    append_in_pieces(stream, values[:, 40:])
    plain = TotoForecaster(tiny).forecast(MaskedTimeseries.from_array(values[:, -64:]), 20, 5, seed=3)
    found = stream.forecast(20, 5, seed=3)
    torch.testing.assert_close(found.samples, plain.samples, rtol=0, atol=0)
    assert stream.num_steps == 90
    assert torch.equal(stream.newest.padding_mask, torch.from_numpy(~np.isnan(values[:, -64:])))


@pytest.mark.parametrize("max_context", [48, 4096])
def test_a_saved_stream_goes_on_where_it_was(tiny, tmp_path, max_context):
    values = walks(2, 150)
    stream = Stream(tiny, values[:, :40], np.arange(40) * 5.0, max_context=max_context)
    append_in_pieces(stream, values[:, 40:100])
    stream.save(tmp_path / "state")
    again = Stream.load(tmp_path / "state", tiny)
    first, second = (s.append(values[:, 100:], np.arange(100, 150) * 5.0) for s in (stream, again))
    torch.testing.assert_close(first.log_prob, second.log_prob, equal_nan=True)
    assert [f.name for f in tmp_path.iterdir()] == ["state"]


def test_a_stream_goes_on_with_another_model_of_the_same_patches_only(tiny, make_tiny, tmp_path):
    stream = Stream(tiny, walks(2, 40))
    stream.save(tmp_path / "state")
    Stream.load(tmp_path / "state", make_tiny(num_layers=2)).append(np.zeros((2, 3)))
    with pytest.raises(
        InputError, match="patches of 8 steps every 8, but those of the model are 16 every 16"
    ):
        Stream.load(tmp_path / "state", make_tiny(patch_size=16, stride=16))


def test_files_that_are_no_streams_say_so(tiny, tmp_path):
    with pytest.raises(CheckpointError, match="no such file of streams"):
        Stream.load(tmp_path / "absent", tiny)
    (tmp_path / "text").write_text("no stream")
    with pytest.raises(CheckpointError, match="damaged or no file of streams"):
        Stream.load(tmp_path / "text", tiny)
    with pytest.raises(InputError, match="there is no folder"):
        Stream(tiny, [1.0]).save(tmp_path / "absent" / "state")


def test_the_mode_of_the_model_is_left_as_it_was(tiny):
    tiny.train()
    values = walks(1, 60)
    found = append_in_pieces(Stream(tiny, values[:, :40]), values[:, 40:])
    assert tiny.model.training
    assert_scores(found, log_prob(tiny.eval(), values, start=0, anchored=40))
