import pytest
import torch

from toto import InputError
from toto.data.util.dataset import CausalMaskedTimeseries
from toto.data.util.helpers import collate_causal


def window(variates: int = 2, covariates: int = 0) -> CausalMaskedTimeseries:
    series = torch.randn(variates, 24)
    return CausalMaskedTimeseries(
        series,
        series > 0,
        torch.zeros(variates, 1, dtype=torch.long),
        torch.arange(24).expand(variates, 24),
        torch.ones(variates),
        slice(0, 16),
        slice(8, 24),
        covariates,
    )


def test_windows_become_a_batch_with_their_slices():
    windows = [window(), window(), window()]
    batch = collate_causal(windows)
    assert batch.series.shape == (3, 2, 24)
    assert torch.equal(batch.series[1], windows[1].series)
    assert torch.equal(batch.padding_mask[2], windows[2].padding_mask)
    assert batch.id_mask.shape == (3, 2, 1)
    assert batch[5:] == (slice(0, 16), slice(8, 24), 0)


def test_windows_that_do_not_fit_together_are_refused():
    with pytest.raises(InputError, match="at least one window, got none"):
        collate_causal([])
    with pytest.raises(InputError, match=r"window 1 has \(\(3, 24\), .* the first \(\(2, 24\), "):
        collate_causal([window(), window(3)])
    with pytest.raises(InputError, match="number of covariates: window 2"):
        collate_causal([window(), window(), window(covariates=1)])
