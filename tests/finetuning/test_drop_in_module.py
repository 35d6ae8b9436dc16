import copy
import io
import pickle

import pytest
import torch

from toto import Toto
from toto.data.util.dataset import CausalMaskedTimeseries

pytest.importorskip("lightning")

from toto.model.lightning_module import TotoForFinetuning
from toto.model.losses import CombinedLoss

PATCH, CONTEXT = 8, 32


@pytest.fixture
def batch() -> CausalMaskedTimeseries:
    """Two windows of two targets and a covariate: padded on the left, and with a gap."""
    generator = torch.Generator().manual_seed(0)
    series = 50 + 5 * torch.randn(2, 3, CONTEXT + PATCH, generator=generator, dtype=torch.float64)
    mask = torch.ones_like(series, dtype=torch.bool)
    mask[0, :, :12] = False
    mask[1, 0, 20:35] = False
    return CausalMaskedTimeseries(
        series,
        mask,
        torch.zeros_like(series),
        torch.zeros_like(series),
        torch.ones(2, 3),
        slice(0, CONTEXT),
        slice(PATCH, CONTEXT + PATCH),
        1,
    )


@pytest.fixture
def module(tiny) -> TotoForFinetuning:
    made = TotoForFinetuning(pretrained_backbone=tiny.model, add_exogenous_features=True)
    made.model.double().eval()
    made.log = lambda *args, **how: None  # there is no trainer
    return made


def loss_of(module, batch) -> torch.Tensor:
    return module.training_step(batch, 0)


def validation_loss(module, batch) -> list[tuple[float, int]]:
    logged = []
    module.log = lambda name, value, batch_size, **how: logged.append((float(value), batch_size))
    with torch.no_grad():
        module.validation_step(batch, 0)
    return logged


def test_the_loss_is_the_mean_over_real_targets_of_what_the_input_predicts(module, batch):
    seen, wanted = batch.input_slice, batch.target_slice
    series = torch.where(batch.padding_mask, batch.series, 0.0)
    output = module.model(
        series[..., seen], batch.padding_mask[..., seen], batch.id_mask[..., seen], num_exogenous_variables=1
    )
    losses = CombinedLoss()(output.distribution, (series[..., wanted] - output.loc) / output.scale)
    started = batch.padding_mask[..., seen].unflatten(-1, (-1, PATCH)).any(-1).cumsum(-1) > 0
    counted = batch.padding_mask[..., wanted] & started.repeat_interleave(PATCH, -1)
    counted[:, -1] = False
    assert loss_of(module, batch).item() == pytest.approx(losses[counted].mean().item(), rel=1e-9)


def test_masked_padded_and_missing_values_have_no_gradient_and_covariates_are_no_targets(module, batch):
    series = batch.series.clone().requires_grad_()
    loss_of(module, batch._replace(series=series)).backward()
    assert torch.equal(series.grad != 0, (series.grad != 0) & batch.padding_mask)
    assert not series.grad[:, -1, CONTEXT:].any()  # of a covariate the last patch would be a target alone
    assert series.grad[:, 1, CONTEXT:].all()


def test_nan_is_missing_as_if_it_were_masked(module, batch):
    gaps = batch.series.masked_fill(~batch.padding_mask, torch.nan)
    everything = torch.ones_like(batch.padding_mask)
    masked = loss_of(module, batch)
    assert torch.equal(loss_of(module, batch._replace(series=gaps, padding_mask=everything)), masked)


def test_a_step_does_not_change_the_batch(module, batch):
    kept = [field.clone() if isinstance(field, torch.Tensor) else field for field in batch]
    loss_of(module, batch)
    validation_loss(module, batch)
    for before, after in zip(kept, batch, strict=True):
        assert torch.equal(before, after) if isinstance(before, torch.Tensor) else before == after


