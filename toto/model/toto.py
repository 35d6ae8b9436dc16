"""The model as users hold it: made from sizes, or from a checkpoint."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from toto.model.backbone import TotoBackbone
from toto.model.config import TotoConfig
from toto.model.pretrained import Pretrained

DEFAULT_MODEL = "toto-nano"


class Toto(Pretrained):
    """A Toto model; `model` is its backbone.

    Made from the fields of `TotoConfig`, with random weights, or by `from_pretrained`.

    source: what it was loaded from: a bundled model, an absolute path, or a hub id; None: nothing.
    adapter: what is merged into its weights; `save_pretrained` writes it in their place.
    """

    generation = 1
    bundled = DEFAULT_MODEL
    config_class = TotoConfig
    config: TotoConfig

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

    @property
    def backbone(self) -> TotoBackbone:
        """Same as `model`."""
        return self.model

    @property
    def model_kwargs(self) -> dict[str, Any]:
        """The configuration as keyword arguments of `Toto`."""
        return self.config.to_dict()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Same as the backbone: see `TotoBackbone.forward`."""
        return self.model(*args, **kwargs)

    def _expect(self, weights: Mapping[str, Tensor]) -> None:
        if "model.target_variate_label" in weights or "model.exogenous_variate_label" in weights:
            self.model.enable_variate_labels()
