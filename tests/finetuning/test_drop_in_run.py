import pickle
import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from toto import CheckpointError, InputError, MissingExtraError, Toto

pytest.importorskip("lightning")
pytest.importorskip("yaml")

from toto.scripts.benchmark_finetuning import drop_nan_fn, get_config, parse_field, prepare_dataset
from toto.scripts.finetune_toto import (
    get_datamodule,
    init_lightning,
    load_config,
    load_finetuned_toto,
    train,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def base(tiny, tmp_path) -> str:
    """The folder of a tiny pretrained model."""
    tiny.float().save_pretrained(tmp_path / "base")
    return str(tmp_path / "base")


@pytest.fixture
def config(base, tmp_path) -> dict:
    """A run of four steps."""
    return {
        "seed": 0,
        "pretrained_model": base,
        "model": {
            "lr": 0.001,
            "warmup_steps": 1,
            "stable_steps": 2,
            "decay_steps": 1,
            "val_prediction_len": 12,
        },
        "data": {"context_factor": 3, "train_batch_size": 4, "num_train_samples": 8, "max_rows": 2},
        "trainer": {
            "max_steps": 4,
            "log_every_n_steps": 1,
            "val_check_interval": 100,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
        },
        "checkpoint": {"dirpath": str(tmp_path / "checkpoints")},
        "logging": {"save_dir": str(tmp_path / "logs"), "name": "run"},
    }


@pytest.fixture
def dataset() -> dict:
    """Three series, of which the configuration takes two."""
    random = np.random.default_rng(0)
    return {"dataset": [{"y": random.normal(50, 5, 120)} for _ in range(3)], "target_fields": ["y"]}


def test_the_example_configuration_runs_as_far_as_its_model_and_data_modules(dataset):
    config = load_config(ROOT / "examples" / "finetune_config.yaml")
    assert list(config) == ["seed", "pretrained_model", "model", "data", "trainer", "checkpoint", "logging"]
    rows = [{"y": np.arange(400.0)}]
    data = get_datamodule(config, 64, dataset | {"dataset": rows}, setup=True)
    assert data.prediction_horizon == 96
    assert next(iter(data.train_dataloader())).series.shape[1:] == (1, 5 * 64)
    module, patch_size = init_lightning(config | {"data": {"add_exogenous_features": True}})
    assert patch_size == 64
    assert module.hparams["lr"] == 0.0001
    assert module.model.num_prepended_tokens == 1


def test_the_code_of_the_page_on_compatibility_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (code,) = (block for block in blocks if "finetune_toto" in block)
    names: dict = {}
    exec(compile(code, "compatibility.md", "exec"), names)
    assert names["datamodule"].add_exogenous_features
    assert names["datamodule"]._view.hf_dataset["feat_dynamic_real"][0].shape == (1, 1000)


def test_a_run_trains_keeps_the_best_weights_and_they_load_as_a_model(config, dataset, base, tmp_path):
    module, patch_size = init_lightning(config)
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    data = get_datamodule(config, patch_size, dataset, setup=True)
    assert len(data._view.hf_dataset) == 2
    trained, path, score = train(module, data, config)
    assert trained is module
    assert np.isfinite(score)
    assert any(not torch.equal(weight, before[name]) for name, weight in module.state_dict().items())
    assert pickle.loads(pickle.dumps(module)).hparams == module.hparams
    assert list((tmp_path / "logs" / "run").rglob("metrics.csv")) or list(
        (tmp_path / "logs").rglob("events*")
    )
    loaded = load_finetuned_toto(base, path, torch.device("cpu"))
    assert isinstance(loaded, Toto)
    for name, weight in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight)
    again = Toto.from_pretrained(path)
    assert all(torch.equal(w, again.state_dict()[name]) for name, w in loaded.state_dict().items())


