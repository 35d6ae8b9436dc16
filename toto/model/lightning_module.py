"""Names under the import path of toto-ts."""

from toto.finetuning.drop_in_module import TotoForFinetuning

__all__ = ["TotoForFinetuning"]
