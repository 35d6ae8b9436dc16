import math

import pytest
import torch

from toto import InputError, MaskedTimeseries, TotoForecaster
from toto.anomaly import score as module
from toto.anomaly.score import score
from toto.inference.memory import budget

FIELDS = ("log_prob", "surprise", "lower_tail", "upper_tail", "low", "median", "high", "residual")


def history(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).cumsum(-1)


def forecast_again(toto, values, fresh=False):
    """Distribution of every step by a forecast of its own, from the last whole patch before it."""
    forecaster, patch, found = TotoForecaster(toto), toto.model.config.patch_size, {}
    for step in range(1, values.shape[-1]):
        behind = step if fresh else step // patch * patch
        if behind:
            seen = values[..., :behind]
            one = forecaster.predict_distribution(MaskedTimeseries.from_array(seen), step - behind + 1)
            found[step] = one
    return found


def assert_equal(scores, values, forecasts):
    for step, distribution in forecasts.items():
        x = values[..., step : step + 1]
        last = slice(-1, None)
        torch.testing.assert_close(scores.log_prob[..., [step]], distribution.log_prob(x)[..., last])
        torch.testing.assert_close(scores.lower_tail[..., [step]], distribution.cdf(x)[..., last])
        torch.testing.assert_close(scores.upper_tail[..., [step]], distribution.sf(x)[..., last])
        torch.testing.assert_close(scores.median[..., [step]], distribution.median[..., last])
        low, high = distribution.interval(0.9)
        torch.testing.assert_close(scores.low[..., [step]], low[..., last])
        torch.testing.assert_close(scores.high[..., [step]], high[..., last])
        surprise = distribution.log_prob(distribution.median) - distribution.log_prob(x)
        torch.testing.assert_close(scores.surprise[..., [step]], surprise[..., last])


@pytest.mark.parametrize("scaler", ["CausalPatchStdMeanScaler", "CausalStdMeanScaler"])
def test_one_pass_gives_what_forecasts_from_every_patch_give(make_tiny, scaler):
    toto, values = make_tiny(scaler_cls=scaler), history(2, 3, 29)
    scores = score(toto, values, coverage=0.9)
    assert scores.steps_ahead.tolist() == [0] * 8 + [1, 2, 3, 4, 5, 6, 7, 8] * 2 + [1, 2, 3, 4, 5]
    for name in FIELDS:
        assert getattr(scores, name).isnan().nonzero()[:, -1].unique().tolist() == list(range(8))
    assert_equal(scores, values, forecast_again(toto, values))


def test_fresh_scores_are_those_of_forecasts_one_step_ahead(tiny):
    values = history(1, 2, 14)
    scores = score(tiny, values, max_steps_ahead=1, coverage=0.9)
    assert scores.steps_ahead.tolist() == [0] + [1] * 13
    assert_equal(scores, values, forecast_again(tiny, values, fresh=True))


@pytest.mark.parametrize(("most", "passes"), [(2, 4), (3, 3), (5, 2), (8, 1), (100, 1)])
def test_no_step_is_predicted_from_farther_than_asked(tiny, monkeypatch, most, passes):
    values, starts = history(1, 1, 50), set()
    cut = module._Scoring._cut
    monkeypatch.setattr(
        module._Scoring, "_cut", lambda self, n, first, count: starts.add(first) or cut(self, n, first, count)
    )
    scores = score(tiny, values, max_steps_ahead=most)
    assert scores.steps_ahead[8:].min() == 1
    assert scores.steps_ahead.max() == min(most, 8)
    assert len(starts) == passes
    fresh, steps = score(tiny, values, max_steps_ahead=1), scores.steps_ahead == 1
    torch.testing.assert_close(scores.log_prob[..., steps], fresh.log_prob[..., steps])


def test_overlapping_patches_predict_from_at_most_a_stride_ahead(make_tiny):
    toto, values = make_tiny(stride=4), history(1, 2, 31)
    scores = score(toto, values, coverage=0.9)
    assert scores.steps_ahead.tolist() == [0] * 8 + [1, 2, 3, 4] * 5 + [1, 2, 3]
    one = TotoForecaster(toto).predict_distribution(MaskedTimeseries.from_array(values[..., :20]), 4)
    torch.testing.assert_close(scores.log_prob[..., 20:24], one.log_prob(values[..., 20:24]))


@pytest.mark.parametrize("ahead", [None, 3])
def test_long_histories_are_scored_in_windows_each_like_a_history_of_its_own(tiny, monkeypatch, ahead):
    values = history(2, 2, 150)
    scores = score(tiny, values, context_length=48, max_steps_ahead=ahead)
    assert scores.log_prob[..., 8:].isfinite().all()
    monkeypatch.setattr(budget, "TOKENS_AT_ONCE", 1)  # every window by itself
    one_by_one = score(tiny, values, context_length=48, max_steps_ahead=ahead)
    torch.testing.assert_close(one_by_one.log_prob, scores.log_prob, equal_nan=True)
    if ahead is None:  # 6 patches a window, of which the last 3 are used
        torch.testing.assert_close(
            scores.median[..., :56], score(tiny, values).median[..., :56], equal_nan=True
        )
        later = score(tiny, values[..., 24:80])
        torch.testing.assert_close(scores.log_prob[..., 56:80], later.log_prob[..., 32:56])


