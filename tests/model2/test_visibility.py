"""Which tokens see which."""

import torch

from toto.model2.visibility import Visible, groups_by_patch, visible_in_time


def test_an_unseen_patch_sees_the_past_and_is_seen_by_itself_alone():
    seen = torch.tensor([[True, False, True, False]])
    allowed = visible_in_time(seen, torch.arange(4)[None])
    assert allowed[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1]]


def test_rows_see_up_to_their_own_position():
    seen = torch.ones(2, 4, dtype=torch.bool)
    allowed = visible_in_time(seen, torch.tensor([[2, 3], [0, 1]]))
    assert allowed[:, 0].int().tolist() == [[[1, 1, 1, 0], [1, 1, 1, 1]], [[1, 0, 0, 0], [1, 1, 0, 0]]]


def test_there_is_no_mask_where_everything_is_seen():
    ids = torch.tensor([[3, 3]])
    everything = Visible.of(groups_by_patch(ids, torch.zeros(1, 2, 4, dtype=torch.bool)), num_new=2)
    assert everything == (None, None)


def test_variates_see_their_group_where_they_have_values():
    unseen = torch.zeros(1, 3, 2, dtype=torch.bool)
    unseen[0, 1, 1] = True
    visible = Visible.of(groups_by_patch(torch.tensor([[4, 4, 7]]), unseen), num_new=2)
    expected = [[[1, 1, 0], [1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]
    assert visible.variates[0].int().tolist() == expected
    assert visible.time is not None
