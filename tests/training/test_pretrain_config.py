import json

import pytest

from toto.errors import ConfigError
from toto.training.config import NANO, PretrainConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_steps": None}, "num_steps or minutes must be given: a run needs an end"),
        ({"num_steps": 0}, "num_steps must be a whole number of at least 1, got 0"),
        ({"num_steps": True}, "num_steps must be a whole number of at least 1, got True"),
        ({"minutes": 0}, "minutes must be above 0, got 0"),
        ({"checkpoint_minutes": -1}, "checkpoint_minutes must be above 0, got -1"),
        ({"log_every": 0}, "log_every must be a whole number of at least 1, got 0"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"num_variates": 0}, "num_variates must be a whole number of at least 1, got 0"),
        ({"grouped_share": 1.5}, "grouped_share must lie between 0 and 1, got 1.5"),
        ({"missing_share": -0.1}, "missing_share must lie between 0 and 1, got -0.1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0, got nan"),
        ({"gradient_clip": 0}, "gradient_clip must be above 0, got 0"),
        ({"warmup_steps": -1}, "warmup_steps must be a whole number of at least 0, got -1"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
        ({"decay_share": 2.0}, "decay_share must lie between 0 and 1, got 2.0"),
        ({"ema_decay": 1.0}, "ema_decay and beta2 must be below 1, got 1.0 and 0.98"),
        ({"precision": "float8"}, "precision must be one of float32, bfloat16, got 'float8'"),
        ({"num_workers": 0}, "num_workers must be a whole number of at least 1, got 0"),
        ({"context_shares": {}}, "context_shares must hold positive shares by length, got {}"),
        ({"context_shares": {512: 0.0}}, "context_shares must hold positive shares by length"),
        ({"context_shares": {"long": 1.0}}, "context_shares must have whole numbers as keys"),
        ({"context_shares": {500: 1.0}}, "multiples of patch_size 64, at least two, got 500"),
        ({"context_shares": {64: 1.0}}, "multiples of patch_size 64, at least two, got 64"),
        ({"optimiser": "sgd"}, "optimiser must be one of adamw, muon, got 'sgd'"),
        ({"snapshot_every": 0}, "snapshot_every must be a whole number of at least 1, got 0"),
        (
            {"tokens_per_step": 512},
            "must hold a row of 8 variates of 4096 steps for each of 2 workers, got 512",
        ),
        ({"tokens_per_step": -512}, "tokens_per_step must be a whole number of at least 1, got -512"),
        ({"model": NANO.to_dict() | {"dropout": 0.1}}, "dropout needs num_workers = 1"),
        ({"context_shares": {512: "a"}}, "context_shares must hold numbers, got {512: 'a'}"),
        ({"colour": "red"}, "the run configuration has unknown keys: colour"),
    ],
)
def test_a_value_that_describes_no_run_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        PretrainConfig.from_dict({"num_steps": 10} | changes)


def test_a_configuration_survives_json():
    config = PretrainConfig(num_steps=10, minutes=2.5, context_shares={128: 1.0, 256: 2.0}, seed=3)
    assert PretrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_two_runs_differ_in_what_they_train_not_in_how_long():
    first = PretrainConfig(num_steps=10)
    assert first.differences(PretrainConfig(num_steps=20, log_every=1)) == []
    assert first.differences(PretrainConfig(num_steps=10, seed=1, learning_rate=1e-4)) == [
        "learning_rate",
        "seed",
    ]


def test_rows_of_a_step_are_shared_equally_by_the_workers():
    config = PretrainConfig(num_steps=1, tokens_per_step=8 * 8 * 3, num_workers=2, context_shares={512: 1.0})
    assert config.num_rows(512) == 2
