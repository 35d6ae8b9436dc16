"""The NAB score on cases small enough to compute by hand; s(x) = 2 / (1 + exp(5 x)) - 1."""

import math

import numpy as np
import pytest

from toto.errors import InputError
from toto.evaluation.nab import PROFILES, ScoredFile, best_threshold, nab_score, raw_score

STANDARD = PROFILES["standard"]


def file(alarms: list[int], windows: list[tuple[int, int]], num_rows: int = 100) -> ScoredFile:
    scores = np.zeros(num_rows)
    scores[alarms] = 1.0
    return ScoredFile(scores, tuple(windows))


def test_files_without_anything_to_find_or_to_score_are_errors():
    with pytest.raises(InputError, match="files must have at least one window of anomalies in all, got none"):
        nab_score([file([40], [])], 0.5, STANDARD)
    with pytest.raises(InputError, match="files must have scores behind their unscored start, got none but"):
        best_threshold([ScoredFile(np.full(100, np.nan), ((40, 49),))], STANDARD)


def s(x: float) -> float:
    return 2 / (1 + math.exp(5 * x)) - 1


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ([], -1.0),  # the window is missed
        ([40], 1.0),  # its first row: the full reward
        ([45], s(-0.5) / s(-1)),  # (right - i + 1) / width = 5 / 10
        ([49], s(-0.1) / s(-1)),
        ([45, 46, 49], s(-0.5) / s(-1)),  # later ones do not count
        ([30], -1 - 0.11),  # before any window: the full cost
        ([50, 40], 1 + 0.11 * s(1 / 9)),  # one row behind a window of 10: (50 - 49) / (10 - 1)
        ([90, 40], 1 - 0.11),  # far behind it
        ([40, 3], 1.0),  # in the first 15 %
        ([40, 15], 1 - 0.11),
    ],
)
def test_one_window(alarms, expected):
    assert raw_score(file(alarms, [(40, 49)]), 0.5, STANDARD) == pytest.approx(expected)


def test_a_false_alarm_is_measured_from_the_window_before_it():
    two = file([62], [(30, 39), (60, 61), (80, 89)])
    assert raw_score(two, 0.5, STANDARD) == pytest.approx(-3 + 0.11 * s(1 / 1))


def test_profiles_weigh_false_alarms_and_missed_windows():
    one = file([20], [(40, 49)])
    assert raw_score(one, 0.5, PROFILES["low FP"]) == pytest.approx(-1.22)
    assert raw_score(one, 0.5, PROFILES["low FN"]) == pytest.approx(-2.11)


def test_no_alarm_is_0_and_perfect_ones_are_100():
    windows = [(40, 49), (70, 79)]
    for profile in PROFILES.values():
        assert nab_score([file([], windows), file([], [])], 0.5, profile) == 0
        assert nab_score([file([40, 70], windows), file([], [])], 0.5, profile) == pytest.approx(100)
    half = nab_score([file([40], windows), file([30], [])], 0.5, STANDARD)
    assert half == pytest.approx(100 * (1 - 1 - 0.11 + 2) / 4)


def test_of_a_long_file_750_rows_do_not_count():
    assert file([], [], 10_000).num_unscored == 750
    assert file([], [], 99).num_unscored == 14


def test_the_best_threshold_finds_the_windows_and_nothing_else():
    scores = np.random.default_rng(0).uniform(size=200)
    scores[100] = 2.0
    one = ScoredFile(scores, ((100, 109),))
    assert nab_score([one], best_threshold([one], STANDARD), STANDARD) == pytest.approx(100)
