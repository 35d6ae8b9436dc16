"""Largest errors against the outputs of the published package, case by case.

    python benchmarks/golden_errors.py [--golden ../shared/golden]

Relative to the golden value, or to 1 where it is smaller; float32 relative to the largest value of a
variate. z: quantiles of 1024 paths of each sampler, in standard errors of their difference.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from toto import MaskedTimeseries, Toto, TotoForecaster

COLUMNS = ("mean cached", "uncached", "forward", "scaler", "float32", "median |z|", "rms z")


class Case:
    """One golden case with its model, in one precision."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        tensors = load_file(folder / "case.safetensors")
        self.golden = {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
        self.settings = json.loads((folder / "case.json").read_text())
        self.toto = Toto.from_pretrained(folder).to(dtype)

    def forecast(self, **options):
        """The forecast of the case."""
        names = ("series", "padding_mask", "id_mask", "timestamp_seconds", "time_interval_seconds")
        exogenous = self.settings["num_exogenous_variables"]
        return TotoForecaster(self.toto).forecast(
            MaskedTimeseries(*(self.golden[n] for n in names), exogenous),
            self.settings["horizon"],
            future_exogenous_variables=self.golden.get("future_exogenous_variables"),
            **options,
        )

    def mean_error(self, **options) -> float:
        """Of the mean path."""
        return error(self.forecast(**options).mean, self.golden["mean"])

    @torch.no_grad()
    def forward_error(self) -> float:
        """Of one teacher-forced pass: parameters, map to units, mean and log density."""
        inputs = (self.golden[f"forward.{n}"] for n in ("input", "padding_mask", "id_mask"))
        out = self.toto.model(*inputs, num_exogenous_variables=self.settings["num_exogenous_variables"])
        in_units = out.distribution.affine(out.loc, out.scale)
        ours = {name: getattr(out.distribution, name) for name in ("df", "loc", "scale")}
        ours |= {"shift": out.loc, "spread": out.scale, "mean": in_units.mean}
        ours["log_prob"] = in_units.log_prob(self.golden["forward.target"])
        return max(error(value, self.golden[f"forward.{name}"]) for name, value in ours.items())

    def scaler_error(self) -> float:
        """Of the scaler alone."""
        series, mask = self.golden["forward.input"], self.golden["forward.padding_mask"]
        found = self.toto.model.scaler(series, mask, torch.ones_like(series))
        names = ("scaler.scaled", "scaler.loc", "scaler.scale")
        return max(error(ours, self.golden[name]) for ours, name in zip(found, names, strict=True))

    def quantile_scores(self) -> tuple[float, float]:
        """Median and root mean square of the z-scores."""
        found = self.forecast(num_samples=1024, samples_per_batch=256, seed=0)
        golden, spread = self.golden["samples.quantiles"], self.golden["samples.quantile_se"]
        z = (found.quantile(self.settings["quantile_levels"]) - golden) / (spread * 2**0.5)
        z = z[spread > 1e-9 * golden.abs()]  # covariates do not vary
        return float(z.abs().median()), float(z.square().mean().sqrt())


def error(ours: torch.Tensor, golden: torch.Tensor) -> float:
    return float(((ours - golden).abs() / golden.abs().clamp(min=1.0)).max())


def float32_error(folder: Path) -> float:
    case = Case(folder, torch.float32)
    golden = case.golden["mean"]
    largest = golden.abs().amax(-1, keepdim=True).clamp(min=1.0)
    return float(((case.forecast().mean - golden).abs() / largest).max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(__file__).resolve().parents[2] / "shared" / "golden"
    parser.add_argument("--golden", type=Path, default=default, help="folder of golden cases")
    rows = []
    print(f"{'case':<22}" + "".join(f"{column:>12}" for column in COLUMNS))
    for folder in sorted(f.parent for f in parser.parse_args().golden.glob("*/case.json")):
        case = Case(folder, torch.float64)
        errors = (
            case.mean_error(use_kv_cache=True),
            case.mean_error(use_kv_cache=False),
            case.forward_error(),
            case.scaler_error(),
            float32_error(folder),
        )
        rows.append((*errors, *case.quantile_scores()))
        print(f"{folder.name:<22}" + "".join(f"{value:>12.2g}" for value in rows[-1]), flush=True)
    print(f"{'largest':<22}" + "".join(f"{max(column):>12.2g}" for column in zip(*rows, strict=True)))


if __name__ == "__main__":
    main()
