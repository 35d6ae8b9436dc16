"""What the platform says about free memory, and what is made of it."""

import os

import pytest
import torch

from toto.inference.memory import budget

GIB = 2**30


def file_system(root, **files):
    """A file system with these files in it."""
    places = {
        "meminfo": "proc/meminfo",
        "max": "sys/fs/cgroup/memory.max",
        "stat": "sys/fs/cgroup/memory.stat",
    }
    for name, text in files.items():
        file = root / places[name]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


MEMINFO = "MemTotal:  16777216 kB\nMemFree:  1048576 kB\nMemAvailable:  8388608 kB\n"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 8 * GIB),
        ({"max": "max\n", "stat": f"anon {GIB}\nfile {GIB}\n"}, 8 * GIB),
        ({"max": f"{4 * GIB}\n", "stat": f"anon {GIB}\nfile {2 * GIB}\n"}, 3 * GIB),
        ({"max": f"{4 * GIB}\n", "stat": f"anon {5 * GIB}\n"}, 0),
        ({"max": f"{64 * GIB}\n", "stat": f"anon {GIB}\n"}, 8 * GIB),
    ],
)
def test_linux_says_what_is_available_and_a_container_what_it_may_take(tmp_path, files, free):
    assert budget.available_on_host(file_system(tmp_path, meminfo=MEMINFO, **files)) == free


def test_elsewhere_half_of_the_installed_memory_counts_as_free(tmp_path, monkeypatch):
    sizes = {"SC_PHYS_PAGES": 2**20, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert budget.available_on_host(tmp_path) == 2 * GIB
    monkeypatch.delattr(os, "sysconf")
    assert budget.available_on_host(tmp_path) == 4 * GIB


def test_the_budget_is_half_of_what_is_free():
    assert 0 < budget.memory_budget(torch.device("cpu")) < 2**50
