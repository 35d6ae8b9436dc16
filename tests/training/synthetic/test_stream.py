"""Batches made by several processes are those of one."""

from functools import partial
from itertools import islice

import pytest
import torch

from toto.errors import InputError
from toto.training.batches import batch_of_step
from toto.training.config import PretrainConfig
from toto.training.synthetic.stream import stream

CONFIG = PretrainConfig(num_steps=1, tokens_per_step=256, context_shares={128: 0.5, 256: 0.5}, num_workers=1)


def test_items_come_in_order_from_the_first_on():
    assert list(islice(stream(abs, -2), 5)) == [2, 1, 0, 1, 2]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine of one core
def test_other_processes_give_the_same_batches_in_the_same_order():
    make = partial(batch_of_step, CONFIG)
    batches = stream(make, 3, num_processes=2)
    for step, batch in zip(range(3, 9), batches, strict=False):
        for ahead, here in zip(batch, make(step), strict=True):
            assert torch.equal(ahead, here)


def test_a_negative_number_of_processes_is_refused():
    with pytest.raises(InputError, match="num_processes must be at least 0, got -1"):
        stream(abs, num_processes=-1)
