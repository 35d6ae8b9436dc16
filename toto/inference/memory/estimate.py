"""The bytes that a forecast needs, part by part."""

from dataclasses import dataclass, fields

import torch

from toto.errors import InputError

_BETWEEN_BLOCKS = 1.125  # blocks that one part frees seldom fit the next
_LIBRARIES = 4 * 2**20


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a forecast needs, part by part; the formula is that of `toto.inference.memory.demand`.

    weights: the parameters.
    prepared: what the first forecast makes or loads, and all later ones find.
    prefill: working memory of encoding the context.
    shared_cache: keys, values and statistics of the context, which all paths share.
    own_cache: keys and values of the paths that are decoded at once.
    step: working memory of decoding one patch of them.
    results: the mean path or all sample paths.
    series_per_batch: how many series of a batch are forecast at once; no bytes.
    samples_per_batch: how many paths of each are decoded at once; 0 for a model that draws none; no bytes.
    """

    weights: int
    prepared: int
    prefill: int
    shared_cache: int
    own_cache: int
    step: int
    results: int
    series_per_batch: int
    samples_per_batch: int

    @property
    def working(self) -> int:
        """The peak of a forecast beside the weights and what is prepared."""
        parts = self.prefill + self.shared_cache + self.own_cache + self.step + self.results
        return int(_BETWEEN_BLOCKS * parts) + _LIBRARIES

    @property
    def total(self) -> int:
        """The peak of everything."""
        return self.weights + self.prepared + self.working

    def __str__(self) -> str:
        """A line for each part, in MiB."""
        parts = {f.name.replace("_", " "): getattr(self, f.name) for f in fields(self)[:-2]}
        parts |= {"working peak": self.working, "total": self.total}
        lines = (f"{name:<12}{size / 2**20:>10,.1f} MiB" for name, size in parts.items())
        paths = f"{self.samples_per_batch} paths of " if self.samples_per_batch else ""
        return "\n".join(lines) + f", with {paths}{self.series_per_batch} series at once"


def room_for_parts(budget: int) -> float:
    """The bytes that the parts of a forecast may have in all, so that its working peak is within `budget`."""
    return (budget - _LIBRARIES) / _BETWEEN_BLOCKS


def series_bytes(dtype: torch.dtype | str) -> int:
    """Bytes of a value of a series.

    Raises:
        InputError: a dtype that no forecast has.
    """
    sizes = {"float32": 4, "float64": 8}
    name = str(dtype).removeprefix("torch.")
    if name not in sizes:
        raise InputError(f"series_dtype must be float32 or float64, as forecasts are, got {dtype!r}")
    return sizes[name]
