import copy

import pytest
import torch

from toto.model.scheduler import WarmupStableDecayLR, learning_rate_factor


def test_the_learning_rate_warms_up_stays_and_decays():
    rates = [learning_rate_factor(step, step / 1000, 100, 0.3) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[99:700] == [1.0] * 601
    assert rates[775] == pytest.approx(0.5)
    assert rates[1000] == 0.0
    assert rates[:100] == sorted(rates[:100])
    assert rates[700:] == sorted(rates[700:], reverse=True)


def test_without_a_decay_the_learning_rate_stays():
    assert learning_rate_factor(500, 1.0, 0, 0.0) == 1.0


def make(lr: float = 0.1, **options) -> WarmupStableDecayLR:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
    return WarmupStableDecayLR(optimizer, **options)


def rates(schedule: WarmupStableDecayLR, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    return found


def test_a_schedule_goes_on_from_its_state():
    phases = {"warmup_steps": 3, "stable_steps": 2, "decay_steps": 4, "min_lr": 0.01}
    whole = rates(make(**phases), 12)
    first, second = make(**phases), make(**phases)
    begun = rates(first, 4)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert begun + rates(second, 8) == pytest.approx(whole)


def test_phases_may_be_empty_and_the_base_rate_be_given():
    assert rates(make(warmup_steps=0, stable_steps=0, decay_steps=0, min_lr=0.01), 2) == pytest.approx(
        [0.01] * 2
    )
    schedule = make(warmup_steps=2, stable_steps=1, decay_steps=0, base_lr=0.4, min_lr=0.01)
    assert rates(schedule, 4) == pytest.approx([0.2, 0.4, 0.4, 0.01])
