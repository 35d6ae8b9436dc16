"""What every test can use: tiny real models, and the folder of reference data where it is present."""

import os
import re
import shutil
from importlib import import_module
from pathlib import Path

import jaxtyping
import pytest
import torch

from toto import Toto, TotoConfig
from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

# the models are tiny: a second thread only waits, for long on a busy machine
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of processes that tests start

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("TOTO_SHARED", ROOT.parent / "shared"))

TINY = TotoConfig(
    patch_size=8,
    stride=8,
    embed_dim=32,
    num_layers=4,
    num_heads=4,
    mlp_hidden_dim=48,
    dropout=0.1,
    spacewise_every_n_layers=2,
    scaler_cls="CausalPatchStdMeanScaler",
    output_distribution_classes=("MixtureOfStudentTsOutput",),
    spacewise_first=False,
    output_distribution_kwargs={"k_components": 3},
)

TINY2 = Toto2Config(
    patch_size=8,
    d_model=32,
    num_heads=4,
    num_layers=4,
    layer_group_size=2,
    num_variate_layers_per_group=1,
    variate_layer_first=False,
    residual_attn_ratio=5.1362,
    attn_bias=True,
    qk_norm=False,
    per_dim_scale=True,
    use_xpos=True,
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data and golden vectors; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference data at {SHARED} (set TOTO_SHARED)")
    return SHARED


@pytest.fixture
def as_users_call(monkeypatch):
    """Calls are made without the checks of annotations, which the tests switch on and users do not."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def make_tiny():
    """A function that makes a tiny random model in float64, the same one at every call."""

    def make(**changes) -> Toto:
        torch.manual_seed(0)
        values = TINY.to_dict() | changes
        return Toto.from_config(TotoConfig.from_dict(values)).double().eval()

    return make


@pytest.fixture
def tiny(make_tiny) -> Toto:
    """A tiny random model in float64."""
    return make_tiny()


@pytest.fixture
def checkpoint(tiny, tmp_path) -> str:
    """The folder of a tiny random model."""
    tiny.float().save_pretrained(tmp_path / "tiny")
    return str(tmp_path / "tiny")


@pytest.fixture
def make_tiny2():
    """A function that makes a tiny random model of the second generation in float64, always the same one."""

    def make(**changes) -> Toto2Model:
        torch.manual_seed(0)
        model = Toto2Model(Toto2Config.from_dict(TINY2.to_dict() | changes)).double().eval()
        with torch.no_grad():  # biases, norms and scales that are not neutral
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        return model

    return make


@pytest.fixture
def tiny2(make_tiny2) -> Toto2Model:
    """A tiny random model of the second generation in float64."""
    return make_tiny2()


@pytest.fixture
def python_blocks():
    """A function that gives the blocks of Python code on a page."""

    def blocks(page: Path) -> list[str]:
        return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)

    return blocks


@pytest.fixture
def run_page(python_blocks, tmp_path, monkeypatch):
    """A function that runs the Python code of a page, beside the examples, and gives the names it defined."""

    def run(page: Path) -> dict:
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
        monkeypatch.chdir(tmp_path)
        names: dict = {}
        for block in python_blocks(page):
            exec(compile(block, page.name, "exec"), names)
        return names

    return run


@pytest.fixture
def script(monkeypatch):
    """A function that imports a script or a benchmark by its name."""
    for folder in ("scripts", "benchmarks"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    return import_module
