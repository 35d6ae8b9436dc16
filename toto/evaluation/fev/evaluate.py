"""Names under the import path of toto-ts."""

from toto.evaluation.item_windows import evaluate_model

__all__ = ["evaluate_model"]
