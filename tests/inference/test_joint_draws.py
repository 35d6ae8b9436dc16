"""Steps and variates that go together, each with the distribution that the model predicts for it."""

import math

import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries, Toto, TotoForecaster, TotoPipeline
from toto.inference import decoding, joint_draws
from toto.inference.context import Context, prepare_context
from toto.inference.decoding import Randomness
from toto.inference.joint_draws import JointDraw, Roots, correlation_roots
from toto.model.backbone import TotoOutput
from toto.model.distribution import MixtureOfStudentTs


def series(num_variates: int = 2, num_steps: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(num_steps)
    return torch.randn(num_variates, num_steps, generator=generator, dtype=torch.float64).cumsum(-1)


def forecast(model, inputs, horizon, num_samples, **options):
    return TotoForecaster(model).forecast(inputs, horizon, num_samples, seed=0, joint_draws=True, **options)


def root_of(shared: float, decay: float, num_steps: int, num_variates: int = 1) -> torch.Tensor:
    steps = torch.arange(num_steps)
    correlation = shared * decay ** (steps[:, None] - steps).abs().double()
    correlation.fill_diagonal_(1.0)
    return torch.linalg.cholesky(correlation).expand(1, num_variates, -1, -1)


@pytest.mark.parametrize("num_branches", [1, 4000])
def test_places_have_their_distributions_and_the_correlations_of_the_roots(num_branches):
    # 2 variates of 8 steps of 4000 paths; a bound of 5 standard errors fails 1 of 10,000 seeds
    num_paths, num_steps, across = 4000, 8, 0.6
    torch.manual_seed(0)
    parameters = [torch.randn(1, 2, 1, num_steps, 3, dtype=torch.float64) for _ in range(3)]
    df, loc, scale = 3 + parameters[0].exp(), 4 * parameters[1], parameters[2].exp()
    like = (1, 2, num_branches, num_steps, 3)
    mixture = MixtureOfStudentTs(*(p.expand(like) for p in (df, loc, scale)), torch.zeros(like).double())
    units = [torch.full((1, 2, 1, 1), value).double() for value in (5, 2)]
    variates = torch.linalg.cholesky(torch.tensor([[[1.0, across], [across, 1.0]]]).double())
    roots = Roots(variates, root_of(0.8, 0.9, num_steps, 2))
    draw = JointDraw(Randomness(0, torch.tensor([0]), torch.arange(num_paths)), roots)
    values = draw(TotoOutput(mixture, *units), 16)
    assert values.shape == (1, 2, num_paths, num_steps)
    level = mixture.cdf((values - 5) / 2)[0].movedim(1, 0).flatten(1)  # paths, then places
    distance = (level.sort(0).values - torch.linspace(0, 1, num_paths)[:, None]).abs().amax(0)
    assert bool((distance < 2.6 / math.sqrt(num_paths)).all())  # Kolmogorov: 1 of 300,000 for each place
    found = torch.corrcoef(torch.special.ndtri(level).T)
    lags = (torch.arange(num_steps)[:, None] - torch.arange(num_steps)).abs()
    steps = torch.where(lags == 0, 1.0, 0.8 * 0.9**lags)
    wanted = torch.kron(torch.tensor([[1.0, across], [across, 1.0]]), steps)
    assert bool(((found - wanted).abs() < 5 / math.sqrt(num_paths)).all())


def test_the_fit_finds_the_correlations_that_it_can_have():
    shared, decay = torch.tensor([[0.0, 0.5, 0.9]]), torch.tensor([[0.3, 0.8, 0.98]])
    lags = torch.arange(16)
    correlation = torch.where(lags == 0, 1.0, shared[..., None] * decay[..., None] ** lags)
    found_shared, found_decay = joint_draws._fitted(correlation, 16.0 - lags)
    torch.testing.assert_close(found_shared, shared)
    torch.testing.assert_close(found_decay[..., 1:], decay[..., 1:])


def test_correlations_at_the_lags_are_those_of_errors_that_are_not_missing():
    torch.manual_seed(0)
    errors = torch.randn(1, 2, 5, 4, dtype=torch.float64)
    observed = torch.rand(1, 2, 5, 4) > 0.3
    kept = joint_draws._Errors(torch.where(observed, errors, 0.0), observed)
    found, pairs = joint_draws._correlations(kept)
    known = joint_draws._PATCHES_KNOWN
    assert pairs.tolist() == [4, 6, 4, 2]
    for variate in range(2):
        by_lag = []
        for lag in range(4):
            guess = 0.9 * 0.97**lag if lag else 1.0
            products, count = [], known * pairs[lag]
            for patch in range(5):
                for i in range(4):
                    for j in range(4):
                        if abs(i - j) == lag and observed[0, variate, patch, [i, j]].all():
                            products.append(errors[0, variate, patch, i] * errors[0, variate, patch, j])
            by_lag.append((sum(products) + count * guess) / (len(products) + count))
        torch.testing.assert_close(found[0, variate], torch.stack(by_lag) / by_lag[0])


def test_a_context_without_a_patch_to_compare_gives_the_guess(make_tiny):
    model = make_tiny().model
    context = prepare_context(MaskedTimeseries.from_array(series(1, 8)), model)
    torch.testing.assert_close(
        correlation_roots(model, context).steps[0, 0], root_of(0.9, 0.97, 8)[0, 0], atol=0.03, rtol=0
    )


def test_variates_that_see_each_other_are_joined_and_others_are_not(tiny):
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 1, 400, generator=generator, dtype=torch.float64).cumsum(-1)
    inputs = MaskedTimeseries.from_array(torch.cat([one, one + 0.1, -one, other, one]))
    ids = torch.tensor([1, 1, 1, 1, 2])[:, None].expand(-1, 400)
    context = prepare_context(inputs._replace(id_mask=ids), tiny.model)
    root = correlation_roots(tiny.model, context).variates[0]
    correlation = root @ root.T
    torch.testing.assert_close(correlation.diagonal(), torch.ones(5).double())
    assert correlation[0, 1] > 0.8
    assert correlation[0, 2] < -0.5
    assert correlation[0, 3].abs() < 0.5
    assert bool((correlation[4, :4] == 0).all())


