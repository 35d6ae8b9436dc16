import numpy as np
import pytest

from toto import InputError
from toto.anomaly.events import Rule, Run

SCORES = np.array([0, 5, 0, 0, 5, 5, 5, np.nan, 5, 0, 0, 0, 0, 0, 5.0])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(1, 0), [Run(1, 1, 1), Run(4, 6, 4), Run(8, 8, 8), Run(14, 14, 14)]),
        (Rule(1, 1), [Run(1, 1, 1), Run(4, 8, 4), Run(14, 14, 14)]),
        (Rule(1, 2), [Run(1, 8, 1), Run(14, 14, 14)]),
        (Rule(1, 9), [Run(1, 14, 1)]),
        (Rule(2, 0), [Run(4, 6, 5)]),
        (Rule(3, 0), [Run(4, 6, 6)]),
        (Rule(4, 0), []),
    ],
)
def test_steps_above_the_threshold_become_events(rule, expected):
    assert rule.runs(SCORES, 4.0) == expected


@pytest.mark.parametrize("rule", [Rule(1, 0), Rule(1, 10), Rule(3, 5)])
@pytest.mark.parametrize("rate", [0.01, 0.002])
def test_a_clean_stretch_has_one_event_less_than_allowed(rule, rate):
    scores = np.random.default_rng(0).exponential(size=3000)
    scores[100:120] = np.nan
    threshold = rule.threshold(scores, rate)
    allowed = int(rate * 2981)
    assert len(rule.runs(scores, threshold)) == allowed - 1
    assert len(rule.runs(scores, threshold - 2e-4)) >= allowed


def test_a_rate_that_the_cool_down_makes_impossible_gives_as_many_events_as_there_can_be():
    scores = np.random.default_rng(0).exponential(size=1000)
    most = max(len(Rule(1, 10).runs(scores, threshold)) for threshold in scores)
    found = len(Rule(1, 10).runs(scores, Rule(1, 10).threshold(scores, 0.5)))
    assert most - 1 <= found <= most


def test_further_scores_of_the_same_kind_have_events_at_the_wanted_rate():
    rng = np.random.default_rng(0)
    rule, found = Rule(1, 10), []
    for _ in range(40):
        scores = rng.exponential(size=4000)
        threshold = rule.threshold(scores[:2000], 0.005)
        found.append(len(rule.runs(scores[2000:], threshold)) / 2000)
    assert np.mean(found) == pytest.approx(0.005, rel=0.2)


def test_on_a_short_stretch_the_threshold_lies_beyond_all_scores():
    scores = np.linspace(0, 2, 99)
    assert Rule().threshold(scores, 1e-4) == pytest.approx(
        2 + 2, abs=2e-4
    )  # 1 in 100 is two decades too often
    assert Rule().threshold(scores, 0.0099) == pytest.approx(2 - np.log10(0.99), abs=2e-4)


def test_a_stretch_shorter_than_the_persistence_is_named():
    with pytest.raises(
        InputError, match="persistence must be shorter than the clean stretch, got 9 steps in a row"
    ):
        Rule(9).threshold(np.ones(5), 0.1)


@pytest.mark.parametrize("rate", [1e-3, 1e-4, 1e-6])
def test_a_short_stretch_whose_scores_tie_does_not_make_every_excursion_an_alarm(rate):
    assert Rule().threshold(np.zeros(99), rate) == pytest.approx(-np.log10(rate), abs=2e-4)
