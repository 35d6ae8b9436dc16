"""The loop on a tiny real model: it learns, it resumes exactly, and what it exports is what it trained."""

import dataclasses
import json
import math

import pytest
import torch

from toto import Toto, TotoConfig
from toto.errors import CheckpointError, ConfigError
from toto.training import loop
from toto.training.batches import batch_of_step
from toto.training.checkpoints import list_checkpoints
from toto.training.config import PretrainConfig
from toto.training.csv_log import read_csv
from toto.training.gradients import GradientWorkers
from toto.training.loop import Run, pretrain
from toto.training.loss_log import COLUMNS

pytestmark = pytest.mark.usefixtures("as_users_call")

MODEL = TotoConfig(
    patch_size=8,
    stride=8,
    embed_dim=16,
    num_layers=2,
    num_heads=2,
    mlp_hidden_dim=24,
    dropout=0.0,
    spacewise_every_n_layers=2,
    scaler_cls="CausalPatchStdMeanScaler",
    output_distribution_classes=("MixtureOfStudentTsOutput",),
    output_distribution_kwargs={"k_components": 2},
)
CONFIG = PretrainConfig(
    model=MODEL,
    num_steps=6,
    tokens_per_step=256,
    context_shares={64: 0.5, 128: 0.5},
    num_variates=4,
    warmup_steps=2,
    learning_rate=5e-3,
    log_every=2,
)


def weights_of(folder) -> dict[str, torch.Tensor]:
    return Toto.from_pretrained(folder).state_dict()


def assert_equal_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def newest(out):
    return list_checkpoints(out)[-1]


def test_training_lowers_the_loss(tmp_path):
    config = dataclasses.replace(CONFIG, num_steps=60, log_every=10)
    pretrain(config, tmp_path)
    losses = [float(row["loss"]) for row in read_csv(tmp_path / "loss.csv")]
    assert losses[-1] < losses[0] - 0.2


def test_the_same_run_gives_the_same_weights(tmp_path):
    first = weights_of(pretrain(CONFIG, tmp_path / "a").folder)
    assert_equal_weights(first, weights_of(pretrain(CONFIG, tmp_path / "b").folder))
    other = weights_of(pretrain(dataclasses.replace(CONFIG, seed=1), tmp_path / "c").folder)
    assert not torch.equal(first["model.unembed.weight"], other["model.unembed.weight"])


@pytest.mark.parametrize(("dropout", "optimiser"), [(0.2, "adamw"), (0.0, "muon")])
def test_a_run_that_was_killed_and_resumed_equals_an_uninterrupted_one(
    tmp_path, monkeypatch, dropout, optimiser
):
    model = dataclasses.replace(MODEL, dropout=dropout)
    config = dataclasses.replace(
        CONFIG, model=model, optimiser=optimiser, num_workers=1, checkpoint_minutes=1e-9
    )
    whole = pretrain(config, tmp_path / "whole")

    def batch_or_kill(config, step):
        if step == 4:
            raise KeyboardInterrupt
        return batch_of_step(config, step)

    monkeypatch.setattr(loop, "batch_of_step", batch_or_kill)
    with pytest.raises(KeyboardInterrupt):
        pretrain(config, tmp_path / "killed")
    monkeypatch.undo()
    assert newest(tmp_path / "killed").name == "step-00000004"
    resumed = pretrain(config, tmp_path / "killed")
    assert_equal_weights(weights_of(whole.folder), weights_of(resumed.folder))
    assert_equal_weights(
        weights_of(newest(tmp_path / "whole") / "model"), weights_of(newest(tmp_path / "killed") / "model")
    )
    steps = [
        [(row["step"], row["loss"]) for row in read_csv(tmp_path / name / "loss.csv")]
        for name in ("whole", "killed")
    ]
    assert steps[0] == steps[1]


def test_series_made_by_other_processes_are_the_same(tmp_path):
    alone = pretrain(CONFIG, tmp_path / "alone")
    fed = pretrain(CONFIG, tmp_path / "fed", generator_processes=1)
    assert_equal_weights(weights_of(alone.folder), weights_of(fed.folder))


def test_a_finished_run_that_is_started_again_does_nothing_more(tmp_path):
    first = pretrain(CONFIG, tmp_path)
    again = pretrain(CONFIG, tmp_path)
    assert again.state.step == first.state.step == 6


def test_a_longer_budget_goes_on_from_the_end(tmp_path):
    pretrain(CONFIG, tmp_path)
    longer = pretrain(dataclasses.replace(CONFIG, num_steps=8), tmp_path)
    assert longer.state.step == 8
    assert [int(row["step"]) for row in read_csv(tmp_path / "loss.csv")] == [2, 4, 6, 8]


def test_a_time_budget_ends_a_run(tmp_path):
    config = dataclasses.replace(CONFIG, num_steps=None, minutes=0.005)
    result = pretrain(config, tmp_path)
    assert result.state.step >= 1
    assert result.state.seconds >= 0.3


