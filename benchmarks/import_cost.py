"""What `import toto` costs beyond `import torch`, and the installed size of the core dependencies.

    python benchmarks/import_cost.py

Times are medians over fresh interpreters; "public names" also loads every name of `toto.__all__`.
"""

import importlib.metadata
import re
import statistics
import subprocess
import sys
import time

RUNS = 7
PROGRAMS = {
    "python alone": "pass",
    "import torch": "import torch",
    "import toto": "import toto",
    "public names": "import toto; [getattr(toto, name) for name in toto.__all__]",
}


def seconds(program: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - start


def core_dependencies() -> list[str]:
    requirements = importlib.metadata.requires("toto-forecast") or []
    return [r for r in requirements if "extra ==" not in r]


def installed_mib(name: str) -> float:
    files = importlib.metadata.files(name) or []
    sizes = [path.stat().st_size for file in files if (path := file.locate()).is_file()]
    return sum(sizes) / 2**20


def main() -> None:
    times = {label: [] for label in PROGRAMS}
    for _ in range(RUNS):  # interleaved, so that a busy moment hits all alike
        for label, program in PROGRAMS.items():
            times[label].append(seconds(program))
    median = {label: statistics.median(runs) for label, runs in times.items()}
    print(f"{'program':<16}{'seconds':>9}{'beyond torch':>14}")
    for label, value in median.items():
        print(f"{label:<16}{value:>9.2f}{value - median['import torch']:>+14.2f}")
    print(f"\n{'core dependency':<24}{'installed':<12}{'MiB':>8}")
    for requirement in core_dependencies():
        name = re.split(r"[><=~ ;]", requirement)[0]
        print(f"{requirement:<24}{importlib.metadata.version(name):<12}{installed_mib(name):>8.1f}")


if __name__ == "__main__":
    main()
