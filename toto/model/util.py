"""Names under the import path of toto-ts."""

from toto.model.cache import KVCache
from toto.model.feed_forward import RMSNorm

__all__ = ["KVCache", "RMSNorm"]
