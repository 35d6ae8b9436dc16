"""Who may import whom, what importing costs, and the public names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import toto

ROOT = Path(toto.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# each room may import itself and the rooms listed
ALLOWED = {
    "errors": set(),
    "kernels": {"errors"},
    "model": {"errors", "kernels"},
    "model2": {"errors", "kernels", "model"},
    "data": {"errors"},
    "inference": {"errors", "kernels", "model", "model2", "data"},
    "training": {"errors", "kernels", "model", "data", "inference"},
    "evaluation": {"errors", "kernels", "model", "data", "inference"},
    "anomaly": {"errors", "kernels", "model", "model2", "data", "inference"},
    "streaming": {"errors", "kernels", "model", "model2", "data", "inference"},
    "alarms": {"errors", "model", "data", "inference", "anomaly", "streaming"},
    "finetuning": {"errors", "kernels", "model", "model2", "data", "inference"},
    "cli": {
        "errors",
        "kernels",
        "model",
        "data",
        "inference",
        "training",
        "evaluation",
        "anomaly",
        "streaming",
        "alarms",
        "finetuning",
    },
    "scripts": {"finetuning", "evaluation"},
}

# files of names for code written for toto-ts, wherever the names come from
PUBLISHED = {
    "data/datamodule/finetune_datamodule.py",
    "data/util/dataset.py",
    "data/util/helpers.py",
    "evaluation/fev/evaluate.py",
    "model/lightning_module.py",
    "model/util.py",
    "scripts/benchmark_finetuning.py",
    "scripts/finetune_toto.py",
}

# rooms above that methods of a file open when they are called; its module never imports them
OPENED_WHEN_CALLED = {"inference/pipeline/pipeline.py": {"anomaly", "streaming", "alarms", "finetuning"}}

# third-party packages with one home
HOMES = {
    "huggingface_hub": {"model/checkpoint.py"},
    # the data room; tables and periods only as types
    "pandas": {
        "data/csv.py",
        "data/dates.py",
        "data/table.py",
        "inference/gluonts_forecast.py",
        "inference/gluonts_items.py",
        "evaluation/backtest_result.py",
    },
    "narwhals": {
        "data/table.py",
        "data/stamps.py",
        "data/frame.py",
        "data/eager_frame.py",
        "data/forecast_frame.py",
        "data/history_frame.py",
    },
    "matplotlib": {
        "inference/plot.py",
        "anomaly/plot.py",
        "training/curves.py",
        "evaluation/backtest_plot.py",
        "finetuning/curve.py",
    },
    "gluonts": {
        "inference/gluonts_predictor.py",
        "inference/gluonts_predictor2.py",
        "inference/gluonts_forecast.py",
        "evaluation/gift_eval_tasks.py",
    },
    "gift_eval": {"evaluation/gift_eval_tasks.py"},
    "statsforecast": {"evaluation/statistical.py"},
    "fev": {"evaluation/fev_model.py"},
    "prometheus_client": {"inference/monitor/prometheus.py"},
    "xformers": {"kernels/softmax_attention.py"},
    "flash_attn": {"kernels/softmax_attention.py"},
    "lightning": {
        "finetuning/callbacks.py",
        "finetuning/module.py",
        "finetuning/trainer.py",
        "finetuning/trainer_options.py",
        "finetuning/drop_in_data.py",
        "finetuning/drop_in_module.py",
        "finetuning/drop_in_run.py",
    },
    "peft": {"finetuning/lora.py"},
    "holidays": {"data/calendar.py"},
    "yaml": {"finetuning/drop_in_run.py"},
    "datasets": {"finetuning/drop_in_benchmark.py"},
}

LIGHT = [
    "gluonts",
    "statsforecast",
    "pandas",
    "scipy",
    "lightning",
    "peft",
    "matplotlib",
    "typer",
    "rich",
    "huggingface_hub",
    "prometheus_client",
    "beartype",
]


def imported_names(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.append(node.module)
            if node.module == "toto":
                names += [f"toto.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names += [ast.unparse(node.args[0]).strip("f'")]
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if room in ("__init__", "__main__") or path.relative_to(ROOT).as_posix() in PUBLISHED:
        return
    opened = OPENED_WHEN_CALLED.get(path.relative_to(ROOT).as_posix(), set())
    for name in imported_names(path):
        parts = name.split(".")
        if parts[0] == "toto" and len(parts) > 1 and parts[1] in ALLOWED:
            assert parts[1] in ALLOWED[room] | {room} | opened, f"{room} imports {name}"


@pytest.mark.parametrize("path", sorted(PUBLISHED))
def test_import_paths_of_toto_ts_hold_names_and_nothing_else(path):
    docstring, *imports, names = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert sorted(ast.literal_eval(names.value)) == sorted(a.name for node in imports for a in node.names)


def test_rooms_that_methods_open_are_not_loaded_before_they_are_called():
    files = [f"toto.{path.removesuffix('.py').replace('/', '.')}" for path in OPENED_WHEN_CALLED]
    rooms = sorted({f"toto.{room}" for opened in OPENED_WHEN_CALLED.values() for room in opened})
    program = (
        "import importlib, sys\n"
        f"for name in {files}: importlib.import_module(name)\n"
        f"print([room for room in {rooms} if room in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_third_party_package_has_one_home(path):
    for name in imported_names(path):
        package = name.split(".")[0]
        if package in HOMES:
            assert str(path.relative_to(ROOT).as_posix()) in HOMES[package], f"{path} imports {package}"


def test_importing_toto_and_its_public_names_loads_no_optional_package():
    program = (
        "import sys, toto\n"
        "for name in toto.__all__: getattr(toto, name)\n"
        f"print([name for name in {LIGHT} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_has_a_home_and_a_docstring():
    assert dir(toto) == sorted(dir(toto))
    for name in toto.__all__:
        assert name in dir(toto)
        if name != "__version__":
            assert getattr(toto, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'toto' has no attribute 'surprise'"):
        toto.surprise  # noqa: B018


def test_no_pickle_is_loaded_anywhere():
    for path in MODULES:
        assert "pickle" not in imported_names(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert "weights_only=True" in [ast.unparse(k).replace(" ", "") for k in node.keywords], path


@pytest.mark.parametrize(
    "path",
    [
        "toto.model.toto.Toto",
        "toto.inference.forecaster.TotoForecaster",
        "toto.inference.forecaster.Forecast",
        "toto.inference.forecaster.MaskedTimeseries",
        "toto.data.util.dataset.MaskedTimeseries",
        "toto.data.util.dataset.CausalMaskedTimeseries",
        "toto.data.util.dataset.pad_array",
        "toto.data.util.dataset.pad_id_mask",
        "toto.data.util.dataset.replace_extreme_values",
        "toto.data.util.dataset.is_extreme_value",
        "toto.model.backbone.TotoBackbone",
        "toto.model.backbone.TotoOutput",
        "toto.model.scaler.StdMeanScaler",
        "toto.model.scaler.CausalStdMeanScaler",
        "toto.model.scaler.CausalPatchStdMeanScaler",
        "toto.model.distribution.StudentTOutput",
        "toto.model.distribution.MixtureOfStudentTsOutput",
        "toto.model.util.KVCache",
        "toto.model.util.RMSNorm",
        "toto.model.losses.CombinedLoss",
        "toto.model.scheduler.WarmupStableDecayLR",
        "toto.model.lightning_module.TotoForFinetuning",
        "toto.data.datamodule.finetune_datamodule.FinetuneDataModule",
        "toto.data.util.helpers.collate_causal",
        "toto.data.util.helpers.transform_fev_dataset",
        "toto.scripts.finetune_toto.load_config",
        "toto.scripts.finetune_toto.init_lightning",
        "toto.scripts.finetune_toto.get_datamodule",
        "toto.scripts.finetune_toto.train",
        "toto.scripts.finetune_toto.load_finetuned_toto",
        "toto.scripts.benchmark_finetuning.prepare_dataset",
        "toto.scripts.benchmark_finetuning.aggregate_results",
        "toto.evaluation.fev.evaluate.evaluate_model",
    ],
)
def test_import_paths_of_published_code_work(path):
    module, name = path.rsplit(".", 1)
    if any(part in path for part in ("lightning_module", "finetune", "finetuning")):
        pytest.importorskip("lightning")
    assert hasattr(__import__(module, fromlist=[name]), name)
