"""Models of either generation as users hold them: loading, saving, precision and compilation."""

import logging
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from toto.errors import InputError
from toto.model import checkpoint
from toto.model.adapter import Adapter, read_merged
from toto.model.blocks import BlockTransformer
from toto.model.precision import resolve_precision, set_precision
from toto.model.stored_config import StoredConfig

logger = logging.getLogger(__name__)

Model = TypeVar("Model", bound="Pretrained")


class Pretrained(nn.Module, ABC):
    """A model that comes from a checkpoint and goes into one.

    generation: 1 or 2. bundled: the model of this kind that comes with the package.
    source: what it was loaded from: a bundled model, an absolute path, or a hub id; None: nothing.
    adapter: what is merged into its weights; `save_pretrained` writes it in their place.
    """

    generation: ClassVar[int]
    bundled: ClassVar[str | None] = None
    config_class: ClassVar[type[StoredConfig]]
    config: StoredConfig
    source: str | None = None
    adapter: Adapter | None = None

    @classmethod
    @abstractmethod
    def from_config(cls: type[Model], config: Any) -> Model:
        """A model of this configuration, with random weights."""

    @property
    @abstractmethod
    def backbone(self) -> nn.Module:
        """What computes; `transformer` is a part of it."""

    @classmethod
    def from_pretrained(
        cls: type[Model],
        pretrained_model_name_or_path: str | Path | None = None,
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
    ) -> Model:
        """Load a model, ready to forecast.

        Args:
            pretrained_model_name_or_path: a bundled model ("toto-nano", works offline), a folder, a
                .safetensors file with its config.json beside it, or a hub id ("owner/name"). None: of
                `Toto` "toto-nano"; of `Toto2Model` none is bundled.
            map_location: device to read the weights to.
            strict: False lets weights be missing (they stay random) or unknown, and logs them.
            torch_dtype: "float32", "bfloat16", "float64" or "auto" (None: as stored, half precision as
                float32); see `set_precision`.
            revision, cache_dir, force_download, local_files_only, token: for a hub id; as in
                huggingface_hub.
            config_overrides: fields of the configuration to use instead of the stored ones.

        Raises:
            CheckpointError: no such checkpoint, a damaged file, or weights that do not fit.
            ConfigError: the configuration describes no model of this kind.
            InputError: a torch_dtype that is none of those, or no name where none is bundled.
        """
        name = cls.bundled if pretrained_model_name_or_path is None else pretrained_model_name_or_path
        if name is None:
            raise InputError(
                f"pretrained_model_name_or_path must name a checkpoint of a {cls.__name__}, got None: none "
                "is bundled, give a folder, a .safetensors file or a hub id (owner/name)"
            )
        path = checkpoint.locate(
            name,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
        model = cls.load_from_checkpoint(path, map_location, strict, **config_overrides)
        if not Path(name).expanduser().exists():
            model.source = str(name)
        return model if torch_dtype is None else model.set_precision(torch_dtype)

    @classmethod
    def load_from_checkpoint(
        cls: type[Model],
        checkpoint_path: str | Path,
        map_location: str | torch.device = "cpu",
        strict: bool = True,
        **config_overrides: Any,
    ) -> Model:
        """Load a model from a folder or a .safetensors file; see `from_pretrained`."""
        path = checkpoint.locate_on_disk(checkpoint_path)
        checkpoint.check_generation(path, cls.generation)
        config = cls.config_class.from_dict(checkpoint.read_config(path)).overridden(config_overrides)
        weights, adapter = read_merged(path, map_location)
        with torch.device("meta"):  # no memory, no random numbers: the weights replace every parameter
            model = cls.from_config(config)
            model._expect(weights)
        if not strict:
            weights = model._with_what_fits(weights, map_location)
        checkpoint.check_weights(path, model.state_dict(), weights)
        model.load_state_dict(weights, assign=True)
        model.source, model.adapter = str(path.resolve()), adapter
        return model.eval()

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
        return next(self.parameters()).device

    def set_precision(self: Model, torch_dtype: str | torch.dtype) -> Model:
        """Bring the weights to a precision, in place, and return the model.

        "bfloat16" multiplies in half precision in the layers, twice as fast where the processor has it, and
        keeps statistics, embedding, rotary angles, residual stream, norms, heads and draws in float32. "auto"
        is bfloat16 on a GPU that has it, else float32. "float64" is for reference values. Under
        `torch.autocast` the embedding of patches is in half precision as well, and products are PyTorch's
        own: use either.

        Raises:
            InputError: any other name or dtype.
        """
        set_precision(self.backbone, resolve_precision(torch_dtype, self.device))
        return self

    def compile(self, **options: Any) -> None:
        """Compile what forecasts run through, in place; options as for `torch.compile` (`mode`, `backend`).

        The token-wise parts of the layers are compiled, once for all layers and all lengths of context,
        horizon and samples; attention over the cache stays as it is. `TotoForecaster.warmup` takes the
        time that the first call would. Where there is no compiler, one line is logged and nothing changes.

        Raises:
            InputError: a mode or a backend that `torch.compile` does not have.
        """
        transformer = self.backbone.get_submodule("transformer")
        assert isinstance(transformer, BlockTransformer)
        transformer.compile_blocks(**options)

    def _expect(self, weights: Mapping[str, Tensor]) -> None:
        """Make the parameters that only some checkpoints have, if these are of such a one."""

    def _with_what_fits(
        self, weights: Mapping[str, Tensor], map_location: str | torch.device
    ) -> dict[str, Tensor]:
        """All weights: those that fit, random ones for the rest; what does not fit is logged."""
        shapes = {name: w.shape for name, w in self.state_dict().items()}
        fitting = {name: w for name, w in weights.items() if shapes.get(name) == w.shape}
        left, random = (", ".join(sorted(set(names) - set(fitting))) for names in (weights, shapes))
        if left or random:
            logger.warning("weights not used: %s; weights left random: %s", left or "none", random or "none")
        fresh = type(self).from_config(self.config)
        fresh._expect(weights)
        return fresh.to(map_location).state_dict() | fitting