def test_one_switch_brings_the_masks_of_toto_ts_back(tiny, module, batch):
    old = TotoForFinetuning(pretrained_backbone=module.model, legacy_masks=True)
    old.model.eval()
    old.log = module.log
    far = batch.series.clone()
    far[:, -1, CONTEXT:-1] += 100  # a target of a covariate, before the last step
    masked = batch.series.masked_fill(~batch.padding_mask, 77.0)
    assert not torch.equal(loss_of(old, batch), loss_of(old, batch._replace(series=far)))
    assert torch.equal(loss_of(module, batch), loss_of(module, batch._replace(series=far)))
    assert torch.equal(loss_of(old, batch), loss_of(old, batch._replace(series=masked)))
    assert not torch.equal(loss_of(old, batch), loss_of(module, batch))


@pytest.mark.parametrize(("steps", "counted"), [(3, 2 * 2 * 3), (8, 2 * 2 * 8), (12, 2 * 2 * 12 - 7)])
def test_validation_counts_the_first_steps_of_the_last_patches(tiny, batch, steps, counted):
    made = TotoForFinetuning(pretrained_backbone=tiny, add_exogenous_features=True, val_prediction_len=steps)
    made.model.double().eval()
    mask = batch.padding_mask.clone()
    mask[1, 0, 20:35] = True
    mask[0, 0, 24:31] = False  # hides 7 of the 12 steps from step 24 on
    assert [number for _, number in validation_loss(made, batch._replace(padding_mask=mask))] == [counted]


def test_a_window_without_anything_to_validate_is_left_out(module, batch):
    empty = batch._replace(padding_mask=torch.zeros_like(batch.padding_mask))
    assert loss_of(module, empty).item() == 0
    assert validation_loss(module, empty) == []


def test_modules_can_be_copied_pickled_and_saved(module, batch):
    del module.log
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    copies = [copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(file, weights_only=False)]
    module.log = lambda *args, **how: None
    for other in copies:
        other.log = module.log
        assert torch.equal(loss_of(other, batch), loss_of(module, batch))


def test_the_rate_rises_stays_and_falls_with_the_steps(tiny):
    module = TotoForFinetuning(2, 3, 4, 2, 0.1, 0.001, pretrained_backbone=tiny.model)
    found = module.configure_optimizers()
    optimizer, schedule = found["optimizer"], found["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    decay = [0.1 * 0.01 ** (step / 4) for step in range(1, 5)]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.1, *decay, 0.001, 0.001, 0.001])


def test_a_module_comes_back_from_its_file_and_from_one_of_toto_ts(tiny, module, make_tiny, tmp_path):
    content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    published = {  # with fused names, a table that is computed anew, and a setting that is not there
        "state_dict": {name.replace("mlp.0.", "mlp.0.w12."): w for name, w in module.state_dict().items()}
        | {"model.transformer.layers.0.attention.rotary_emb.freqs": torch.ones(2)},
        "hyper_parameters": content["hyper_parameters"] | {"causal_robust_eps": 1e-6},
    }
    torch.save(published, tmp_path / "published.ckpt")
    module.on_save_checkpoint(content)
    torch.save(content, tmp_path / "own.ckpt")
    own = TotoForFinetuning.load_from_checkpoint(tmp_path / "own.ckpt", lr=0.5)
    theirs = TotoForFinetuning.load_from_checkpoint(
        checkpoint_path=tmp_path / "published.ckpt",
        pretrained_backbone=make_tiny().model,
        map_location=torch.device("cpu"),
    )
    assert own.hparams["lr"] == 0.5
    for loaded in (own, theirs):
        for name, weight in module.state_dict().items():
            assert torch.equal(loaded.state_dict()[name].float(), weight.float())
    assert isinstance(Toto.from_pretrained(tmp_path / "own.ckpt"), Toto)


def test_training_runs_with_dropout_and_a_model_may_be_made_from_its_sizes(tiny):
    module = TotoForFinetuning(pretrained_backbone=None, **tiny.config.to_dict())
    assert module.model.training
    assert module.model.config == tiny.config
    assert module.model.num_prepended_tokens == 0
