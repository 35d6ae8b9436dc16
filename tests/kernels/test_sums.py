import torch

from toto import kernels
from toto.kernels import sums


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_running_sums_by_doubling_are_running_sums():
    x = random(2, 3, 37)
    torch.testing.assert_close(kernels.running_sum(x), x.cumsum(-1))
    torch.testing.assert_close(sums._sum_by_doubling(x), x.cumsum(-1))
    assert sums._sum_by_doubling(x[..., :1]).equal(x[..., :1])


def test_sums_run_in_float64_where_the_device_has_it():
    assert kernels.accumulation_dtype(torch.device("cpu")) is torch.float64
    assert kernels.accumulation_dtype(torch.device("mps")) is torch.float32
