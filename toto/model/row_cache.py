"""The keys and values of many rows that go on each at its own pace."""

from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto import kernels
from toto.errors import InputError
from toto.model.cache import Keys, KVCache, Queries

Buffer: TypeAlias = Float[Tensor, "_rows _heads _tokens _head_dim"]
NewKeys: TypeAlias = Float[Tensor, "rows _heads tokens _head_dim"]


class RowCache:
    """Keys and values of rows of different lengths, for sequences that go on and on.

    A `KVCache` serves one forecast: its rows have one length, and it branches. Here some rows go on while
    others wait, and a row that begins anew is used for another sequence. Buffers grow, by doubling, with the
    rows and tokens in use. For inference: they are written in place.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity  # tokens of a row
        self.lengths = torch.zeros(0, dtype=torch.long)  # tokens seen so far by each row; on the host
        self.layers: dict[int, tuple[Buffer, Buffer]] = {}

    def rows(self, rows: Int[Tensor, " rows"]) -> "CachedRows":
        """These rows, in ascending order; those that there are not yet are made."""
        num_new = max(0, int(rows[-1]) + 1 - len(self.lengths))
        self.lengths = torch.cat([self.lengths, self.lengths.new_zeros(num_new)])
        return CachedRows(self, rows)

    def begin_anew(self, rows: Int[Tensor, " rows"]) -> "CachedRows":
        """These rows, in ascending order, empty."""
        self.rows(rows)
        self.lengths[rows] = 0
        return self.rows(rows)

    def buffers(self, layer: int, key: NewKeys, value: NewKeys, num_tokens: int) -> tuple[Buffer, Buffer]:
        """Keys and values of a layer, with room for all rows and so many tokens of each.

        Raises:
            InputError: more tokens than the capacity.
        """
        if num_tokens > self.capacity:
            raise InputError(f"the cache holds {self.capacity} tokens of a row, got {num_tokens}")
        buffers = self.layers.get(layer) or (_empty(key), _empty(value))
        held = buffers[0]
        num_rows = len(self.lengths)
        if num_rows > held.shape[0] or num_tokens > held.shape[2]:
            rows, tokens = _grown(held.shape[0], num_rows), _grown(held.shape[2], num_tokens)
            keys, values = (_resized(buffer, rows, min(tokens, self.capacity)) for buffer in buffers)
            self.layers[layer] = buffers = keys, values
        return buffers


class CachedRows:
    """Some rows of a `RowCache`, as the layers take a cache."""

    def __init__(self, cache: RowCache, numbers: Int[Tensor, " rows"]) -> None:
        self.numbers = numbers
        self._cache = cache
        self._lengths = cache.lengths[numbers]
        self._same = bool((self._lengths == self._lengths[0]).all())

    @property
    def length(self) -> int | Int[Tensor, " rows"]:
        """Tokens seen so far; also the position of the next one. Of each row, where they differ."""
        return int(self._lengths[0]) if self._same else self._lengths

    @property
    def lengths(self) -> Int[Tensor, " rows"]:
        """Tokens seen so far of each row; on the host."""
        return self._lengths

    def attend(self, layer: int, query: Queries, key: Keys, value: Keys) -> Queries:
        """Append the newest tokens of one layer; the queries, the last of them, see all up to themselves.

        Raises:
            InputError: more tokens than the capacity.
        """
        keys, values = self.append(layer, key[:, :, 0], value[:, :, 0])
        allowed = None
        if not self._same:
            places = self._places(key.shape[3])[:, None, -query.shape[3] :, None].to(key.device)
            allowed = torch.arange(keys.shape[2], device=key.device) <= places
        mixed = kernels.attention(query[:, :, 0], keys, values, allowed, causal=self._same)
        return mixed[:, :, None]

    def append(self, layer: int, key: NewKeys, value: NewKeys) -> tuple[Buffer, Buffer]:
        """Write the newest tokens of one layer; returns all tokens of these rows, each at its position.

        Raises:
            InputError: more tokens than the capacity.
        """
        places = self._places(key.shape[2])
        num_tokens = int(places.max()) + 1
        rows, places = self.numbers[:, None].to(key.device), places.to(key.device)
        for buffer, new in zip(self._cache.buffers(layer, key, value, num_tokens), (key, value), strict=True):
            buffer[rows, :, places] = new.transpose(1, 2)
        return self._held(layer, num_tokens)

    def _places(self, num_new: int) -> Int[Tensor, "rows new"]:
        return self._lengths[:, None] + torch.arange(num_new)

    def advance(self, num_tokens: int) -> None:
        """Count the tokens that every layer has now appended."""
        self._lengths = self._lengths + num_tokens
        self._cache.lengths[self.numbers] = self._lengths

    def peek(self) -> "PeekedRows":
        """A cache whose branches see these rows, and leave them as they are."""
        return PeekedRows(self)

    def fan_out(self, capacity: int) -> KVCache:
        """A cache whose branches all continue from here; see `KVCache.fan_out`.

        Raises:
            InputError: rows of different lengths.
        """
        if not self._same:
            raise InputError(f"rows that branch must have one length, got {self._lengths.tolist()}")
        held = {layer: self._held(layer, int(self._lengths[0])) for layer in self._cache.layers}
        with_branches = {
            layer: (keys[:, :, None], values[:, :, None]) for layer, (keys, values) in held.items()
        }
        return KVCache.holding(with_branches).fan_out(capacity)

    def past(self, layer: int) -> tuple[Buffer, Buffer, Tensor | None]:
        """Keys and values of one layer, and where they are those of the row (None: everywhere)."""
        num_tokens = int(self._lengths.max())
        keys, values = self._held(layer, num_tokens)
        seen = torch.arange(num_tokens) < self._lengths[:, None]
        return keys, values, None if self._same else seen.to(keys.device)

    def _held(self, layer: int, num_tokens: int) -> tuple[Buffer, Buffer]:
        """Keys and values of these rows: where they are if they lie together, else as a copy."""
        first, last = int(self.numbers[0]), int(self.numbers[-1])
        together = last - first + 1 == len(self.numbers)
        keys, values = self._cache.layers[layer]
        index = slice(first, last + 1) if together else self.numbers.to(keys.device)
        return keys[index, :, :num_tokens], values[index, :, :num_tokens]


class PeekedRows:
    """Rows as a past that any number of branches see, each with one token of its own that is not kept."""

    def __init__(self, rows: CachedRows) -> None:
        self._rows = rows

    @property
    def length(self) -> int | Int[Tensor, " rows"]:
        """The position of the tokens."""
        return self._rows.length

    def attend(self, layer: int, query: Queries, key: Keys, value: Keys) -> Queries:
        """The token of each branch sees the past of its row and itself."""
        keys, values, seen = self._rows.past(layer)
        return kernels.branched_attention(query, keys, values, key, value, seen)

    def advance(self, num_tokens: int) -> None:
        """Nothing is kept."""

    def fan_out(self, capacity: int) -> KVCache:
        """See `CachedRows.fan_out`."""
        return self._rows.fan_out(capacity)


Cache: TypeAlias = KVCache | CachedRows | PeekedRows


def _empty(new: NewKeys) -> Buffer:
    return new.new_zeros(0, new.shape[1], 0, new.shape[3])


def _grown(held: int, needed: int) -> int:
    return held if needed <= held else max(needed, 2 * held)


def _resized(buffer: Buffer, rows: int, tokens: int) -> Buffer:
    """A larger buffer with the same content; zeros, because what is masked must still be finite."""
    larger = buffer.new_zeros(rows, buffer.shape[1], tokens, buffer.shape[3])
    larger[: buffer.shape[0], :, : buffer.shape[2]] = buffer
    return larger
