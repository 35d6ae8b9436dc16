"""The gradient of one batch, computed by threads that each take a part of it.

On a CPU the matrix products of a small model are too short to be shared out: two threads inside one product
spend their time waiting for each other, the more so when other programs run. Whole forward and
backward passes on parts of the batch, one thread each, meet once a step.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from toto.model.losses import Loss
from toto.training.batches import Batch

LossFunction = Callable[[Batch], Loss]


class GradientWorkers:
    """`num_workers` threads, each running PyTorch in one thread; with one worker, the caller itself."""

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers
        self._pool = (
            ThreadPoolExecutor(num_workers, initializer=torch.set_num_threads, initargs=(1,))
            if num_workers > 1
            else None
        )

    def __call__(self, loss: LossFunction, parameters: list[torch.nn.Parameter], batch: Batch) -> Loss:
        """Set `grad` of the parameters to that of the mean loss over all counted steps of the batch.

        The parts are summed in their order, so that the result depends on their number alone.
        """

        def of_part(part: Batch) -> tuple[Loss, tuple[Tensor, ...]]:
            value = loss(part)
            return Loss(*(v.detach() for v in value)), torch.autograd.grad(value.total, parameters)

        if self._pool is None:
            results = [of_part(batch)]
        else:
            results = list(self._pool.map(of_part, batch.split(self.num_workers)))
        num_counted = torch.stack([part.num_counted for part, _ in results])
        weights = num_counted / num_counted.sum().clamp(min=1)
        for parameter, *parts in zip(parameters, *(gradients for _, gradients in results), strict=True):
            parameter.grad = sum(weight * part for weight, part in zip(weights, parts, strict=True))
        total, nll, robust = (
            torch.stack([part[i] for part, _ in results]).mul(weights).sum() for i in range(3)
        )
        return Loss(total, nll, robust, num_counted.sum())

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
