"""The training module of toto-ts: what its callers build by hand and give to a Lightning trainer."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from toto.data.masked_timeseries import CausalMaskedTimeseries
from toto.errors import MissingExtraError
from toto.model import checkpoint
from toto.model.backbone import TotoBackbone, TotoOutput
from toto.model.config import TotoConfig
from toto.model.lightning_checkpoint import CONFIG_KEY, read_lightning
from toto.model.losses import Loss, pretraining_loss
from toto.model.scheduler import WarmupStableDecayLR
from toto.model.toto import Toto

try:
    from lightning.pytorch import LightningModule
except ImportError:
    raise MissingExtraError("lightning", "finetune", "fine-tuning") from None


class TotoForFinetuning(LightningModule):
    """A backbone, the loss of its predictions of the next patches, and AdamW with three phases of its rate.

    Batches are `CausalMaskedTimeseries` [batch, variates, time] of whole patches; the last is not seen.
    What counts in the loss is real values of targets, a patch after what predicts them; covariates, padding
    and missing values do not.

    Args:
        val_prediction_len: steps that count in the validation loss: the first ones of the last patches that
            hold so many.
        stable_steps, decay_steps, warmup_steps, lr, min_lr: see `WarmupStableDecayLR`.
        betas, weight_decay: of AdamW.
        pretrained_backbone: what is trained, in place; a `Toto` stands for its backbone.
        add_exogenous_features: switch covariates on, with new label vectors unless there are some.
        legacy_masks: count what toto-ts counts: covariates, padding and missing values (as 0) too, and leave
            out as many of the last steps as there are covariates.
        model_kwargs: fields of `TotoConfig`, for a backbone with random weights.

    Raises:
        ConfigError: no backbone, and fields that describe none.
    """

    def __init__(
        self,
        val_prediction_len: int = 96,
        stable_steps: int = 1000,
        decay_steps: int = 1000,
        warmup_steps: int = 200,
        lr: float = 1e-4,
        min_lr: float = 1e-5,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.01,
        pretrained_backbone: TotoBackbone | Toto | None = None,
        add_exogenous_features: bool = False,
        legacy_masks: bool = False,
        **model_kwargs: Any,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["pretrained_backbone"])
        backbone = pretrained_backbone or TotoBackbone(TotoConfig.from_dict(model_kwargs))
        self.model = backbone.model if isinstance(backbone, Toto) else backbone
        if add_exogenous_features:
            self.model.enable_variate_labels()
        self.model.train()

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls,
        checkpoint_path: str | Path,
        map_location: Any = None,
        hparams_file: Any = None,
        strict: bool | None = None,
        weights_only: bool | None = None,
        **kwargs: Any,
    ) -> "TotoForFinetuning":
        """A module from a .ckpt file; `kwargs` replace the arguments it was made with.

        Files of toto-ts need `pretrained_backbone`, a model of the same sizes, since they do not say which.
        `hparams_file` and `weights_only` decide nothing: only tensors and plain values are read.

        Raises:
            CheckpointError: no such file, or one that holds other objects.
        """
        path, device = Path(checkpoint_path), map_location or "cpu"
        content = read_lightning(path, device)
        settings = dict(content.get("hyper_parameters", {})) | kwargs
        if settings.get("pretrained_backbone") is None:
            settings |= content.get(CONFIG_KEY, {})
        module = cls(**settings)
        module.load_state_dict(checkpoint.read_weights(path, device), strict=strict is not False)
        return module if map_location is None else module.to(map_location)

    def forward(self, batch: CausalMaskedTimeseries) -> TotoOutput:
        """The predictions of the patches that follow each patch of a batch, in the scales of its input."""
        observed = _observed(batch)
        return self.model(  # type: ignore[no-any-return]
            torch.where(observed, batch.series, 0.0),
            observed,
            batch.id_mask.expand(batch.series.shape),
            scaling_prefix_length=batch.input_slice.stop,
            num_exogenous_variables=batch.num_exogenous_variables,
        )

    def training_step(self, batch: CausalMaskedTimeseries, batch_idx: int) -> Float[Tensor, ""]:
        """The mean loss over what counts; 0 where nothing does."""
        loss = self._loss(batch, self._weight(batch)).total
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch.series))
        return loss

    def validation_step(self, batch: CausalMaskedTimeseries, batch_idx: int) -> None:
        """Log `val_loss`, in the end the mean over all steps that count."""
        weight, patch_size = self._weight(batch), self.model.config.patch_size
        steps = self.hparams["val_prediction_len"]
        first = max(0, weight.shape[-1] - -(-steps // patch_size) * patch_size)
        weight[..., :first] = 0
        weight[..., first + steps :] = 0
        loss = self._loss(batch, weight)
        if loss.num_counted:
            self.log("val_loss", loss.total, prog_bar=True, sync_dist=True, batch_size=int(loss.num_counted))

    def _loss(self, batch: CausalMaskedTimeseries, weight: Float[Tensor, "1 variates time"]) -> Loss:
        observed = _observed(batch)
        series = torch.where(observed, batch.series, 0.0)
        counted = torch.ones_like(observed) if self.hparams["legacy_masks"] else observed
        config = self.model.config
        return pretraining_loss(self(batch), series, counted, config.patch_size, config.stride, weight)

    def _weight(self, batch: CausalMaskedTimeseries) -> Float[Tensor, "1 variates time"]:
        """How much each step counts as a target: covariates do not."""
        weight = torch.ones_like(batch.series[:1])
        rows, steps = weight.shape[1:]
        if self.hparams["legacy_masks"]:
            weight[..., steps - batch.num_exogenous_variables :] = 0
        else:
            weight[:, rows - batch.num_exogenous_variables :] = 0
        return weight

    def configure_optimizers(self) -> Any:
        """AdamW, and a learning rate that changes with every step."""
        settings = self.hparams
        optimizer = torch.optim.AdamW(
            [parameter for parameter in self.parameters() if parameter.requires_grad],
            settings["lr"],
            tuple(settings["betas"]),
            weight_decay=settings["weight_decay"],
        )
        schedule = WarmupStableDecayLR(
            optimizer,
            settings["warmup_steps"],
            settings["stable_steps"],
            settings["decay_steps"],
            settings["lr"],
            settings["min_lr"],
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the file carry the configuration, so that `Toto.from_pretrained` reads it."""
        checkpoint[CONFIG_KEY] = self.model.config.to_dict()


def _observed(batch: CausalMaskedTimeseries) -> Bool[Tensor, "batch variates time"]:
    return batch.padding_mask.bool() & batch.series.isfinite()
