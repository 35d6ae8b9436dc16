"""Command line of pretraining: `python -m toto.training.pretrain --out DIR --minutes 40`."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from tqdm import tqdm

from toto.errors import ConfigError, TotoError
from toto.training.checkpoints import RunState
from toto.training.config import NANO, OPTIMISERS, PRECISIONS, PretrainConfig, read_json
from toto.training.curves import draw_curves
from toto.training.loop import Progress, pretrain

RECIPE_FOLDER = Path(__file__).parent / "recipes"
RECIPES = tuple(sorted(path.stem for path in RECIPE_FOLDER.glob("*.json")))

_MODEL_OPTIONS = ("patch_size", "embed_dim", "num_layers", "num_heads", "mlp_hidden_dim")
_RUN_OPTIONS = (
    "minutes",
    "seed",
    "tokens_per_step",
    "optimiser",
    "learning_rate",
    "precision",
    "num_workers",
    "checkpoint_minutes",
    "log_every",
    "validate_every",
    "snapshot_every",
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        config = read_config(options)
        with reporter() as progress:
            result = pretrain(
                config,
                options.out,
                device=options.device,
                generator_processes=options.generator_processes,
                progress=progress,
            )
    except TotoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the newest checkpoint", file=sys.stderr)
        return 130
    size = sum(f.stat().st_size for f in result.folder.iterdir()) / 1e6
    minutes = result.state.seconds / 60
    if find_spec("matplotlib") is not None:
        print(f"curves: {draw_curves(options.out)}")
    print(f"{result.state.step} steps in {minutes:.1f} minutes: {result.folder} ({size:.1f} MB)")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The options; those that are not given keep the values of the configuration."""
    parser = argparse.ArgumentParser(
        prog="python -m toto.training.pretrain",
        description="Train a Toto model on synthetic series. Run it again with the same options to resume.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for checkpoints, loss.csv and final/")
    add("--config", help=f"a recipe ({', '.join(RECIPES)}), or a JSON file with fields of PretrainConfig")
    add("--steps", type=int, dest="num_steps", help="stop after this many steps")
    add("--minutes", type=float, help="stop after this much training time (no limit given: 40)")
    add("--seed", type=int, help="of the weights and the series")
    add("--tokens-per-step", type=int, help="patches in one batch")
    add("--optimiser", choices=OPTIMISERS, help="of the matrices inside the layers")
    add("--learning-rate", type=float, help="peak of the schedule")
    add("--precision", choices=PRECISIONS, help="bfloat16: matrix products of the layers in half precision")
    add("--checkpoint-minutes", type=float, help="training time between checkpoints")
    add("--log-every", type=int, help="steps between lines of loss.csv")
    add("--validate-every", type=int, help="steps between lines of held_out.csv")
    add(
        "--snapshot-every",
        type=int,
        help="steps between weights that are kept for good, in snapshots/",
    )
    for name in _MODEL_OPTIONS:
        add(f"--{name.replace('_', '-')}", type=int, help=f"of the model (toto-nano: {getattr(NANO, name)})")
    add("--device", default="cpu", help="cpu, cuda, ...")
    add("--num-workers", type=int, help="threads that share a batch (on a GPU: 1)")
    add("--generator-processes", type=int, default=0, help="processes that make series (0: none)")
    add("--threads", type=int, default=1, help="threads of PyTorch outside the workers")
    return parser


def read_config(options: argparse.Namespace) -> PretrainConfig:
    """The configuration file, or the defaults, with the given options put over it."""
    values = read_json(_recipe(options.config)) if options.config else {}
    values |= {name: getattr(options, name) for name in _RUN_OPTIONS if getattr(options, name) is not None}
    sizes = {name: getattr(options, name) for name in _MODEL_OPTIONS if getattr(options, name) is not None}
    if "patch_size" in sizes:
        sizes["stride"] = sizes["patch_size"]
    values["model"] = NANO.to_dict() | values.get("model", {}) | sizes
    if options.num_steps is not None:
        values["num_steps"] = options.num_steps
    elif values.get("minutes") is None and values.get("num_steps") is None:
        values["minutes"] = 40.0
    return PretrainConfig.from_dict(values)


def _recipe(name: str) -> Path:
    """The file of a recipe in the package, or the file of that name."""
    if name in RECIPES:
        return RECIPE_FOLDER / f"{name}.json"
    if not Path(name).is_file():
        raise ConfigError(f"config must be a file or a recipe ({', '.join(RECIPES)}), got {name!r}")
    return Path(name)


def print_line(share: float, state: RunState, loss: float) -> None:
    """One line per logged step."""
    minutes, rate = state.seconds / 60, state.tokens / max(state.seconds, 1e-9)
    print(
        f"{min(share, 1.0):6.1%}  step {state.step:6d}  loss {loss:7.4f}  {minutes:5.1f} min  "
        f"{rate:,.0f} patches/s",
        flush=True,
    )


@contextmanager
def reporter() -> Iterator[Progress]:
    """A progress bar on a terminal, and lines elsewhere."""
    if not sys.stderr.isatty():
        yield print_line
        return
    with tqdm(total=1.0, bar_format="{percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}") as bar:

        def move(share: float, state: RunState, loss: float) -> None:
            rate = state.tokens / max(state.seconds, 1e-9)
            bar.set_postfix(step=state.step, loss=f"{loss:.3f}", patches_s=f"{rate:,.0f}", refresh=False)
            bar.update(min(share, 1.0) - bar.n)

        yield move


if __name__ == "__main__":
    sys.exit(main())