@pytest.mark.parametrize(
    "changes", [{}, {"stride": 4}, {"scaler_cls": "StdMeanScaler"}, {"scaler_cls": "CausalStdMeanScaler"}]
)
def test_neither_neighbours_nor_chunks_change_a_path(make_tiny, changes):
    model = make_tiny(**changes)
    some = [series(2, 64), series(1, 40), series(2, 64) ** 2]
    together = forecast(model, some, 20, 6)
    in_chunks = forecast(model, some, 20, 6, samples_per_batch=4)
    for i, (one, chunked, alone) in enumerate(zip(together, in_chunks, some, strict=True)):
        by_itself = forecast(model, [alone], 20, 6, series_ids=[i])[0]
        torch.testing.assert_close(one.samples, by_itself.samples)
        torch.testing.assert_close(one.samples, chunked.samples)


def test_the_cache_changes_no_path(tiny):
    cached = forecast(tiny, [series()], 20, 3)[0].samples
    torch.testing.assert_close(forecast(tiny, [series()], 20, 3, use_kv_cache=False)[0].samples, cached)


def test_missing_values_and_covariates_are_no_errors(make_tiny):
    model = make_tiny()
    model.model.enable_variate_labels()
    values = series(3, 64)
    values[0] = math.nan
    values[1, 20:50] = math.nan
    values[1, 10] = 1e30
    inputs = MaskedTimeseries.from_array(values[None], num_exogenous_variables=1)
    known = torch.arange(20.0).double()[None, None]
    with pytest.warns(UserWarning, match="hold no real value"):
        found = forecast(model, inputs, 20, 8, future_exogenous_variables=known, keep_distribution=True)
    assert bool(found.samples.isfinite().all())
    torch.testing.assert_close(found.samples[0, 2], known[0, 0, :, None].expand(-1, 8))


