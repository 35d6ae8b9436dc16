"""Names under the import path of toto-ts."""

from toto.finetuning.drop_in_data import FinetuneDataModule

__all__ = ["FinetuneDataModule"]
