"""The test part: scored by both models, and touched by nothing else."""

import math

import numpy as np
import pytest

from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.finetuning.generations import generation_of
from toto.finetuning.learning import Learning
from toto.finetuning.settings import FitSettings
from toto.inference.pipeline.fit_record import FitRecord
from toto.model.fingerprint import fingerprint

pd = pytest.importorskip("pandas")
pytest.importorskip("lightning")
pytestmark = pytest.mark.usefixtures("as_users_call")

HORIZON = 6
SETTINGS = {
    "columns": "load",
    "known": ["heat"],
    "past": "wind",
    "max_steps": 10,
    "batch_size": 4,
    "context": 16,
    "learning_rate": 1e-2,
    "test_fraction": 0.2,
}


def test_what_lies_in_the_test_part_changes_only_its_scores(pipe, hourly):
    hourly, numbers = hourly[:150], ["load", "heat", "wind"]
    changed = hourly.copy()
    changed.loc[120:, numbers] = 7.0 * np.random.default_rng(1).normal(size=(30, 3))
    one, other = (pipe.fit(data, HORIZON, **SETTINGS) for data in (hourly, changed))
    first, second = one.fit_result, other.fit_result
    assert [row["score"] for row in first.curve] == [row["score"] for row in second.curve]
    assert (first.score, first.zero_shot, first.step) == (second.score, second.zero_shot, second.step)
    assert first.num_test_windows == second.num_test_windows > 5
    assert first.test_score != second.test_score
    assert fingerprint(one.model.state_dict()) == fingerprint(other.model.state_dict())


def test_the_scores_are_those_of_windows_behind_the_one_moment(pipe, hourly):
    settings = FitSettings(HORIZON, context=32, test_fraction=0.2, val_fraction=0.2)
    covariates = Covariates(("heat",), ("wind",))
    learning = Learning.of(hourly, Layout(columns=["load"]), covariates, settings, generation_of(pipe.model))
    assert learning.series[0].values.shape[1] == learning.series[0].known.shape[1] == 320
    assert learning.ends == [240]
    assert learning.test.contexts[0].values.shape[1] == 320
    assert all(one.known.shape[1] == one.values.shape[1] + HORIZON for one in learning.test.contexts)
    assert max(one.values.shape[1] for one in learning.validation().contexts) <= 320 - HORIZON


def test_a_run_without_a_test_part_or_weights_says_so_in_its_scores(pipe, hourly):
    without = pipe.fit(hourly[:100], HORIZON, **SETTINGS | {"test_fraction": 0, "max_steps": 1}).fit_result
    assert math.isnan(without.test_zero_shot)
    assert without.num_test_windows == 0
    ended = pipe.fit(hourly[:100], HORIZON, **SETTINGS, time_limit=1e-9).fit_result
    assert math.isnan(ended.test_score)
    assert np.isfinite(ended.test_zero_shot)
    short = pipe.fit(hourly[:16], HORIZON, **SETTINGS)
    assert np.isfinite(short.fit_result.test_zero_shot)
    assert FitRecord.of(short.model.config).uses_covariates is False
