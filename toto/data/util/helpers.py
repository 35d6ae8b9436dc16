"""Names under the import path of toto-ts."""

from toto.data.collate import collate_causal
from toto.data.items import transform_fev_dataset

__all__ = ["collate_causal", "transform_fev_dataset"]
