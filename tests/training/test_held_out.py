"""Series that no step trains on, and what is recorded of them."""

import dataclasses

import pytest
import torch

from toto import Toto
from toto.model.losses import pretraining_loss
from toto.training.batches import batch_of_step
from toto.training.config import NANO, PretrainConfig
from toto.training.csv_log import read_csv
from toto.training.held_out import held_out_batches, held_out_loss
from toto.training.loop import pretrain

MODEL = dataclasses.replace(NANO, patch_size=8, stride=8, embed_dim=16, num_heads=2, mlp_hidden_dim=24)
CONFIG = PretrainConfig(
    model=MODEL, num_steps=6, tokens_per_step=256, context_shares={64: 0.5, 128: 0.5}, num_variates=4
)


def test_held_out_series_are_always_the_same_and_none_of_those_trained_on():
    first, again = held_out_batches(CONFIG), held_out_batches(CONFIG)
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.series, two.series)
    seen = [batch_of_step(CONFIG, step).series for step in range(10)]
    assert not any(torch.equal(batch.series, series) for batch in first for series in seen)


@torch.no_grad()
def test_the_loss_is_the_mean_over_all_counted_steps():
    model = Toto.from_config(CONFIG.model)
    batches = held_out_batches(CONFIG)[:3]
    losses = [pretraining_loss(model.model(*b.inputs()), b.series, b.observed, 8, 8) for b in batches]
    expected = sum(x.total * x.num_counted for x in losses) / sum(x.num_counted for x in losses)
    assert float(held_out_loss(model, batches).total) == pytest.approx(float(expected), rel=1e-5)


def test_a_run_records_the_loss_of_its_averaged_weights_and_keeps_snapshots(tmp_path):
    config = dataclasses.replace(CONFIG, validate_every=3, snapshot_every=2)
    final = pretrain(config, tmp_path).folder
    rows = read_csv(tmp_path / "held_out.csv")
    assert [row["step"] for row in rows] == ["3", "6"]
    assert [path.name for path in sorted((tmp_path / "snapshots").iterdir())] == [
        f"step-{step:08d}" for step in (2, 4, 6)
    ]
    loss = held_out_loss(Toto.from_pretrained(final), held_out_batches(config))
    assert float(rows[-1]["loss"]) == pytest.approx(float(loss.total), rel=1e-2)
    last = Toto.from_pretrained(tmp_path / "snapshots" / "step-00000006").state_dict()
    for name, weight in Toto.from_pretrained(final).state_dict().items():
        assert torch.equal(weight, last[name]), name
