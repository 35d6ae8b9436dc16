"""How much a forecast may do at once: tokens that are fast together, and memory that is free."""

import os
import re
from pathlib import Path

import torch

_SHARE = 0.5  # of what is free: others need memory too, and freed blocks do not always fit again
_UNKNOWN = 4 * 2**30  # bytes taken for free where the platform does not tell (Windows)


# Tokens in one pass through the layers beyond which more are not faster. Measured on one core of a
# processor, a token costs 15 % more among 64 than among 1024, and 3 % more among 128; several cores want
# more. A GPU needs thousands, to fill its matrix units and to hide what each launch costs.
TOKENS_AT_ONCE = 512
TOKENS_AT_ONCE_ON_GPU = 16_384


def tokens_at_once(device: torch.device) -> int:
    """Tokens in one pass through the layers beyond which more are not faster on a device."""
    return TOKENS_AT_ONCE if device.type == "cpu" else TOKENS_AT_ONCE_ON_GPU


def memory_budget(device: torch.device) -> int:
    """Bytes that one call may take beside the weights: half of what is free on the device now.

    Free on the host is what Linux calls available, within the limit of a container; elsewhere half of
    the installed memory, or 4 GiB where not even that is known. It stands in for a GPU that is not there.
    """
    if device.type == "cuda" and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # PyTorch's to reuse
    else:
        free = available_on_host()
    return int(_SHARE * free)


def available_on_host(root: Path = Path("/")) -> int:
    """Bytes of main memory that can be had without swapping; `root` is that of the file system."""
    available = _number(root / "proc/meminfo", r"MemAvailable:\s+(\d+) kB")
    if available is None:
        return _half_of_installed()
    group = root / "sys/fs/cgroup"
    limit = _number(group / "memory.max", r"(\d+)")
    used = _number(group / "memory.stat", r"anon (\d+)")  # file pages can be dropped
    if limit is None or used is None:
        return available * 1024
    return min(available * 1024, max(0, limit - used))


def _half_of_installed() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


def _number(file: Path, pattern: str) -> int | None:
    """The first number in a file that the pattern finds, if there is one."""
    try:
        found = re.search(pattern, file.read_text())
    except OSError:
        return None
    return int(found[1]) if found else None
