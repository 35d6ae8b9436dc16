"""The calls of the tutorial of toto-ts, on a small local dataset: only the paths differ."""

from math import ceil

import numpy as np
import pytest
import torch

pd = pytest.importorskip("pandas")
pytest.importorskip("lightning")
yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.usefixtures("as_users_call")

PATCH, HORIZON, SEASON = 8, 12, 12

CONFIG = """
seed: 42
pretrained_model: {model}
model: {{val_prediction_len: 96, lr: 0.004, min_lr: 0.0001, warmup_steps: 2, stable_steps: 16, decay_steps: 6,
        causal_robust_lambda: 0.0, causal_robust_alpha: 0.0001}}
data: {{context_factor: 4, train_batch_size: 8, val_batch_size: 4, num_workers: 0, num_train_samples: 20,
       add_exogenous_features: false, prediction_horizon: null, max_rows: 5000}}
trainer: {{max_steps: 24, log_every_n_steps: 5, num_sanity_val_steps: 1, enable_progress_bar: false,
          refresh_rate: 1, val_check_interval: 8}}
checkpoint: {{dirpath: {folder}/checkpoints, filename: "{{epoch}}-{{step}}-{{val_loss:.4f}}",
             monitor: val_loss, mode: min, save_top_k: 1}}
logging: {{save_dir: {folder}/lightning_logs, name: toto_finetuning}}
"""

TASKS = """
tasks:
- {dataset_path: local, dataset_config: FILE, horizon: 12, seasonality: 12, target: target,
   known_dynamic_columns: [airtemperature]}
"""


@pytest.fixture
def local_dataset(tmp_path):
    """Three series driven by a covariate, a row each, with a gap in one."""
    random = np.random.default_rng(0)
    rows = []
    for place, steps in enumerate((240, 200, 200)):
        temperature = random.choice([0.0, 1.0], steps).repeat(2)[:steps]
        target = 100 + 5 * np.sin(np.arange(steps) * 2 * np.pi / SEASON) + 10 * temperature
        if place == 1:
            target[40:60] = np.nan
        stamps = pd.date_range("2024-01-01", periods=steps, freq="h").to_numpy()
        rows.append({"id": f"z{place}", "timestamp": stamps, "target": target, "airtemperature": temperature})
    path = tmp_path / "gfc12.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


def build_masked_timeseries(data, patch_size, add_exogenous_variables, context_length, max_pred_length, idx):
    """As in the tutorial, which shifts the covariates and masks their last patch."""
    from toto.data.util.dataset import MaskedTimeseries

    series = np.array(data["target"][idx]).reshape(1, -1)
    num_covariates = 0
    if add_exogenous_variables:
        features = np.array(data["feat_dynamic_real"][idx])
        num_covariates = features.shape[0]
        shifted = np.concatenate([features[:, patch_size:], np.zeros((num_covariates, patch_size))], axis=-1)
        series = np.concatenate([series, shifted], axis=0)
    test_split = ceil(0.1 * series.shape[-1])
    context = torch.tensor(series[:, :-test_split][:, -context_length:], dtype=torch.float32)
    future = torch.tensor(series[:, -test_split:][:, :max_pred_length], dtype=torch.float32)
    padding_mask = torch.ones_like(context, dtype=torch.bool)
    if num_covariates:
        padding_mask[1:, -patch_size:] = False
    inputs = MaskedTimeseries(
        series=context,
        padding_mask=padding_mask,
        id_mask=torch.ones_like(context, dtype=torch.long),
        timestamp_seconds=torch.arange(context_length).expand(context.shape),
        time_interval_seconds=torch.full((len(context),), 1),
        num_exogenous_variables=num_covariates,
    )
    return inputs, future, num_covariates