def test_without_paths_there_is_nothing_to_join(tiny):
    with pytest.raises(InputError, match="joint_draws needs sample paths: pass num_samples"):
        TotoForecaster(tiny).forecast([series()], 8, joint_draws=True)


@pytest.mark.parametrize("changes", [{}, {"stride": 4}, {"scaler_cls": "CausalStdMeanScaler"}])
@pytest.mark.parametrize("labelled", [False, True])
def test_errors_are_those_of_predictions_from_what_stands_before(make_tiny, changes, labelled):
    model = make_tiny(**changes).model
    if labelled:
        model.enable_variate_labels()
        model.double()
    values = series(3, 61)[None].clone()
    values[0, 1, 20:33] = math.nan
    whole = prepare_context(MaskedTimeseries.from_array(values, num_exogenous_variables=int(labelled)), model)
    with torch.no_grad():
        errors = joint_draws._normal_errors(model, whole)
        for patch in range(errors.values.shape[2] - 1):
            end = patch * model.config.stride + 8
            before = Context(*(t[..., :end] for t in whole[:3]), whole.num_exogenous_variables)
            prediction = decoding.predict(model, decoding.begin(model, before), 8)
            after = slice(end, end + 8)
            actual, observed = (
                torch.nn.functional.pad(t[..., after], (0, 8 - t[..., after].shape[-1]))
                for t in (whole.series, whole.observed)
            )
            level = prediction.distribution.cdf((actual[:, :, None] - prediction.loc) / prediction.scale)
            usable = observed & (before.observed.sum(-1, keepdim=True) >= 8)
            expected = torch.where(usable, torch.special.ndtri(level[:, :, 0]).clamp(-5, 5), 0.0)
            assert torch.equal(errors.observed[:, :, patch], usable)
            torch.testing.assert_close(errors.values[:, :, patch], expected)


def test_a_value_far_out_does_not_part_what_goes_together():
    model = Toto.from_pretrained("toto-nano").model
    walks = np.random.default_rng(1).normal(size=(40, 1024)).cumsum(-1)
    walks[:, 700] += 1e4
    for values in (walks, -walks):
        inputs = MaskedTimeseries.from_array(values[:, None])
        errors = joint_draws._normal_errors(model, prepare_context(inputs, model))
        assert bool(errors.values.isfinite().all())
        assert errors.values.abs().max() == 5


def test_totals_of_walks_are_as_wide_as_they_are(as_users_call):
    """80 % intervals of the sums of 64 steps of 120 random walks hold between 68 and 92 % of them.

    Of exact intervals 120 sums leave that range in 1 of 1,000 tries; each step by itself they hold a quarter.
    """
    walks = np.random.default_rng(0).normal(size=(120, 1024 + 64)).cumsum(-1)
    pipe = TotoPipeline.from_pretrained("toto-nano")
    held = {}
    for joint in (True, False):
        made = pipe.forecast(walks[:, :1024], 64, num_samples=128, seed=0, joint_draws=joint)
        low, high = made.aggregate("sum").quantile(torch.tensor([0.1, 0.9], dtype=torch.float64), dim=-1)
        sums = torch.from_numpy(walks[:, 1024:].sum(-1))
        held[joint] = float(((low <= sums) & (sums <= high)).double().mean())
    assert 0.68 < held[True] < 0.92
    assert held[False] < 0.5


def test_white_noise_is_joined_less_than_walks():
    model = Toto.from_pretrained("toto-nano").model
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 4096)))
    ten_apart = [
        float((root @ root.mT)[0, 0, 30, 40])
        for root in (
            correlation_roots(model, prepare_context(MaskedTimeseries.from_array(values), model)).steps
            for values in (noise, noise.cumsum(-1))
        )
    ]
    assert ten_apart[0] < 0.3 < ten_apart[1]
