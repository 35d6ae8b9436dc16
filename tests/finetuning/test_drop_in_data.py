import numpy as np
import pytest
import torch

from toto import InputError

pytest.importorskip("lightning")

from toto.data.datamodule.finetune_datamodule import FinetuneDataModule

PATCH = 8


def make(rows, **options) -> FinetuneDataModule:
    settings = {"max_context_length": 32, "prediction_horizon": 12, "patch_size": PATCH} | options
    module = FinetuneDataModule(rows, **settings)
    module.setup("fit")
    return module


def ramp(steps: int, **fields) -> dict:
    """A series whose values are its steps, counted from 1 so that padding is none of them."""
    return {"target": np.arange(1.0, steps + 1), "known": np.arange(1.0, steps + 1)} | fields


def windows(loader):
    return [
        (series[mask].tolist(), batch)
        for batch in loader
        for series, mask in zip(batch.series, batch.padding_mask, strict=True)
    ]


def test_training_validation_and_test_follow_each_other_in_time():
    torch.manual_seed(0)
    module = make([ramp(200)], num_train_samples=300, val_batch_size=4)
    trained = [value for values, _ in windows(module.train_dataloader()) for value in values]
    assert min(trained) == 1
    assert max(trained) == 160
    validated = [values for values, _ in windows(module.val_dataloader())]
    assert [values[-1] for values in validated] == [172, 180]  # the horizon, and what the part still has
    assert max(max(values) for values in validated) <= 180


def test_validation_windows_hold_the_horizon_in_their_last_patches():
    for values, batch in windows(make([ramp(200)]).val_dataloader()):
        first_of_horizon = batch.series.shape[-1] - 2 * PATCH
        assert batch.series[0, 0, first_of_horizon] in (161, 173)
        assert values == list(range(int(values[0]), int(values[-1]) + 1))


def test_a_covariate_is_read_one_patch_before_the_target_it_explains():
    module = make([ramp(200)], ev_fields=["known"], add_exogenous_features=True, train_batch_size=5)
    batch = next(iter(module.train_dataloader()))
    assert batch.num_exogenous_variables == 1
    seen = batch.padding_mask[:, 0, :32]
    early = (batch.series[:, 1] - batch.series[:, 0])[:, :32][seen]
    assert torch.equal(early, torch.full_like(early, PATCH))


def test_what_a_covariate_holds_behind_the_window_changes_nothing():
    torch.manual_seed(0)
    changed = ramp(200)
    changed["known"][180:] = -1e6
    for rows in ([ramp(200)], [changed]):
        loader = make(rows, ev_fields=["known"], add_exogenous_features=True).val_dataloader()
        assert all(batch.series.min() > -1 for batch in loader)


def test_gaps_and_padding_are_masked_and_covariates_stay_out_unless_asked_for():
    row = ramp(100)
    row["target"][10:20] = np.nan
    module = make([row], ev_fields=["known"], num_train_samples=50)
    for values, batch in windows(module.train_dataloader()):
        assert batch.series.shape[1:] == (1, 40)
        assert not set(values) & set(range(11, 21))
        assert not batch.series[~batch.padding_mask].any()


def test_a_seed_repeats_the_windows():
    found = []
    for seed in (1, 1, 2):
        module = make([ramp(200), ramp(150)], num_train_samples=5)
        torch.manual_seed(seed)
        found.append(next(iter(module.train_dataloader())).series)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_short_series_are_left_out_and_the_context_fits_the_longest():
    module = make([ramp(10), ramp(40)], num_train_samples=7)
    assert module._view._context_length == 24
    assert len(module.train_dataloader().dataset) == 7
    assert make([ramp(400)])._view._context_length == 32


def test_several_targets_are_one_window():
    rows = [ramp(100, other=np.zeros(100))]
    batch = next(iter(make(rows, target_fields=["target", "other"], ev_fields=["known"]).train_dataloader()))
    assert batch.series.shape[1] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_batch_size": 0}, "train_batch_size must be at least 1, got 0"),
        ({"prediction_horizon": 0}, "prediction_horizon must be at least 1, got 0"),
        ({"max_context_length": 7}, "max_context_length must be at least a patch of 8, got 7"),
        (
            {"add_exogenous_features": True},
            "needs the names of covariates: give ev_fields",
        ),
        (
            {"patch_size": 64, "max_context_length": 64},
            "no series has two patches of 64 steps in its",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        make([ramp(100)], **options)
