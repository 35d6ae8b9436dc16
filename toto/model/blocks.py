"""The token-wise parts of the layers of a transformer, plain or compiled."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from torch import nn

from toto import kernels

_WITHOUT_CUDA_GRAPHS = {"reduce-overhead": "default", "max-autotune": "max-autotune-no-cudagraphs"}


class Blocks(NamedTuple):
    """What runs before tokens are mixed and after, as functions of the layer."""

    enter: Callable[..., Any]
    leave: Callable[..., Any]


class BlockTransformer(nn.Module):
    """A transformer whose layers run as `blocks`; subclasses say what those are as they stand."""

    PLAIN: ClassVar[Blocks]

    def __init__(self) -> None:
        super().__init__()
        self.blocks = self.PLAIN

    def compile_blocks(self, mode: str | None = None, **options: Any) -> None:
        """Run the token-wise parts of all layers through `torch.compile`, which takes the options.

        They see tokens in one axis of any length: nothing is compiled anew for other numbers of
        series, variates, samples or steps, and all layers share what was compiled. CUDA graphs are
        left out of modes that include them: each part would overwrite what the last one returned.
        """
        mode = _WITHOUT_CUDA_GRAPHS.get(mode, mode) if mode else None
        self.blocks = Blocks(*kernels.compile_together(self.PLAIN, mode=mode, **options))

    def __getstate__(self) -> dict[str, Any]:
        """Leave what was compiled out of files and copies."""
        return self.__dict__ | {"blocks": self.PLAIN}
