"""The log of a run that was killed at any time."""

import pytest
import torch

from toto.model.losses import Loss
from toto.training.checkpoints import RunState
from toto.training.csv_log import read_csv
from toto.training.loss_log import COLUMNS, LossLog


@pytest.fixture
def path(tmp_path):
    """A log with lines for the steps 2, 4 and 6."""
    log = LossLog(tmp_path / "loss.csv", 0)
    for step in (2, 4, 6):
        write(log, step, float(step))
    return log.path


def write(log: LossLog, step: int, *losses: float) -> float:
    for loss in losses:
        log.add(Loss(*torch.full((4,), loss)), 1.0)
    return log.write(RunState(step, 1.0, 10 * step), 1e-3)


def steps(path) -> list[int]:
    return [int(row["step"]) for row in read_csv(path)]


def test_a_line_is_the_mean_of_the_steps_since_the_line_before(path):
    log = LossLog(path, 6)
    assert write(log, 8, 1.0, 3.0) == 2.0
    assert write(log, 9, 5.0) == 5.0
    assert [row["loss"] for row in read_csv(path)] == ["2", "4", "6", "2", "5"]


def test_lines_after_the_step_of_the_resume_are_dropped(path):
    LossLog(path, 5)
    assert steps(path) == [2, 4]


@pytest.mark.parametrize("missing", [2, 3, 10, 24])
def test_a_line_that_a_kill_cut_short_is_dropped(path, missing):
    path.write_bytes(path.read_bytes()[:-missing])
    assert steps(path) == [2, 4]
    write(LossLog(path, 10), 12, 1.0)
    assert steps(path) == [2, 4, 12]


def test_a_header_that_a_kill_cut_short_is_written_again(path):
    path.write_text(",".join(COLUMNS)[:20])
    write(LossLog(path, 10), 12, 1.0)
    assert steps(path) == [12]
