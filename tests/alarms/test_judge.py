"""The judge of arriving steps against detectors of whole histories."""

import json

import numpy as np
import pytest
import torch

from toto.alarms.judge import Judge
from toto.alarms.past import past_scores
from toto.anomaly.calibration import Unit
from toto.anomaly.detectors import DeviationDetector
from toto.anomaly.scores import Scores

UNIT = Unit(0.0, 1.0, 0.01)


def scores_of(values: np.ndarray) -> Scores:
    """Scores of values [variates, steps] of which 0 was expected."""
    t = torch.from_numpy(values)[None]
    zero, one = torch.zeros_like(t), torch.ones_like(t)
    return Scores(t, zero, zero, zero, zero, -one, zero, one, torch.ones(t.shape[-1], dtype=torch.long), 0.99)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def make_judge(tiny, variates: int = 1, **options) -> Judge:
    detector = DeviationDetector(tiny, 0.02, **options)
    return Judge.learn(detector, [UNIT] * variates, scores_of(noise(variates, 500, seed=1)))


def alarms_of(judge: Judge, values: np.ndarray, at_once: int) -> list[tuple[int, list[int]]]:
    found = []
    for first in range(0, values.shape[1], at_once):
        judged = judge.judge(scores_of(values[:, first : first + at_once]), first)
        found += [(first + step, variates) for step, variates in judged.alarms]
    return found


@pytest.mark.parametrize(("persistence", "cool_down"), [(1, 0), (1, 10), (2, 3), (3, 0)])
def test_alarms_of_one_variate_are_those_of_the_rule_whatever_arrives_at_once(tiny, persistence, cool_down):
    values = 1.5 * noise(1, 400)
    values[0, 50] = np.nan
    judge = make_judge(tiny, persistence=persistence, cool_down=cool_down)
    scores = judge.judge(scores_of(values), 0).scores
    assert np.flatnonzero(np.isnan(scores)).tolist() == [50, 51]
    runs = judge.detector.rule.runs(scores, judge.threshold)
    assert len(runs) > 2
    for at_once in (1, 7, 400):
        fresh = make_judge(tiny, persistence=persistence, cool_down=cool_down)
        assert alarms_of(fresh, values, at_once) == [(run.alarm, [0]) for run in runs]


def test_a_variate_that_was_quiet_is_news_while_another_goes_on(tiny):
    values = np.zeros((2, 30))
    values[0, 5:20], values[1, 12:14] = 50, 150
    assert alarms_of(make_judge(tiny, 2), values, 4) == [(5, [0]), (12, [1, 0])]


def test_a_judge_goes_on_from_json_in_the_middle_of_an_alarm(tiny):
    values = 1.5 * noise(2, 200)
    values[0, 90:110], values[:, 95] = 50, np.nan
    for cut in (50, 96, 100):
        whole, part = (make_judge(tiny, 2, persistence=2) for _ in range(2))
        expected = alarms_of(whole, values, 1)
        before = alarms_of(part, values[:, :cut], 1)
        again = Judge.from_json(json.loads(json.dumps(part.to_json())), tiny)
        judged = again.judge(scores_of(values[:, cut:]), cut)
        assert before + [(cut + step, variates) for step, variates in judged.alarms] == expected


def test_past_scores_do_not_depend_on_how_many_are_made_at_once(tiny, monkeypatch):
    histories = {name: noise(2, length, seed=length) for name, length in (("a", 60), ("b", 45), ("c", 5))}
    histories["b"][:, :30] = np.nan
    whole = past_scores(tiny, histories, 64, 0.9)
    assert {name: found.values.shape[-1] for name, found in whole.items()} == {"a": 45, "b": 14, "c": 0}
    monkeypatch.setattr("toto.alarms.past._AT_ONCE", 70)
    for name, found in past_scores(tiny, histories, 64, 0.9).items():
        torch.testing.assert_close(found.values, whole[name].values, equal_nan=True)
        torch.testing.assert_close(found.median, whole[name].median)
