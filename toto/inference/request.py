"""What a forecast is asked for, whatever the series."""

from dataclasses import dataclass
from typing import Any

import torch

from toto.errors import InputError
from toto.inference.arguments import count, count_or_auto, flag, seed_number
from toto.inference.decoding import Words
from toto.inference.philox import random_bits
from toto.inference.quasi_random import sobol_bits


@dataclass(frozen=True)
class Request:
    """What a forecast is asked for, whatever the series; `checked` makes it from what a caller gives.

    num_samples: paths of each series; None is the mean path.
    samples_per_batch: paths decoded together at most; None is as many as are good.
    """

    horizon: int
    num_samples: int | None = None
    samples_per_batch: int | None = None
    use_kv_cache: bool = True
    keep_distribution: bool = False
    joint_draws: bool = False
    seed: int = 0
    words: Words = random_bits

    @classmethod
    def checked(
        cls,
        prediction_length: Any,
        num_samples: Any,
        samples_per_batch: Any,
        use_kv_cache: Any,
        *,
        seed: Any,
        generator: Any,
        variance_reduction: Any,
        keep_distribution: Any,
        joint_draws: Any,
    ) -> "Request":
        """The arguments of `TotoForecaster.forecast` that do not concern single series.

        Raises:
            InputError: an argument that breaks a rule.
        """
        of_paths = {
            name: flag(name, value)
            for name, value in (
                ("keep_distribution", keep_distribution),
                ("variance_reduction", variance_reduction),
                ("joint_draws", joint_draws),
            )
        }
        for name, wanted in of_paths.items():
            if wanted and num_samples is None:
                raise InputError(f"{name} needs sample paths: pass num_samples")
        return cls(
            count("prediction_length", prediction_length),
            None if num_samples is None else count("num_samples", num_samples),
            count_or_auto("samples_per_batch", samples_per_batch),
            flag("use_kv_cache", use_kv_cache),
            of_paths["keep_distribution"],
            of_paths["joint_draws"],
            _resolve_seed(seed, generator, needed=num_samples is not None),
            sobol_bits if of_paths["variance_reduction"] else random_bits,
        )

    @property
    def num_paths(self) -> int:
        """Paths of each series."""
        return self.num_samples or 1

    def num_patches(self, patch_size: int) -> int:
        """Patches that the horizon begins."""
        return -(-self.horizon // patch_size)


def _resolve_seed(seed: Any, generator: Any, needed: bool) -> int:
    """The seed of a call: the one given, or one drawn from the generator or the global random state."""
    if seed is not None and generator is not None:
        raise InputError(f"give seed or generator, not both: got seed={seed} and a generator")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise InputError(f"generator must be a torch.Generator, got {generator!r}: a number is a seed")
    if seed is not None:
        return seed_number(seed)
    if not needed:
        return 0
    device = generator.device if generator is not None else torch.device("cpu")
    return int(torch.randint(2**63 - 1, (), generator=generator, device=device))