def test_the_calls_of_the_published_tutorial_run_with_only_the_paths_changed(tiny, local_dataset, tmp_path):
    from toto.evaluation.fev.evaluate import evaluate_model
    from toto.inference.forecaster import TotoForecaster
    from toto.scripts import finetune_toto as finetune
    from toto.scripts.benchmark_finetuning import (
        aggregate_results,
        get_config,
        load_config,
        parse_field,
        prepare_dataset,
    )

    tiny.float().save_pretrained(tmp_path / "base")
    config_path = tmp_path / "finetune_config.yaml"
    folder = tmp_path.as_posix()
    config_path.write_text(CONFIG.format(model=f"{folder}/base", folder=folder), encoding="utf-8")
    base_config = load_config(config_path)
    task = yaml.safe_load(TASKS.replace("FILE", local_dataset.as_posix()))["tasks"][0]
    dataset_name = task["dataset_config"]
    target_fields = parse_field(task, "target", default_value=["target"])
    ev_fields = parse_field(task, "known_dynamic_columns", default_value=[])
    horizon, seasonality = task["horizon"], task["seasonality"]
    custom_dataset = prepare_dataset(dataset_name, target_fields, ev_fields)
    assert len(custom_dataset["dataset"][0][target_fields[0]]) == 240

    name = custom_dataset["dataset_name"]
    no_ev_config = get_config(
        base_config, "toto_without_ev", name, add_exogenous_features=False, horizon=horizon
    )
    ev_config = get_config(base_config, "toto_with_ev", name, add_exogenous_features=True, horizon=horizon)
    wo_ev, patch_size = finetune.init_lightning(no_ev_config)
    with_ev, patch_size = finetune.init_lightning(ev_config)
    unfinetuned, _ = finetune.init_lightning(no_ev_config)
    assert patch_size == PATCH
    data_with_ev = finetune.get_datamodule(ev_config, patch_size, custom_dataset, setup=True)
    data_wo_ev = finetune.get_datamodule(no_ev_config, patch_size, custom_dataset, setup=True)

    _, path_wo_ev, val_loss_wo_ev = finetune.train(wo_ev, data_wo_ev, no_ev_config)
    wo_ev = finetune.load_finetuned_toto(no_ev_config["pretrained_model"], path_wo_ev, wo_ev.device)
    _, path_ev, val_loss_ev = finetune.train(with_ev, data_with_ev, ev_config)
    with_ev = finetune.load_finetuned_toto(ev_config["pretrained_model"], path_ev, with_ev.device)
    assert path_wo_ev != path_ev
    assert val_loss_ev < val_loss_wo_ev

    view = data_with_ev._view
    forecasts = []
    for model, with_covariates in ((wo_ev, False), (unfinetuned, False), (with_ev, True)):
        inputs, future, num_covariates = build_masked_timeseries(
            view.hf_dataset, patch_size, with_covariates, view._context_length, 20, idx=2
        )
        known = future[-num_covariates:].unsqueeze(0) if with_covariates else None
        forecast = TotoForecaster(model.model.to("cpu")).forecast(
            inputs.to("cpu"),
            prediction_length=future.shape[-1],
            num_samples=30,
            samples_per_batch=30,
            use_kv_cache=True,
            future_exogenous_variables=known,
        )
        forecasts.append(forecast)
        assert forecast.quantile(q=torch.tensor([0.05, 0.95])).shape == (2, 1, 1 + num_covariates, 20)
    assert not torch.equal(forecasts[0].median, forecasts[1].median)

    scores = {
        label: aggregate_results(
            evaluate_model(
                model,
                data._view.hf_dataset,
                data._view._context_length,
                horizon,
                seasonality,
                stride=horizon,
                add_exogenous_variables=covariates,
            )
        )
        for label, model, data, covariates in (
            ("zero_shot", unfinetuned, data_wo_ev, False),
            ("finetuned_no_ev", wo_ev, data_wo_ev, False),
            ("finetuned_with_ev", with_ev, data_with_ev, True),
        )
    }
    table = pd.DataFrame(scores)
    assert list(table.index) == ["abs_error", "mean_wQuantileLoss", "MASE"]
    assert table.loc["MASE", "finetuned_with_ev"] < table.loc["MASE", "zero_shot"]
