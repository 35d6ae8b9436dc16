"""What is asked for is checked before anything runs, for the mean path too."""

import pytest
import torch

from toto import InputError
from toto.inference.philox import random_bits
from toto.inference.quasi_random import sobol_bits
from toto.inference.request import Request


def checked(num_samples=None, samples_per_batch="auto", use_kv_cache=True, horizon=20, **changes) -> Request:
    options = {"seed": None, "generator": None}
    options |= dict.fromkeys(("variance_reduction", "keep_distribution", "joint_draws"), False)
    return Request.checked(horizon, num_samples, samples_per_batch, use_kv_cache, **options | changes)


def test_the_horizon_is_counted_in_begun_patches():
    assert [checked(horizon=h).num_patches(8) for h in (1, 8, 9)] == [1, 1, 2]


def test_the_mean_path_is_one_path_without_a_seed():
    assert (checked().num_paths, checked().seed) == (1, 0)
    assert checked(5, seed=3) == Request(20, 5, seed=3, words=random_bits)
    assert checked(5, 2, 0, seed=3, variance_reduction=1).words is sobol_bits


@pytest.mark.parametrize("num_samples", [None, 5])
@pytest.mark.parametrize(
    ("argument", "rule"),
    [
        ({"horizon": 0}, "prediction_length must be a whole number of at least 1, got 0"),
        ({"samples_per_batch": "all"}, "samples_per_batch must be \"auto\" or a whole number .* got 'all'"),
        ({"use_kv_cache": "no"}, "use_kv_cache must be True or False, got 'no'"),
        ({"variance_reduction": "no"}, "variance_reduction must be True or False, got 'no'"),
        ({"keep_distribution": None}, "keep_distribution must be True or False, got None"),
        ({"joint_draws": "all"}, "joint_draws must be True or False, got 'all'"),
        ({"seed": "0"}, "seed must be a whole number from 0 to 2\\^63 - 1, got '0'"),
        ({"seed": 2**63}, "seed must be a whole number from 0 to 2\\^63 - 1, got 9"),
        ({"generator": 3}, "generator must be a torch.Generator, got 3: a number is a seed"),
        ({"seed": 3, "generator": torch.Generator()}, "give seed or generator, not both"),
    ],
)
def test_an_argument_that_breaks_a_rule_is_an_error(num_samples, argument, rule):
    with pytest.raises(InputError, match=rule):
        checked(num_samples, **argument)


@pytest.mark.parametrize("option", ["keep_distribution", "variance_reduction", "joint_draws"])
def test_options_of_sample_paths_need_sample_paths(option):
    with pytest.raises(InputError, match=f"{option} needs sample paths: pass num_samples"):
        checked(**{option: True})
