"""The keys and values that decoding keeps of tokens it has already seen."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from toto import kernels
from toto.errors import InputError

Keys = Float[Tensor, "rows heads branches tokens head_dim"]
AllKeys = Float[Tensor, "rows heads branches all_tokens head_dim"]
Queries = Float[Tensor, "rows heads branches queries head_dim"]
SharedKeys = Float[Tensor, "rows heads tokens head_dim"]


class KVCache:
    """Keys and values of the time layers: a past that all branches share, and each branch's own.

    Rows are batch x variates. A new cache has one branch and nothing shared; `fan_out` makes its
    content the shared past of many branches without copying it. Positions are plain integers of
    the host, and each buffer is allocated once, at the first token of its layer. For inference:
    buffers are written in place, so gradients do not pass through a cache that is used again.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity  # tokens that each branch can hold of its own
        self.shared_length = 0
        self.own_length = 0
        self._shared: dict[int, tuple[SharedKeys, SharedKeys]] = {}
        self._own: dict[int, tuple[AllKeys, AllKeys]] = {}

    @classmethod
    def holding(cls, layers: Mapping[int, tuple[Keys, Keys]]) -> "KVCache":
        """A full cache of one branch with these keys and values of every layer; they are not copied."""
        num_tokens = next((keys.shape[3] for keys, _ in layers.values()), 0)
        cache = cls(num_tokens)
        cache.own_length = num_tokens
        cache._own = dict(layers)
        return cache

    @property
    def length(self) -> int:
        """Tokens seen so far; also the position of the next one."""
        return self.shared_length + self.own_length

    def attend(self, layer: int, query: Queries, key: Keys, value: Keys) -> Queries:
        """Append the newest tokens of one layer; the queries, the last of them, see all up to themselves."""
        keys, values = self.append(layer, key, value)
        shared = self.shared(layer)
        if shared is None:
            return kernels.attention(query[:, :, 0], keys[:, :, 0], values[:, :, 0], causal=True)[:, :, None]
        return kernels.branched_attention(query, *shared, keys, values)

    def append(self, layer: int, key: Keys, value: Keys) -> tuple[AllKeys, AllKeys]:
        """Write the newest tokens of one layer; returns all of its own tokens, the new ones last.

        Raises:
            InputError: more tokens than the capacity.
        """
        end = self.own_length + key.shape[3]
        if end > self.capacity:
            raise InputError(f"the cache holds {self.capacity} tokens of a branch, got {end}")
        if layer not in self._own:
            shape = (*key.shape[:3], self.capacity, key.shape[4])
            self._own[layer] = (key.new_empty(shape), value.new_empty(shape))
        keys, values = self._own[layer]
        keys[:, :, :, self.own_length : end] = key
        values[:, :, :, self.own_length : end] = value
        return keys[:, :, :, :end], values[:, :, :, :end]

    def shared(self, layer: int) -> tuple[SharedKeys, SharedKeys] | None:
        """The shared past of one layer; None before `fan_out`."""
        return self._shared.get(layer)

    def advance(self, num_tokens: int) -> None:
        """Count the tokens that every layer has now appended."""
        self.own_length += num_tokens

    def fan_out(self, capacity: int) -> "KVCache":
        """A cache whose branches all continue from here, each with room for `capacity` tokens.

        How many branches there are shows at the first token they append.
        """
        if self._shared:
            raise InputError("a cache that has already branched cannot fan out again")
        branched = KVCache(capacity)
        branched.shared_length = self.length
        branched._shared = {
            layer: (keys[:, :, 0, : self.length], values[:, :, 0, : self.length])
            for layer, (keys, values) in self._own.items()
        }
        return branched
