"""Names under the import path of toto-ts."""

from toto.evaluation.item_windows import aggregate_results
from toto.finetuning.drop_in_benchmark import drop_nan_fn, get_config, parse_field, prepare_dataset
from toto.finetuning.drop_in_run import load_config

__all__ = ["aggregate_results", "drop_nan_fn", "get_config", "load_config", "parse_field", "prepare_dataset"]
