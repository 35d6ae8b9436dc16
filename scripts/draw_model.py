"""Draw the pictures of docs/how_it_works.md.

    python scripts/draw_model.py --out docs/images

Nothing is made up: patches, masks, statistics, attention weights, mixtures and paths are those of a real
model and a forecast of the host metrics.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from model_scene import GROUPS, NAMES, Scene
from PIL import Image

from toto import MaskedTimeseries, Toto, TotoForecaster
from toto.inference.forecast_distribution import ForecastDistribution
from toto.inference.plot import ACTUAL, FUTURE, HISTORY

WIDTH = 10  # of a picture, in inches
PALE, LINES, UNSEEN = "#dfe7f3", "#9aa0a6", "#eceff1"
GROUP_COLOURS = ("#1a5fb4", "#26a269")
LAYER_COLOURS = ("#b9d0ee", "#bfe3d0")  # along time, across variates
NUM_PATHS, NUM_DRAWN_PATCHES = 6, 4


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/how_it_works.md.")
    parser.add_argument("--model", default="toto-nano", help="bundled name, folder or hub id")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    scene = Scene.of(Toto.from_pretrained(options.model))
    for name, draw in PICTURES.items():
        save(draw(scene), options.out / f"model_{name}.png")


def save(figure: Figure, path: Path) -> None:
    """Write a picture in few colours, which is small."""
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path}  {path.stat().st_size / 1e3:.0f} kB")


def draw_overview(scene: Scene) -> Figure:
    """The parts of the model in the order in which a series runs through them, with their sizes."""
    config, (num_variates, num_steps) = scene.model.config, scene.values.shape
    tokens = f"{num_variates} x {scene.num_patches}"
    boxes = [
        ("series", f"{num_variates} variates\n{num_steps} steps", PALE),
        ("patches, scaled", f"{tokens}\nof {config.patch_size} steps", PALE),
        ("tokens", f"{tokens}\nof {config.embed_dim} numbers", PALE),
        *(
            (f"layer {i}", "across\nvariates" if across else "along\ntime", LAYER_COLOURS[across])
            for i, across in enumerate(scene.layers_across)
        ),
        ("head", f"{config.k_components} Student-T\nfor each of\n{config.patch_size} steps", PALE),
    ]
    figure, axis = pyplot.subplots(figsize=(WIDTH, 1.5), layout="constrained")
    for place, (name, text, colour) in enumerate(boxes):
        axis.add_patch(Rectangle((place, 0), 0.86, 1, facecolor=colour, linewidth=0))
        axis.text(place + 0.43, 0.8, name, ha="center", va="center", fontsize=8, fontweight="bold")
        axis.text(place + 0.43, 0.36, text, ha="center", va="center", fontsize=8)
        if place:
            arrow = {"arrowstyle": "-|>", "color": HISTORY}
            axis.annotate("", (place, 0.5), (place - 0.14, 0.5), arrowprops=arrow)
    axis.set(xlim=(-0.05, len(boxes) - 0.1), ylim=(-0.03, 1.03))
    axis.axis("off")
    return figure


def draw_patches(scene: Scene) -> Figure:
    """Three of the series cut into patches, over the mask that says which values of all are real."""
    observed, num_series = scene.context.observed[0].numpy(), 3
    figure, axes = pyplot.subplots(
        num_series + 1, 1, figsize=(WIDTH, 6), sharex=True, layout="constrained", height_ratios=[2, 2, 2, 3]
    )
    for row, axis in enumerate(axes[:-1]):
        series = scene.context.series[0, row].numpy()
        axis.plot(np.where(observed[row], series, np.nan), color=HISTORY, linewidth=1)
        tidy(axis, NAMES[row])
        shade_missing(axis, observed[row])
    states = np.where(observed, np.array(GROUPS)[:, None] + 1, 0)
    colours = ListedColormap([UNSEEN, *GROUP_COLOURS])
    whole = (0, observed.shape[1], len(NAMES), 0)
    axes[-1].imshow(states, cmap=colours, aspect="auto", interpolation="none", extent=whole)
    axes[-1].set_yticks(np.arange(len(NAMES)) + 0.5, NAMES)
    tidy(axes[-1], "observed (colour: group id); grey: padding and missing")
    mark_patches(axes, scene, 0, observed.shape[1])
    return figure


def draw_scaling(scene: Scene) -> Figure:
    """Causal statistics of every patch, and what the model sees of it."""
    observed = scene.context.observed[0, 0].numpy()
    values = np.where(observed, scene.context.series[0, 0].numpy(), np.nan)
    loc, scale = (statistic[0] for statistic in scene.statistics())
    figure, axes = pyplot.subplots(2, 1, figsize=(WIDTH, 4.6), sharex=True, layout="constrained")
    axes[0].plot(values, color=HISTORY, linewidth=1.1, label="value")
    axes[0].plot(loc, color=FUTURE, linewidth=1.6, label="loc: mean of all values up to the end of the patch")
    band = {"color": FUTURE, "alpha": 0.15, "linewidth": 0, "label": "loc ± scale"}
    axes[0].fill_between(range(len(loc)), loc - scale, loc + scale, **band)
    axes[0].legend(loc="lower right", fontsize=8, frameon=False)
    axes[1].plot((values - loc) / scale, color=FUTURE, linewidth=1.1)
    for axis, title in zip(axes, (f"{NAMES[0]}, in its units", "scaled: what the model reads"), strict=True):
        shade_missing(axis, observed)
        tidy(axis, title)
    mark_patches(axes, scene, 0, len(loc))
    return figure


def draw_attention(scene: Scene) -> Figure:
    """Who looks at whom, and how much: in the first layer along time, and in the last across variates."""
    across = scene.layers_across
    along_time, across_variates = across.index(False), len(across) - 1 - across[::-1].index(True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(WIDTH, 4.6), layout="constrained")
    causal = np.tri(scene.num_patches, dtype=bool)
    draw_weights(left, scene.attention(along_time)[0], causal)
    left.set_title(f"along time: layer {along_time}, {NAMES[0]}", loc="left", fontsize=10)
    left.set_xlabel("patch that is looked at", fontsize=9)
    left.set_ylabel("patch that looks", fontsize=9)
    groups = np.array(GROUPS)
    draw_weights(right, scene.attention(across_variates)[-1], groups[:, None] == groups)
    right.set_title(f"across variates: layer {across_variates}, newest patch", loc="left", fontsize=10)
    right.set_xticks(range(len(NAMES)), NAMES, fontsize=8, rotation=35, ha="right")
    right.set_yticks(range(len(NAMES)), NAMES, fontsize=8)
    return figure


def draw_weights(axis: Axes, weights: np.ndarray, allowed: np.ndarray) -> None:
    """Attention weights [queries, keys] in blue, with their size in percent; grey is forbidden."""
    axis.set_facecolor(UNSEEN)
    axis.imshow(np.where(allowed, weights, np.nan), cmap="Blues", vmin=0, vmax=1)
    for query, key in zip(*np.nonzero(allowed), strict=True):
        colour = "white" if weights[query, key] > 0.6 else HISTORY
        percent = f"{100 * weights[query, key]:.0f}"
        axis.text(key, query, percent, ha="center", va="center", fontsize=8, color=colour)


def draw_mixture(scene: Scene) -> Figure:
    """The distribution of one step with its components, and the densities of a whole patch."""
    row, step = 1, scene.patch_size // 4
    series = MaskedTimeseries.from_array(scene.values[row])
    found = TotoForecaster(scene.model).predict_distribution(series, scene.patch_size)
    low, high = (found.quantile(q)[0, 0] for q in (0.01, 0.99))
    grid = torch.linspace(float(low.min()), float(high.max()), 400)
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(WIDTH, 4), layout="constrained", width_ratios=[2, 3]
    )
    draw_components(left, found, grid, step)
    left.set_xlabel(NAMES[row], fontsize=9)
    draw_densities(right, found, grid, scene.values[row], scene.actual[row])
    right.axvline(step + 0.5, color=LINES, linewidth=0.8, linestyle=":")
    tidy(right, f"{NAMES[row]}: densities of the next patch; orange: what came")
    return figure


def draw_components(axis: Axes, found: ForecastDistribution, grid: torch.Tensor, step: int) -> None:
    """The density of a step, and the weighted densities that it is the sum of."""
    mixture = found.mixtures[0].affine(found.loc, found.scale)
    parts = mixture.component_distribution.log_prob(grid[:, None, None, None, None]).exp() * mixture.weights
    parts = parts[:, 0, 0, step]
    axis.plot(grid.numpy(), parts.numpy(), color=FUTURE, linewidth=0.9, alpha=0.6)
    axis.plot(grid.numpy(), parts.sum(-1).numpy(), color=HISTORY, linewidth=1.8)
    axis.set_yticks([])
    tidy(axis, f"step {step + 1}: {parts.shape[-1]} Student-T and their sum")


def draw_densities(
    axis: Axes, found: ForecastDistribution, grid: torch.Tensor, history: np.ndarray, actual: np.ndarray
) -> None:
    """A patch of history, the densities of the next one as shades, and what came."""
    horizon = found.mean.shape[-1]
    density = found.pdf(grid[:, None, None, None].expand(-1, 1, 1, horizon))[:, 0, 0]
    shades = (density / density.amax(0)).sqrt().numpy()
    low, high = float(grid[0]), float(grid[-1])
    whole = (0, horizon, low, high)
    axis.imshow(shades, origin="lower", aspect="auto", cmap="Blues", extent=whole, vmax=1.3)
    axis.plot(np.arange(-horizon, 0), history[-horizon:], color=HISTORY, linewidth=1.2)
    came = actual[:horizon]
    axis.plot(np.arange(len(came)) + 0.5, came, color=ACTUAL, linewidth=1.1)
    shown = np.concatenate([history[-horizon:], [low, high]])
    axis.set(xlim=(-horizon, horizon), ylim=(np.nanmin(shown), np.nanmax(shown)))
    axis.set_xlabel("step", fontsize=9)


def draw_decoding(scene: Scene) -> Figure:
    """Sample paths, and below them the tokens that had to be computed for them."""
    horizon = NUM_DRAWN_PATCHES * scene.patch_size
    history = scene.values[0]
    forecaster = TotoForecaster(scene.model)
    drawn = forecaster.forecast(MaskedTimeseries.from_array(history), horizon, NUM_PATHS, seed=0)
    paths = drawn.numpy()[0, 0]  # [horizon, samples]
    figure, axes = pyplot.subplots(2, 1, figsize=(WIDTH, 5.4), sharex=True, layout="constrained")
    colours = pyplot.get_cmap("viridis")(np.linspace(0.1, 0.8, NUM_PATHS))
    axes[0].plot(np.arange(-len(history), 0), history, color=HISTORY, linewidth=1)
    for path, colour in zip(paths.T, colours, strict=True):
        axes[0].plot(range(horizon), path, color=colour, linewidth=0.9)
    axes[0].set_ylim(*np.quantile(np.concatenate([history, paths.ravel()]), [0.002, 0.998]))
    tidy(axes[0], f"{NAMES[0]}: history and {NUM_PATHS} sample paths")
    draw_tokens(axes[1], scene, colours)
    mark_patches(axes, scene, -scene.num_patches * scene.patch_size, horizon)
    return figure


def draw_tokens(axis: Axes, scene: Scene, colours: np.ndarray) -> None:
    """A box for every token: those of the context as high as all paths, those of a path in its row."""
    size, past, later = scene.patch_size, scene.num_patches, NUM_DRAWN_PATCHES - 1
    for patch in range(-past, 0):
        axis.add_patch(Rectangle((patch * size, 0.06), 0.9 * size, NUM_PATHS - 0.12, facecolor=PALE))
    for row, colour in enumerate(colours):
        for patch in range(later):
            axis.add_patch(Rectangle((patch * size, row + 0.06), 0.9 * size, 0.88, facecolor=colour))
    for patch, text in ((-past / 2, "context"), (later, "drawn,\nnever read")):
        axis.text((patch + 0.5) * size, NUM_PATHS / 2, text, ha="center", va="center", fontsize=8)
    axis.set(ylim=(NUM_PATHS, 0), yticks=[])
    count = past + NUM_PATHS * later
    tidy(axis, f"{count} tokens: {past} of the context, once for all paths, and {later} of each path")


def mark_patches(axes: np.ndarray, scene: Scene, first: int, last: int) -> None:
    """A line where a patch begins, on axes that share their steps."""
    for axis in axes:
        for start in range(first, last + 1, scene.patch_size):
            axis.axvline(start, color=LINES, linewidth=0.7)
    axes[-1].set_xlim(first, last)
    axes[-1].set_xlabel(f"step; a line every {scene.patch_size} steps, where a patch begins", fontsize=9)


def shade_missing(axis: Axes, observed: np.ndarray) -> None:
    """Grey where no value is real."""
    steps, anywhere = range(len(observed)), axis.get_xaxis_transform()
    axis.fill_between(steps, 0, 1, where=~observed, transform=anywhere, color=UNSEEN, linewidth=0)


def tidy(axis: Axes, title: str) -> None:
    """A title at the left, small numbers, no box."""
    axis.set_title(title, loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, color=LINES)


PICTURES: dict[str, Callable[[Scene], Figure]] = {
    "overview": draw_overview,
    "patches": draw_patches,
    "scaling": draw_scaling,
    "attention": draw_attention,
    "mixture": draw_mixture,
    "decoding": draw_decoding,
}


if __name__ == "__main__":
    main()