def test_the_export_is_the_averaged_model_in_half_precision(tmp_path):
    result = pretrain(CONFIG, tmp_path)
    exported = weights_of(result.folder)
    for name, weight in weights_of(newest(tmp_path) / "model").items():
        assert torch.equal(exported[name], weight.bfloat16().float()), name
    size = (result.folder / "model.safetensors").stat().st_size
    assert size < 2.2 * sum(w.numel() for w in exported.values()) + 10_000


def test_only_the_newest_checkpoints_are_kept_and_none_is_half_written(tmp_path):
    pretrain(dataclasses.replace(CONFIG, checkpoint_minutes=1e-9), tmp_path)
    assert [folder.name for folder in list_checkpoints(tmp_path)] == ["step-00000005", "step-00000006"]
    assert not list(tmp_path.glob("unfinished-*"))


def test_workers_give_the_gradient_of_the_whole_batch(tmp_path):
    run = Run(CONFIG, tmp_path, torch.device("cpu"))
    batch = batch_of_step(CONFIG, 0)
    parameters = list(run.model.parameters())
    gradients = []
    for num_workers in (1, 2):
        workers = GradientWorkers(num_workers)
        loss = workers(run.loss, parameters, batch)
        workers.close()
        gradients.append([p.grad for p in parameters] + [loss.total])
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_is_not_finite_leaves_the_weights(tmp_path, caplog):
    run = Run(dataclasses.replace(CONFIG, num_workers=1), tmp_path, torch.device("cpu"))
    with torch.no_grad():
        run.model.model.output_distribution.df.bias[0] = torch.inf
    before = {name: w.clone() for name, w in run.model.state_dict().items()}
    _, norm = run.step(batch_of_step(CONFIG, 0))
    assert not math.isfinite(norm)
    assert "step 0 skipped: the gradient is not finite" in caplog.text
    assert_equal_weights(before, run.model.state_dict())


def test_bfloat16_trains_as_well(tmp_path):
    result = pretrain(dataclasses.replace(CONFIG, precision="bfloat16"), tmp_path)
    assert all(bool(w.isfinite().all()) for w in weights_of(result.folder).values())


def test_training_leaves_the_global_random_state(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    pretrain(dataclasses.replace(CONFIG, num_steps=1), tmp_path)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_training_on_a_gpu_leaves_its_random_state(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3, device="cuda")
    torch.manual_seed(7)
    pretrain(dataclasses.replace(CONFIG, num_steps=1), tmp_path, device="cuda")
    assert torch.equal(torch.rand(3, device="cuda"), expected)


@pytest.mark.parametrize(("device", "kept"), [("cpu", []), ("cuda", [torch.device("cuda")])])
def test_the_random_state_of_the_device_is_kept_aside(tmp_path, monkeypatch, device, kept):
    def look(devices):
        assert devices == kept
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.random, "fork_rng", look)
    monkeypatch.setattr(loop, "_usable", torch.device)  # without a GPU too
    with pytest.raises(KeyboardInterrupt):
        pretrain(CONFIG, tmp_path, device=device)


def test_progress_is_reported_at_every_logged_step(tmp_path):
    seen = []
    pretrain(CONFIG, tmp_path, progress=lambda share, state, loss: seen.append((share, state.step, loss)))
    assert [(round(share, 3), step) for share, step, _ in seen] == [(0.333, 2), (0.667, 4), (1.0, 6)]
    rows = read_csv(tmp_path / "loss.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [float(row["loss"]) for row in rows] == pytest.approx([loss for _, _, loss in seen], rel=1e-5)


def test_the_run_file_holds_the_configuration(tmp_path):
    pretrain(CONFIG, tmp_path)
    assert PretrainConfig.from_dict(json.loads((tmp_path / "run.json").read_text())) == CONFIG


def test_a_folder_with_another_run_is_refused(tmp_path):
    pretrain(CONFIG, tmp_path)
    with pytest.raises(
        ConfigError, match="holds a run that differs in seed, weight_decay: resume with the same"
    ):
        pretrain(dataclasses.replace(CONFIG, seed=9, weight_decay=0.5), tmp_path)


def test_a_damaged_checkpoint_names_itself(tmp_path):
    pretrain(CONFIG, tmp_path)
    (newest(tmp_path) / "optimisers.pt").write_bytes(b"nothing of use")
    with pytest.raises(CheckpointError, match=r"step-00000006 cannot be resumed .* delete it to go on"):
        pretrain(dataclasses.replace(CONFIG, num_steps=8), tmp_path)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_a_run_on_a_gpu_learns_and_resumes(tmp_path):
    config = dataclasses.replace(
        CONFIG, optimiser="muon", precision="bfloat16", num_workers=1, num_steps=40, log_every=10
    )
    pretrain(dataclasses.replace(config, num_steps=20), tmp_path, device="cuda", generator_processes=2)
    result = pretrain(config, tmp_path, device="cuda", generator_processes=2)
    assert result.state.step == 40
    losses = [float(row["loss"]) for row in read_csv(tmp_path / "loss.csv")]
    assert losses[-1] < losses[0]
