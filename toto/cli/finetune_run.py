"""What `toto finetune` does: table in; a folder with a model that is no worse than before, and its scores."""

import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from toto.cli.forecast import grouped
from toto.cli.outputs import Outputs
from toto.cli.report import PatientProgress, print_table
from toto.cli.runtime import runtime_of
from toto.data.covariates import Covariates
from toto.data.csv import read_table
from toto.data.layout import Layout
from toto.data.table import import_pandas
from toto.errors import InputError
from toto.inference.pipeline import TotoPipeline

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Which model is trained, and how long."""

    model: str
    device: str | None
    horizon: int
    mode: str
    context: int | None
    max_steps: int | None
    minutes: float | None
    val_fraction: float
    test_fraction: float
    seed: int
    independent: bool


def run_finetune(
    data: Path, out: Path, layout: Layout, covariates: Covariates, settings: Settings, json: bool
) -> None:
    """Read, train, save to the folder `out`, print.

    Raises:
        InputError: data, columns or a setting that break a rule; see `TotoPipeline.fit`.
        CheckpointError: no such model.
        MissingExtraError: what fine-tuning needs is not installed.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; name a folder for the model")
    table = read_table(data)
    layout = grouped(table, layout, settings.independent)
    pipe = TotoPipeline(runtime_of(settings.device).load(settings.model))
    with PatientProgress(1, "training") as progress:
        fitted = pipe.fit(
            table,
            settings.horizon,
            columns=layout.columns,
            id_column=layout.id_column,
            time_column=layout.time_column,
            group=layout.group,
            multivariate=layout.together,
            aggregate=layout.aggregate,
            day_first=layout.day_first,
            known=covariates.known,
            past=covariates.past,
            static=covariates.static,
            calendar=covariates.calendar,
            holidays=covariates.holidays,
            mode=settings.mode,
            context=settings.context,
            max_steps=settings.max_steps,
            time_limit=None if settings.minutes is None else 60 * settings.minutes,
            val_fraction=settings.val_fraction,
            test_fraction=settings.test_fraction,
            seed=settings.seed,
            out=out,
            progress=progress.within_series,
        )
    found = fitted.fit_result
    assert found is not None
    curve = import_pandas().DataFrame(found.curve)
    scores = {
        "zero_shot": _number(found.zero_shot),
        "fine_tuned": _number(found.score),
        "test_zero_shot": _number(found.test_zero_shot),
        "test_fine_tuned": _number(found.test_score),
        "improved": found.improved,
        "reason": found.reason,
        "step": found.step,
        "steps": found.num_steps,
        "seconds": round(found.seconds, 3),
    }
    about = {"command": "finetune", "data": data, "settings": asdict(settings), "out": out, **scores}
    Outputs(json=json).print(about, curve, lambda: _show(found, data, settings, covariates))
    log.info("model written to %s", out)
    if (out / "training" / "curve.png").is_file():
        log.info("loss curve drawn to %s", out / "training" / "curve.png")


def _show(found: Any, data: Path, settings: Settings, covariates: Covariates) -> None:
    """A table of the validation scores, and what was kept."""
    names = [*covariates.known, *covariates.past, *covariates.static, *covariates.calendar]
    names += [] if covariates.holidays is None else [f"holidays of {covariates.holidays}"]
    beside = f"with {', '.join(names)}" if names else "without covariates"
    print(f"{data.name}: {settings.model}, next {settings.horizon} steps, {beside}")
    if math.isnan(found.score):  # it never ran, and says itself what is kept
        print(f"{found.reason[0].upper()}{found.reason[1:]}.")
        return
    print_table(_scores(found))
    kept = "; the fine-tuned model is kept" if found.improved else ""  # else the reason says what is
    print(f"{found.reason[0].upper()}{found.reason[1:]}{kept}.")


def _number(score: float) -> float | None:
    """A score as JSON has it."""
    return None if math.isnan(score) else score


def _scores(found: Any) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    zero_shot, fine_tuned, change = _compared(found.zero_shot, found.score)
    cells = {
        "": "validation score",
        "zero-shot": zero_shot,
        "fine-tuned": fine_tuned,
        "change": change,
        "best step": f"{found.step:,}",
        "steps": f"{found.num_steps:,}",
        "minutes": f"{found.seconds / 60:.1f}",
    }
    for name in cells:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    table.add_row(*cells.values())
    if found.num_test_windows:
        table.add_row("test score", *_compared(found.test_zero_shot, found.test_score))
    return table


def _compared(zero_shot: float, fine_tuned: float) -> tuple[str, str, str]:
    """Both scores, and by how much the second is lower."""
    change = f"{100 * (fine_tuned / zero_shot - 1):+.1f} %" if zero_shot else ""
    return f"{zero_shot:.4g}", f"{fine_tuned:.4g}", change
