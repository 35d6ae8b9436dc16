"""Builds a virtual environment with toto-ts 0.2.0, to be measured against; one that is ready is left alone.

    python benchmarks/peer_environment.py [FOLDER]

Its own pins do not install together with current packages. These versions run it, on the release of torch
that is installed here.
"""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from common import OUT, progress

FOLDER = OUT / "peer"
TORCH = version("torch").partition("+")[0]
NEEDED = (
    "gluonts[torch]==0.16.2",
    "rotary-embedding-torch==0.8.6",
    "numpy<2.3",
    *("beartype", "datasets", "einops", "huggingface_hub", "jaxtyping", "lightning", "pandas"),
    *("safetensors", "tabulate", "tqdm"),
)


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment, there or not."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def is_ready(folder: Path) -> bool:
    """Whether toto-ts can be imported there."""
    if not python_of(folder).exists():
        return False
    program = "import importlib.metadata, toto.model.toto; importlib.metadata.version('toto-ts')"
    done = subprocess.run([python_of(folder), "-W", "ignore", "-c", program], capture_output=True)
    return done.returncode == 0


def build(folder: Path) -> None:
    """Make the environment.

    Raises:
        CalledProcessError: pip failed; it has said why.
    """
    venv.create(folder, with_pip=True)
    install = [python_of(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"torch=={TORCH}"], check=True)
    subprocess.run([*install, *NEEDED], check=True)
    subprocess.run([*install, "--no-deps", "toto-ts==0.2.0"], check=True)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if not is_ready(folder):
        progress(f"installing toto-ts into {folder}: about 1.5 GB, once")
        try:
            build(folder)
        except (subprocess.CalledProcessError, OSError) as error:
            sys.exit(f"toto-ts cannot be installed here: {error}")
        if not is_ready(folder):
            sys.exit(f"toto-ts is installed in {folder} but cannot be imported")
    progress(f"toto-ts is ready in {folder}")


if __name__ == "__main__":
    main()
