import torch

from toto import kernel_report
from toto.kernels.linear_maps import BLOCKED_DTYPES


def test_the_report_says_which_kernel_runs():
    report = kernel_report()
    assert report.keys() == {"attention", "linear", "rms_norm", "swiglu"}
    assert all("native PyTorch" in kernel for kernel in report.values())
    assert ("float32" in report["linear"]) == (torch.float32 in BLOCKED_DTYPES)
