"""Rows that go on at their own pace are as if each were alone."""

import pytest
import torch

from toto.model.row_cache import RowCache
from toto.model2.cache import Past
from toto.model2.row_past import PeekedPast, RowPast
from toto.model2.visibility import Visible, visible_in_time

LENGTHS = [5, 2, 3]


@pytest.fixture(params=[{}, {"num_groups": 2, "qk_dim": 12, "v_dim": 16, "use_xpos": False}], ids=str)
def model(request, make_tiny2):
    return make_tiny2(num_variate_layers_per_group=0, **request.param)


def tokens(batch: int, patches: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 1, patches, 32, generator=generator, dtype=torch.float64)


@torch.no_grad()
def filled(model) -> tuple[RowCache, torch.Tensor]:
    """A cache of three rows of different lengths, and the tokens in it."""
    cache, past = RowCache(12), tokens(3, max(LENGTHS))
    for row, length in enumerate(LENGTHS):
        rows = RowPast(cache.begin_anew(torch.tensor([row])))
        model.transformer(past[row : row + 1, :, :length], Visible(None, None), rows, length, 1)
    return cache, past


@torch.no_grad()
def alone(model, run: torch.Tensor, num_outputs: int) -> torch.Tensor:
    return model.transformer(run, Visible(None, None), Past(), 0, num_outputs)[0]


@torch.no_grad()
def test_rows_of_different_lengths_go_on_together(model):
    cache, past = filled(model)
    new, rows = tokens(3, 4, seed=1), RowPast(cache.rows(torch.arange(3)))
    positions = rows.positions(4)
    assert positions[:, 0].tolist() == LENGTHS
    seen = torch.ones(3, int(positions.max()) + 1, dtype=torch.bool)
    visible = Visible(visible_in_time(seen, positions), None)
    found, after = model.transformer(new, visible, rows, 4, 4)
    assert after.positions(1)[:, 0].tolist() == [length + 4 for length in LENGTHS]
    for row, length in enumerate(LENGTHS):
        run = torch.cat([past[row : row + 1, :, :length], new[row : row + 1]], 2)
        torch.testing.assert_close(found[row : row + 1], alone(model, run, 4), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_tokens_that_peek_stand_alone_behind_their_row_and_leave_it(model):
    cache, past = filled(model)
    new, rows = tokens(3, 2, seed=1), cache.rows(torch.arange(3))
    in_past = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    itself = torch.eye(2, dtype=torch.bool).expand(3, 1, -1, -1)
    visible = Visible(torch.cat([in_past[:, None, None].expand(-1, 1, 2, -1), itself], -1), None)
    found, _ = model.transformer(new, visible, PeekedPast(rows), 0, 2)
    assert cache.lengths.tolist() == LENGTHS
    for row, length in enumerate(LENGTHS):
        for place in range(2):
            run = torch.cat([past[row : row + 1, :, :length], new[row : row + 1, :, place : place + 1]], 2)
            expected = alone(model, run, 1)[:, :, 0]
            torch.testing.assert_close(found[row : row + 1, :, place], expected, rtol=1e-9, atol=1e-9)
