"""Many sequences that go on each at its own pace, as the past of their new tokens."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from toto.model.row_cache import CachedRows
from toto.model2.cache import AllKeys, AllValues, Keys, PastTokens, Values


class RowPast(PastTokens):
    """Rows of a cache: new tokens are written behind what each row holds, and all of them are kept."""

    def __init__(self, rows: CachedRows) -> None:
        self._rows = rows

    def positions(self, num_new: int) -> Int[Tensor, "rows new"]:
        """See `PastTokens`."""
        return self._rows.lengths[:, None] + torch.arange(num_new)

    def followed_by(self, layer: int, key: Keys, value: Values) -> tuple[AllKeys, AllValues]:
        """All keys and values of a layer, each at its position; where a row ends, others may go on."""
        return self._rows.append(layer, key, value)

    def going_on(self, num_kept: int, layers: Mapping[int, tuple[AllKeys, AllValues]]) -> "RowPast":
        """The same rows, which are longer now."""
        self._rows.advance(num_kept)
        return self


class PeekedPast(PastTokens):
    """Rows of a cache that stay as they are: every new token stands behind its row, alone."""

    def __init__(self, rows: CachedRows) -> None:
        self._rows = rows

    def positions(self, num_new: int) -> Int[Tensor, "rows new"]:
        """See `PastTokens`."""
        return self._rows.lengths[:, None].expand(-1, num_new)

    def followed_by(self, layer: int, key: Keys, value: Values) -> tuple[AllKeys, AllValues]:
        """All keys and values of a layer, the new ones behind those of the longest row."""
        old_key, old_value, _ = self._rows.past(layer)
        return torch.cat([old_key, key], dim=2), torch.cat([old_value, value], dim=2)

    def going_on(self, num_kept: int, layers: Mapping[int, tuple[AllKeys, AllValues]]) -> "PeekedPast":
        """The same rows."""
        return self