def test_weights_of_another_model_do_not_load(make_tiny, base, tmp_path):
    other = make_tiny(embed_dim=16).float()
    torch.save({"state_dict": other.state_dict()}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="weights of another shape"):
        load_finetuned_toto(base, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*absent"):
        load_finetuned_toto(tmp_path / "absent", tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"absent.ckpt is not read"):
        load_finetuned_toto(base, tmp_path / "absent.ckpt")


def test_keys_that_are_not_known_are_named(config, dataset):
    with pytest.raises(InputError, match=r"model: unknown learning_rate; there are val_prediction_len, lr"):
        init_lightning(config | {"model": {"learning_rate": 1}})
    with pytest.raises(InputError, match="data: unknown batch_size; there are context_factor"):
        get_datamodule(config | {"data": {"batch_size": 1}}, 8, dataset)


def test_the_causal_robustness_penalty_of_toto_ts_must_be_off(config):
    off = {"causal_robust_lambda": 0.0, "causal_robust_eps": 1e-6}
    assert init_lightning(config | {"model": off})[1] == 8
    with pytest.raises(InputError, match=r"model.causal_robust_lambda must be 0, got 0.1"):
        init_lightning(config | {"model": off | {"causal_robust_lambda": 0.1}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("a: [1", "cannot be read"),
        ("!!python/object/apply:os.system [ls]", "cannot be read"),
        ("- 1", r"must hold settings by name, got \[1\]"),
        ("", "must hold settings by name, got None"),
    ],
)
def test_a_configuration_is_yaml_of_settings_by_name(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_config(path)


def test_each_model_and_dataset_has_its_own_folder_and_the_base_stays_as_it_was(config):
    base = {"checkpoint": {"dirpath": "here"}, "model": {"lr": 1.0}}
    made = get_config(base, "with_ev", "gfc12", add_exogenous_features=True, horizon=24)
    assert Path(made["checkpoint"]["dirpath"]) == Path("here/with_ev/gfc12")
    assert made["data"] == {"add_exogenous_features": True, "prediction_horizon": 24}
    assert made["model"] == {"lr": 1.0, "val_prediction_len": 24}
    assert base == {"checkpoint": {"dirpath": "here"}, "model": {"lr": 1.0}}


def test_a_field_of_a_task_is_a_name_or_a_list_of_names():
    task = {"target": "load", "known_dynamic_columns": ["a", "b"]}
    assert parse_field(task, "target", default_value=["target"]) == ["load"]
    assert parse_field(task, "known_dynamic_columns") == ["a", "b"]
    assert parse_field(task, "absent", default_value=["target"]) == ["target"]
    assert parse_field(task, "absent") == []


def test_words_become_numbers_and_missing_values_stay_missing():
    np.testing.assert_array_equal(drop_nan_fn(["b", None, "a", "b"]), [1, np.nan, 0, 1])
    np.testing.assert_array_equal(drop_nan_fn(np.array([1.0, None], dtype=object)), [1, np.nan])
    np.testing.assert_array_equal(drop_nan_fn([True, False]), [1, 0])


@pytest.mark.parametrize("part", ["data", "module", "run"])
def test_without_lightning_the_command_that_installs_it_is_named(monkeypatch, part):
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    monkeypatch.delitem(sys.modules, f"toto.finetuning.drop_in_{part}")
    with pytest.raises(MissingExtraError, match=r"fine-tuning needs lightning.*toto-forecast\[finetune\]"):
        import_module(f"toto.finetuning.drop_in_{part}")


def test_a_dataset_of_the_hub_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r"'gfc12' of autogluon/fev_datasets needs datasets: pip install"):
        prepare_dataset("gfc12", ["target"])


def test_parts_of_a_file_that_are_not_read_are_told(tmp_path, caplog):
    path = tmp_path / "config.yaml"
    path.write_text("modle: {lr: 1.0}\nseed: 1\n", encoding="utf-8")
    assert load_config(path)["seed"] == 1
    assert "modle not read; there are seed, pretrained_model, model" in caplog.text
