"""The data of toto-ts' fine-tuning: windows of every series of a dataset, split by time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from toto.data.collate import collate_causal
from toto.data.items import Items, Transform, transform_fev_dataset
from toto.data.masked_timeseries import CausalMaskedTimeseries
from toto.errors import InputError, MissingExtraError
from toto.inference.pipeline.reading import a_patch_early

try:
    from lightning.pytorch import LightningDataModule
except ImportError:
    raise MissingExtraError("lightning", "finetune", "fine-tuning") from None

TEST_SHARE = VALIDATION_SHARE = 0.1  # of every series, its end and what is before that


class Split(NamedTuple):
    """Where the parts of a series end: training, validation, test."""

    train: int
    validation: int
    test: int

    @classmethod
    def of(cls, num_steps: int) -> "Split":
        """The split of a series of so many steps."""
        test = math.ceil(TEST_SHARE * num_steps)
        validation = math.ceil(VALIDATION_SHARE * num_steps)
        return cls(num_steps - test - validation, num_steps - test, num_steps)


@dataclass(frozen=True)
class ItemView:
    """Series as they are trained on: every window has a context of `_context_length` and a patch of target.

    The names are those that code of toto-ts reads.
    """

    hf_dataset: Items
    _context_length: int
    patch_size: int
    covariates: bool

    def window(self, item: int, end: int, known_to: int) -> CausalMaskedTimeseries:
        """The window whose target ends at step `end` of a series, padded on the left.

        What is from step `known_to` on is masked. Covariates are read a patch early.
        """
        num_steps = self._context_length + self.patch_size
        first, last = max(0, end - num_steps), min(end, known_to)
        rows = [self.hf_dataset[item]["target"][:, first:last]]
        if self.covariates:
            known = self.hf_dataset[item]["feat_dynamic_real"][:, :last]
            rows.append(a_patch_early(known, np.arange(first, last), self.patch_size))
        around = ((0, 0), (num_steps - (end - first), end - last))
        values = np.pad(np.concatenate(rows), around, constant_values=np.nan)
        series = torch.from_numpy(values.astype(np.float32))
        return CausalMaskedTimeseries(
            series=torch.nan_to_num(series),
            padding_mask=series.isfinite(),
            id_mask=torch.zeros_like(series, dtype=torch.long),
            timestamp_seconds=torch.arange(end - num_steps, end).expand(series.shape),
            time_interval_seconds=torch.ones(len(series), dtype=torch.long),
            input_slice=slice(0, self._context_length),
            target_slice=slice(self.patch_size, num_steps),
            num_exogenous_variables=sum(map(len, rows[1:])),
        )


class TrainWindows(Dataset[CausalMaskedTimeseries]):
    """`per_item` windows of every series with two patches to train on, each drawn when it is asked for.

    They are drawn from the global random state of torch, so that a seed repeats them.
    """

    def __init__(self, view: ItemView, per_item: int) -> None:
        ends = [(place, Split.of(t.shape[1]).train) for place, t in enumerate(view.hf_dataset["target"])]
        self._view, self._per_item = view, per_item
        self._items = [(place, end) for place, end in ends if end >= 2 * view.patch_size]

    def __len__(self) -> int:
        return len(self._items) * self._per_item

    def __getitem__(self, place: int) -> CausalMaskedTimeseries:
        item, train_end = self._items[place // self._per_item]
        end = int(torch.randint(2 * self._view.patch_size, train_end + 1, ()))
        return self._view.window(item, end, train_end)


class ValidationWindows(Dataset[CausalMaskedTimeseries]):
    """Windows whose last patches hold `horizon` steps of the validation part of a series, one by one."""

    def __init__(self, view: ItemView, horizon: int) -> None:
        self._view = view
        self._places: list[tuple[int, int, int]] = []
        whole = -(-horizon // view.patch_size) * view.patch_size
        for item, target in enumerate(view.hf_dataset["target"]):
            split = Split.of(target.shape[1])
            for start in range(split.train, split.validation, horizon) if split.train else ():
                self._places.append((item, start + whole, min(start + horizon, split.validation)))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> CausalMaskedTimeseries:
        return self._view.window(*self._places[place])


class FinetuneDataModule(LightningDataModule):
    """Windows for `TotoForFinetuning`, from a dataset with an array for each field of a row.

    The last tenth of every series is left out, for a test; the tenth before it is for validation.

    Args:
        dataset: rows; see `transform_fev_dataset`.
        max_context_length: steps that the model sees; fewer where every series is shorter.
        prediction_horizon: steps of the validation part that a window counts (None: a patch).
        patch_size: of the model.
        train_batch_size, val_batch_size, num_workers: of the loaders.
        num_train_samples: windows of each series in an epoch.
        add_exogenous_features: give the model the covariates.
        target_fields, target_transform_fns, ev_fields, ev_transform_fns: of the dataset.

    Raises:
        InputError: no series long enough, counts below 1, or covariates that are not there.
    """

    def __init__(
        self,
        dataset: Iterable[Mapping[str, Any]],
        max_context_length: int,
        prediction_horizon: int | None,
        patch_size: int,
        train_batch_size: int = 16,
        val_batch_size: int = 1,
        num_workers: int = 0,
        num_train_samples: int = 100,
        add_exogenous_features: bool = False,
        target_fields: Sequence[str] = ("target",),
        target_transform_fns: Sequence[Transform] | None = None,
        ev_fields: Sequence[str] | None = None,
        ev_transform_fns: Sequence[Transform] | None = None,
    ) -> None:
        super().__init__()
        counts = {
            "patch_size": patch_size,
            "prediction_horizon": patch_size if prediction_horizon is None else prediction_horizon,
            "train_batch_size": train_batch_size,
            "val_batch_size": val_batch_size,
            "num_train_samples": num_train_samples,
        }
        for name, value in counts.items():
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        if max_context_length < patch_size:
            raise InputError(
                f"max_context_length must be at least a patch of {patch_size}, got {max_context_length}"
            )
        if add_exogenous_features and not ev_fields:
            raise InputError("add_exogenous_features needs the names of covariates: give ev_fields")
        self.max_context_length, self.prediction_horizon = max_context_length, counts["prediction_horizon"]
        self.patch_size, self.num_workers = patch_size, num_workers
        self.train_batch_size, self.val_batch_size = train_batch_size, val_batch_size
        self.num_train_samples, self.add_exogenous_features = num_train_samples, add_exogenous_features
        self._read = partial(
            transform_fev_dataset, dataset, target_fields, target_transform_fns, ev_fields, ev_transform_fns
        )

    def setup(self, stage: str | None = None) -> None:
        """Read the dataset, once."""
        if hasattr(self, "_view"):
            return
        items = self._read()
        longest = max(Split.of(target.shape[1]).train for target in items["target"]) - self.patch_size
        length = min(self.max_context_length, longest) // self.patch_size * self.patch_size
        if length < self.patch_size:
            raise InputError(
                f"dataset: no series has two patches of {self.patch_size} steps in its first 80 %"
            )
        self._view = ItemView(items, length, self.patch_size, self.add_exogenous_features)
        self._train = TrainWindows(self._view, self.num_train_samples)
        self._validation = ValidationWindows(self._view, self.prediction_horizon)

    def train_dataloader(self) -> "DataLoader[CausalMaskedTimeseries]":
        """Windows of all series, shuffled."""
        return self._loader(self._train, self.train_batch_size, shuffle=True)

    def val_dataloader(self) -> "DataLoader[CausalMaskedTimeseries]":
        """Windows of the validation part of all series, in order."""
        return self._loader(self._validation, self.val_batch_size, shuffle=False)

    def _loader(
        self, windows: Dataset[CausalMaskedTimeseries], batch_size: int, shuffle: bool
    ) -> "DataLoader[CausalMaskedTimeseries]":
        return DataLoader(
            windows, batch_size, shuffle, num_workers=self.num_workers, collate_fn=collate_causal
        )
