"""How much memory a forecast takes, and how much to do at once."""

from toto.inference.memory.estimate import MemoryEstimate
from toto.inference.memory.plan import estimate_memory

__all__ = ["MemoryEstimate", "estimate_memory"]
