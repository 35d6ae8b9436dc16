"""Lists of series: the same as one by one, in the order given, and errors that say which entry."""

import io

import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries, TotoForecaster
from toto.data.masked_timeseries import CausalMaskedTimeseries
from toto.inference.memory import budget


def walk(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).cumsum(-1)


def with_gap(values: np.ndarray) -> np.ndarray:
    values[..., 3:7] = np.nan
    return values


def mixed_series() -> list:
    """Everything that a list may hold; several series have the same number of patches."""
    grouped = MaskedTimeseries.from_array(walk(3, 38, seed=7), group_ids=[0, 1, 0])
    return [
        walk(40),
        walk(2, 40, seed=1),
        with_gap(walk(33, seed=2)),
        list(walk(5, seed=3)),
        torch.from_numpy(walk(3, 35, seed=4)),
        grouped,
        walk(1, 37, seed=5).astype(np.float32),
        (walk(39, seed=6) * 100).astype(int),
        with_gap(walk(2, 36, seed=8)),
        grouped._replace(**{name: getattr(grouped, name)[None] for name in grouped._fields[:5]}),
        [[1, 2, 3], [5, 4, 3]],
    ]


def one_by_one(toto, entries, horizon, num_samples, ids=None, **options) -> list:
    forecaster = TotoForecaster(toto)
    return [
        forecaster.forecast(
            entry if isinstance(entry, MaskedTimeseries) else MaskedTimeseries.from_array(entry),
            horizon,
            num_samples,
            series_ids=[place if ids is None else ids[place]],
            **options,
        )
        for place, entry in enumerate(entries)
    ]


def assert_equal(found: list, expected: list) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        close = 1e-9 if one.mean.dtype is torch.float64 else 1e-5
        torch.testing.assert_close(one.mean, other.mean, rtol=close, atol=close)
        if other.samples is not None:
            torch.testing.assert_close(one.samples, other.samples, rtol=close, atol=close)


def batches_seen(toto) -> list[int]:
    """The batch size of every encoded context from now on."""
    seen: list[int] = []
    toto.model.transformer.register_forward_pre_hook(
        lambda _, args: seen.append(len(args[0])) if args[0].shape[3] > 1 else None
    )
    return seen


@pytest.mark.parametrize("horizon", [5, 21])
@pytest.mark.parametrize("num_samples", [None, 6])
def test_a_list_is_forecast_as_its_series_one_by_one(tiny, horizon, num_samples):
    options = {} if num_samples is None else {"seed": 3}
    found = TotoForecaster(tiny).forecast(mixed_series(), horizon, num_samples, **options)
    assert_equal(found, one_by_one(tiny, mixed_series(), horizon, num_samples, **options))
    assert [len(f.mean) for f in found] == [1] * len(mixed_series())


@pytest.mark.parametrize(
    "changes", [{"stride": 4}, {"scaler_cls": "StdMeanScaler"}, {"missing_values": "loc"}]
)
def test_so_are_those_of_other_models(make_tiny, changes):
    toto = make_tiny(**changes)
    toto.model.enable_variate_labels()
    toto.double()
    found = TotoForecaster(toto).forecast(mixed_series(), 21, 4, seed=3)
    assert_equal(found, one_by_one(toto, mixed_series(), 21, 4, seed=3))


def test_series_of_equally_many_patches_share_a_batch(tiny):
    seen = batches_seen(tiny)
    found = TotoForecaster(tiny).forecast([walk(40 - i, seed=i) for i in range(12)], 4)
    assert seen == [8, 4]  # 5 patches, then 4
    for one in found:
        assert one.mean._base is None
        stream = io.BytesIO()
        torch.save(one.mean, stream)
        assert len(stream.getvalue()) < 2_000  # a view of a batch would write all of it


def test_the_ids_of_the_series_decide_their_paths(tiny):
    entries, forecaster = [walk(20), walk(30, seed=1), walk(21)], TotoForecaster(tiny)
    found = forecaster.forecast(entries, 12, 4, seed=1, series_ids=[7, 9, 7])
    assert_equal(found, one_by_one(tiny, entries, 12, 4, ids=[7, 9, 7], seed=1))
    swapped = forecaster.forecast(entries[::-1], 12, 4, seed=1, series_ids=torch.tensor([7, 9, 7]))
    assert_equal(swapped, found[::-1])
    with pytest.raises(InputError, match=r"series_ids must hold a whole number .* in all 3, got \[1, 2\]"):
        forecaster.forecast(entries, 12, 4, series_ids=[1, 2])


def test_whatever_the_batches_the_forecasts_are_the_same(tiny, monkeypatch):
    entries = [walk(33 + i % 8, seed=i) for i in range(6)]
    expected = TotoForecaster(tiny).forecast(entries, 21, 5, seed=2)
    for limit in (1, 12):
        monkeypatch.setattr(budget, "TOKENS_AT_ONCE", limit)
        assert_equal(TotoForecaster(tiny).forecast(entries, 21, 5, seed=2), expected)


def test_batches_stay_within_the_limits(tiny, monkeypatch):
    monkeypatch.setattr(budget, "TOKENS_AT_ONCE", 30)
    entries, seen = [walk(40, seed=i) for i in range(13)], batches_seen(tiny)
    TotoForecaster(tiny).forecast(entries, 4)
    assert seen == [5, 4, 4]  # at most 6 contexts of 5 tokens, in equal parts
    seen.clear()
    TotoForecaster(tiny).forecast(entries, 12, 15)
    assert seen == [3, 3, 3, 2, 2]  # 5 tokens of context and 15 of paths in two passes, at most 30 on average


