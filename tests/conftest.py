"""What every test can use: tiny real models, and the folder of reference data where it is present."""

import os
from pathlib import Path

import pytest
import torch

from toto import Toto, TotoConfig

torch.set_num_threads(1)  # the models are tiny: a second thread only waits, for long on a busy machine

SHARED = Path(os.environ.get("TOTO_SHARED", Path(__file__).parents[2] / "shared"))

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


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data and golden vectors; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference data at {SHARED} (set TOTO_SHARED)")
    return SHARED


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
