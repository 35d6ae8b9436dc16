"""The model as users hold it: made from sizes, or from a checkpoint."""

import logging
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from toto.model import checkpoint
from toto.model.adapter import Adapter, read_merged
from toto.model.backbone import TotoBackbone
from toto.model.config import TotoConfig
from toto.model.precision import resolve_precision, set_precision

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "toto-nano"


class Toto(nn.Module):
    """A Toto model; `model` is its backbone.

    Made from the fields of `TotoConfig`, with random weights, or by `from_pretrained`.

    source: what it was loaded from: a bundled model, an absolute path, or a hub id; None: nothing.
    adapter: what is merged into its weights; `save_pretrained` writes it in their place.
    """

    source: str | None = None
    adapter: Adapter | None = None

    def __init__(
        self,
        patch_size: int,
        stride: int,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        mlp_hidden_dim: int,
        dropout: float,
        spacewise_every_n_layers: int,
        scaler_cls: str | type,
        output_distribution_classes: Any,
        spacewise_first: bool = True,
        output_distribution_kwargs: dict[str, Any] | None = None,
        use_memory_efficient_attention: bool = True,
        stabilize_with_global: bool = True,
        scale_factor_exponent: float = 10.0,
        **model_kwargs: Any,
    ) -> None:
        super().__init__()
        self.config = TotoConfig.from_dict(
            {
                "patch_size": patch_size,
                "stride": stride,
                "embed_dim": embed_dim,
                "num_layers": num_layers,
                "num_heads": num_heads,
                "mlp_hidden_dim": mlp_hidden_dim,
                "dropout": dropout,
                "spacewise_every_n_layers": spacewise_every_n_layers,
                "scaler_cls": scaler_cls,
                "output_distribution_classes": output_distribution_classes,
                "spacewise_first": spacewise_first,
                "output_distribution_kwargs": output_distribution_kwargs,
                "use_memory_efficient_attention": use_memory_efficient_attention,
                "stabilize_with_global": stabilize_with_global,
                "scale_factor_exponent": scale_factor_exponent,
                **model_kwargs,
            }
        )
        self.model = TotoBackbone(self.config)

    @classmethod
    def from_config(cls, config: TotoConfig) -> "Toto":
        """A model of this configuration, with random weights."""
        return cls(**config.to_dict())

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path = DEFAULT_MODEL,
        *,
        map_location: str | torch.device = "cpu",
        strict: bool = True,
        torch_dtype: str | torch.dtype | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **config_overrides: Any,
    ) -> "Toto":
        """Load a model, ready to forecast.

        Args:
            pretrained_model_name_or_path: a bundled model ("toto-nano", works offline), a folder,
                a .safetensors file with its config.json beside it, or a hub id ("owner/name").
            map_location: device to read the weights to.
            strict: False lets weights be missing (they stay random) or unknown, and logs them.
            torch_dtype: "float32", "bfloat16", "float64" or "auto" (None: as stored, half precision as
                float32); see `set_precision`.
            revision, cache_dir, force_download, local_files_only, token: for a hub id; as in
                huggingface_hub.
            config_overrides: fields of `TotoConfig` to use instead of the stored ones.

        Raises:
            CheckpointError: no such checkpoint, a damaged file, or weights that do not fit.
            ConfigError: the configuration describes no model.
            InputError: a torch_dtype that is none of those.
        """
        path = checkpoint.locate(
            pretrained_model_name_or_path,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
        toto = cls.load_from_checkpoint(path, map_location, strict, **config_overrides)
        if not Path(pretrained_model_name_or_path).expanduser().exists():
            toto.source = str(pretrained_model_name_or_path)
        return toto if torch_dtype is None else toto.set_precision(torch_dtype)

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path,
        map_location: str | torch.device = "cpu",
        strict: bool = True,
        **config_overrides: Any,
    ) -> "Toto":
        """Load a model from a folder or a .safetensors file; see `from_pretrained`."""
        path = checkpoint.locate_on_disk(checkpoint_path)
        checkpoint.check_generation(path, 1)
        config = TotoConfig.from_dict(checkpoint.read_config(path)).overridden(config_overrides)
        weights, adapter = read_merged(path, map_location)
        with torch.device("meta"):  # no memory, no random numbers: the weights replace every parameter
            toto = cls.from_config(config)
            if "model.target_variate_label" in weights or "model.exogenous_variate_label" in weights:
                toto.model.enable_variate_labels()
        if not strict:
            weights = _with_what_fits(toto, weights, map_location)
        checkpoint.check_weights(path, toto.state_dict(), weights)
        toto.load_state_dict(weights, assign=True)
        toto.source, toto.adapter = str(path.resolve()), adapter
        return toto.eval()

    def save_pretrained(self, save_directory: str | Path, dtype: torch.dtype | None = None) -> None:
        """Write `config.json` and `model.safetensors` as published checkpoints have them.

        `dtype` is that of the file (None: as in memory); half precision halves the file, and is
        read back as float32. Of a model with an adapter the adapter is written, with the name of its base.
        """
        if self.adapter is not None:
            self.adapter.write(Path(save_directory), self.config.to_dict(), dtype)
            return
        weights = {
            name.replace("._orig_mod.", "."): w if dtype is None else w.to(dtype)  # torch.compile wraps
            for name, w in self.state_dict().items()
        }
        checkpoint.write_checkpoint(Path(save_directory), self.config.to_dict(), weights)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str = "Upload model",
        private: bool | None = None,
        token: str | None = None,
        **upload_options: Any,
    ) -> str:
        """Upload the model to a hub repository, which is made if it is absent; returns the commit URL."""
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return checkpoint.upload(
                Path(folder), repo_id, commit_message, private=private, token=token, **upload_options
            )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @property
    def model_kwargs(self) -> dict[str, Any]:
        """The configuration as keyword arguments of `Toto`."""
        return self.config.to_dict()

    def set_precision(self, torch_dtype: str | torch.dtype) -> "Toto":
        """Bring the weights to a precision, in place, and return the model.

        "bfloat16" multiplies in half precision in the layers, twice as fast where the processor has it, and
        keeps statistics, rotary angles, residual stream, heads and draws in float32. "auto" is bfloat16 on a
        GPU that has it, else float32. "float64" is for reference values. Under `torch.autocast` the
        embedding of patches is in half precision as well, and products are PyTorch's own: use either.

        Raises:
            InputError: any other name or dtype.
        """
        set_precision(self.model, resolve_precision(torch_dtype, self.device))
        return self

    def compile(self, **options: Any) -> None:
        """Compile what forecasts run through, in place; options as for `torch.compile` (`mode`, `backend`).

        The token-wise parts of the layers are compiled, once for all layers and all lengths of context,
        horizon and samples; attention over the cache stays as it is. `TotoForecaster.warmup` takes the
        time that the first call would. Where there is no compiler, one line is logged and nothing changes.

        Raises:
            InputError: a mode or a backend that `torch.compile` does not have.
        """
        self.model.transformer.compile_blocks(**options)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Same as the backbone: see `TotoBackbone.forward`."""
        return self.model(*args, **kwargs)


def _with_what_fits(
    toto: Toto, weights: dict[str, torch.Tensor], map_location: str | torch.device
) -> dict[str, torch.Tensor]:
    """All weights of a model: those that fit it, random ones for the rest; what does not fit is logged."""
    shapes = {name: w.shape for name, w in toto.state_dict().items()}
    fitting = {name: w for name, w in weights.items() if shapes.get(name) == w.shape}
    left, random = sorted(set(weights) - set(fitting)), sorted(set(shapes) - set(fitting))
    if left or random:
        logger.warning("weights not used: %s; weights left random: %s", left or "none", random or "none")
    fresh = type(toto).from_config(toto.config).to(map_location)
    if toto.model.num_prepended_tokens:
        fresh.model.enable_variate_labels()
    return fresh.state_dict() | fitting
