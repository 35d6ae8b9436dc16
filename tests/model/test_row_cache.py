"""Rows of different lengths against one `KVCache` per row."""

import pytest
import torch

from toto import InputError
from toto.model.cache import KVCache
from toto.model.row_cache import RowCache

DIM = 32


def tokens(count: int, rows: int = 3, branches: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 1, branches, count, DIM, generator=generator, dtype=torch.float64)


def numbers(*rows: int) -> torch.Tensor:
    return torch.tensor(rows)


@torch.no_grad()
def run(tiny, x, cache, newest_only=False):
    return tiny.model.transformer(x, None, cache, newest_only)


def expected(tiny, *parts: torch.Tensor) -> torch.Tensor:
    """What the layers give for the last part, one row at a time."""
    found = []
    for row in zip(*parts, strict=True):
        cache = KVCache(sum(part.shape[2] for part in row))
        found.append([run(tiny, part[None], cache) for part in row][-1])
    return torch.cat(found)


@pytest.mark.parametrize("rows", [(0, 1, 2), (1, 4, 5)])
@pytest.mark.parametrize("newest_only", [False, True])
def test_rows_of_different_lengths_go_on_as_each_by_itself(tiny, rows, newest_only):
    cache, past, more = RowCache(20), tokens(5), tokens(2, seed=1)
    for row, count in zip(rows, (5, 2, 4), strict=True):
        run(tiny, past[:1, :, :, :count], cache.begin_anew(numbers(row)))
    found = run(tiny, more, cache.rows(numbers(*rows)), newest_only)
    alone = [expected(tiny, past[:1, :, :, :n], more[i : i + 1]) for i, n in enumerate((5, 2, 4))]
    torch.testing.assert_close(found, torch.cat(alone)[:, :, :, -1:] if newest_only else torch.cat(alone))
    assert cache.lengths[list(rows)].tolist() == [7, 4, 6]


def test_rows_of_one_length_go_on_as_in_a_plain_cache(tiny):
    cache, past, more = RowCache(20), tokens(5), tokens(2, seed=1)
    run(tiny, past, cache.begin_anew(numbers(0, 1, 2)))
    torch.testing.assert_close(run(tiny, more, cache.rows(numbers(0, 1, 2))), expected(tiny, past, more))


def test_rows_that_wait_are_not_touched(tiny):
    cache, past, more = RowCache(20), tokens(5), tokens(2, seed=1)
    run(tiny, past, cache.begin_anew(numbers(0, 1, 2)))
    run(tiny, more[:1], cache.rows(numbers(1)))
    found = run(tiny, more, cache.rows(numbers(0, 1, 2)))
    torch.testing.assert_close(found[[0, 2]], expected(tiny, past, more)[[0, 2]])


def test_a_row_that_begins_anew_forgets(tiny):
    cache, past, more = RowCache(20), tokens(5), tokens(3, seed=1)
    run(tiny, past, cache.begin_anew(numbers(0, 1, 2)))
    run(tiny, more[:2], cache.begin_anew(numbers(0, 1)))
    again = run(tiny, tokens(1, 2, seed=2), cache.rows(numbers(0, 1)))
    torch.testing.assert_close(again, expected(tiny, more[:2], tokens(1, 2, seed=2)))


def test_buffers_grow_with_rows_and_tokens_to_the_capacity(tiny):
    cache = RowCache(6)
    run(tiny, tokens(4, 1), cache.begin_anew(numbers(0)))
    assert {keys.shape[:3:2] for keys, _ in cache.layers.values()} == {(1, 4)}
    run(tiny, tokens(1, 1), cache.rows(numbers(0)))
    run(tiny, tokens(4, 3), cache.begin_anew(numbers(1, 2, 3)))
    assert {keys.shape[:3:2] for keys, _ in cache.layers.values()} == {(4, 6)}


@pytest.mark.parametrize("lengths", [(5, 5, 5), (5, 2, 4)])
def test_peeking_branches_see_the_past_and_leave_nothing(tiny, lengths):
    cache, past, own = RowCache(20), tokens(5), tokens(1, branches=2, seed=1)
    for row, count in enumerate(lengths):
        run(tiny, past[row : row + 1, :, :, :count], cache.begin_anew(numbers(row)))
    rows = cache.rows(numbers(0, 1, 2))
    found = run(tiny, own, rows.peek())
    for row, count in enumerate(lengths):
        for branch in range(2):
            token = own[row : row + 1, :, branch : branch + 1]
            alone = expected(tiny, past[row : row + 1, :, :, :count], token)
            torch.testing.assert_close(found[row : row + 1, :, branch : branch + 1], alone)
    assert cache.lengths.tolist() == list(lengths)


def test_rows_branch_as_a_plain_cache_does(tiny):
    cache, past, own = RowCache(20), tokens(5), tokens(2, branches=2, seed=1)
    run(tiny, past, cache.begin_anew(numbers(0, 1, 2)))
    found = run(tiny, own, cache.rows(numbers(0, 1, 2)).fan_out(2))
    plain = KVCache(5)
    run(tiny, past, plain)
    torch.testing.assert_close(found, run(tiny, own, plain.fan_out(2)))


def test_rows_of_different_lengths_cannot_branch(tiny):
    cache = RowCache(20)
    run(tiny, tokens(3, 1), cache.begin_anew(numbers(0)))
    run(tiny, tokens(2, 1), cache.begin_anew(numbers(1)))
    with pytest.raises(InputError, match=r"rows that branch must have one length, got \[3, 2\]"):
        cache.rows(numbers(0, 1)).fan_out(1)


def test_more_tokens_than_the_capacity_are_an_error(tiny):
    with pytest.raises(InputError, match="the cache holds 4 tokens of a row, got 5"):
        run(tiny, tokens(5), RowCache(4).begin_anew(numbers(0, 1, 2)))
