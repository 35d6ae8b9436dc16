"""Streams in a group: each by itself, whatever the others do, and the errors of bad input."""

import numpy as np
import pytest
import torch
from stream_reference import walks

from toto import InputError, MaskedTimeseries, Toto, TotoForecaster
from toto.streaming.group import StreamGroup
from toto.streaming.stream import Stream


def assert_equal(found, expected, row: int = 0) -> None:
    steps = expected.log_prob.shape[-1]
    torch.testing.assert_close(found.log_prob[row, :, :steps], expected.log_prob[0], equal_nan=True)
    assert found.steps_ahead[row, :steps].tolist() == expected.steps_ahead[0].tolist()
    assert found.log_prob[row, :, steps:].isnan().all()
    assert not found.steps_ahead[row, steps:].any()


@pytest.mark.parametrize("one_step_ahead", [False, True])
@pytest.mark.parametrize("max_context", [40, 4096])
def test_each_stream_is_as_if_it_were_alone(tiny, one_step_ahead, max_context):
    """Histories of other lengths, appends of other lengths and to other streams at every call."""
    options = {"one_step_ahead": one_step_ahead, "max_context": max_context}
    values = {key: walks(2, 140, seed) for seed, key in enumerate("abcde")}
    lengths = dict(zip("abcde", (16, 16, 3, 29, 60), strict=True))
    group = StreamGroup(tiny, **options)
    group.add({key: values[key][:, :length] for key, length in lengths.items()})
    alone = {key: Stream(tiny, values[key][:, :length], **options) for key, length in lengths.items()}
    rng = np.random.default_rng(0)
    for _ in range(6):
        keys = rng.permutation(list("abcde"))[: rng.integers(1, 6)]
        steps = {}
        for key in keys:
            more = int(rng.integers(1, 12))
            steps[key] = values[key][:, lengths[key] : lengths[key] + more]
            lengths[key] += more
        scores = group.append(steps)
        assert scores.ids == tuple(keys)
        for row, key in enumerate(keys):
            assert_equal(scores, alone[key].append(steps[key]), row)


def test_streams_come_and_go(tiny):
    values = {key: walks(1, 60, seed) for seed, key in enumerate("abcd")}
    group = StreamGroup(tiny)
    group.add({key: values[key][:, :20] for key in "abc"})
    group.remove(["a", "c"])
    assert (group.ids, len(group)) == (("b",), 1)
    group.add({"d": values["d"][:, :30]})
    alone = {"b": Stream(tiny, values["b"][:, :20]), "d": Stream(tiny, values["d"][:, :30])}
    scores = group.append({key: values[key][:, 30:55] for key in "db"})
    for row, key in enumerate("db"):
        assert_equal(scores, alone[key].append(values[key][:, 30:55]), row)
    group.remove(group.ids)
    group.add({"a": values["a"]})
    assert group.num_steps("a") == 60


def test_many_streams_share_buffers_that_do_not_grow(tiny):
    group = StreamGroup(tiny, max_context=32)
    group.add({number: [float(number)] for number in range(200)})
    for step in range(3):
        group.append({number: [step] * 20 for number in range(200)})
    cache = group._engine.encoder._cache
    assert {keys.shape[0] for keys, _ in cache.layers.values()} == {200}
    assert {keys.shape[2] for keys, _ in cache.layers.values()} == {4}
    assert group.append({7: 1.0, 193: 2.0}).log_prob.isfinite().all()


def test_the_dtype_of_the_bundled_model_does_for_groups():
    group = StreamGroup(Toto.from_pretrained("toto-nano"), one_step_ahead=True)
    group.add({"a": walks(1, 100), "b": walks(1, 70, 1)})
    assert group.append({"a": np.ones(40), "b": np.ones(3)}).two_sided_tail[0].isfinite().all()


def test_forecasts_do_not_depend_on_which_streams_are_asked_for(tiny):
    values = {key: walks(1, 50, seed) for seed, key in enumerate("abc")}
    group = StreamGroup(tiny)
    group.add(values)
    together = group.forecast(12, 4, seed=0)
    alone = group.forecast(12, 4, ids=["c"], seed=0)
    torch.testing.assert_close(alone["c"].samples, together["c"].samples)
    plain = TotoForecaster(tiny).forecast([values["c"]], 12, 4, seed=0, series_ids=[2])[0]
    torch.testing.assert_close(plain.samples, together["c"].samples)
    assert list(together) == ["a", "b", "c"]


def test_known_covariates_go_to_the_forecast(make_tiny):
    toto = make_tiny()
    toto.model.enable_variate_labels()
    toto = toto.double()
    group = StreamGroup(toto)
    group.add({"a": MaskedTimeseries.from_array(walks(2, 40), num_exogenous_variables=1)})
    found = group.forecast(5, 3, seed=0, future_exogenous_variables=[np.arange(5.0)[None]])["a"]
    torch.testing.assert_close(found.mean[0, 1], torch.arange(5.0, dtype=torch.float64))


