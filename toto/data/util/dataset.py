"""Names under the import path of toto-ts."""

from toto.data.masked_timeseries import CausalMaskedTimeseries, MaskedTimeseries
from toto.data.padding import is_extreme_value, pad_array, pad_id_mask, replace_extreme_values

__all__ = [
    "CausalMaskedTimeseries",
    "MaskedTimeseries",
    "is_extreme_value",
    "pad_array",
    "pad_id_mask",
    "replace_extreme_values",
]
