"""Largest errors of the second generation against the outputs of its published package, case by case.

    python benchmarks/golden_errors2.py [--golden ../shared/golden2]

In float64 (float32_basic in float32), relative to the largest golden value: of the first decode block, which
in one pass is the whole forecast, and of what follows it, where the published code has defects. Series of id
-1 are padding and left out. Cached: block decoding against one pass after another over everything; left out
where limits or scales are taken from the context, which grows there.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from toto.model2.toto2 import Toto2Model

COLUMNS = ("first block", "later blocks", "cached")


class Case:
    """One golden case with its model."""

    def __init__(self, folder: Path) -> None:
        tensors = load_file(folder / "case.safetensors")
        self.settings = json.loads((folder / "case.json").read_text())
        self.model = Toto2Model.from_pretrained(folder, torch_dtype=self.settings["dtype"])
        self.inputs = {name[3:]: t for name, t in tensors.items() if name.startswith("in.")}
        self.golden = {name[4:]: t for name, t in tensors.items() if name.startswith("exp.")}
        self.options = dict(self.settings["kwargs"])
        # the published code takes what is hidden in the last patch for data
        self.inputs["target_mask"][..., -self.model.config.patch_size :] = True

    def errors(self) -> tuple[float, ...]:
        """Those of the columns."""
        if self.settings["kind"] == "forward":
            return (self.forward_error(),)
        real, horizon = self.inputs["series_ids"] >= 0, self.settings["horizon"]
        block = self.options.get("decode_block_size", horizon)
        ours = self.model.forecast(self.inputs, horizon, **self.options)
        expected = self.golden["quantiles"]
        ours, expected = ours[:, real], expected[:, real]
        first = error(ours[..., :block], expected[..., :block])
        if block >= horizon:
            return (first,)
        later = error(ours[..., block:], expected[..., block:])
        of_context = {"scaler_fallback_min_obs", "quantile_real_cap_k"} & set(self.options)
        return (first, later) if of_context else (first, later, self.cache_error())

    @torch.no_grad()
    def forward_error(self) -> float:
        """Of one plain pass."""
        out = self.model(**self.inputs, **self.options)
        return max(error(getattr(out, name), golden) for name, golden in self.golden.items())

    def cache_error(self) -> float:
        """Of block decoding against recomputation."""
        cached = self.model.forecast(self.inputs, self.settings["horizon"], **self.options)
        options, inputs, parts = dict(self.options), dict(self.inputs), []
        block = options.pop("decode_block_size")
        for start in range(0, cached.shape[-1], block):
            steps = min(block, cached.shape[-1] - start)
            parts.append(self.model.forecast(inputs, steps, **options))
            inputs["target"] = torch.cat([inputs["target"], parts[-1][4]], -1)
            known = torch.ones_like(parts[-1][4], dtype=torch.bool)
            inputs["target_mask"] = torch.cat([inputs["target_mask"], known], -1)
        return error(cached, torch.cat(parts, -1))


def error(ours: torch.Tensor, golden: torch.Tensor) -> float:
    finite = golden.isfinite()
    assert torch.equal(ours[~finite], golden[~finite])
    return float((ours[finite] - golden[finite]).abs().max() / golden[finite].abs().max())


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(__file__).resolve().parents[2] / "shared" / "golden2"
    parser.add_argument("--golden", type=Path, default=default, help="folder of golden cases")
    print(f"{'case':<22}" + "".join(f"{column:>14}" for column in COLUMNS))
    for folder in sorted(f.parent for f in parser.parse_args(argv).golden.glob("*/case.json")):
        errors = "".join(f"{value:>14.2g}" for value in Case(folder).errors())
        print(f"{folder.name:<22}" + errors, flush=True)


if __name__ == "__main__":
    main()
