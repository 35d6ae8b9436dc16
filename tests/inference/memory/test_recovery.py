"""Parts of equal size, halved where memory runs out."""

import gc
import os
import subprocess
import sys
import weakref

import pytest
import torch

from toto.inference.memory.recovery import equal_part, in_parts, is_out_of_memory

ON_THE_HOST = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def parts(total, at_once, largest=None, error=MemoryError):
    """The parts that were run, with an error for those above `largest` items."""
    done = []

    def run(first, end):
        if largest is not None and end - first > largest:
            raise error
        done.append((first, end))

    in_parts(total, at_once, "items", run)
    return done


def test_parts_are_about_equal_and_as_few_as_can_be():
    assert equal_part(256, 100) == 86
    assert parts(256, 100) == [(0, 86), (86, 171), (171, 256)]
    for total in range(1, 30):
        for at_once in range(1, 35):
            done = parts(total, at_once)
            sizes = [end - first for first, end in done]
            assert [first for first, _ in done] == [sum(sizes[:i]) for i in range(len(sizes))]
            assert sum(sizes) == total
            assert len(sizes) == -(-total // at_once)
            assert max(sizes) <= min(sizes) + 1


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), ON_THE_HOST])
def test_a_part_that_runs_out_of_memory_is_halved_and_nothing_is_run_twice(error, caplog):
    assert parts(10, 10, largest=3, error=error) == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory with 10 items at once: going on with 5",
        "out of memory with 5 items at once: going on with 2",
    ]


def test_the_error_of_a_single_item_escapes_as_it_is():
    with pytest.raises(RuntimeError) as caught:
        parts(4, 4, largest=0, error=ON_THE_HOST)
    assert caught.value is ON_THE_HOST


def test_other_errors_escape_at_once():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        parts(4, 4, largest=2, error=RuntimeError("shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_what_a_failed_part_held_is_free_before_the_next_one():
    held = []

    def run(first, end):
        tensor = torch.empty(end - first)
        if end - first > 1:
            held.append(weakref.ref(tensor))
            raise MemoryError
        assert all(reference() is None for reference in held)

    gc.disable()
    try:
        in_parts(4, 4, "items", run)
    finally:
        gc.enable()
    assert len(held) == 2


LIMITED = """
import resource, sys, torch
from toto import MaskedTimeseries, Toto, TotoForecaster

torch.set_num_threads(1)
torch.manual_seed(0)
forecaster = TotoForecaster(Toto.from_pretrained("toto-nano"))
series = MaskedTimeseries.from_array(torch.randn(64).cumsum(-1))
expected = forecaster.forecast(series, 65, 1024, samples_per_batch=128, seed=0).samples
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**24, resource.RLIM_INFINITY))
found = forecaster.forecast(series, 65, 1024, samples_per_batch=1024, seed=0).samples
torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_forecast_goes_on_where_the_host_has_no_more_memory():
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "out of memory with 1024 sample paths at once: going on with 512" in done.stderr
