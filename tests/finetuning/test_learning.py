import numpy as np
import pytest
import torch

from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.finetuning.generations import generation_of
from toto.finetuning.learning import Learning
from toto.finetuning.settings import FitSettings

pytest.importorskip("pandas")

COVARIATES = Covariates(("heat", "sky"), ("wind",), calendar=("hour",))


def test_what_lies_behind_the_training_part_changes_no_batch(tiny, hourly):
    settings, generation, read = FitSettings(6, context=32), generation_of(tiny), []
    changed = hourly.copy()
    changed.loc[340:, ["load", "heat", "wind"]] = 50 * np.random.default_rng(1).normal(size=(60, 3))
    changed.loc[340:, "sky"] = changed.loc[340:, "sky"].to_numpy()[::-1]
    for frame in (hourly, changed):
        learning = Learning.of(frame, Layout(columns=["load"]), COVARIATES, settings, generation)
        windows = learning.windows(settings, generation, torch.float64)
        assert learning.ends == [340]
        read.append([windows.batch(number) for number in range(20)])
    for one, other in zip(*read, strict=True):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one[:3], other[:3], strict=True))
