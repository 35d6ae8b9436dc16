"""Names under the import path of toto-ts."""

from toto.finetuning.drop_in_run import (
    get_datamodule,
    init_lightning,
    load_config,
    load_finetuned_toto,
    train,
)

__all__ = ["get_datamodule", "init_lightning", "load_config", "load_finetuned_toto", "train"]