def test_a_saved_group_goes_on_where_it_was(tiny, tmp_path):
    values = {key: walks(1, 100, seed) for seed, key in enumerate(["a", "b", 3])}
    group = StreamGroup(tiny, max_context=48, one_step_ahead=True)
    group.add({key: v[:, : 20 + 7 * place] for place, (key, v) in enumerate(values.items())})
    group.append({"a": values["a"][:, 20:90]})
    group.remove(["b"])
    group.save(tmp_path / "state")
    again = StreamGroup.load(tmp_path / "state", tiny)
    assert again.ids == ("a", 3)
    first, second = (g.append({3: [1.0] * 9, "a": [2.0] * 20}) for g in (group, again))
    torch.testing.assert_close(first.log_prob, second.log_prob, equal_nan=True)
    later = [g.add({"new": values["b"]}) or g.forecast(5, 2, seed=0) for g in (group, again)]
    torch.testing.assert_close(later[0]["new"].samples, later[1]["new"].samples)
    with pytest.raises(InputError, match=r"holds a group of 2 streams: load it with StreamGroup\.load"):
        Stream.load(tmp_path / "state", tiny)


def test_an_empty_group_is_saved_and_loaded(tiny, tmp_path):
    StreamGroup(tiny).save(tmp_path / "state")
    assert len(StreamGroup.load(tmp_path / "state", tiny)) == 0


def test_an_error_leaves_all_streams_as_they_were(tiny):
    group = StreamGroup(tiny)
    group.add({"a": walks(2, 20), "b": walks(2, 20, 1)})
    with pytest.raises(InputError, match=r"stream 'b': values must be .* with 2 variates"):
        group.append({"a": np.ones((2, 30)), "b": np.ones((3, 1))})
    with pytest.raises(InputError, match="stream 'd': history holds no real value"):
        group.add({"c": walks(2, 20), "d": np.full((2, 5), np.nan)})
    assert group.ids == ("a", "b")
    assert group.num_steps("a") == 20


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda g: StreamGroup(g.backbone, max_context=15),
            "max_context must hold two patches of 8 steps, got 15",
        ),
        (lambda g: StreamGroup("toto-nano"), "model must be a Toto or its backbone"),
        (lambda g: g.add({"a": walks(2, 9)}), "histories must be of new streams, got 'a': remove it first"),
        (lambda g: g.add([[1.0]]), r"histories must be by stream, a dict such as {'host-1': ...}, got list"),
        (
            lambda g: g.add({"c": [1.0]}, times=[3]),
            "times must be by stream, .* got list: a series by itself",
        ),
        (
            lambda g: g.append([1.0]),
            "values must be by stream, a dict .* got list: a series by itself is a S",
        ),
        (lambda g: g.append({"a": [1, 2]}, times=[3]), "times must be by stream, .* got list"),
        (
            lambda g: StreamGroup(g.backbone, one_step_ahead="no"),
            "one_step_ahead must be True or False, got 'no'",
        ),
        (
            lambda g: g.append({"a": [1, 2]}).interval("a"),
            "coverage must be a probability from 0 to 1, got 'a'",
        ),
        (lambda g: g.add({}), "histories must hold at least one stream, got none"),
        (
            lambda g: g.add({"c": [1.0]}),
            "stream 'c': a group holds streams of one shape, 2 variates .* got 1 and 0",
        ),
        (lambda g: g.remove(["z"]), "there is no stream 'z'; there are 1: add it with its history"),
        (lambda g: g.append({"z": 1.0}), "there is no stream 'z'"),
        (lambda g: g.append({}), "values must hold steps of at least one stream, got none"),
        (lambda g: g.append({"a": [1, 2]}, late="skip"), "late must be one of raise, drop, got 'skip'"),
        (lambda g: g.forecast(5, ids=["z"]), "there is no stream 'z'"),
    ],
)
@pytest.mark.usefixtures("as_users_call")
def test_what_breaks_a_rule_is_named(tiny, wrong, message):
    group = StreamGroup(tiny)
    group.add({"a": walks(2, 20)})
    with pytest.raises(InputError, match=message):
        wrong(group)


def test_ids_that_json_cannot_hold_are_not_saved(tiny, tmp_path):
    group = StreamGroup(tiny)
    group.add({("a", 1): [1.0]})
    with pytest.raises(InputError, match=r"must be texts or whole numbers, got \('a', 1\)"):
        group.save(tmp_path / "state")


def test_a_forecast_of_no_stream_is_refused(tiny):
    group = StreamGroup(tiny)
    group.add({"a": walks(1, 20, 0)})
    with pytest.raises(InputError, match="ids must name at least one stream, got none"):
        group.forecast(4, ids=[])


def test_a_folder_is_no_file_to_save_to(tiny, tmp_path):
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        StreamGroup(tiny).save(tmp_path)