@pytest.mark.parametrize("ahead", [None, 1])
def test_a_changed_future_changes_no_score(tiny, ahead):
    values = history(1, 3, 40)
    before = score(tiny, values, max_steps_ahead=ahead)
    for step in (8, 21):
        changed = values.clone()
        changed[..., step:] = 1e15 * history(1, 3, 40, seed=1)[..., step:]
        after = score(tiny, changed, max_steps_ahead=ahead)
        for name in FIELDS:
            of_past = (getattr(scores, name)[..., :step].nan_to_num(7) for scores in (before, after))
            assert torch.equal(*of_past), name
    shorter = score(tiny, values[..., :30], max_steps_ahead=ahead)
    torch.testing.assert_close(before.log_prob[..., :30], shorter.log_prob, equal_nan=True)


def test_missing_values_have_no_score_but_a_prediction(tiny):
    values = history(1, 2, 40)
    values[0, 1, 20:23] = math.nan
    values[0, 0, 30] = math.inf
    scores = score(tiny, values)
    assert scores.log_prob[0, 1].isnan().nonzero().flatten().tolist() == [*range(8), 20, 21, 22]
    assert scores.residual[0, 0].isnan().nonzero().flatten().tolist() == [*range(8), 30]
    assert scores.low[..., 8:].isfinite().all()
    assert scores.values[0, 0, 30].isnan()
    nothing = score(tiny, torch.full((1, 30), math.nan))
    assert nothing.log_prob.isnan().all()


def test_residuals_and_tails_belong_together(tiny):
    scores = score(tiny, history(1, 2, 80))
    of_normal = torch.special.ndtr(scores.residual)
    torch.testing.assert_close(of_normal, scores.lower_tail, equal_nan=True)
    smaller = torch.minimum(scores.lower_tail, scores.upper_tail)
    torch.testing.assert_close(scores.two_sided_tail, 2 * smaller, equal_nan=True)


def test_far_values_have_finite_residuals(tiny):
    values = history(1, 1, 40)
    values[..., 20] = 1e9
    assert score(tiny.float(), values.float()).residual[0, 0, 20] > 3


def test_groups_and_batch_neighbours_do_not_mix(tiny):
    values = history(2, 4, 40)
    group_ids = [0, 0, 1, 1]
    before = score(tiny, MaskedTimeseries.from_array(values, None, group_ids)).log_prob
    values[0, 2:] += history(2, 40, seed=5)
    after = score(tiny, MaskedTimeseries.from_array(values, None, group_ids)).log_prob
    torch.testing.assert_close(after[0, :2], before[0, :2], equal_nan=True)
    torch.testing.assert_close(after[1], before[1], equal_nan=True)
    assert not torch.allclose(after[0, 2:, 8:], before[0, 2:, 8:])


def test_covariates_are_seen_and_not_scored(make_tiny):
    toto, values = make_tiny(), history(1, 3, 40)
    toto.model.enable_variate_labels()
    inputs = MaskedTimeseries.from_array(values, num_exogenous_variables=1)
    scores = score(TotoForecaster(toto), inputs)
    assert scores.log_prob.shape == (1, 2, 40)
    one = TotoForecaster(toto).predict_distribution(
        inputs._replace(
            **{name: getattr(inputs, name)[..., :32] for name in ("series", "padding_mask", "id_mask")}
        ),
        8,
    )
    torch.testing.assert_close(scores.median[..., 32:], one.median[:, :2])


def test_a_history_within_the_first_patch_has_no_scores(tiny):
    scores = score(tiny, history(5))
    assert scores.log_prob.isnan().all()
    assert repr(scores) == "Scores([batch, variates, time] = [1, 1, 5], 0 steps predicted, at most 0 ahead)"


def test_scores_can_be_moved_to_main_memory(tiny):
    scores = score(tiny, history(20))
    assert torch.equal(scores.cpu().median[..., 8:], scores.median[..., 8:])


def test_arguments_that_break_a_rule_are_named(make_tiny):
    tiny, values = make_tiny(), history(1, 20)
    with pytest.raises(InputError, match="model must be a Toto or its backbone"):
        score("toto", values)
    with pytest.raises(InputError, match="context_length must be at least a patch of 8 steps, got 7"):
        score(tiny, values, context_length=7)
    with pytest.raises(InputError, match="coverage must be a probability between 0 and 1, got 1"):
        score(tiny, values, coverage=1.0)
    with pytest.raises(InputError, match="max_steps_ahead must be a whole number of at least 1, got 0"):
        score(tiny, values, max_steps_ahead=0)
    with pytest.raises(InputError, match=r"\(StdMeanScaler\), so that the past of a history would depend"):
        score(make_tiny(scaler_cls="StdMeanScaler"), values)
