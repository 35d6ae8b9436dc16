"""The operations that know an accelerator: attention, linear maps, norms and running sums.

Native PyTorch is the definition of each. Whatever is faster on a machine takes over where it is
there and computes the same thing; tests hold it to the native result. Nothing is ever required.
"""

from toto.kernels.compiled import compile_together
from toto.kernels.derived import forget, kept
from toto.kernels.linear_maps import gated_linear, linear
from toto.kernels.norms import rms_norm, swiglu
from toto.kernels.report import kernel_report
from toto.kernels.softmax_attention import attention, branched_attention
from toto.kernels.sums import accumulation_dtype, running_sum

__all__ = [
    "accumulation_dtype",
    "attention",
    "branched_attention",
    "compile_together",
    "forget",
    "gated_linear",
    "kept",
    "kernel_report",
    "linear",
    "rms_norm",
    "running_sum",
    "swiglu",
]