def test_a_batch_that_runs_out_of_memory_is_halved(tiny, caplog):
    entries = [walk(40, seed=i) for i in range(7)]
    expected = TotoForecaster(tiny).forecast(entries, 12, 4, seed=1)

    def few_series_fit(_, args):
        if len(args[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    tiny.model.transformer.register_forward_pre_hook(few_series_fit)
    caplog.clear()
    done = []
    found = TotoForecaster(tiny).forecast(entries, 12, 4, seed=1, progress=lambda *n: done.append(n))
    assert_equal(found, expected)
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory with 7 series at once: going on with 3",
        "out of memory with 3 series at once: going on with 1",
    ]
    assert done[-1] == (7 * 4 * 2, 7 * 4 * 2)


def test_progress_counts_over_the_whole_list(tiny):
    calls = []
    entries = [walk(40), walk(20), walk(39, seed=1)]
    TotoForecaster(tiny).forecast(entries, 20, 2, seed=0, progress=lambda *n: calls.append(n))
    assert calls == [(done, 18) for done in (4, 8, 12, 14, 16, 18)]


def test_known_futures_are_given_for_each_series(make_tiny):
    toto = make_tiny()
    toto.model.enable_variate_labels()
    toto.double()
    entries = [
        MaskedTimeseries.from_array(walk(3, 40, seed=i), num_exogenous_variables=exogenous)
        for i, exogenous in enumerate((1, 1, 2, 1, 0))
    ]
    futures = [walk(1, 21, seed=9), walk(1, 30, seed=8), walk(2, 21, seed=7), None, None]
    forecaster = TotoForecaster(toto)
    found = forecaster.forecast(entries, 21, 3, future_exogenous_variables=futures, seed=1)
    for place, (entry, future, one) in enumerate(zip(entries, futures, found, strict=True)):
        future = None if future is None else torch.from_numpy(future)
        alone = forecaster.forecast(
            entry, 21, 3, future_exogenous_variables=future, seed=1, series_ids=[place]
        )
        assert_equal([one], [alone])
    torch.testing.assert_close(found[1].mean[0, 2], torch.from_numpy(futures[1][0, :21]))
    rule = "future_exogenous_variables must be a list of 5 entries, each the values of a series or None, got"
    for wrong, words in ((futures[:2], "2"), (futures[0], "ndarray")):
        with pytest.raises(InputError, match=f"{rule} {words}"):
            forecaster.forecast(entries, 21, 3, future_exogenous_variables=wrong)
    with pytest.raises(InputError, match=r"inputs\[0\]: future_exogenous_variables must be an array of numb"):
        forecaster.forecast(entries, 21, 3, future_exogenous_variables=["warm", None, None, None, None])
    with pytest.raises(InputError, match=r"inputs\[2\]: future_exogenous_variables must be .* \(1, 2, 21\)"):
        forecaster.forecast(entries, 21, 3, future_exogenous_variables=[None, None, futures[0], None, None])


def test_every_forecast_of_a_list_has_its_own_distribution(tiny):
    options = {"seed": 1, "keep_distribution": True, "variance_reduction": True}
    found = TotoForecaster(tiny).forecast(mixed_series(), 12, 4, **options)
    expected = one_by_one(tiny, mixed_series(), 12, 4, **options)
    assert_equal(found, expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.quantile(0.9), other.quantile(0.9), rtol=1e-5, atol=1e-5)


def test_an_empty_list_has_no_forecasts(tiny):
    assert TotoForecaster(tiny).forecast([], 4) == []
    assert TotoForecaster(tiny).forecast((), 4, 10) == []


def test_series_without_any_real_value_are_named_in_one_warning(tiny):
    empty = np.full((2, 20), np.nan)
    empty[0] = 1
    with pytest.warns(UserWarning, match=r"2 of 5 variates .* \(first: inputs\[1\], variate 1\)") as caught:
        TotoForecaster(tiny).forecast([walk(20), empty, walk(20), np.full(9, np.nan)], 4)
    assert len(caught) == 1


class Frame:
    columns = ("a", "b")


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (1.0, r"must be a series, \[time\] or .*, got 1.0: one series is \[values\]"),
        (np.float32(1), r"must be a series, .* got .*1.0.*: one series is"),
        (torch.tensor(1.0), r"values must be \[time\], .* got shape \(\)"),
        ([], r"at least one step, got shape \(0,\)"),
        (np.zeros((2, 0)), r"at least one step, got shape \(2, 0\)"),
        (np.zeros((2, 3, 4)), r"one series, \[time\] or \[variates, time\], got a batch of 2"),
        (MaskedTimeseries.from_array(np.zeros((2, 3, 4))), "must be one series, .* got a batch of 2"),
        ("cpu.csv", "values must be an array of numbers, got str"),
        (None, "must be a series, .*, got None: .* a missing value is NaN"),
        ([[1, 2], [3]], "values must be an array of numbers, got list"),
        (Frame(), "got a data frame, which has time along its rows"),
        (CausalMaskedTimeseries(*[torch.zeros(1, 4)] * 5, slice(2), slice(2)), "got Causal"),
        (
            MaskedTimeseries.from_array(np.zeros((2, 16)))._replace(padding_mask=torch.ones(2, 3)),
            "padding_mask must have the shape of series",
        ),
        (
            MaskedTimeseries.from_array(np.zeros((1, 16)))._replace(id_mask=torch.arange(16)[None]),
            "two ids in patch 0",
        ),
    ],
)  # fmt: skip
def test_an_entry_that_is_no_series_is_an_error_that_names_its_place(tiny, entry, rule):
    with pytest.raises(InputError, match=rf"inputs\[1\]: .*{rule}"):
        TotoForecaster(tiny).forecast([walk(20), entry], 4)
