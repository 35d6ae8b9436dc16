"""Draw the synthetic series of docs/synthetic.md: one picture per family, one row per kind.

    python scripts/draw_synthetic.py --out docs/images

The series are those of fixed seeds, so that pictures change only where a generator does.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib import pyplot
from PIL import Image

from toto.training.synthetic.artefacts import ARTEFACTS
from toto.training.synthetic.catalogue import FAMILIES, any_series
from toto.training.synthetic.distortion import mix, modulate, warp
from toto.training.synthetic.draws import standardise
from toto.training.synthetic.multivariate import RELATIONS

LENGTH = 768
COLUMNS = 4
MARGIN = 64  # history that relations need
COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:gray")
NUM_COLOURS = 24  # of a picture file

Panels = Callable[[np.random.Generator], list[list[np.ndarray]]]  # panels of one kind, curves of each


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/synthetic.md.")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    for name, kinds in pictures().items():
        path = out / f"synthetic_{name.replace(' ', '_')}.png"
        draw(kinds, path)
        print(f"{path}  {path.stat().st_size / 1e3:.0f} kB")


def pictures() -> dict[str, dict[str, Panels]]:
    """The kinds of every picture by its name."""
    families = {
        name: {kind: of_generator(generate) for kind, generate in kinds.items()}
        for name, kinds in FAMILIES.items()
    }
    changes = {"mix": lambda rng, x: mix(rng, x, len(x)), "warp": warp, "modulate": modulate}
    return {
        **families,
        "distortion": {kind: of_change(change) for kind, change in changes.items()},
        "artefacts": {kind: of_change(change) for kind, (change, _) in ARTEFACTS.items()},
        "relations": {kind: of_relation(relation) for kind, (relation, _) in RELATIONS.items()},
        "training mix": {str(row): of_generator(any_series) for row in range(8)},
    }


def of_generator(generate: Callable) -> Panels:
    """Panels with a series each."""
    return lambda rng: [[series] for series in generate(rng, COLUMNS, LENGTH)]


def of_change(change: Callable) -> Panels:
    """Panels with a changed series over what it was."""

    def panels(rng: np.random.Generator) -> list[list[np.ndarray]]:
        before = standardise(any_series(rng, COLUMNS, LENGTH))
        return [list(pair) for pair in zip(change(rng, before), before, strict=True)]

    return panels


def of_relation(relation: Callable) -> Panels:
    """Panels with a group of four variates, one above the other."""

    def panels(rng: np.random.Generator) -> list[list[np.ndarray]]:
        groups = []
        for _ in range(COLUMNS):
            members = standardise(any_series(rng, 4, LENGTH + MARGIN))
            groups.append(list(standardise(relation(rng, members, MARGIN)) - 5.0 * np.arange(4)[:, None]))
        return groups

    return panels


def draw(kinds: Mapping[str, Panels], path: Path) -> None:
    """One row of panels per kind, as a file of few colours."""
    height = 0.75 if len(kinds) < 9 else 0.9
    figure, axes = pyplot.subplots(len(kinds), COLUMNS, figsize=(9, height * len(kinds) + 0.1), squeeze=False)
    for row, (kind, panels) in zip(axes, kinds.items(), strict=True):
        rng = np.random.default_rng([len(kind), *map(ord, kind)])
        for axis, curves in zip(row, panels(rng), strict=True):
            for curve, colour in reversed(list(zip(curves, COLOURS, strict=False))):
                axis.plot(curve, linewidth=0.7, color=colour)
            axis.set(xticks=[], yticks=[], xlim=(0, LENGTH - 1))
            axis.spines[:].set_linewidth(0.3)
        row[0].set_ylabel(kind.replace(" ", "\n"), fontsize=6)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=75)
    pyplot.close(figure)
    Image.open(path).convert("RGB").quantize(NUM_COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
