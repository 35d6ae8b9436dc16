"""Quasi-random words: each path alone is exactly random, all paths together are even.

The exact part of the proof that forecasts from them are unbiased: a word is `_mix` of its Sobol word and its
key, which depends on their sum alone and is a bijection of it; so a uniform key makes a uniform word.
"""

import pytest
import scipy.stats
import torch
from torch import Tensor

from toto.inference.philox import random_bits
from toto.inference.quasi_random import _mix, _reversed_bits, sobol_bits

FALSE_ALARM = 1e-6  # chance that correct words fail one of the statistical tests, with another seed


def bits(num_samples: int = 32, num_steps: int = 40, seed: int = 7, words=sobol_bits) -> Tensor:
    """Words [variates, samples, steps, 3] of one series and two variates."""
    variates, samples, steps = torch.arange(2)[:, None, None], torch.arange(num_samples)[:, None], num_steps
    return words(seed, torch.tensor(0), variates, samples, torch.arange(steps))[..., :3]


def test_the_scrambling_depends_on_the_sum_of_word_and_key():
    word, key = torch.randint(2**32, (2, 10_000), generator=torch.Generator().manual_seed(0))
    assert torch.equal(_mix(word, key), _mix(torch.tensor(0), (word + key) % 2**32))


def test_the_scrambling_is_a_bijection():
    """Every bit of the result is that of the word or its opposite, which lower bits decide."""
    word = torch.randint(2**32, (10_000,), generator=torch.Generator().manual_seed(0))
    zero = torch.tensor(0)
    for bit in range(32):
        changed = _mix(word, zero) ^ _mix(word ^ (1 << bit), zero)
        assert ((changed & ((2 << bit) - 1)) == 1 << bit).all()


def test_bits_are_reversed():
    assert _reversed_bits(torch.tensor([1, 6, 2**32 - 1])).tolist() == [2**31, 3 * 2**29, 2**32 - 1]


@pytest.mark.parametrize("log_samples", [0, 1, 3, 5, 8, 12])
def test_the_first_samples_have_a_word_in_every_interval(log_samples):
    words = bits(2**log_samples, num_steps=5)
    intervals = (words >> (32 - log_samples)).sort(dim=1).values
    assert torch.equal(intervals, torch.arange(2**log_samples)[:, None, None].expand_as(intervals))


def test_the_first_samples_have_a_pair_of_words_in_every_box():
    words = bits(32, num_steps=5)
    for log_rows in range(6):
        row, column = words[..., 0] >> (32 - log_rows), words[..., 1] >> (27 + log_rows)
        boxes = (row * 2 ** (5 - log_rows) + column).sort(dim=1).values
        assert torch.equal(boxes, torch.arange(32)[:, None].expand_as(boxes))


def test_words_of_a_place_do_not_depend_on_what_else_is_asked_for():
    words = bits(5000)
    zero = torch.tensor(0)
    alone = sobol_bits(7, zero, torch.tensor(1), torch.tensor(4711), torch.tensor(33))
    assert torch.equal(alone, words[1, 4711, 33])
    assert torch.equal(bits(40)[:, 17:], words[:, 17:40])


def test_every_place_and_seed_has_its_own_words():
    words = bits(5000, num_steps=3)
    assert len(words.reshape(-1, 3).unique(dim=0)) == 2 * 5000 * 3
    assert (bits(seed=7) != bits(seed=8)).float().mean() > 0.99


@pytest.mark.parametrize("sample", [0, 1, 31, 5000])
def test_words_of_a_single_sample_are_uniform_and_independent_over_places(sample):
    zero, steps = torch.tensor(0), torch.arange(1000)
    words = sobol_bits(3, zero, torch.arange(50)[:, None], torch.tensor(sample), steps).double() / 2**32
    for column in words.view(-1, 3).T:
        assert scipy.stats.kstest(column.numpy(), "uniform").pvalue > FALSE_ALARM
    within = torch.corrcoef(words.view(-1, 3).T) - torch.eye(3).double()
    next_step = torch.corrcoef(torch.stack([words[:, 1:, 0].flatten(), words[:, :-1, 0].flatten()]))[0, 1]
    next_variate = torch.corrcoef(torch.stack([words[1:, :, 0].flatten(), words[:-1, :, 0].flatten()]))[0, 1]
    for correlation in (within.abs().max(), next_step.abs(), next_variate.abs()):
        assert correlation < 5 / 49_000**0.5  # 6e-7 by chance


def test_the_order_of_the_samples_differs_from_place_to_place():
    """Else a product over two places would not be even but a multiple of one sample: its mean over 32 samples
    is compared with that of independent words, whose square is 1 / 32.
    """
    halves = torch.where(bits(32, num_steps=20_000)[..., 0] < 2**31, 1.0, -1.0)
    product = (halves[:, :, ::2] * halves[:, :, 1::2]).mean(1)
    assert product.square().mean() < 2.2 / 32  # measured 1 / 16, pairs of neighbours being opposite


@pytest.mark.parametrize("function", [lambda u: u, torch.log, lambda u: (u < 0.1).double(), torch.Tensor.exp])
def test_means_over_samples_are_unbiased_and_closer_to_the_integral(function):
    """|z| beyond 5 has probability 6e-7."""
    words = [bits(32, num_steps=4000, words=words).double() for words in (sobol_bits, random_bits)]
    even, plain = (function((w + 0.5) / 2**32).mean(1).reshape(-1) for w in words)
    z = (even.mean() - plain.mean()) / (plain.var() / len(plain) + even.var() / len(even)).sqrt()
    assert abs(z) < 5
    assert even.std() < 0.35 * plain.std()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_words_on_cuda_are_those_on_the_host():
    places = [torch.arange(2)[:, None, None], torch.tensor(3), torch.arange(5000)[:, None], torch.arange(4)]
    on_device = sobol_bits(7, *(place.cuda() for place in places))
    assert torch.equal(on_device.cpu(), sobol_bits(7, *places))
