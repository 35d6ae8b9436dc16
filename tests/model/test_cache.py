import pytest
import torch

from toto import InputError
from toto.model.cache import KVCache


def tokens(count: int, branches: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, branches, count, 4, generator=torch.Generator().manual_seed(seed))


def test_a_cache_gives_back_what_was_appended():
    cache = KVCache(5)
    a, b = tokens(3), tokens(2, seed=1)
    cache.append(0, a, -a)
    cache.advance(3)
    keys, values = cache.append(0, b, -b)
    assert torch.equal(keys, torch.cat([a, b], dim=3))
    assert torch.equal(values, -keys)
    assert cache.length == 3  # until all layers have appended and the tokens are counted


def test_appending_copies_nothing_that_was_there():
    cache = KVCache(5)
    first, _ = cache.append(0, tokens(3), tokens(3))
    cache.advance(3)
    both, _ = cache.append(0, tokens(2), tokens(2))
    assert both.data_ptr() == first.data_ptr()


def test_branches_share_the_past_and_keep_their_own():
    cache = KVCache(4)
    past = tokens(3)
    cache.append(7, past, past)
    cache.advance(3)
    left, right = cache.fan_out(2), cache.fan_out(2)
    left.append(7, tokens(1, 5), tokens(1, 5))
    left.advance(1)
    assert (left.length, right.length, cache.length) == (4, 3, 3)
    for branched in (left, right):
        shared, _ = branched.shared(7)
        assert torch.equal(shared, past[:, :, 0])
    assert cache.shared(7) is None


def test_more_tokens_than_the_capacity_are_an_error():
    with pytest.raises(InputError, match="the cache holds 2 tokens of a branch, got 3"):
        KVCache(2).append(0, tokens(3), tokens(3))


def test_branching_twice_is_an_error():
    cache = KVCache(1)
    cache.append(0, tokens(1), tokens(1))
    cache.advance(1)
    with pytest.raises(InputError, match="already branched cannot fan out again"):
        cache.fan_out(1).fan_out(1)
